"""A snapshot prepared for walking: the owners of addresses, the uplinks, the namespaces."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netui.model import Container, Endpoint, Family, Interface, Network, PublishedPort, Snapshot
from netui.net.addresses import Net, parse_address, parse_net
from netui.traversal.any_outside import AnyOutside
from netui.traversal.host.discovery import Discovery
from netui.traversal.host.namespace import Namespace
from netui.traversal.host.own_routes import Sender, with_own_routes
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.host.routing import DEFAULTS
from netui.traversal.result import Undecided
from netui.traversal.unknowns import Patience

#: Representatives of "any machine outside": documentation addresses (RFC 5737, 3849), then well-known public
#: ones; the first one that the default route reaches is taken.
_OUTSIDE: Mapping[Family, tuple[str, ...]] = {
    "ip": ("203.0.113.99", "198.18.0.99", "192.0.2.99", "9.9.9.9"),
    "ip6": ("2001:db8:ffff::99", "2620:fe::fe", "2001:4860:4860::8888"),
}
#: Kinds of bridge ports that lead to guests, not to a cable.
_VIRTUAL = frozenset({"veth", "tun", "tap"})


@dataclass(frozen=True, slots=True)
class Owner:
    """A container's endpoint that has an address."""

    container: Container
    endpoint: Endpoint
    network: Network | None


@dataclass(frozen=True, slots=True)
class Uplink:
    """The route to machines outside: interface, representative address, and the addresses that are not outside."""

    interface: str
    representative: int
    anywhere: AnyOutside


@dataclass(slots=True, weakref_slot=True)
class PreparedHost:
    """A prepared snapshot, which all paths and flows of it share."""

    snapshot: Snapshot
    namespace: Namespace
    networks: Mapping[str, Network]
    containers: Sequence[Container]
    owners: Mapping[tuple[Family, int], list[Owner]]
    by_id: Mapping[str, Container]
    #: Docker's bridges by network ID, "" for a network that has none
    bridges: Mapping[str, str]
    _outer: dict[Family, Uplink | None] = field(default_factory=dict)
    _links: dict[tuple[Family, str], Uplink | None] = field(default_factory=dict)
    _published: dict[tuple[str, int], list[tuple[Container, PublishedPort]]] | None = None
    _senders: dict[tuple[str, Family], Sender] = field(default_factory=dict)
    #: names of containers that are also netui's words for senders
    called: frozenset[str] = frozenset()
    #: cache: of a container's name, the running container whose namespace it uses (see endpoints.namespace_owner)
    named: dict[str, Container] = field(default_factory=dict)
    #: cache: the notes of every path of a family (see query.host_notes)
    notes: dict[Family, list[str]] = field(default_factory=dict)
    #: cache: what every path of a family needs and was not read, None where nothing is missing
    blind: Mapping[Family, Undecided | None] = field(default_factory=dict)
    #: neighbour discovery, by namespace
    discoveries: dict[str, Discovery] = field(default_factory=dict)
    #: cache: containers that send through the host, by how SRC is written (see stopped)
    askers: dict[tuple[str, str], Any] = field(default_factory=dict)
    #: the limit of ways that are walked for a question (see unknowns.explore)
    patience: Patience = field(default_factory=Patience)
    #: for rules alone: the host that was built for the last question (see alone.by_hand)
    by_hand: dict[tuple[str, str, str, str], PreparedHost] = field(default_factory=dict)

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        """Let go of the rules: a table and its chains hold each other, which the garbage collector finds late."""
        if not ending():
            self.namespace.let_go()

    def outer(self, family: Family) -> Uplink | None:
        """Return the uplink of the family, None where none is known."""
        if family not in self._outer:
            self._outer[family] = self._find_outer(family)
        return self._outer[family]

    def sender(self, container: Container, family: Family) -> Sender:
        """Return a container as a sender."""
        sender = self._senders.get((container.id, family))
        if sender is None or not container.id:
            own, links = set[int](), list[tuple[int, Net, Endpoint]]()
            for endpoint in container.endpoints:
                address = endpoint.ipv4 if family == "ip" else endpoint.ipv6
                prefix = endpoint.ipv4_prefix if family == "ip" else endpoint.ipv6_prefix
                parsed = parse_address(address) if address else None
                if parsed is not None and parsed[0] == family:
                    own.add(parsed[1])
                net = parse_net(f"{address}/{prefix}", family) if address and prefix else None
                if net is not None:
                    links.append((prefix, net, endpoint))
            gateway = self.gateway_endpoint(container, family)
            sender = Sender(container.name, family, frozenset(own), tuple(links), gateway)
            sender = with_own_routes(sender, container)
            self._senders[container.id, family] = sender
        return sender

    def network_of(self, endpoint: Endpoint) -> Network | None:
        """Return the network of an endpoint, None if it is not in the snapshot."""
        return self.networks.get(endpoint.network_id)

    def bridge_of(self, endpoint: Endpoint) -> str:
        """Return the host's bridge of an endpoint, "" where it is not on a bridge network."""
        return self.bridges.get(endpoint.network_id, "")

    def owner(self, family: Family, address: int, device: str = "") -> Owner | None:
        """Return the owner of an address; device: only on the network behind it."""
        for owner in self.owners.get((family, address), ()):
            if not device or self.bridges.get(owner.endpoint.network_id, "") == device:
                return owner
        return None

    def gateway_endpoint(self, container: Container, family: Family = "ip") -> Endpoint | None:
        """Return the endpoint by which a container's default route leaves.

        moby (sandbox.go, Endpoint.Less): the highest gateway priority, networks that are not
        internal before those that are, then the network's name.
        """
        best: tuple[tuple[int, int, str], Endpoint] | None = None
        for endpoint in container.endpoints:
            address, gateway = endpoint.of_family(family)
            if not address or not gateway:
                continue
            network = self.network_of(endpoint)
            internal = 1 if network is not None and network.internal else 0
            rank = (internal, -endpoint.gw_priority, endpoint.network_name)
            if best is None or rank < best[0]:
                best = (rank, endpoint)
        return best[1] if best else None

    def published(self, protocol: str, address: str, port: int) -> tuple[Container, PublishedPort] | None:
        """Return the container and port that the engine bound to a host address and port."""
        wild = "::" if ":" in address else "0.0.0.0"
        for container, bound in self._bound().get((protocol, port), ()):
            if bound.host_ip in ("", address, wild):
                return container, bound
        return None

    def published_ports(self, protocol: str) -> list[int]:
        """Return the ports of the host that the engine bound, on any address."""
        return [port for name, port in self._bound() if name == protocol]

    def _bound(self) -> dict[tuple[str, int], list[tuple[Container, PublishedPort]]]:
        if self._published is None:
            self._published = {}
            for container in self.containers:
                for bound in container.bound_ports if container.running else ():
                    self._published.setdefault((bound.protocol, bound.host_port), []).append((container, bound))
        return self._published

    def links(self, family: Family) -> list[Interface]:
        """Return the interfaces that lead to other machines: up, with an address of the family, and not Docker's."""
        dockers = {network.bridge for network in self.networks.values() if network.bridge}
        return [
            interface
            for interface in self.namespace.interfaces.values()
            if interface.name != "lo"
            and interface.up
            and not interface.master
            and interface.kind != "dummy"
            and interface.name not in dockers
            and any(a.family == family and a.scope == "global" for a in interface.addresses)
        ]

    def link(self, family: Family, name: str) -> Uplink | None:
        """Return the machines on the link of an interface, None where there are none."""
        key = (family, name)
        if key not in self._links:
            self._links[key] = self._find_link(family, name)
        return self._links[key]

    def _find_link(self, family: Family, name: str) -> Uplink | None:
        interface = next((one for one in self.links(family) if one.name == name), None)
        if interface is None:
            return None
        on_link: list[Net] = []
        inside: list[Net] = []
        for address in (a for one in self.namespace.interfaces.values() for a in one.addresses):
            own = parse_net(address.address, family) if address.family == family else None
            if own is not None:
                inside.append(own)
        for address in interface.addresses:
            net = parse_net(f"{address.address}/{address.prefixlen}", family) if address.family == family else None
            if net is None or net.single or address.scope != "global":
                continue
            on_link.append(net)
            full = (1 << net.width) - 1
            if net.mask.bit_count() < net.width - 1:
                # the network's own address, and IPv4's broadcast
                ends = (net.value, net.value | (full ^ net.mask)) if family == "ip" else (net.value,)
                inside += [Net(end, full, net.width) for end in ends]
            # a macvlan container on this link is not another machine
            inside += [Net(number, full, net.width) for at, number in self.owners if at == family and number in net]
        anywhere = AnyOutside(on_link, inside, family)
        machines = anywhere.machines()
        if not machines:
            return None
        gateways = [
            parsed[1]
            for route in self.snapshot.routes.get(family, ())
            if route.dev == name and route.gateway and (parsed := parse_address(route.gateway)) is not None
        ]
        first = next((number for number in gateways if number in machines), machines.lows[0])
        return Uplink(name, first, anywhere)

    def leads_out(self, interface: Interface) -> bool:
        """Whether an interface leads to other machines: no loopback, no bridge of guests, none of Docker's."""
        if interface.name == "lo" or interface.master or interface.kind == "dummy":
            return False
        if interface.name in {network.bridge for network in self.networks.values()}:
            return False
        # a bridge with guests only or without ports: podman's, libvirt's, a network of another engine
        ports = self.namespace.ports(interface.name)
        return interface.kind != "bridge" or any(port.kind not in _VIRTUAL for port in ports)

    def _find_outer(self, family: Family) -> Uplink | None:
        fib = self.namespace.fibs[family]
        if not fib.known:
            return None
        default = representative = None
        beyond = True
        for text in _OUTSIDE[family]:
            parsed = parse_address(text)
            if parsed is None:
                continue
            try:
                # the representative must have the route of any other address outside
                route = fib.lookup(Lookup(parsed[1], iif="lo"))
            except RoutingUnknown:
                route = None
            if route is not None and route.type == "unicast" and route.dst in DEFAULTS:
                default, representative = fib.devices(route)[0], parsed[1]
                break
        if default is None:
            if (default := self._only_outer_interface(family)) is None:
                return None
            representative, beyond = self._neighbour(family, default), False
        if representative is None:
            return None
        return Uplink(default, representative, self._anywhere(family, default, beyond=beyond))

    def _only_outer_interface(self, family: Family) -> str | None:
        """Without a default route: the one interface with a global address that is not Docker's."""
        names = []
        for interface in self.namespace.interfaces.values():
            if not self.leads_out(interface):
                continue
            if any(a.family == family and a.scope == "global" for a in interface.addresses):
                names.append(interface.name)
        return names[0] if len(names) == 1 else None

    def _neighbour(self, family: Family, interface: str) -> int | None:
        """An address on the interface's own network that is not the host's."""
        for address in self.namespace.fibs[family].addresses(interface):
            if address.scope != "global":
                continue
            net = parse_net(f"{address.address}/{address.prefixlen}", family)
            own = parse_address(address.address)
            if net is None or own is None or net.single:
                continue
            candidate = net.value + 1 if net.value + 1 != own[1] else net.value + 2
            return candidate if candidate in net else None
        return None

    def _anywhere(self, family: Family, outer: str, *, beyond: bool) -> AnyOutside:
        """The addresses that "any machine outside" excludes: those of the host's own links and of specific routes.

        beyond: it is behind the default route's router; without a router it is a neighbour on ``outer``.
        """
        on_link: list[Net] = []
        inside: list[Net] = []
        for interface in self.namespace.interfaces.values():
            for address in interface.addresses:
                if address.family != family:
                    continue
                own = parse_net(address.address, family)
                net = parse_net(f"{address.address}/{address.prefixlen}", family)
                if own is not None:
                    inside.append(own)
                if net is None or address.scope == "link":
                    continue
                (inside if beyond or interface.name != outer else on_link).append(net)
        if beyond:
            inside += self.namespace.fibs[family].own_routes()
        return AnyOutside(on_link, inside, family)
