"""Matches of a packet's protocol header that conditions do not tell: SCTP's chunks, ICMP's types."""

from __future__ import annotations

from netui.dialects.iptables.conditions import match_conditions
from netui.dialects.iptables.header_conditions import ICMP6_TYPES, ICMP_TYPES
from netui.model import Family, Match
from netui.net.addresses import ICMP, ICMP6, SCTP
from netui.net.conditions import Condition
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.condition_predicates import predicate_of
from netui.traversal.rules.predicates import Answer, Compiled, MatchContext, Predicate, maybe, unknown, yes


def sctp(match: Match, family: Family, _around: MatchContext) -> Compiled:
    """``-m sctp``: chunk types; ports as for any protocol."""
    compiled: Compiled = []
    for option in match.options:
        if option.name == "--chunk-types" and len(option.values) == 2:
            compiled.append((maybe(_chunks(option.values[0], option.values[1]), option), option))
            continue
        for required in match_conditions(Match(match.module, (option,)), family):
            asked = predicate_of(required) if isinstance(required, Condition) else unknown
            compiled.append((asked, option))
    return compiled


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


def icmp(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m icmp`` and ``-m icmp6`` (also called icmpv6 and ipv6-icmp): type and code."""
    six = match.module != "icmp"
    names = ICMP6_TYPES if six else ICMP_TYPES
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        if option.name in ("--icmp-type", "--icmpv6-type"):
            text = option.value
            kind_text, slash, code_text = text.partition("/")
            if text in ("any", "255", "255/255") and not six:
                predicate = maybe(yes, option)
            elif text in names:
                predicate = maybe(_icmp_type(names[text], None, six), option)
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
