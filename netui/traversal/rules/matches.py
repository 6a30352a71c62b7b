"""Compiles matches: each answers yes, no or unknown (None) for a packet.

:func:`compile_match` compiles a match into predicates once; each packet is then asked of the
predicates. Semantics follow the kernel's xt_*.c. Where a module keeps state that a snapshot
does not hold (limit, recent, quota …), the answer is unknown. It is also unknown for a module
or an option that netui does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.model import Family, Match, Option
from netui.net.addresses import Net, parse_net, protocol_number
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.matches_conntrack import conntrack_predicates
from netui.traversal.rules.matches_counted import connlimit, hashlimit, limit, recent, statistic, string
from netui.traversal.rules.matches_packet import always, connmark, helper, length, mark, never, owner, pkttype
from netui.traversal.rules.matches_place import addrtype, iprange, mac, match_set, physdev, rpfilter
from netui.traversal.rules.matches_port import icmp, multiport, ports
from netui.traversal.rules.predicates import Answer, Compiled, MatchContext, Predicate, Unsure, maybe, no, unknown, yes


def compile_match(match: Match, family: Family, around: MatchContext) -> list[tuple[Predicate, str]]:
    """Return the predicates of a match, each with its words; all must hold."""
    if match.module == "":
        return [(_basic(option, family), option_text(option)) for option in match.options]
    special = MODULES.get(match.module)
    if special is None:
        return [(unknown, match_text(match))]
    predicates: list[tuple[Predicate, str]] = []
    for predicate, option in special(match, family, around):
        text = f"{match.module} {option_text(option)}" if option is not None else match_text(match)
        predicates.append((predicate, text))
    return predicates


def option_text(option: Option) -> str:
    """Return an option as iptables prints it."""
    words = [*(["!"] if option.negated else []), option.name, *option.values]
    return " ".join(words)


def match_text(match: Match) -> str:
    """Return a match as iptables prints it, with its module first."""
    return " ".join([match.module, *(option_text(option) for option in match.options)])


def _basic(option: Option, family: Family) -> Predicate:
    match option.name:
        case "-s" | "-d":
            net = parse_net(option.value, family)
            if net is None:
                return unknown
            return maybe(_source(net) if option.name == "-s" else _destination(net), option)
        case "-i" | "-o":
            return _interface(option.value, option.negated, incoming=option.name == "-i")
        case "-p":
            number = protocol_number(option.value)
            if number is None:
                return unknown
            if number == 0:
                return no if option.negated else yes
            return maybe(lambda packet: packet.protocol == number, option)
        case "-f":
            # the first packet of a flow is not a fragment
            return yes if option.negated else no
        case "-4":
            return yes if family == "ip" else no
        case "-6":
            return yes if family == "ip6" else no
        case _:
            return unknown


def _source(net: Net) -> Predicate:
    value, mask = net.value, net.mask

    def matches(packet: PacketState) -> Answer:
        return packet.src & mask == value if packet.any_src is None else packet.any_src.within(net)

    return matches


def _destination(net: Net) -> Predicate:
    value, mask = net.value, net.mask

    def matches(packet: PacketState) -> Answer:
        return packet.dst & mask == value if packet.any_dst is None else packet.any_dst.within(net)

    return matches


def _interface(name: str, negated: bool, *, incoming: bool) -> Predicate:
    """A missing interface is the empty string, so ``! -i br0`` holds in OUTPUT."""
    if name.endswith("+"):
        stem = name[:-1]
        if incoming:
            return lambda packet: packet.iif.startswith(stem) != negated
        return lambda packet: packet.oif.startswith(stem) != negated
    if incoming:
        return (lambda packet: packet.iif != name) if negated else (lambda packet: packet.iif == name)
    return (lambda packet: packet.oif != name) if negated else (lambda packet: packet.oif == name)


def _conntrack(match: Match, family: Family, _around: MatchContext) -> Compiled:
    return conntrack_predicates(match, family)


def _untold(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """What ``iptables -L`` did not print of a rule, or printed in words that netui does not understand."""
    option = match.option("--text")
    return [(Unsure(why=f"the listing does not tell {option.value if option else ''}"), None)]


#: The compiler of each match module; a new one goes into the Python module of its theme.
MODULES: Mapping[str, Callable[[Match, Family, MatchContext], Compiled]] = {
    "tcp": ports,
    "udp": ports,
    "sctp": ports,
    "dccp": ports,
    "udplite": ports,
    "icmp": icmp,
    "icmp6": icmp,
    "icmpv6": icmp,
    "ipv6-icmp": icmp,
    "multiport": multiport,
    "iprange": iprange,
    "addrtype": addrtype,
    "conntrack": _conntrack,
    "state": _conntrack,
    "mark": mark,
    "connmark": connmark,
    "set": match_set,
    "mac": mac,
    "physdev": physdev,
    "owner": owner,
    "length": length,
    "pkttype": pkttype,
    "rpfilter": rpfilter,
    "limit": limit,
    "hashlimit": hashlimit,
    "connlimit": connlimit,
    "recent": recent,
    "statistic": statistic,
    "string": string,
    "comment": always,
    "nfacct": always,
    "untold": _untold,
    "helper": helper,
    # IPv6 extension headers: an ordinary first packet has none, and without the header
    # these do not match, inverted or not.
    "rt": never,
    "frag": never,
    "hbh": never,
    "dst": never,
}
