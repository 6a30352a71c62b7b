"""The names of interfaces, addresses, subnets and ports in rules; built once for each snapshot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from netui.model import Container, Network, Snapshot
from netui.text.visible import printable

#: The default names of Docker's bridges.
_DOCKERS = re.compile(r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}")


@dataclass(frozen=True)
class Names:
    """Names by bridge, address, subnet and published port; empty where engine and rules are of different machines.

    bridges: network by its bridge. addresses: container and network name by address. published: the host's side of
    a published port ("8080", "127.0.0.1:9090"), by container name, port, protocol and family. known: whether
    containers were read, so an address without a name is no container's.
    """

    bridges: Mapping[str, Network] = field(default_factory=dict)
    addresses: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    subnets: Mapping[str, str] = field(default_factory=dict)
    gateways: Mapping[str, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset()
    published: Mapping[tuple[str, int, str, str], tuple[str, ...]] = field(default_factory=dict)
    known: bool = False

    @classmethod
    def of(cls, snapshot: Snapshot) -> Names:
        """Build the index; empty where engine and rules are of different machines."""
        if not snapshot.joined:
            return cls()
        networks, containers = snapshot.networks or (), snapshot.containers or ()
        addresses: dict[str, tuple[str, str]] = {}
        published: dict[tuple[str, int, str, str], tuple[str, ...]] = {}
        for container in containers:
            for endpoint in container.endpoints:
                for address in (endpoint.ipv4, endpoint.ipv6):
                    if address and container.running:
                        addresses.setdefault(address, (container.name, endpoint.network_name))
            published.update(_published(container))
        subnets: dict[str, str] = {}
        gateways: dict[str, str] = {}
        for network in networks:
            for subnet in network.subnets:
                subnets.setdefault(subnet.subnet, network.name)
                if subnet.gateway:
                    gateways.setdefault(subnet.gateway.partition("/")[0], network.name)
        own = frozenset(a.address for interface in snapshot.interfaces or () for a in interface.addresses)
        bridges = {network.bridge: network for network in networks if network.bridge}
        complete = snapshot.containers is not None and snapshot.networks is not None
        return cls(bridges, addresses, subnets, gateways, own, published, complete)

    def is_dockers(self, interface: str) -> bool:
        """Whether the interface is a Docker network's bridge, by the engine's data or by its name."""
        return interface in self.bridges or _DOCKERS.fullmatch(interface) is not None

    def interface(self, name: str) -> str:
        """Return ``network hehe`` for a bridge of Docker's, else the interface's name."""
        network = self.bridges.get(name)
        if network is not None:
            return f"network {printable(network.name)}"
        if self.known and _DOCKERS.fullmatch(name):
            return f"{printable(name)} (a bridge that no network has)"
        return printable(name)

    def address(self, text: str) -> str:
        """Return an address or subnet with the name of its owner."""
        bare = text.removesuffix("/128") if ":" in text else text.removesuffix("/32")
        owner = self.addresses.get(bare)
        if owner is not None:
            return f"{printable(owner[0])} ({printable(bare)})"
        if text in self.subnets:
            return f"network {printable(self.subnets[text])} ({printable(text)})"
        if bare in self.gateways and bare in self.own:
            return f"this machine's address on network {printable(self.gateways[bare])} ({printable(bare)})"
        if bare in self.own and not bare.startswith("127."):
            return f"this machine's address {printable(bare)}"
        return printable(bare)

    def container(self, address: str) -> str:
        """Return the name of the container that has the address, "" if none has."""
        owner = self.addresses.get(address)
        return owner[0] if owner is not None else ""

    def socket(self, address: str, port: str, *, dockers: bool = False) -> str:
        """Return ``openresty (172.18.0.3:443)`` for a translation's new destination.

        dockers: the rule is Docker's, so the text says if no container has the address.
        """
        where = f"[{address}]" if ":" in address else address
        where = printable(f"{where}:{port}" if port else where)
        name = self.container(address)
        if name:
            return f"{printable(name)} ({where})"
        if dockers and self.known and not self._of_this_machine(address):
            return f"{where} (no container has this address)"
        return where

    def _of_this_machine(self, address: str) -> bool:
        return address in self.own or address.startswith("127.") or address == "::1"

    def publications(self, address: str, port: str, protocol: str) -> tuple[str, ...]:
        """Return the host's sides of a port of the container with this address, () if it is not published."""
        name = self.container(address)
        if not name or not port.isdigit():
            return ()
        return self.published.get((name, int(port), protocol, "ip6" if ":" in address else "ip"), ())


def _published(container: Container) -> Mapping[tuple[str, int, str, str], tuple[str, ...]]:
    bindings: dict[tuple[str, int, str, str], list[str]] = {}
    for bound in container.bound_ports:
        if not bound.host_port:
            continue
        anywhere = bound.host_ip in ("", "0.0.0.0", "::")
        address = f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip
        where = str(bound.host_port) if anywhere else f"{address}:{bound.host_port}"
        families = ("ip", "ip6") if not bound.host_ip else ("ip6",) if ":" in bound.host_ip else ("ip",)
        for family in families:
            places = bindings.setdefault((container.name, bound.container_port, bound.protocol, family), [])
            if where not in places:
                places.append(where)
    return {key: tuple(places) for key, places in bindings.items()}
