"""Matches of a packet's protocol header: ports, TCP flags, SCTP chunks, ICMP types, multiport."""

from __future__ import annotations

from netui.model import Family, Match
from netui.net.addresses import ICMP, ICMP6, SCTP, TCP, WITH_PORTS, parse_ports
from netui.net.intervals import IntervalSet
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.predicates import Answer, Compiled, MatchContext, Predicate, maybe, unknown, yes


def _source_port(limits: tuple[int, int]) -> Predicate:
    return lambda packet: packet.sport_in(limits)


def _destination_port(limits: tuple[int, int]) -> Predicate:
    return lambda packet: packet.dport_in(limits)


def ports(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """tcp, udp, sctp, dccp, udplite: ports, and the flags of a first segment."""
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        limits = parse_ports(option.value)
        match option.name:
            case "--sport" | "--source-port" if limits:
                predicate = maybe(_source_port(limits), option)
            case "--dport" | "--destination-port" if limits:
                predicate = maybe(_destination_port(limits), option)
            case "--tcp-flags" if match.module == "tcp" and len(option.values) == 2:
                predicate = maybe(_tcp_flags(option.values[0], option.values[1]), option)
            case "--syn" if match.module == "tcp":
                predicate = maybe(_tcp_flags("SYN,RST,ACK,FIN", "SYN"), option)
            case "--chunk-types" if match.module == "sctp" and len(option.values) == 2:
                predicate = maybe(_chunks(option.values[0], option.values[1]), option)
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
    """The first packet of an association has an INIT chunk only."""
    if ":" in listed:
        return unknown
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


def icmp(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m icmp`` and ``-m icmp6`` (also called icmpv6 and ipv6-icmp): type and code."""
    six = match.module != "icmp"
    names = _ICMP6_NAMES if six else _ICMP_NAMES
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        if option.name in ("--icmp-type", "--icmpv6-type"):
            text = option.value
            kind_text, slash, code_text = text.partition("/")
            if text in ("any", "255", "255/255") and not six:
                predicate = maybe(yes, option)
            elif text in names:
                predicate = maybe(_icmp_type(names[text][0], None, six), option)
            elif kind_text.isdigit() and (not slash or code_text.isdigit()):
                predicate = maybe(_icmp_type(int(kind_text), int(code_text) if slash else None, six), option)
        compiled.append((predicate, option))
    return compiled


def _icmp_type(kind: int, code: int | None, six: bool) -> Predicate:
    protocol = ICMP6 if six else ICMP

    def matches(packet: PacketState) -> Answer:
        if packet.protocol != protocol:
            return False
        if packet.icmp is None:
            return None
        return packet.icmp[0] == kind and (code is None or packet.icmp[1] == code)

    return matches


def multiport(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m multiport``."""
    compiled: Compiled = []
    for option in match.options:
        limits = [parse_ports(part) for part in option.value.split(",")]
        known = [part for part in limits if part is not None]
        predicate: Predicate = unknown
        if len(known) == len(limits) and option.name in _MULTIPORT:
            source, destination = _MULTIPORT[option.name]
            predicate = maybe(_any_port(tuple(known), source, destination), option)
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
    together = IntervalSet(limits)

    def matches(packet: PacketState) -> Answer:
        if packet.protocol not in WITH_PORTS:
            return False
        unknown = False
        if destination and packet.any_dport is not None:
            answer: Answer = packet.any_dport.within_set(together)
            if answer or not source:
                return answer
        if source and packet.any_sport is not None:
            answer = packet.any_sport.within_set(together)
            if answer or not destination:
                return answer
        for part in limits:
            if destination:
                answer = packet.dport_in(part)
                if answer:
                    return True
                unknown = unknown or answer is None
            if source:
                answer = packet.sport_in(part)
                if answer:
                    return True
                unknown = unknown or answer is None
        return None if unknown else False

    return matches
