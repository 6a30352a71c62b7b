"""Routing: policy rules, tables, longest prefix, and the type of an address.

It follows the kernel's fib_rules, fib_trie and ip_route_input/output. A lookup that needs data that was not
read raises :class:`RoutingUnknown`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netui.model import Address, Family, Interface, PolicyRule, Route
from netui.net.addresses import Net, address_text, client_port_in, parse_address, parse_net, protocol_number, width
from netui.traversal.host.route_table import Lookup, RoutingUnknown, _local_routes, _RouteTable

_MAIN_RULES = (("local", 0), ("main", 32766), ("default", 32767))
#: Destinations of a default route.
DEFAULTS = ("0.0.0.0/0", "::/0")
_TABLE_NUMBERS = {"255": "local", "254": "main", "253": "default"}


#: The type of a route that is not known from rules alone.
UNTOLD = "untold"


class Fib:
    """The routes of one family in one network namespace."""

    def __init__(
        self,
        family: Family,
        routes: Sequence[Route] | None,
        rules: Sequence[PolicyRule] | None,
        interfaces: Sequence[Interface] | None,
    ) -> None:
        self.family: Family = family
        self.known = routes is not None
        #: addresses that may or may not be this machine's own
        self.doubtful: frozenset[int] = frozenset()
        self.down = {interface.name for interface in interfaces or () if not interface.up}
        self._addresses: dict[str, list[Address]] = {
            interface.name: [a for a in interface.addresses if a.family == family] for interface in interfaces or ()
        }
        tables: dict[str, list[tuple[Net, Route]]] = {}
        for route in routes or ():
            net = parse_net(route.dst, family)
            if net is not None:
                name = _TABLE_NUMBERS.get(route.table, route.table)
                tables.setdefault(name, []).append((net, route))
        if "local" not in tables:
            # `ip route` without `table all` leaves the local table out; the addresses tell it.
            tables["local"] = list(_local_routes(family, interfaces or ()))
        self._tables: Mapping[str, _RouteTable] = {name: _RouteTable(entries) for name, entries in tables.items()}
        self._types: dict[tuple[int, str], str] = {}
        self._found: dict[tuple[int, str, bool], Route | None] = {}
        if rules:
            self._rules = sorted(rules, key=lambda rule: rule.priority)
        else:
            self._rules = [PolicyRule(family, priority, table) for table, priority in _MAIN_RULES]
        #: whether a lookup depends only on the destination and the device
        self.simple = not any(route.src for route in routes or ()) and all(
            rule == PolicyRule(family, rule.priority, rule.table) for rule in self._rules
        )

    def address_type(self, address: int, device: str = "") -> str:
        """Return ``local``, ``broadcast``, ``multicast``, ``anycast`` or ``unicast`` (inet_addr_type)."""
        key = (address, device)
        kind = self._types.get(key)
        if kind is None:
            kind = self._types[key] = self._address_type(address, device)
        return kind

    def _address_type(self, address: int, device: str) -> str:
        if self.family == "ip":
            if address == 0xFFFFFFFF or address >> 24 == 0:
                return "broadcast"
            if address >> 28 == 0xE:
                return "multicast"
        elif address >> 120 == 0xFF:
            return "multicast"
        table = self._tables.get("local")
        for _mask, route in table.candidates(address) if table else ():
            if not device or route.dev == device:
                return route.type
            if self.family == "ip":
                # inet_dev_addr_type takes the best route and then compares its device
                return "unicast"
        return "unicast"

    def is_local(self, address: int) -> bool:
        """Whether the address is this machine's own."""
        return self.address_type(address) == "local"

    def lookup(self, ask: Lookup) -> Route | None:
        """Return the route, or None where no table has one.

        Raises RoutingUnknown where the routes were not read, or where a policy rule asks
        for something that cannot be known.
        """
        if not self.known:
            raise RoutingUnknown("the host's routes were not read")
        if not self.simple:
            return self._lookup(ask)
        key = (ask.dst, ask.oif, ask.strict)
        if key not in self._found:
            self._found[key] = self._lookup(ask)
        return self._found[key]

    def own_routes(self) -> list[Net]:
        """Return the networks of table main's routes, without the default one."""
        main = self._tables.get("main")
        bits = width(self.family)
        return [Net(value, mask, bits) for mask, value in main.nets() if mask] if main is not None else []

    def known_route(self, dst: int) -> Route | None:
        """Return the cached route of a destination, where only the destination matters; None: look it up."""
        return self._found.get((dst, "", True))

    def _lookup(self, ask: Lookup) -> Route | None:
        skip_to = -1
        for rule in self._rules:
            if rule.priority < skip_to or not self._applies(rule, ask):
                continue
            if rule.action == "goto" and rule.goto is not None:
                skip_to = rule.goto
                continue
            if rule.action in ("nop",):
                continue
            if rule.action in ("blackhole", "unreachable", "prohibit"):
                return Route(self.family, "0.0.0.0/0" if self.family == "ip" else "::/0", type=rule.action)
            route = self._in_table(_TABLE_NUMBERS.get(rule.table, rule.table), ask, rule.suppress_prefixlength)
            if route is not None:
                return route
        return None

    def _in_table(self, name: str, ask: Lookup, suppress: int | None) -> Route | None:
        table = self._tables.get(name)
        if table is None:
            return None
        bits = width(self.family)
        second: Route | None = None
        second_mask = 0
        for mask, route in table.candidates(ask.dst):
            if second is not None and mask != second_mask:
                return second
            if route.type == "throw":
                return None
            if route.type == UNTOLD:
                raise RoutingUnknown(
                    f"rules alone do not tell by which interface {address_text(self.family, ask.dst)} is reached: "
                    "name it with --out IFACE"
                )
            if "dead" in route.flags or ("linkdown" in route.flags and route.dev in self.down):
                continue
            if route.src and self.family == "ip6":
                source = parse_net(route.src, self.family)
                if source is not None and ask.src not in source:
                    continue
            by_another = bool(ask.oif) and route.type == "unicast" and not self._uses(route, ask.oif)
            if by_another and ask.strict:
                continue
            if route.type == "multicast" and ask.dst >> (bits - 8) != 0xFF and self.family == "ip6":
                continue
            if suppress is not None and mask.bit_count() <= suppress:
                return second
            if not by_another:
                return route
            # rt6_device_match: a route of the same prefix by that device is preferred
            second, second_mask = second or route, mask
        return second

    @staticmethod
    def _uses(route: Route, device: str) -> bool:
        return route.dev == device or any(hop.dev == device for hop in route.nexthops)

    def _applies(self, rule: PolicyRule, ask: Lookup) -> bool:
        if rule.other:
            raise RoutingUnknown(
                f"policy rule {rule.priority} has {' '.join(rule.other)}, which a capture cannot decide"
            )
        if rule.uidrange:
            raise RoutingUnknown(f"policy rule {rule.priority} depends on the sender's user ({rule.uidrange})")
        if rule.tos and rule.tos not in ("0", "0x0", "0x00"):
            raise RoutingUnknown(f"policy rule {rule.priority} depends on the packet's TOS")
        matched = self._selects(rule, ask)
        return matched != rule.inverted

    def _selects(self, rule: PolicyRule, ask: Lookup) -> bool:
        for text, value in ((rule.src, ask.src), (rule.dst, ask.dst)):
            if text and text not in ("all", "default"):
                net = parse_net(text, self.family)
                if net is None or value not in net:
                    return False
        if rule.iif and rule.iif != (ask.iif or "lo"):
            return False
        if rule.oif and rule.oif != ask.oif:
            return False
        if rule.protocol and protocol_number(rule.protocol) != ask.protocol:
            return False
        for limits, port in ((rule.sport, ask.sport), (rule.dport, ask.dport)):
            if limits is None:
                continue
            if limits is rule.dport and port is None and ask.dport_range is not None:
                within = client_port_in(limits, ask.dport_range)
                if within is False:
                    return False
                if within:
                    continue
            if port is None:
                raise RoutingUnknown(f"policy rule {rule.priority} depends on a port that is not known")
            if not limits[0] <= port <= limits[1]:
                return False
        if rule.fwmark is not None:
            if ask.mark is None:
                raise RoutingUnknown(f"policy rule {rule.priority} depends on a mark that is not known")
            if (ask.mark ^ rule.fwmark) & rule.fwmask:
                return False
        return True

    def devices(self, route: Route) -> tuple[str, ...]:
        """Return the route's device, or the devices of all its next hops."""
        if route.nexthops:
            return tuple(dict.fromkeys(hop.dev for hop in route.nexthops))
        return (route.dev,)

    def addresses(self, device: str) -> list[Address]:
        """Return the device's addresses of this family, the primary one first."""
        return self._addresses.get(device, [])

    def source_for(self, route: Route, dst: int) -> int | None:
        """Return the source address that the kernel would choose; None if there is none."""
        if route.prefsrc:
            parsed = parse_address(route.prefsrc)
            if parsed is not None:
                return parsed[1]
        if route.type == "local":
            return dst
        return self.select_source(route.dev or (route.nexthops[0].dev if route.nexthops else ""), dst, route.gateway)

    def select_source(self, device: str, dst: int, gateway: str = "") -> int | None:
        """Return the device's address for a destination (inet_select_addr, ipv6_dev_get_saddr).

        IPv4: the first address whose subnet holds the next hop, else the first of global
        scope, else one of another device. IPv6: the longest common prefix among global ones.
        """
        towards = dst
        parsed = parse_address(gateway) if gateway else None
        if parsed is not None and parsed[0] == self.family:
            towards = parsed[1]
        own = self.addresses(device)
        if self.family == "ip6":
            return self._select_source6(own, dst)
        first: int | None = None
        for address in own:
            value = parse_address(address.address)
            if value is None or address.scope == "host":
                continue
            net = parse_net(f"{address.peer or address.address}/{address.prefixlen}", self.family)
            if net is not None and towards in net:
                return value[1]
            if first is None and address.scope in ("global", "link"):
                first = value[1]
        if first is not None:
            return first
        for others in self._addresses.values():
            for address in others:
                value = parse_address(address.address)
                if value is not None and address.scope == "global":
                    return value[1]
        return None

    def _select_source6(self, own: list[Address], dst: int) -> int | None:
        local_dst = dst >> 118 == 0x3FA
        best: tuple[int, int] | None = None
        every = [address for addresses in self._addresses.values() for address in addresses]
        for address in [*own, *every]:
            value = parse_address(address.address)
            if value is None:
                continue
            if value[1] == dst:
                # RFC 6724, rule 1: the destination itself
                return dst
            if address.scope == "host" or (address.scope == "link") != local_dst:
                continue
            common = 128 - (value[1] ^ dst).bit_length()
            # then the out-interface's, then the longest common prefix
            rank = (1000 if address in own else 0) + common
            if best is None or rank > best[0]:
                best = (rank, value[1])
        return best[1] if best else None
