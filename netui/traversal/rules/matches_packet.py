"""Matches of a packet's metadata: owner, length, type; and matches that never hold."""

from __future__ import annotations

from netui.model import Family, Match
from netui.net.addresses import parse_ports
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.predicates import Answer, Compiled, MatchContext, Predicate, maybe, no, unknown, yes


def owner(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """xt_owner: a packet without a local socket matches only inverted options."""
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        match option.name:
            case "--socket-exists":
                predicate = maybe(lambda packet: packet.local, option)
            case "--uid-owner":
                predicate = maybe(_uid(option.value), option)
            case _:
                predicate = maybe(lambda packet: None if packet.local else False, option)
        compiled.append((predicate, option))
    return compiled


def _uid(text: str) -> Predicate:
    first, _, last = text.partition("-")

    def matches(packet: PacketState) -> Answer:
        if not packet.local:
            return False
        if packet.uid is None or not first.isdigit() or (last and not last.isdigit()):
            return None
        return int(first) <= packet.uid <= int(last or first)

    return matches


def length(match: Match, family: Family, _around: MatchContext) -> Compiled:
    """``-m length``: the length of a first packet is not known."""
    least = 20 if family == "ip" else 0
    compiled: Compiled = []
    for option in match.options:
        limits = parse_ports(option.value)
        predicate: Predicate = unknown
        if limits is not None and limits[0] <= least and limits[1] == 65535:
            predicate = maybe(yes, option)
        compiled.append((predicate, option))
    return compiled


def pkttype(match: Match, family: Family, _around: MatchContext) -> Compiled:
    """``-m pkttype``."""
    compiled: Compiled = []
    for option in match.options:
        predicate: Predicate = unknown
        if option.name == "--pkt-type":
            kind = option.value.lower()
            kind = {"host": "unicast"}.get(kind, kind)
            predicate = maybe(_packet_type(kind, family), option)
        compiled.append((predicate, option))
    return compiled


def _packet_type(kind: str, family: Family) -> Predicate:
    def matches(packet: PacketState) -> Answer:
        special = packet.dst >> 28 == 0xE or packet.dst == 0xFFFFFFFF if family == "ip" else packet.dst >> 120 == 0xFF
        return None if special else kind == "unicast"

    return matches


def never(_match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """Matches no first packet."""
    return [(no, None)]


def helper(match: Match, _family: Family, _around: MatchContext) -> Compiled:
    """``-m helper``: only an expected connection has a helper."""
    return [((yes if option.negated else no), option) for option in match.options] or [(unknown, None)]
