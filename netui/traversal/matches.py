"""The matches: each is yes, no or unknown (None) for a packet.

:func:`compile_match` turns a match's words into predicates once; a rule's predicates
are then asked for every packet. Semantics follow the kernel's xt_*.c; where a module
keeps state that a snapshot does not hold (limit, recent, quota …) the answer is
unknown, and so it is for a module or an option that netui has never heard of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netui.model import Family, IpSet, Match, Option
from netui.traversal.address import (
    ICMP,
    ICMP6,
    SCTP,
    TCP,
    WITH_PORTS,
    parse_address,
    parse_masked,
    parse_net,
    parse_ports,
    protocol_number,
)
from netui.traversal.ipsets import in_set
from netui.traversal.matches_conntrack import conntrack_predicates
from netui.traversal.routing import Fib, Lookup, RoutingUnknown
from netui.traversal.transit import Transit

Answer = bool | None
Predicate = Callable[[Transit], Answer]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What matches need to know of the namespace: its routes, sets and bridge ports."""

    fib: Fib
    sets: Mapping[str, IpSet] | None
    #: bridge of each port, by the port's name
    bridge_of: Mapping[str, str]


def compile_match(match: Match, family: Family, around: Surroundings) -> list[tuple[Predicate, str]]:
    """Return predicates, each with the words it stands for; all must hold."""
    if match.module == "":
        return [(_basic(option, family), option_text(option)) for option in match.options]
    special = _MODULES.get(match.module)
    if special is None:
        return [(_unknown, match_text(match))]
    predicates: list[tuple[Predicate, str]] = []
    for predicate, option in special(match, family, around):
        text = f"{match.module} {option_text(option)}" if option is not None else match_text(match)
        predicates.append((predicate, text))
    return predicates


def option_text(option: Option) -> str:
    """Write an option as iptables prints it."""
    words = [*(["!"] if option.negated else []), option.name, *option.values]
    return " ".join(words)


def match_text(match: Match) -> str:
    """Write a match as iptables prints it, with its module first."""
    return " ".join([match.module, *(option_text(option) for option in match.options)])


def _unknown(_packet: Transit) -> Answer:
    return None


def _yes(_packet: Transit) -> Answer:
    return True


def _no(_packet: Transit) -> Answer:
    return False


def _invert(predicate: Predicate) -> Predicate:
    def inverted(packet: Transit) -> Answer:
        answer = predicate(packet)
        return None if answer is None else not answer

    return inverted


def _maybe(predicate: Predicate, option: Option) -> Predicate:
    return _invert(predicate) if option.negated else predicate


# --- the rule's own options -------------------------------------------------------------


def _basic(option: Option, family: Family) -> Predicate:
    match option.name:
        case "-s" | "-d":
            net = parse_net(option.value, family)
            if net is None:
                return _unknown
            source = option.name == "-s"
            return _maybe(lambda packet: packet.address_in(net, source=source), option)
        case "-i" | "-o":
            return _maybe(_interface(option.value, incoming=option.name == "-i"), option)
        case "-p":
            number = protocol_number(option.value)
            if number is None:
                return _unknown
            if number == 0:
                return _no if option.negated else _yes
            return _maybe(lambda packet: packet.protocol == number, option)
        case "-f":
            # The first packet of a flow is whole.
            return _yes if option.negated else _no
        case "-4":
            return _yes if family == "ip" else _no
        case "-6":
            return _yes if family == "ip6" else _no
        case _:
            return _unknown


def _interface(name: str, *, incoming: bool) -> Predicate:
    """A missing interface is the empty string, so that ``! -i br0`` holds in OUTPUT."""
    if name.endswith("+"):
        stem = name[:-1]
        if incoming:
            return lambda packet: packet.iif.startswith(stem)
        return lambda packet: packet.oif.startswith(stem)
    if incoming:
        return lambda packet: packet.iif == name
    return lambda packet: packet.oif == name


# --- modules ----------------------------------------------------------------------------

_Compiled = list[tuple[Predicate, Option | None]]


def ports_answer(port: int | None, limits: tuple[int, int], ephemeral: tuple[int, int] | None) -> Answer:
    """Return whether a port is within limits; an unchosen source port is somewhere in ``ephemeral``."""
    if port is not None:
        return limits[0] <= port <= limits[1]
    if ephemeral is None:
        return True if limits == (0, 65535) else None
    if limits[0] <= ephemeral[0] and ephemeral[1] <= limits[1]:
        return True
    if limits[1] < ephemeral[0] or ephemeral[1] < limits[0]:
        return False
    return None


def _source_port(limits: tuple[int, int]) -> Predicate:
    return lambda packet: ports_answer(packet.sport, limits, packet.sport_range)


def _destination_port(limits: tuple[int, int]) -> Predicate:
    return lambda packet: ports_answer(packet.dport, limits, None)


def _ports(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    """tcp, udp, sctp, dccp, udplite: ports, and what a first segment's flags are."""
    compiled: _Compiled = []
    for option in match.options:
        predicate: Predicate = _unknown
        limits = parse_ports(option.value)
        match option.name:
            case "--sport" | "--source-port" if limits:
                predicate = _maybe(_source_port(limits), option)
            case "--dport" | "--destination-port" if limits:
                predicate = _maybe(_destination_port(limits), option)
            case "--tcp-flags" if match.module == "tcp" and len(option.values) == 2:
                predicate = _maybe(_tcp_flags(option.values[0], option.values[1]), option)
            case "--syn" if match.module == "tcp":
                predicate = _maybe(_tcp_flags("SYN,RST,ACK,FIN", "SYN"), option)
            case "--chunk-types" if match.module == "sctp" and len(option.values) == 2:
                predicate = _maybe(_chunks(option.values[0], option.values[1]), option)
        compiled.append((predicate, option))
    return compiled


_ALL_FLAGS = frozenset({"FIN", "SYN", "RST", "PSH", "ACK", "URG"})


def _flag_set(text: str) -> frozenset[str]:
    if text == "ALL":
        return _ALL_FLAGS
    return frozenset() if text == "NONE" else frozenset(text.split(","))


def _tcp_flags(mask_text: str, wanted_text: str) -> Predicate:
    mask, wanted = _flag_set(mask_text), _flag_set(wanted_text)
    return lambda packet: packet.protocol == TCP and packet.tcp_flags & mask == wanted


def _chunks(how: str, listed: str) -> Predicate:
    """The first packet of an association holds an INIT chunk and nothing else."""
    if ":" in listed:
        return _unknown
    names = set(listed.split(","))
    holds = "INIT" in names or names == {"ALL"}
    if how == "all":
        # every listed type must be there
        holds = names <= {"INIT"}
    return lambda packet: packet.protocol == SCTP and holds


_ICMP_NAMES = {
    "echo-reply": (0, None),
    "pong": (0, None),
    "destination-unreachable": (3, None),
    "source-quench": (4, None),
    "redirect": (5, None),
    "echo-request": (8, None),
    "ping": (8, None),
    "router-advertisement": (9, None),
    "router-solicitation": (10, None),
    "time-exceeded": (11, None),
    "ttl-exceeded": (11, None),
    "parameter-problem": (12, None),
    "timestamp-request": (13, None),
    "timestamp-reply": (14, None),
    "address-mask-request": (17, None),
    "address-mask-reply": (18, None),
}
_ICMP6_NAMES = {
    "destination-unreachable": (1, None),
    "packet-too-big": (2, None),
    "time-exceeded": (3, None),
    "parameter-problem": (4, None),
    "echo-request": (128, None),
    "echo-reply": (129, None),
    "router-solicitation": (133, None),
    "router-advertisement": (134, None),
    "neighbour-solicitation": (135, None),
    "neighbor-solicitation": (135, None),
    "neighbour-advertisement": (136, None),
    "neighbor-advertisement": (136, None),
    "redirect": (137, None),
}


def _icmp(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    six = match.module == "icmp6"
    names = _ICMP6_NAMES if six else _ICMP_NAMES
    compiled: _Compiled = []
    for option in match.options:
        predicate: Predicate = _unknown
        if option.name in ("--icmp-type", "--icmpv6-type"):
            text = option.value
            kind_text, slash, code_text = text.partition("/")
            if text in ("any", "255", "255/255") and not six:
                predicate = _maybe(_yes, option)
            elif text in names:
                predicate = _maybe(_icmp_type(names[text][0], None, six), option)
            elif kind_text.isdigit() and (not slash or code_text.isdigit()):
                predicate = _maybe(_icmp_type(int(kind_text), int(code_text) if slash else None, six), option)
        compiled.append((predicate, option))
    return compiled


def _icmp_type(kind: int, code: int | None, six: bool) -> Predicate:
    protocol = ICMP6 if six else ICMP

    def matches(packet: Transit) -> Answer:
        if packet.protocol != protocol:
            return False
        if packet.icmp is None:
            return None
        return packet.icmp[0] == kind and (code is None or packet.icmp[1] == code)

    return matches


def _multiport(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        limits = [parse_ports(part) for part in option.value.split(",")]
        known = [part for part in limits if part is not None]
        predicate: Predicate = _unknown
        if len(known) == len(limits) and option.name in _MULTIPORT:
            source, destination = _MULTIPORT[option.name]
            predicate = _maybe(_any_port(tuple(known), source, destination), option)
        compiled.append((predicate, option))
    return compiled


_MULTIPORT = {
    "--sports": (True, False),
    "--source-ports": (True, False),
    "--dports": (False, True),
    "--destination-ports": (False, True),
    "--ports": (True, True),
}


def _any_port(limits: tuple[tuple[int, int], ...], source: bool, destination: bool) -> Predicate:
    def matches(packet: Transit) -> Answer:
        if packet.protocol not in WITH_PORTS:
            return False
        unknown = False
        for part in limits:
            if destination:
                answer = ports_answer(packet.dport, part, None)
                if answer:
                    return True
                unknown = unknown or answer is None
            if source:
                answer = ports_answer(packet.sport, part, packet.sport_range)
                if answer:
                    return True
                unknown = unknown or answer is None
        return None if unknown else False

    return matches


def _iprange(match: Match, family: Family, _around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        first_text, _, last_text = option.value.partition("-")
        first, last = parse_address(first_text), parse_address(last_text or first_text)
        predicate: Predicate = _unknown
        if option.name in ("--src-range", "--dst-range") and first and last and first[0] == family == last[0]:
            source = option.name == "--src-range"
            predicate = _maybe(_in_range(first[1], last[1], source), option)
        compiled.append((predicate, option))
    return compiled


def _in_range(first: int, last: int, source: bool) -> Predicate:
    def matches(packet: Transit) -> Answer:
        if (packet.any_src if source else packet.any_dst) is not None:
            return None
        return first <= (packet.src if source else packet.dst) <= last

    return matches


def _addrtype(match: Match, family: Family, around: Surroundings) -> _Compiled:
    """xt_addrtype: IPv4 asks the local table only; IPv6 asks the address's form, then the routes."""
    limit_in = match.option("--limit-iface-in") is not None
    limit_out = match.option("--limit-iface-out") is not None
    compiled: _Compiled = []
    for option in match.options:
        if option.name in ("--limit-iface-in", "--limit-iface-out"):
            continue
        predicate: Predicate = _unknown
        types = frozenset(option.value.lower().split(","))
        if option.name in ("--src-type", "--dst-type"):
            source = option.name == "--src-type"
            predicate = _maybe(_type_of(types, source, family, around.fib, limit_in, limit_out), option)
        compiled.append((predicate, option))
    return compiled


def _type_of(
    types: frozenset[str], source: bool, family: Family, fib: Fib, limit_in: bool, limit_out: bool
) -> Predicate:
    def matches(packet: Transit) -> Answer:
        if not fib.known:
            return None
        device = packet.iif if limit_in else packet.oif if limit_out else ""
        address = packet.src if source else packet.dst
        if family == "ip":
            return fib.address_type(address, device) in types
        return _type6(types, address, packet, fib, device)

    return matches


def _type6(types: frozenset[str], address: int, packet: Transit, fib: Fib, device: str) -> Answer:
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
    found = fib.address_type(address, device)
    if found in ("local", "anycast"):
        return found in wanted
    if "unreachable" in wanted:
        try:
            route = fib.lookup(Lookup(address, mark=packet.mark))
        except RoutingUnknown:
            return None
        return route is None or route.type == "unreachable"
    return False


def _mark(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        parsed = parse_masked(option.value)
        predicate: Predicate = _unknown
        if option.name == "--mark" and parsed is not None:
            predicate = _maybe(_has_mark(*parsed), option)
        compiled.append((predicate, option))
    return compiled


def _has_mark(value: int, mask: int) -> Predicate:
    return lambda packet: None if packet.mark is None else packet.mark & mask == value


def _set(match: Match, _family: Family, around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    plain = all(option.name == "--match-set" for option in match.options)
    for option in match.options:
        predicate: Predicate = _unknown
        if option.name == "--match-set" and len(option.values) == 2 and plain:
            directions = tuple(option.values[1].split(","))
            predicate = _maybe(_member(around.sets, option.values[0], directions), option)
        compiled.append((predicate, option))
    return compiled


def _member(sets: Mapping[str, IpSet] | None, name: str, directions: tuple[str, ...]) -> Predicate:
    return lambda packet: in_set(sets, name, directions, packet)


def _mac(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        predicate: Predicate = _unknown
        if option.name == "--mac-source":
            predicate = _from_mac(option.value.lower(), option.negated)
        compiled.append((predicate, option))
    return compiled


def _from_mac(wanted: str, negated: bool) -> Predicate:
    def matches(packet: Transit) -> Answer:
        if not packet.link:
            # no Ethernet header, no match, inverted or not (xt_mac.c)
            return False
        if packet.mac is None:
            return None
        return (packet.mac.lower() == wanted) != negated

    return matches


def _physdev(match: Match, _family: Family, around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        predicate: Predicate = _unknown
        match option.name:
            case "--physdev-is-bridged":
                predicate = _maybe(lambda packet: packet.bridged, option)
            case "--physdev-is-in":
                predicate = _maybe(lambda packet: packet.physin != "", option)
            case "--physdev-is-out":
                predicate = _maybe(lambda packet: packet.physout != "", option)
            case "--physdev-in":
                predicate = _maybe(_port_name(option.value, around, incoming=True), option)
            case "--physdev-out":
                predicate = _maybe(_port_name(option.value, around, incoming=False), option)
        compiled.append((predicate, option))
    return compiled


def _port_name(wanted: str, around: Surroundings, *, incoming: bool) -> Predicate:
    def matches(packet: Transit) -> Answer:
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


def _owner(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    """xt_owner: a packet without a socket here matches only what is inverted."""
    compiled: _Compiled = []
    for option in match.options:
        predicate: Predicate = _unknown
        match option.name:
            case "--socket-exists":
                predicate = _maybe(lambda packet: packet.local, option)
            case "--uid-owner":
                predicate = _maybe(_uid(option.value), option)
            case _:
                predicate = _maybe(lambda packet: None if packet.local else False, option)
        compiled.append((predicate, option))
    return compiled


def _uid(text: str) -> Predicate:
    first, _, last = text.partition("-")

    def matches(packet: Transit) -> Answer:
        if not packet.local:
            return False
        if packet.uid is None or not first.isdigit() or (last and not last.isdigit()):
            return None
        return int(first) <= packet.uid <= int(last or first)

    return matches


def _length(match: Match, family: Family, _around: Surroundings) -> _Compiled:
    least = 20 if family == "ip" else 0
    compiled: _Compiled = []
    for option in match.options:
        limits = parse_ports(option.value)
        predicate: Predicate = _unknown
        if limits is not None and limits[0] <= least and limits[1] == 65535:
            predicate = _maybe(_yes, option)
        compiled.append((predicate, option))
    return compiled


def _pkttype(match: Match, family: Family, _around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        predicate: Predicate = _unknown
        if option.name == "--pkt-type":
            kind = option.value.lower()
            kind = {"host": "unicast"}.get(kind, kind)
            predicate = _maybe(_packet_type(kind, family), option)
        compiled.append((predicate, option))
    return compiled


def _packet_type(kind: str, family: Family) -> Predicate:
    def matches(packet: Transit) -> Answer:
        special = packet.dst >> 28 == 0xE or packet.dst == 0xFFFFFFFF if family == "ip" else packet.dst >> 120 == 0xFF
        return None if special else kind == "unicast"

    return matches


def _rpfilter(match: Match, family: Family, around: Surroundings) -> _Compiled:
    """xt_rpfilter: the route back to the sender leaves by the interface it came in by."""
    names = {option.name for option in match.options}
    if names - {"--loose", "--validmark", "--accept-local", "--invert"}:
        return [(_unknown, None)]
    loose, accept_local = "--loose" in names, "--accept-local" in names

    def matches(packet: Transit) -> Answer:
        if packet.iif == "lo":
            return True
        mark = packet.mark if "--validmark" in names else 0
        try:
            route = around.fib.lookup(
                Lookup(packet.src, packet.dst, mark, oif="" if family == "ip" or loose else packet.iif)
            )
        except RoutingUnknown:
            return None
        if route is None or not (route.type == "unicast" or (accept_local and route.type == "local")):
            return False
        return loose or packet.iif in around.fib.devices(route)

    return [(_invert(matches) if "--invert" in names else matches, None)]


def _recent(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    """``--set`` adds the source and always matches; the others ask a list that is not captured."""
    for option in match.options:
        if option.name == "--set":
            return [(_no if option.negated else _yes, None)]
    return [(_unknown, None)]


def _always(_match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    return [(_yes, None)]


def _never(_match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    return [(_no, None)]


def _connmark(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    compiled: _Compiled = []
    for option in match.options:
        parsed = parse_masked(option.value)
        predicate: Predicate = _unknown
        if option.name == "--mark" and parsed is not None:
            predicate = _has_connmark(*parsed, option.negated)
        compiled.append((predicate, option))
    return compiled


def _has_connmark(value: int, mask: int, negated: bool) -> Predicate:
    def matches(packet: Transit) -> Answer:
        if packet.connection is None:
            return False
        mark = packet.connection.mark
        return None if mark is None else (mark & mask == value) != negated

    return matches


def _helper(match: Match, _family: Family, _around: Surroundings) -> _Compiled:
    """A connection that nobody expected has no helper's master."""
    return [((_yes if option.negated else _no), option) for option in match.options] or [(_unknown, None)]


def _conntrack(match: Match, family: Family, _around: Surroundings) -> _Compiled:
    return conntrack_predicates(match, family)


_MODULES: Mapping[str, Callable[[Match, Family, Surroundings], _Compiled]] = {
    "tcp": _ports,
    "udp": _ports,
    "sctp": _ports,
    "dccp": _ports,
    "udplite": _ports,
    "icmp": _icmp,
    "icmp6": _icmp,
    "icmpv6": _icmp,
    "multiport": _multiport,
    "iprange": _iprange,
    "addrtype": _addrtype,
    "conntrack": _conntrack,
    "state": _conntrack,
    "mark": _mark,
    "connmark": _connmark,
    "set": _set,
    "mac": _mac,
    "physdev": _physdev,
    "owner": _owner,
    "length": _length,
    "pkttype": _pkttype,
    "rpfilter": _rpfilter,
    "recent": _recent,
    "comment": _always,
    "nfacct": _always,
    "helper": _helper,
    # IPv6 extension headers: an ordinary first packet has none, and without the header
    # these do not match, inverted or not.
    "rt": _never,
    "frag": _never,
    "hbh": _never,
    "dst": _never,
}
