"""iptables' match modules → what they require of a packet: one function a module (xt_*.c, iptables-extensions(8)).

A module or an option that is not understood here is an :class:`OpaqueCondition` in its own words. Options that require
nothing (``-p all``, a comment) give no condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from netui.model import Family, Match, Option, RuleSpec
from netui.model.statements import Text
from netui.net.addresses import Net, parse_address, parse_masked, parse_net, parse_ports, protocol_number
from netui.net.conditions import (
    DPORT,
    PROTOCOL,
    SPORT,
    STATE,
    Condition,
    OpaqueCondition,
    Requirement,
    SetReference,
    Values,
)
from netui.net.intervals import IntervalSet

Reader = Callable[[Match, Family], Iterator[Requirement]]


def spec_conditions(spec: RuleSpec, family: Family) -> Iterator[Requirement]:
    """Yield what a rule's matches require, in their order."""
    for match in spec.matches:
        yield from match_conditions(match, family)


def match_conditions(match: Match, family: Family) -> Iterator[Requirement]:
    """Yield what one match requires."""
    reader = MODULES.get(match.module)
    if reader is not None:
        yield from reader(match, family)
    elif match.module in BY_CHANCE:
        yield OpaqueCondition(match_text(match), by_chance=True)
    else:
        yield OpaqueCondition(match_text(match))


def option_text(option: Option) -> str:
    """Write an option as iptables prints it."""
    words = [*(["!"] if option.negated else []), option.name, *option.values]
    return " ".join(words)


def match_text(match: Match) -> str:
    """Write a match as iptables prints it, with its module first."""
    return " ".join([match.module, *(option_text(option) for option in match.options)])


def _words(match: Match, option: Option) -> str:
    return f"{match.module} {option_text(option)}" if match.module else option_text(option)


def _condition(key: str, values: Values, match: Match, option: Option) -> Condition:
    return Condition(key, values, option.negated, _words(match, option), option.value)


def _opaque(match: Match, option: Option) -> OpaqueCondition:
    return OpaqueCondition(_words(match, option))


# --- the rule's own options ------------------------------------------------------------------

_SIDES = {"-s": "saddr", "-d": "daddr"}
_INTERFACES = {"-i": "iifname", "-o": "oifname"}


def _basic(match: Match, family: Family) -> Iterator[Requirement]:
    """-s, -d, -i, -o, -p; ``-4`` and ``-6`` only say for which of the two programs a line is."""
    for option in match.options:
        name = option.name
        if name in _SIDES:
            net = parse_net(option.value, family)
            if net is None:
                yield _opaque(match, option)
            elif not net.whole or option.negated:
                yield _condition(f"{family} {_SIDES[name]}", net, match, option)
        elif name in _INTERFACES:
            yield _condition(_INTERFACES[name], (_interface(option.value),), match, option)
        elif name == "-p":
            number = protocol_number(option.value)
            if number is None:
                yield _opaque(match, option)
            elif number or option.negated:
                # ``! -p all`` is no packet
                values = IntervalSet([(number, number) if number else (0, 255)])
                yield _condition(PROTOCOL, values, match, option)
        elif name != ("-4" if family == "ip" else "-6"):
            yield _opaque(match, option)


def _interface(printed: str) -> Text:
    return Text(printed[:-1], prefix=True) if printed.endswith("+") else Text(printed)


# --- protocol headers --------------------------------------------------------------------------

_PORTS = {"--sport": SPORT, "--source-port": SPORT, "--dport": DPORT, "--destination-port": DPORT}
_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}


def _transport(match: Match, _family: Family) -> Iterator[Requirement]:
    """tcp, udp, sctp, dccp, udplite: ports, and TCP's flags."""
    for option in match.options:
        limits = parse_ports(option.value)
        if option.name in _PORTS and limits is not None:
            yield _condition(_PORTS[option.name], IntervalSet([limits]), match, option)
        elif match.module == "tcp" and (asked := _tcp_flags(option)) is not None:
            yield _condition("tcp flags", asked, match, option)
        else:
            yield _opaque(match, option)


def _tcp_flags(option: Option) -> Net | None:
    """``--tcp-flags MASK SET`` and ``--syn``: the bits of the mask, and those of them that are set."""
    if option.name == "--syn":
        return Net(_FLAGS["SYN"], _FLAGS["SYN"] | _FLAGS["RST"] | _FLAGS["ACK"] | _FLAGS["FIN"], 8)
    if option.name != "--tcp-flags" or len(option.values) != 2:
        return None
    mask, wanted = (_flag_bits(text) for text in option.values)
    return None if mask is None or wanted is None or wanted & ~mask else Net(wanted, mask, 8)


def _flag_bits(text: str) -> int | None:
    names = [*_FLAGS] if text == "ALL" else [] if text == "NONE" else text.split(",")
    return sum({_FLAGS[name] for name in names}) if all(name in _FLAGS for name in names) else None


_MULTIPORT = {
    "--sports": SPORT, "--source-ports": SPORT, "--dports": DPORT, "--destination-ports": DPORT,
    # either of the two
    "--ports": "th port",
}  # fmt: skip


def _multiport(match: Match, _family: Family) -> Iterator[Requirement]:
    for option in match.options:
        spans = [parse_ports(part) for part in option.value.split(",")]
        known = [span for span in spans if span is not None]
        if option.name in _MULTIPORT and len(known) == len(spans):
            yield _condition(_MULTIPORT[option.name], IntervalSet(known), match, option)
        else:
            yield _opaque(match, option)


#: By the names that iptables takes; ``-m icmp`` and ``-m icmp6`` (libipt_icmp.c, libip6t_icmp6.c).
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


def _icmp(match: Match, _family: Family) -> Iterator[Requirement]:
    six = match.module != "icmp"
    protocol, names = ("icmpv6", ICMP6_TYPES) if six else ("icmp", ICMP_TYPES)
    for option in match.options:
        kind_text, slash, code = option.value.partition("/")
        kind = names.get(option.value, int(kind_text) if kind_text.isdecimal() else None)
        if option.name not in ("--icmp-type", "--icmpv6-type") or kind is None or (slash and not code.isdecimal()):
            if not (option.value == "any" and not six and not option.negated):
                yield _opaque(match, option)
        elif kind == 255 and not six:
            # any type at all
            if option.negated:
                yield _opaque(match, option)
        elif slash and option.negated:
            # neither that type with that code: no value of one key alone
            yield _opaque(match, option)
        else:
            yield _condition(f"{protocol} type", IntervalSet([(kind, kind)]), match, option)
            if slash:
                yield _condition(f"{protocol} code", IntervalSet([(int(code), int(code))]), match, option)


# --- where from and where to --------------------------------------------------------------------


def _iprange(match: Match, family: Family) -> Iterator[Requirement]:
    sides = {"--src-range": "saddr", "--dst-range": "daddr"}
    for option in match.options:
        first_text, _, last_text = option.value.partition("-")
        first, last = parse_address(first_text), parse_address(last_text or first_text)
        if option.name in sides and first is not None and last is not None and first[0] == family == last[0]:
            span = IntervalSet([(first[1], last[1])])
            yield _condition(f"{family} {sides[option.name]}", span, match, option)
        else:
            yield _opaque(match, option)


def _addrtype(match: Match, family: Family) -> Iterator[Requirement]:
    sides = {"--src-type": "saddr", "--dst-type": "daddr"}
    limits = {"--limit-iface-in": " . iif", "--limit-iface-out": " . oif"}
    by = "".join(limits.get(option.name, "") for option in match.options)
    for option in match.options:
        kinds = option.value.lower().split(",")
        if option.name in limits:
            continue
        if option.name not in sides or (family == "ip6" and len(kinds) > 1):
            # xt_addrtype asks IPv6 addresses for several types as conditions of which some must hold together
            yield _opaque(match, option)
        else:
            yield _condition(f"fib {sides[option.name]}{by} type", tuple(map(Text, kinds)), match, option)


def _set(match: Match, _family: Family) -> Iterator[Requirement]:
    """xt_set: any option beside ``--match-set`` changes what it asks."""
    if any(option.name != "--match-set" or len(option.values) != 2 for option in match.options):
        yield OpaqueCondition(match_text(match))
        return
    for option in match.options:
        name, sides = option.values
        yield _condition(f"set {sides}", SetReference(name), match, option)


# --- connections and marks ------------------------------------------------------------------------

_CT_NAMES = {"--ctstate": STATE, "--state": STATE, "--ctstatus": "ct status", "--ctdir": "ct direction"}
_CT_ADDRESSES = {
    "--ctorigsrc": ("original", "saddr"),
    "--ctorigdst": ("original", "daddr"),
    "--ctreplsrc": ("reply", "saddr"),
    "--ctrepldst": ("reply", "daddr"),
}
_CT_PORTS = {
    "--ctorigsrcport": "ct original proto-src",
    "--ctorigdstport": "ct original proto-dst",
    "--ctreplsrcport": "ct reply proto-src",
    "--ctrepldstport": "ct reply proto-dst",
}


def _conntrack(match: Match, family: Family) -> Iterator[Requirement]:
    """xt_conntrack and xt_state; SNAT and DNAT stand among the states as iptables has them there."""
    for option in match.options:
        name = option.name
        if name in _CT_NAMES:
            names = tuple(Text(part) for part in option.value.lower().split(","))
            yield _condition(_CT_NAMES[name], names, match, option)
            continue
        values: Values | None = None
        key = _CT_PORTS.get(name, "ct protocol")
        if name in _CT_ADDRESSES:
            direction, side = _CT_ADDRESSES[name]
            key, values = f"ct {direction} {family} {side}", parse_net(option.value, family)
        elif name in _CT_PORTS and (limits := parse_ports(option.value)) is not None:
            values = IntervalSet([limits])
        elif name == "--ctproto" and (number := protocol_number(option.value)) is not None:
            values = IntervalSet([(number, number)])
        yield _opaque(match, option) if values is None else _condition(key, values, match, option)


def _mark(match: Match, _family: Family) -> Iterator[Requirement]:
    key = "meta mark" if match.module == "mark" else "ct mark"
    for option in match.options:
        parsed = parse_masked(option.value)
        if option.name != "--mark" or parsed is None:
            yield _opaque(match, option)
        else:
            value, mask = parsed
            yield _condition(key, Net(value, mask, 32), match, option)


def _nothing(_match: Match, _family: Family) -> Iterator[Requirement]:
    return iter(())


#: What reads a match module; a new one goes here.
MODULES: Mapping[str, Reader] = {
    "": _basic,
    "tcp": _transport,
    "udp": _transport,
    "sctp": _transport,
    "dccp": _transport,
    "udplite": _transport,
    "multiport": _multiport,
    "icmp": _icmp,
    "icmp6": _icmp,
    "icmpv6": _icmp,
    "ipv6-icmp": _icmp,
    "iprange": _iprange,
    "addrtype": _addrtype,
    "set": _set,
    "conntrack": _conntrack,
    "state": _conntrack,
    "mark": _mark,
    "connmark": _mark,
    "comment": _nothing,
    "nfacct": _nothing,
}
#: Modules by which the same packet can be taken once and not the next time; ``untold``: what a listing left out.
BY_CHANCE = frozenset(
    {"limit", "hashlimit", "statistic", "recent", "quota", "quota2", "time", "nth", "random", "connlimit", "connbytes",
     "rateest", "untold"}
)  # fmt: skip
