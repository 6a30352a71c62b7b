"""iptables' matches of a packet's protocol header → conditions: ports, TCP's flags, ICMP's types."""

from __future__ import annotations

from collections.abc import Iterator

from netui.dialects.iptables.option_conditions import condition, opaque
from netui.model import Family, Match, Option
from netui.net.addresses import Net, parse_ports
from netui.net.conditions import DPORT, SPORT, Requirement
from netui.net.intervals import IntervalSet

_PORTS = {"--sport": SPORT, "--source-port": SPORT, "--dport": DPORT, "--destination-port": DPORT}
_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}


def transport(match: Match, _family: Family) -> Iterator[Requirement]:
    """tcp, udp, sctp, dccp, udplite: ports, and TCP's flags."""
    for option in match.options:
        limits = parse_ports(option.value)
        if option.name in _PORTS and limits is not None:
            yield condition(_PORTS[option.name], IntervalSet([limits]), match, option)
        elif match.module == "tcp" and (asked := _tcp_flags(option)) is not None:
            yield condition("tcp flags", asked, match, option)
        else:
            yield opaque(match, option)


def _tcp_flags(option: Option) -> Net | None:
    """``--tcp-flags MASK SET`` and ``--syn``: the bits of the mask, and those of them that are set."""
    if option.name == "--syn":
        return Net(_FLAGS["SYN"], _FLAGS["SYN"] | _FLAGS["RST"] | _FLAGS["ACK"] | _FLAGS["FIN"], 8)
    if option.name != "--tcp-flags" or len(option.values) != 2:
        return None
    mask, wanted = (_flag_bits(text) for text in option.values)
    return None if mask is None or wanted is None else Net(wanted, mask, 8)


def _flag_bits(text: str) -> int | None:
    names = [*_FLAGS] if text == "ALL" else [] if text == "NONE" else text.split(",")
    return sum({_FLAGS[name] for name in names}) if all(name in _FLAGS for name in names) else None


_MULTIPORT = {
    "--sports": SPORT, "--source-ports": SPORT, "--dports": DPORT, "--destination-ports": DPORT,
    # either of the two
    "--ports": "th port",
}  # fmt: skip


def multiport(match: Match, _family: Family) -> Iterator[Requirement]:
    """Any of several ports; ``--ports``: of the source or the destination."""
    for option in match.options:
        spans = [parse_ports(part) for part in option.value.split(",")]
        intervals = [span for span in spans if span is not None]
        if option.name in _MULTIPORT and len(intervals) == len(spans):
            yield condition(_MULTIPORT[option.name], IntervalSet(intervals), match, option)
        else:
            yield opaque(match, option)


#: ICMP's types by iptables' names; ``-m icmp`` and ``-m icmp6`` (libipt_icmp.c, libip6t_icmp6.c).
ICMP_TYPES = {
    "echo-reply": 0, "pong": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
    "ping": 8, "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "ttl-exceeded": 11,
    "parameter-problem": 12, "timestamp-request": 13, "timestamp-reply": 14, "address-mask-request": 17,
    "address-mask-reply": 18,
}  # fmt: skip
ICMP6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128,
    "echo-reply": 129, "router-solicitation": 133, "router-advertisement": 134, "neighbour-solicitation": 135,
    "neighbor-solicitation": 135, "neighbour-advertisement": 136, "neighbor-advertisement": 136, "redirect": 137,
}  # fmt: skip


def icmp(match: Match, _family: Family) -> Iterator[Requirement]:
    """``-m icmp`` and ``-m icmp6`` (also called icmpv6 and ipv6-icmp): type and code."""
    six = match.module != "icmp"
    protocol, names = ("icmpv6", ICMP6_TYPES) if six else ("icmp", ICMP_TYPES)
    for option in match.options:
        kind_text, slash, code = option.value.partition("/")
        kind = names.get(option.value, int(kind_text) if kind_text.isdecimal() else None)
        if option.name not in ("--icmp-type", "--icmpv6-type") or kind is None or (slash and not code.isdecimal()):
            if not (option.value == "any" and not six and not option.negated):
                yield opaque(match, option)
        elif kind == 255 and not six:
            # any type at all
            if option.negated:
                yield opaque(match, option)
        elif slash and option.negated:
            # a negated type with a code is not the value of a single key
            yield opaque(match, option)
        else:
            yield condition(f"{protocol} type", IntervalSet([(kind, kind)]), match, option)
            if slash:
                yield condition(f"{protocol} code", IntervalSet([(int(code), int(code))]), match, option)
