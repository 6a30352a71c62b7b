"""Compiles conditions on a packet's connection, after xt_conntrack.c."""

from __future__ import annotations

from collections.abc import Callable

from netui.net.addresses import Net
from netui.net.conditions import Condition
from netui.net.intervals import IntervalSet
from netui.traversal.any_outside import AnyOutside
from netui.traversal.packet_state import Connection, PacketState
from netui.traversal.rules.predicates import Answer, Predicate, unknown


def connection_predicate(condition: Condition) -> Predicate:
    """Return the predicate of a condition; :func:`unknown` for a key that nothing reads."""
    asked = _asked(condition)
    return unknown if asked is None else _of_connection(asked, condition.negated)


def _asked(condition: Condition) -> Callable[[PacketState, Connection], Answer] | None:
    key, values = condition.key, condition.values
    names = frozenset(name.text for name in condition.names)
    if key == "ct direction":
        return lambda _packet, connection: connection.is_reply == ("reply" in names)
    if key == "ct status":
        return _status(names)
    if key == "ct mark" and isinstance(values, Net):
        return _mark(values)
    if key == "ct protocol" and isinstance(values, IntervalSet):
        return lambda packet, _connection: packet.protocol in values
    direction, _, side = key.removeprefix("ct ").partition(" ")
    if side.endswith(("saddr", "daddr")) and isinstance(values, Net):
        return _address(direction, side.endswith("saddr"), values)
    if side.startswith("proto-") and isinstance(values, IntervalSet):
        return _port(direction, side == "proto-src", values)
    return None


def state_predicate(states: frozenset[str], negated: bool) -> Predicate:
    """Return the predicate of the connection's state; SNAT and DNAT are states, as in iptables."""
    new, established, untracked, invalid = (name in states for name in ("new", "established", "untracked", "invalid"))
    snat, dnat = "snat" in states, "dnat" in states

    def matches(packet: PacketState) -> Answer:
        connection = packet.connection
        if connection is None:
            # before conntrack sees the packet (raw tables), or untracked
            listed = untracked if packet.untracked else invalid
        else:
            listed = new if connection.new else established
            listed = listed or (snat and connection.snat) or (dnat and connection.dnat)
        return listed != negated

    return matches


def _of_connection(asked: Callable[[PacketState, Connection], Answer], negated: bool) -> Predicate:
    """Without a connection only the state can match; any other option fails, inverted or not."""

    def matches(packet: PacketState) -> Answer:
        if packet.connection is None:
            return False
        answer = asked(packet, packet.connection)
        return None if answer is None else answer != negated

    return matches


def _status(names: frozenset[str]) -> Callable[[PacketState, Connection], Answer]:
    def matches(_packet: PacketState, connection: Connection) -> Answer:
        status = set()
        if connection.confirmed or not connection.new:
            status.add("confirmed")
        if connection.is_reply or not connection.new:
            status.add("seen_reply")
        if "assured" in names and not connection.new and not status & names:
            return None
        return bool(status & names)

    return matches


def _mark(values: Net) -> Callable[[PacketState, Connection], Answer]:
    value, mask = values.value, values.mask
    return lambda _packet, connection: None if connection.mark is None else connection.mark & mask == value


def _address(direction: str, source: bool, net: Net) -> Callable[[PacketState, Connection], Answer]:
    # the original source and the reply's destination are the client's side
    client = (direction == "original") == source

    def matches(packet: PacketState, connection: Connection) -> Answer:
        vague: AnyOutside | None = packet.any_src if client != connection.is_reply else packet.any_dst
        tuple5 = connection.original if direction == "original" else connection.reply
        value = tuple5.src if source else tuple5.dst
        if vague is not None and value in (packet.src, packet.dst):
            return vague.within(net)
        return value in net

    return matches


def _port(direction: str, source: bool, values: IntervalSet) -> Callable[[PacketState, Connection], Answer]:
    original = direction == "original"
    client = original == source
    if not values:
        # turned round: no port is in it
        return lambda _packet, _connection: False
    limits = values.lows[0], values.highs[0]

    def matches(packet: PacketState, connection: Connection) -> Answer:
        several = None if client else connection.any_dport if original else connection.any_reply_sport
        if several is not None:
            return several.within(*limits)
        tuple5 = connection.original if original else connection.reply
        port = tuple5.sport if source else tuple5.dport
        if port is not None:
            return limits[0] <= port <= limits[1]
        if packet.is_echo:
            return None
        if client:
            low, high = packet.sport_range
            if limits[0] <= low and high <= limits[1]:
                return True
            if limits[1] < low or high < limits[0]:
                return False
        return None

    return matches
