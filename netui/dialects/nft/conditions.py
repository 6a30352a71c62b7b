"""A native rule's statements → conditions, in the same form as those of iptables' matches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from netui.model.statements import (
    Bits,
    Choice,
    Compare,
    Concat,
    Elements,
    Expression,
    Interval,
    Key,
    Literal,
    Lookup,
    Opaque,
    SetField,
    SetUpdate,
    Statement,
    Strange,
    Text,
    VerdictMap,
)
from netui.net.addresses import SCTP, TCP, UDP, Net
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
    bits_of,
)
from netui.net.intervals import IntervalSet

_PROTOCOLS: Mapping[str, int] = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "dccp": 33, "udplite": 136}
_PORTS = {"sport": SPORT, "dport": DPORT}
#: Keys with another name among the conditions; ``iif`` is printed by name, too.
_SAME = {"iif": "iifname", "oif": "oifname", "ip protocol": PROTOCOL, "ip6 nexthdr": PROTOCOL}
_NFPROTO = {"ip protocol": 2, "ip6 nexthdr": 10}
#: Bits of ct state (include/uapi/linux/netfilter/nf_conntrack_common.h, as nft writes them).
_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
#: Keys that differ in each packet, or change with time.
_CHANGES = ("meta time", "meta day", "meta hour", "meta random", "meta cpu", "numgen", "ct expiration", "ct packets",
            "ct bytes", "ct avgpkt")  # fmt: skip


def statement_conditions(statements: Sequence[Statement]) -> Iterator[Requirement]:
    """Yield the conditions of a rule's statements, in order.

    A match after a statement that writes a field may read the new value, so it is no condition on the original packet.
    """
    written = False
    for statement in statements:
        if isinstance(statement, Compare):
            yield from [_by_chance(statement.words)] if written else _compare(statement)
        elif isinstance(statement, Opaque | VerdictMap | SetUpdate | Strange):
            yield _by_chance(statement.words)
        written = written or isinstance(statement, SetField)


def _by_chance(words: str) -> OpaqueCondition:
    return OpaqueCondition(words, by_chance=True)


class _Key(NamedTuple):
    """A key of nft: its name among conditions, its implied conditions, and whether it changes."""

    name: str
    brings: tuple[str, IntervalSet, str] | None
    changes: bool


@lru_cache(maxsize=512)
def _key(words: str) -> _Key:
    first, _, rest = words.partition(" ")
    name = _SAME.get(words, words)
    brings = None
    if first in _PROTOCOLS:
        brings = (PROTOCOL, IntervalSet([(_PROTOCOLS[first],) * 2]), first)
        name = _PORTS.get(rest, name)
    elif words in _NFPROTO:
        brings = ("meta nfproto", IntervalSet([(_NFPROTO[words],) * 2]), first)
    return _Key(name, brings, words.startswith(_CHANGES))


def _compare(statement: Compare) -> Iterator[Requirement]:
    """Yield the conditions of a match: protocol or family, and values."""
    words = statement.words
    read, mask = _key_of(statement.left)
    if read is None:
        yield OpaqueCondition(words, by_chance=_is_drawn(statement.left))
        return
    key = _key(read.words)
    if key.brings is not None:
        required, numbers, printed = key.brings
        yield Condition(required, numbers, False, words, printed)
    values = _values(statement, key.name, mask)
    if values is None or key.changes:
        yield OpaqueCondition(words, by_chance=key.changes or bool(statement.right.name))
        return
    printed = words[words.index("{") :] if "{" in words else words[words.rfind(" ") + 1 :].strip('"')
    yield Condition(key.name, values, statement.operator in ("!=", "!"), words, printed)


def _key_of(left: Expression) -> tuple[Key | None, int | None]:
    """Return the key of a match, and its mask where it has one."""
    if isinstance(left, Key):
        return left, None
    if isinstance(left, Bits) and left.operator == "&" and isinstance(left.left, Key):
        right = left.right.value if isinstance(left.right, Literal) else None
        if isinstance(right, Interval) and right.low == right.high:
            return left.left, right.low
    return None, None


def _is_drawn(expression: Expression) -> bool:
    """Whether the left side is a random number, a counter, a hash or a map's value."""
    if isinstance(expression, Concat):
        return any(map(_is_drawn, expression.parts))
    if isinstance(expression, Bits):
        return _is_drawn(expression.left) or _is_drawn(expression.right)
    if isinstance(expression, Key):
        return expression.words.startswith(_CHANGES)
    return isinstance(expression, Choice | Lookup)


def _values(statement: Compare, key: str, mask: int | None) -> Values | None:
    """Return the right side of a match as values; None where it is no set of values of its key."""
    if statement.right.name:
        return SetReference(statement.right.name) if mask is None and statement.operator in ("==", "!=") else None
    if key == STATE:
        return _states(statement) if mask is None else None
    elements = statement.right.elements
    if mask is None and statement.operator == "==" and len(elements) == 1 and len(elements[0].parts) == 1:
        # most are of one value
        (only,) = elements[0].parts
        return IntervalSet([only]) if isinstance(only, Interval) else (only,) if isinstance(only, Text) else None
    parts = _single_parts(statement.right)
    numbers = [part for part in parts if isinstance(part, Interval)]
    if mask is not None:
        one = numbers[0] if len(numbers) == len(parts) == 1 else None
        plain = one is not None and one.low == one.high and not one.low & ~mask
        return Net(one.low, mask, bits_of(key)) if one and plain and statement.operator in ("==", "!=") else None
    if statement.operator in ("==", "!="):
        if parts and len(numbers) == len(parts):
            return IntervalSet(numbers)
        names = tuple(part for part in parts if isinstance(part, Text))
        return names if names and len(names) == len(parts) else None
    return _ordered(statement.operator, numbers[0], bits_of(key)) if len(numbers) == len(parts) == 1 else None


def _ordered(operator: str, number: Interval, bits: int) -> IntervalSet | None:
    top = (1 << bits) - 1
    spans = {
        "<": (0, number.low - 1), "<=": (0, number.low), ">": (number.low + 1, top), ">=": (number.low, top),
    }  # fmt: skip
    return IntervalSet([spans[operator]]) if operator in spans and number.low == number.high else None


def _single_parts(right: Elements) -> list[object]:
    """Return the values of an anonymous set; [] where it has concatenations."""
    if any(len(element.parts) != 1 for element in right.elements):
        return []
    return [element.parts[0] for element in right.elements]


def _states(statement: Compare) -> tuple[Text, ...] | None:
    """Return the connection's states, which are bits: ``in`` matches any of several bits."""
    bits = 0
    for part in _single_parts(statement.right):
        if not isinstance(part, Interval) or part.low != part.high:
            return None
        if statement.operator in ("==", "!=") and part.low not in _STATES:
            return None
        bits |= part.low
    if not bits or bits & ~sum(_STATES) or statement.operator not in ("==", "!=", "in", "!"):
        return None
    return tuple(Text(name) for bit, name in _STATES.items() if bits & bit)
