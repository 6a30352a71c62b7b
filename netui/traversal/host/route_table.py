"""One routing table by prefix length, the fields of a lookup, and the error of a lookup that cannot be answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netui.model import Family, Interface, Route
from netui.net.addresses import Net, parse_net


class RoutingUnknown(Exception):
    """A route depends on something that the snapshot does not hold; the message says what."""


@dataclass(slots=True)
class Lookup:
    """The fields of a lookup: addresses, mark and interfaces ("lo" as iif: sent from here)."""

    dst: int
    src: int = 0
    mark: int | None = 0
    iif: str = ""
    oif: str = ""
    #: whether the route must lead by ``oif`` (RT6_LOOKUP_F_IFACE); else such a route of the best prefix is preferred
    strict: bool = True
    protocol: int = 0
    sport: int | None = None
    dport: int | None = None
    #: for an answer: the ports from which the client chose its own
    dport_range: tuple[int, int] | None = None


class _RouteTable:
    """One table: entries by prefix length, longest first."""

    def __init__(self, routes: Iterable[tuple[Net, Route]]) -> None:
        by_mask: dict[int, dict[int, list[Route]]] = {}
        for net, route in routes:
            by_mask.setdefault(net.mask, {}).setdefault(net.value, []).append(route)
        self._levels = sorted(by_mask.items(), reverse=True)
        for _mask, values in self._levels:
            for routes_here in values.values():
                routes_here.sort(key=lambda route: route.metric)

    def nets(self) -> Iterator[tuple[int, int]]:
        """Yield mask and address of the networks to which there is a route."""
        for mask, values in self._levels:
            yield from ((mask, value) for value, routes in values.items() if routes[0].type != "throw")

    def candidates(self, dst: int) -> Iterable[tuple[int, Route]]:
        for mask, values in self._levels:
            for route in values.get(dst & mask, ()):
                yield mask, route


def _local_routes(family: Family, interfaces: Iterable[Interface]) -> Iterable[tuple[Net, Route]]:
    for interface in interfaces:
        for address in interface.addresses:
            if address.family != family:
                continue
            text = address.address
            if family == "ip" and text.startswith("127."):
                text = f"{text}/{address.prefixlen}"
            net = parse_net(text, family)
            if net is not None:
                yield net, Route(family, text, type="local", table="local", dev=interface.name)
            subnet = parse_net(f"{address.address}/{address.prefixlen}", family)
            if family == "ip" and subnet is not None and address.prefixlen < 31 and interface.name != "lo":
                last = subnet.value | (subnet.mask ^ 0xFFFFFFFF)
                broadcast = Net(last, 0xFFFFFFFF, 32)
                yield broadcast, Route(family, text, type="broadcast", table="local", dev=interface.name)
