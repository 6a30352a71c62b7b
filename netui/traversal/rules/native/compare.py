"""Whether a match of a native rule holds: it compares a reading with a set, a number or bits."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.model.statements import (
    Compare,
    Concat,
    Interval,
    Key,
)
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native.elements import member
from netui.traversal.rules.native.evaluate import Evaluation
from netui.traversal.rules.native.reading import ABSENT, PortSpan, Vague
from netui.traversal.rules.predicates import Answer

_ORDER: Mapping[str, Callable[[int, int], bool]] = {
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}
_ASSURED = 4
STATUS = Key("ct status", "ct_status")


def compare(statement: Compare, evaluation: Evaluation) -> Answer:
    """Return whether a match holds, None where that cannot be known."""
    packet = evaluation.packet
    readings = evaluation.readings(statement.left)
    if readings[0] is ABSENT:
        return False
    if statement.operator in ("==", "!="):
        answer = member(evaluation.sets.index(statement.right, packet), readings)
        if statement.left == STATUS and answer is not None and _doubtful(statement, packet):
            return None
        return answer if answer is None or statement.operator == "==" else not answer
    value = _single(statement)
    reading = readings[0]
    if isinstance(reading, Vague) and value is not None and statement.operator in _ORDER:
        return _compared(statement.operator, reading, value.low)
    if isinstance(reading, PortSpan) and value is not None and statement.operator in _ORDER:
        ends = {_ORDER[statement.operator](end, value.low) for end in (reading.low, reading.high)}
        return ends.pop() if len(ends) == 1 else None
    if value is None or not isinstance(reading, int) or isinstance(statement.left, Concat):
        return None
    if statement.operator in ("in", "!"):
        if statement.left == STATUS and _doubtful(statement, packet) and not reading & value.low & ~_ASSURED:
            return None
        return bool(reading & value.low) == (statement.operator == "in")
    return _ORDER[statement.operator](reading, value.low)


def _doubtful(statement: Compare, packet: PacketState) -> bool:
    """Whether the answer is unknown: of a connection that is not new, a snapshot does not tell if it is assured."""
    connection = packet.connection
    value = _single(statement)
    if connection is None or connection.new:
        return False
    return value is None or bool(value.low & _ASSURED)


def _compared(operator: str, vague: Vague, number: int) -> Answer:
    """Whether all numbers for which the reading stands are below or above a number."""
    if operator in ("<", "<="):
        low, high = 0, number - (operator == "<")
    else:
        low, high = number + (operator == ">"), (1 << vague.bits) - 1
    return vague.who.within_range(low, high, vague.bits) if low <= high else False


def _single(statement: Compare) -> Interval | None:
    """Return the one number that a match compares with."""
    elements = statement.right.elements
    if statement.right.name or len(elements) != 1 or len(elements[0].parts) != 1:
        return None
    value = elements[0].parts[0]
    return value if isinstance(value, Interval) and value.low == value.high else None
