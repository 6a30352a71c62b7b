"""The value of an expression for a packet: keys, bits, concatenations, maps, and random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from netui.model.statements import (
    Bits,
    Choice,
    Concat,
    Element,
    Elements,
    Expression,
    Interval,
    Key,
    Literal,
    Lookup,
    NftSet,
    Text,
    Value,
)
from netui.traversal.any_outside import Senders
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Undecided
from netui.traversal.rules.native.elements import Index, build_index
from netui.traversal.rules.native.keys import reader
from netui.traversal.rules.native.masked import Masked
from netui.traversal.rules.native.reading import ABSENT, KeyContext, Reading, Vague
from netui.traversal.several import Several
from netui.traversal.unknowns import Unknowns

_CALCULATE: Mapping[str, Callable[[int, int], int]] = {
    "&": lambda left, right: left & right,
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
    "<<": lambda left, right: left << min(right, 128),
    ">>": lambda left, right: left >> min(right, 128),
}


@dataclass(slots=True)
class TableSets:
    """The sets and maps of a table, each indexed on first use."""

    sets: Mapping[str, NftSet]
    _indexes: dict[str, Index | None] = field(default_factory=dict)
    _inline: dict[int, tuple[Elements, Index]] = field(default_factory=dict)

    def index(self, elements: Elements, packet: PacketState) -> Index | None:
        """Return the index of elements; None where they are not known, or the packet has changed the set."""
        if not elements.name:
            inline = self._inline.get(id(elements))
            if inline is None:
                inline = self._inline[id(elements)] = (elements, build_index(elements.elements))
            return inline[1]
        if elements.name in packet.touched:
            return None
        if elements.name not in self._indexes:
            kept = self.sets.get(elements.name)
            listed = kept.elements if kept is not None else None
            self._indexes[elements.name] = None if listed is None else build_index(listed)
        return self._indexes[elements.name]


@dataclass(slots=True)
class Evaluation:
    """Evaluates expressions for one packet."""

    packet: PacketState
    context: KeyContext
    sets: TableSets
    unknowns: Unknowns
    #: returns the Undecided that names the rule
    about: Callable[[str, str], Undecided]

    def readings(self, expression: Expression) -> list[Reading]:
        """Return the value of each part of an expression; [ABSENT] where one is absent."""
        if isinstance(expression, Concat):
            values = [self.reading(part) for part in expression.parts]
            return [ABSENT] if any(part is ABSENT for part in values) else values
        if isinstance(expression, Lookup):
            return self._looked_up(expression)
        return [self.reading(expression)]

    def reading(self, expression: Expression) -> Reading:
        """Return the value of an expression that has one part."""
        if isinstance(expression, Key):
            return reader(expression.words)(self.packet, self.context)
        if isinstance(expression, Literal):
            return _reading_of(expression.value)
        if isinstance(expression, Bits):
            return self._calculated(expression)
        if isinstance(expression, Lookup):
            values = self._looked_up(expression)
            return values[0] if len(values) == 1 else None
        if isinstance(expression, Choice):
            return self._drawn(expression)
        return None

    def _calculated(self, expression: Bits) -> Reading:
        left, right = self.reading(expression.left), self.reading(expression.right)
        if left is ABSENT or right is ABSENT:
            return ABSENT
        if expression.operator == "&" and 0 in (left, right):
            return 0
        if expression.operator == "&" and isinstance(left, Vague) and isinstance(right, int):
            many = left.who
            return Vague(Masked(many, right, left.bits), left.bits) if isinstance(many, Senders | Several) else None
        if not isinstance(left, int) or not isinstance(right, int):
            return None
        return _CALCULATE[expression.operator](left, right)

    def _drawn(self, expression: Choice) -> Reading:
        """A random number, which a snapshot cannot tell: a branch for each value."""
        if not 0 < expression.modulus <= 16:
            return None
        about = self.about(expression.words, "the kernel counts, draws or hashes this number")
        drawn = self.unknowns.branch(expression.modulus, replace(about, chance=True))
        return drawn + expression.offset

    def _looked_up(self, expression: Lookup) -> list[Reading]:
        named = f"map @{expression.elements.name}" if expression.elements.name else "map"
        element = self.element(expression.key, expression.elements, named)
        if element is None or not isinstance(element.data, tuple):
            return [ABSENT] if element is None else [None]
        return [_reading_of(part) for part in element.data]

    def element(self, key: Expression, elements: Elements, words: str) -> Element | None:
        """Return the element of a map for a key, None where there is none; a branch for each possible one.

        words: the words of an unknown.
        """
        readings = self.readings(key)
        if readings and readings[0] is ABSENT:
            return None
        index = self.sets.index(elements, self.packet)
        if index is None:
            raise UnknownMap(f"the elements of @{elements.name} are not known")
        holding = index.find(readings)
        certain = bool(holding) and holding[-1][1]
        choices: Sequence[Element | None] = [element for element, _certain in holding]
        if not certain and holding:
            choices = [*choices, None]
        if not choices:
            return None
        if len(choices) == 1:
            return choices[0]
        return choices[
            self.unknowns.branch(len(choices), self.about(words, "a snapshot cannot tell which element this matches"))
        ]


class UnknownMap(Exception):
    """The value depends on a map that was not captured."""


def _reading_of(value: Value) -> Reading:
    if isinstance(value, Interval):
        return value.low if value.low == value.high else None
    if isinstance(value, Text):
        return None if value.prefix else value.text
    return None
