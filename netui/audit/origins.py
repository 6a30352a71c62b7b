"""The origins of packets to a port: the world, the links of outer interfaces, the host, Docker's networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from netui.model import Container, Endpoint, Family, Network
from netui.net.addresses import parse_address, parse_net
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.question.endpoints import shared_namespace

Where = Literal["world", "lan", "host", "networks", "own"]
#: From the widest to the narrowest.
WIDEST: tuple[Where, ...] = ("world", "lan", "networks", "host", "own")
FAMILIES: tuple[Family, Family] = ("ip", "ip6")
#: Addresses that the internet does not route (RFC 1918, 6598, 4193, 3927, 4291).
_PRIVATE: tuple[tuple[Family, str], ...] = (
    ("ip", "10.0.0.0/8"),
    ("ip", "172.16.0.0/12"),
    ("ip", "192.168.0.0/16"),
    ("ip", "100.64.0.0/10"),
    ("ip", "169.254.0.0/16"),
    ("ip6", "fc00::/7"),
    ("ip6", "fe80::/10"),
)
_PRIVATE_NETS = [(family, net) for family, text in _PRIVATE if (net := parse_net(text, family)) is not None]


@dataclass(frozen=True, slots=True)
class Origin:
    """From where packets come.

    name: the interface (world, lan), the network (networks, own), else "". source: its SRC of a path. address:
    the host's own address for this origin.
    """

    where: Where
    name: str
    family: Family
    source: str
    address: str = ""


def is_private(family: Family, text: str) -> bool:
    """Whether the internet does not route packets to the address."""
    parsed = parse_address(text)
    return parsed is not None and any(f == family and parsed[1] in net for f, net in _PRIVATE_NETS)


@dataclass(slots=True)
class Origins:
    """All origins of a host; the networks' by name, each with the containers that are on it."""

    host: PreparedHost
    outer: list[Origin] = field(default_factory=list)
    members: dict[str, list[tuple[Container, Endpoint]]] = field(default_factory=dict)
    _others: dict[tuple[str, Family, frozenset[str]], tuple[Origin, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, host: PreparedHost) -> Origins:
        """Find the origins of a host."""
        origins = cls(host)
        for family in FAMILIES:
            origins.outer += _outer_places(host, family)
        for container in host.containers:
            if container.running and shared_namespace(host, container) is container:
                for endpoint in container.endpoints:
                    if endpoint.ipv4 or endpoint.ipv6:
                        origins.members.setdefault(endpoint.network_id, []).append((container, endpoint))
        return origins

    def network(self, network_id: str) -> Network | None:
        """Return the network of that ID."""
        return self.host.networks.get(network_id)

    def around(self, container: Container, family: Family) -> Iterator[Origin]:
        """Yield the origins of one family for this container."""
        yield from (origin for origin in self.outer if origin.family == family)
        yield Origin("host", "", family, "host")
        own = frozenset(endpoint.network_id for endpoint in container.endpoints)
        for network_id, members in self.members.items():
            if network_id in own:
                yield from self._own(container, members, family)
                continue
            # the same for all containers on the same networks
            others = self._others.get((network_id, family, own))
            if others is None:
                others = self._others[network_id, family, own] = tuple(self._other(members, own, family))
            yield from others

    def _own(
        self, container: Container, members: Sequence[tuple[Container, Endpoint]], family: Family
    ) -> Iterator[Origin]:
        for other, endpoint in members:
            if other is not container and _address(endpoint, family):
                origin = _at(endpoint, "own", family, other)
                # an overlay only leads to the network's own addresses; to others it sends by its bridge
                yield replace(origin, source=other.id) if self._leaves_elsewhere(other, endpoint) else origin
                return

    def _other(
        self, members: Sequence[tuple[Container, Endpoint]], own: frozenset[str], family: Family
    ) -> Iterator[Origin]:
        for other, endpoint in members:
            if self._leaves_elsewhere(other, endpoint):
                continue
            if _address(endpoint, family) and not any(e.network_id in own for e in other.endpoints):
                yield _at(endpoint, "networks", family, other)
                return

    def _leaves_elsewhere(self, container: Container, endpoint: Endpoint) -> bool:
        """Whether the endpoint is on an overlay network, which leads only to that network."""
        network = self.host.network_of(endpoint)
        if network is None or network.driver != "overlay":
            return False
        return any(self.host.bridge_of(e) for e in container.endpoints)


def _at(endpoint: Endpoint, where: Where, family: Family, other: Container) -> Origin:
    """A container on a network as an origin; its address for the host is the network's gateway."""
    gateway = endpoint.gateway6 if family == "ip6" else ""
    return Origin(where, endpoint.network_name, family, f"{other.id}@{endpoint.network_name}", gateway)


def _address(endpoint: Endpoint, family: Family) -> str:
    return endpoint.ipv4 if family == "ip" else endpoint.ipv6


def _outer_places(host: PreparedHost, family: Family) -> Iterator[Origin]:
    outer = host.outer(family)
    for interface in host.links(family):
        own = next(a.address for a in interface.addresses if a.family == family and a.scope == "global")
        if outer is not None and outer.interface == interface.name:
            yield Origin("world", interface.name, family, "outside", own)
        if host.link(family, interface.name) is not None:
            yield Origin("lan", interface.name, family, f"lan@{interface.name}", own)
