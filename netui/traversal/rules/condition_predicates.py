"""Compiles conditions into predicates: one function a key.

A packet's addresses and ports may stand for many (`netui/traversal/several.py`); a predicate then answers for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.net.addresses import TCP, WITH_PORTS, Net
from netui.net.conditions import DPORT, IIF, OIF, PROTOCOL, SPORT, STATE, Condition, bits_of
from netui.net.intervals import IntervalSet
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.conntrack_predicates import connection_predicate, state_predicate
from netui.traversal.rules.predicates import Answer, Predicate, invert, no, unknown, yes


def predicate_of(condition: Condition) -> Predicate:
    """Return the predicate of a condition; :func:`unknown` for a key that nothing reads."""
    make = BY_KEY.get(condition.key)
    if make is not None:
        return make(condition)
    if condition.key.startswith("ct "):
        return connection_predicate(condition)
    return unknown


def _maybe(predicate: Predicate, condition: Condition) -> Predicate:
    return invert(predicate) if condition.negated else predicate


# --- addresses and interfaces --------------------------------------------------------------------


def _source(condition: Condition) -> Predicate:
    values = condition.values
    if isinstance(values, Net):
        net = values
        value, mask = net.value, net.mask
        return _maybe(
            lambda packet: packet.src & mask == value if packet.any_src is None else packet.any_src.within(net),
            condition,
        )
    return _maybe(_in_range(condition, source=True), condition)


def _destination(condition: Condition) -> Predicate:
    values = condition.values
    if isinstance(values, Net):
        net = values
        value, mask = net.value, net.mask
        return _maybe(
            lambda packet: packet.dst & mask == value if packet.any_dst is None else packet.any_dst.within(net),
            condition,
        )
    return _maybe(_in_range(condition, source=False), condition)


def _in_range(condition: Condition, *, source: bool) -> Predicate:
    values = condition.values
    if not isinstance(values, IntervalSet) or len(values.lows) > 1:
        return unknown
    if not values:
        # the end is before the start: it holds nothing
        return no
    first, last, bits = values.lows[0], values.highs[0], bits_of(condition.key)

    def matches(packet: PacketState) -> Answer:
        vague = packet.any_src if source else packet.any_dst
        if vague is not None:
            return vague.within_range(first, last, bits)
        return first <= (packet.src if source else packet.dst) <= last

    return matches


def _interface(condition: Condition) -> Predicate:
    """A missing interface is the empty string, so ``! -i br0`` holds in OUTPUT."""
    if len(condition.names) != 1:
        return unknown
    wanted, negated, incoming = condition.names[0], condition.negated, condition.key == IIF
    name = wanted.text
    if wanted.prefix:
        if incoming:
            return lambda packet: packet.iif.startswith(name) != negated
        return lambda packet: packet.oif.startswith(name) != negated
    if incoming:
        return (lambda packet: packet.iif != name) if negated else (lambda packet: packet.iif == name)
    return (lambda packet: packet.oif != name) if negated else (lambda packet: packet.oif == name)


# --- protocol headers ----------------------------------------------------------------------------


def _protocol(condition: Condition) -> Predicate:
    number = condition.single
    if number is None:
        # all of them
        return no if condition.negated else yes
    return _maybe(lambda packet: packet.protocol == number, condition)


def _port(condition: Condition) -> Predicate:
    values = condition.values
    if not isinstance(values, IntervalSet):
        return unknown
    spans = tuple(values)
    source, destination = condition.key != DPORT, condition.key != SPORT
    if not spans:
        return _maybe(no, condition)
    if len(spans) > 1 or (source and destination):
        return _maybe(_any_port(values, spans, source, destination), condition)
    limits = spans[0]
    if source:
        return _maybe(lambda packet: packet.sport_in(limits), condition)
    return _maybe(lambda packet: packet.dport_in(limits), condition)


def _any_port(together: IntervalSet, spans: tuple[tuple[int, int], ...], source: bool, destination: bool) -> Predicate:
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
        for span in spans:
            if destination:
                answer = packet.dport_in(span)
                if answer:
                    return True
                unknown = unknown or answer is None
            if source:
                answer = packet.sport_in(span)
                if answer:
                    return True
                unknown = unknown or answer is None
        return None if unknown else False

    return matches


#: As in the header (RFC 9293).
_FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}


def _tcp_flags(condition: Condition) -> Predicate:
    values = condition.values
    if not isinstance(values, Net):
        return unknown
    mask = frozenset(name for name, bit in _FLAG_BITS.items() if values.mask & bit)
    wanted = frozenset(name for name, bit in _FLAG_BITS.items() if values.value & bit)
    return _maybe(lambda packet: packet.protocol == TCP and packet.tcp_flags & mask == wanted, condition)


# --- what else ---------------------------------------------------------------------------------------


def _mark(condition: Condition) -> Predicate:
    values = condition.values
    if not isinstance(values, Net):
        return unknown
    value, mask = values.value, values.mask
    return _maybe(lambda packet: None if packet.mark is None else packet.mark & mask == value, condition)


def _state(condition: Condition) -> Predicate:
    return state_predicate(frozenset(name.text for name in condition.names), condition.negated)


def _fragment(condition: Condition) -> Predicate:
    # the first packet of a flow is not a fragment
    return no if condition.negated else yes


#: The compiler of each key; keys of connections are compiled by ``connection_predicate``.
BY_KEY: Mapping[str, Callable[[Condition], Predicate]] = {
    "ip saddr": _source,
    "ip6 saddr": _source,
    "ip daddr": _destination,
    "ip6 daddr": _destination,
    IIF: _interface,
    OIF: _interface,
    PROTOCOL: _protocol,
    SPORT: _port,
    DPORT: _port,
    "th port": _port,
    "tcp flags": _tcp_flags,
    "ip frag-off": _fragment,
    "meta mark": _mark,
    STATE: _state,
    # ``-4`` in a line of ip6tables-restore
    "meta nfproto": lambda _condition: no,
}
