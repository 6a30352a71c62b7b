"""Docker's names of a rule's interfaces, addresses and ports."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from netui.model import Container, Network, Snapshot

_ANY = ("", "0.0.0.0", "::", "*")


def bare(address: str) -> str:
    """Return an address without the prefix of a single host."""
    return address.removesuffix("/32") if ":" not in address else address.removesuffix("/128")


@dataclass(frozen=True)
class Names:
    """Names by bridge, address, subnet and published port; empty where engine and rules are of different machines.

    ports: (host port, protocol) → container, on any host address.
    """

    bridges: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    subnets: dict[str, str] = field(default_factory=dict)
    ports: dict[tuple[int, str], str] = field(default_factory=dict)
    #: by lower-case container or network name: the addresses and interfaces in rules
    _words: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: Snapshot) -> Names:
        """Build the index; empty where engine and rules are of different machines."""
        names = cls()
        if not snapshot.joined:
            return names
        for network in snapshot.networks or ():
            names._add_network(network)
        for container in snapshot.containers or ():
            names._add_container(container)
        return names

    def _add_network(self, network: Network) -> None:
        words = self._words.setdefault(network.name.lower(), set())
        if network.bridge:
            self.bridges[network.bridge] = network.name
            words.add(network.bridge)
        for subnet in network.subnets:
            if subnet.subnet:
                self.subnets[subnet.subnet] = network.name
                words.add(subnet.subnet)
            if subnet.gateway:
                self.addresses.setdefault(subnet.gateway.partition("/")[0], f"{network.name} gateway")

    def _add_container(self, container: Container) -> None:
        words = self._words.setdefault(container.name.lower(), set())
        for endpoint in container.endpoints:
            for address in (endpoint.ipv4, endpoint.ipv6):
                if address:
                    owner = self.addresses.get(address)
                    both = owner and owner != container.name and not owner.endswith(" gateway")
                    self.addresses[address] = f"{owner}|{container.name}" if both else container.name
                    words.add(address)
        for port in container.bound_ports:
            if port.host_port:
                self.ports.setdefault((port.host_port, port.protocol), container.name)

    def interface(self, name: str) -> str:
        """Return the network of a bridge, or ""."""
        return self.bridges.get(name, "")

    def address(self, address: str) -> str:
        """Return the container of an address or the network of a subnet, or ""."""
        owner = self.addresses.get(bare(address))
        return owner if owner else self.subnets.get(address, "")

    def port(self, port: str, protocol: str) -> str:
        """Return the container that publishes this host port, or ""."""
        return self.ports.get((int(port), protocol), "") if port.isdigit() else ""

    def words(self, text: str, *, pattern: re.Pattern[str] | None = None) -> set[str]:
        """Return the bridges, subnets and addresses of all names with this text."""
        result: set[str] = set()
        for name, words in self._words.items():
            if pattern.search(name) is not None if pattern is not None else text in name:
                result |= words
        return result

    @cached_property
    def known(self) -> bool:
        """Whether there is any name to show."""
        return bool(self.bridges or self.addresses)


def word_pattern(words: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern that finds any of the words as a whole: 172.18.0.3 is not found in 172.18.0.30."""
    alternatives = "|".join(re.escape(word) for word in sorted(words) if word)
    if not alternatives:
        return None
    return re.compile(rf"(?<![\w.:/-])(?:{alternatives})(?![\w.-])(?!:[0-9a-f]*:)")
