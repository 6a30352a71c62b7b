"""iptables' match modules → conditions, with one function for each module (xt_*.c, iptables-extensions(8)).

An unknown module or option becomes an :class:`OpaqueCondition` with its words. Options without a condition (``-p
all``, a comment) give none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from netui.dialects.iptables.header_conditions import icmp, multiport, transport
from netui.dialects.iptables.option_conditions import condition, match_text, opaque, option_text
from netui.model import Family, Match, RuleSpec
from netui.model.statements import Text
from netui.net.addresses import Net, parse_address, parse_masked, parse_net, parse_ports, protocol_number
from netui.net.conditions import (
    PROTOCOL,
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
    """Yield the conditions of a rule's matches, in order."""
    for match in spec.matches:
        yield from match_conditions(match, family)


def match_conditions(match: Match, family: Family) -> Iterator[Requirement]:
    """Yield the conditions of one match."""
    reader = MODULES.get(match.module)
    if reader is not None:
        yield from reader(match, family)
    elif match.module in BY_CHANCE:
        yield OpaqueCondition(match_text(match), by_chance=True)
    else:
        yield OpaqueCondition(match_text(match))


# --- the rule's own options ------------------------------------------------------------------

_SIDES = {"-s": "saddr", "-d": "daddr"}
_INTERFACES = {"-i": "iifname", "-o": "oifname"}
#: Options that select the program (iptables or ip6tables) in a file for both.
_FAMILIES = {"-4": ("ip", 2), "-6": ("ip6", 10)}


def _basic(match: Match, family: Family) -> Iterator[Requirement]:
    """-s, -d, -i, -o, -p, -f, -4, -6."""
    for option in match.options:
        name = option.name
        if name in _SIDES:
            net = parse_net(option.value, family)
            if net is None:
                yield opaque(match, option)
            elif not net.whole or option.negated:
                yield condition(f"{family} {_SIDES[name]}", net, match, option)
        elif name in _INTERFACES:
            yield condition(_INTERFACES[name], (_interface(option.value),), match, option)
        elif name == "-p":
            number = protocol_number(option.value)
            if number is None:
                yield opaque(match, option)
            elif number or option.negated:
                # ``! -p all`` matches no packet
                values = IntervalSet([(number, number) if number else (0, 255)])
                yield condition(PROTOCOL, values, match, option)
        elif name == "-f":
            yield Condition("ip frag-off", Net(0, 0x1FFF, 16), not option.negated, option_text(option), "")
        elif name in _FAMILIES:
            own, number = _FAMILIES[name]
            if family != own:
                yield condition("meta nfproto", IntervalSet([(number, number)]), match, option)
        else:
            yield opaque(match, option)


def _interface(printed: str) -> Text:
    return Text(printed[:-1], prefix=True) if printed.endswith("+") else Text(printed)


# --- where from and where to --------------------------------------------------------------------


def _iprange(match: Match, family: Family) -> Iterator[Requirement]:
    sides = {"--src-range": "saddr", "--dst-range": "daddr"}
    for option in match.options:
        first_text, _, last_text = option.value.partition("-")
        first, last = parse_address(first_text), parse_address(last_text or first_text)
        if option.name in sides and first is not None and last is not None and first[0] == family == last[0]:
            span = IntervalSet([(first[1], last[1])])
            yield condition(f"{family} {sides[option.name]}", span, match, option)
        else:
            yield opaque(match, option)


def _addrtype(match: Match, family: Family) -> Iterator[Requirement]:
    sides = {"--src-type": "saddr", "--dst-type": "daddr"}
    limits = {"--limit-iface-in": " . iif", "--limit-iface-out": " . oif"}
    by = "".join(limits.get(option.name, "") for option in match.options)
    for option in match.options:
        kinds = option.value.lower().split(",")
        if option.name in limits:
            continue
        if option.name not in sides or (family == "ip6" and len(kinds) > 1):
            # for IPv6, xt_addrtype combines several types into conditions that must hold together
            yield opaque(match, option)
        else:
            yield condition(f"fib {sides[option.name]}{by} type", tuple(map(Text, kinds)), match, option)


def _set(match: Match, _family: Family) -> Iterator[Requirement]:
    """xt_set: any option besides ``--match-set`` changes its meaning."""
    if any(option.name != "--match-set" or len(option.values) != 2 for option in match.options):
        yield OpaqueCondition(match_text(match))
        return
    for option in match.options:
        name, sides = option.values
        yield condition(f"set {sides}", SetReference(name), match, option)


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
    """xt_conntrack and xt_state; iptables lists SNAT and DNAT among the states."""
    for option in match.options:
        name = option.name
        if name in _CT_NAMES:
            names = tuple(Text(part) for part in option.value.lower().split(","))
            yield condition(_CT_NAMES[name], names, match, option)
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
        yield opaque(match, option) if values is None else condition(key, values, match, option)


def _mark(match: Match, _family: Family) -> Iterator[Requirement]:
    key = "meta mark" if match.module == "mark" else "ct mark"
    for option in match.options:
        parsed = parse_masked(option.value)
        if option.name != "--mark" or parsed is None:
            yield opaque(match, option)
        else:
            value, mask = parsed
            yield condition(key, Net(value, mask, 32), match, option)


def _nothing(_match: Match, _family: Family) -> Iterator[Requirement]:
    return iter(())


#: The function of each match module; a new one goes here.
MODULES: Mapping[str, Reader] = {
    "": _basic,
    "tcp": transport,
    "udp": transport,
    "sctp": transport,
    "dccp": transport,
    "udplite": transport,
    "multiport": multiport,
    "icmp": icmp,
    "icmp6": icmp,
    "icmpv6": icmp,
    "ipv6-icmp": icmp,
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
#: Modules whose answer for the same packet can change; ``untold``: what a listing omitted.
BY_CHANCE = frozenset(
    {"limit", "hashlimit", "statistic", "recent", "quota", "quota2", "time", "nth", "random", "connlimit", "connbytes",
     "rateest", "untold"}
)  # fmt: skip
