"""Matches of a packet's source and destination: address types, sets, MAC, bridge ports, reverse path."""

from __future__ import annotations

from collections.abc import Mapping

from netui.dialects.iptables.conditions import match_conditions
from netui.model import Family, IpSet, Match
from netui.net.conditions import Condition, SetReference
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.ipsets import in_set
from netui.traversal.rules.predicates import (
    Answer,
    Compiled,
    MatchContext,
    Predicate,
    Unsure,
    invert,
    maybe,
    unknown,
)


def addrtype(match: Match, family: Family, around: MatchContext) -> Compiled:
    """xt_addrtype: IPv4 looks in the local table only; IPv6 at the form of the address, then at the routes."""
    limit_in = match.option("--limit-iface-in") is not None
    limit_out = match.option("--limit-iface-out") is not None
    compiled: Compiled = []
    for option in match.options:
        if option.name in ("--limit-iface-in", "--limit-iface-out"):
            continue
        predicate: Predicate = unknown
        types = frozenset(option.value.lower().split(","))
        if option.name in ("--src-type", "--dst-type"):
            source = option.name == "--src-type"
            predicate = maybe(_type_of(types, source, family, around.fib, limit_in, limit_out), option)
        compiled.append((predicate, option))
    return compiled


def _type_of(
    types: frozenset[str], source: bool, family: Family, fib: Fib, limit_in: bool, limit_out: bool
) -> Predicate:
    def matches(packet: PacketState) -> Answer:
        if not fib.known:
            return None
        device = packet.iif if limit_in else packet.oif if limit_out else ""
        address = packet.src if source else packet.dst
        if address in fib.doubtful:
            return None
        if family == "ip":
            return fib.address_type(address, device) in types
        return _type6(types, address, packet, fib, device)

    return matches


def _type6(types: frozenset[str], address: int, packet: PacketState, fib: Fib, device: str) -> Answer:
    multicast = address >> 120 == 0xFF
    if "multicast" in types and not multicast:
        return False
    if "unicast" in types and (multicast or address == 0):
        return False
    if "unspec" in types and address != 0:
        return False
    wanted = types & {"local", "anycast", "unreachable"}
    if not wanted:
        return not types - {"multicast", "unicast", "unspec"} or None
    type_ = fib.address_type(address, device)
    if type_ in ("local", "anycast"):
        return type_ in wanted
    if "unreachable" in wanted:
        try:
            route = fib.lookup(Lookup(address, mark=packet.mark))
        except RoutingUnknown:
            return None
        return route is None or route.type == "unreachable"
    return False


def match_set(match: Match, family: Family, around: MatchContext) -> Compiled:
    """``-m set``."""
    conditions = list(match_conditions(match, family))
    if len(conditions) != len(match.options):
        return [(unknown, None)]
    return [
        (maybe(_member(around.sets, required), option) if isinstance(required, Condition) else unknown, option)
        for required, option in zip(conditions, match.options, strict=True)
    ]


def _member(sets: Mapping[str, IpSet] | None, required: Condition) -> Predicate:
    if sets is None or not isinstance(required.values, SetReference):
        return Unsure(why="the sets were not read: `ipset save` would tell what is in them")
    name = required.values.name
    if name not in sets:
        return Unsure(why=f"the set {name} is not in what `ipset save` printed")
    directions = tuple(required.key.removeprefix("set ").split(","))
    return lambda packet: in_set(sets, name, directions, packet)


def mac(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m mac``."""
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        if option.name == "--mac-source":
            predicate = _from_mac(option.value.lower(), option.negated)
        compiled.append((predicate, option))
    return compiled


def _from_mac(wanted: str, negated: bool) -> Predicate:
    def matches(packet: PacketState) -> Answer:
        if not packet.link:
            # no Ethernet header, no match, inverted or not (xt_mac.c)
            return False
        if packet.mac is None:
            return None
        return (packet.mac.lower() == wanted) != negated

    return matches


def physdev(match: Match, _family: Family, around: MatchContext) -> Compiled:
    """``-m physdev``."""
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        match option.name:
            case "--physdev-is-bridged":
                predicate = maybe(lambda packet: packet.bridged, option)
            case "--physdev-is-in":
                predicate = maybe(lambda packet: packet.physin != "", option)
            case "--physdev-is-out":
                predicate = maybe(lambda packet: packet.physout != "", option)
            case "--physdev-in":
                predicate = maybe(_port_name(option.value, around, incoming=True), option)
            case "--physdev-out":
                predicate = maybe(_port_name(option.value, around, incoming=False), option)
        compiled.append((predicate, option))
    return compiled


def _port_name(wanted: str, around: MatchContext, *, incoming: bool) -> Predicate:
    def matches(packet: PacketState) -> Answer:
        port = packet.physin if incoming else packet.physout
        if port is not None:
            return port.startswith(wanted[:-1]) if wanted.endswith("+") else port == wanted
        bridge = packet.iif if incoming else packet.oif
        ports = [name for name, master in around.bridge_of.items() if master == bridge]
        fits = [name for name in ports if (name.startswith(wanted[:-1]) if wanted.endswith("+") else name == wanted)]
        if not fits:
            return False
        return True if len(fits) == len(ports) else None

    return matches


def rpfilter(match: Match, family: Family, around: MatchContext) -> Compiled:
    """xt_rpfilter: the route back to the sender leaves by the interface it came in by."""
    names = {option.name for option in match.options}
    if names - {"--loose", "--validmark", "--accept-local", "--invert"}:
        return [(unknown, None)]
    loose, accept_local = "--loose" in names, "--accept-local" in names

    def matches(packet: PacketState) -> Answer:
        if packet.iif == "lo":
            return True
        mark = packet.mark if "--validmark" in names else 0
        # rpfilter_lookup_reverse6: the device is compared strictly only for a link-local sender
        link_local = family == "ip6" and packet.src >> 118 == 0x3FA
        device = "" if family == "ip" or (loose and not link_local) else packet.iif
        try:
            route = around.fib.lookup(Lookup(packet.src, packet.dst, mark, oif=device, strict=link_local))
        except RoutingUnknown:
            return None
        if route is None or not (route.type == "unicast" or (accept_local and route.type == "local")):
            return False
        return loose or packet.iif in around.fib.devices(route)

    return [(invert(matches) if "--invert" in names else matches, None)]
