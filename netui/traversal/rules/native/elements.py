"""Whether a set has an element for a reading, and what a map gives for it: yes, no, or unknown."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from netui.model.statements import Element, Interval, Text, Value
from netui.net.addresses import client_port_in
from netui.net.intervals import IntervalSet
from netui.traversal.any_outside import Senders
from netui.traversal.rules.native.masked import Masked
from netui.traversal.rules.native.reading import PortSpan, Reading, Vague
from netui.traversal.rules.predicates import Answer
from netui.traversal.several import Fork, Several

#: The size of the cache of elements by their other parts.
_MOST_KEYS = 256


def holds(value: Value, reading: Reading) -> Answer:
    """Return whether one value of a set equals the reading."""
    if value is None or reading is None:
        return None
    if isinstance(value, Interval):
        return _within(value, reading)
    if isinstance(reading, str):
        return reading.startswith(value.text) if value.prefix else reading == value.text
    return None


def _within(value: Interval, reading: Reading) -> Answer:
    if isinstance(reading, int):
        return value.low <= reading <= value.high
    if isinstance(reading, PortSpan):
        if reading.client:
            return client_port_in(value, (reading.low, reading.high))
        if value.low <= reading.low and reading.high <= value.high:
            return True
        return False if reading.high < value.low or value.high < reading.low else None
    if isinstance(reading, Vague):
        full = (1 << reading.bits) - 1
        return False if value.low > full else reading.who.within_range(value.low, min(value.high, full), reading.bits)
    if isinstance(reading, str):
        # "exists" and "missing" of a device
        return int(bool(reading)) == value.low
    return None


@dataclass(slots=True)
class Index:
    """The elements of a set or map, indexed by the first part of the key.

    exact: elements by a single number or name; spans: by intervals that are more, by their low ends;
    others: name prefixes and what is not understood. rest: the catch-all.
    """

    elements: Sequence[Element]
    exact: dict[int | str, list[Element]] = field(default_factory=dict)
    spans: list[tuple[int, int, Element]] = field(default_factory=list)
    lows: list[int] = field(default_factory=list)
    others: list[Element] = field(default_factory=list)
    rest: Element | None = None
    #: whether intervals of the first part overlap, as those of concatenations may
    overlapping: bool = False
    _others: dict[object, tuple[list[Element], list[Element]]] = field(default_factory=dict)
    _joined: dict[int, tuple[list[Element], IntervalSet]] = field(default_factory=dict)

    def lacks(self, first: Reading) -> bool:
        """Whether certainly no element begins with a number or name; most packets and rules end here."""
        if self.others or self.rest is not None or first in self.exact:
            return False
        if isinstance(first, str):
            return not self.spans and int(bool(first)) not in self.exact
        if not isinstance(first, int) or self.overlapping:
            return False
        at = bisect_right(self.lows, first) - 1
        return at < 0 or first > self.spans[at][1]

    def find(self, readings: Sequence[Reading]) -> list[tuple[Element, bool]]:
        """Return the elements that hold, each with whether it is certain; a certain one is the last.

        Elements of a set do not overlap, so that a certain one excludes all others.
        """
        for position, reading in enumerate(readings):
            if isinstance(reading, Vague):
                return self._find_vague(readings, position, reading)
        possible: list[tuple[Element, bool]] = []
        for element in self._candidates(readings[0]):
            answer: Answer = True
            for value, reading in zip(element.parts, readings, strict=False):
                part = holds(value, reading)
                if part is False:
                    answer = False
                    break
                if part is None:
                    answer = None
            if answer is True:
                return [(element, True)]
            if answer is None:
                possible.append((element, False))
        if self.rest is not None:
            possible.append((self.rest, not possible))
        return possible

    def _find_vague(self, readings: Sequence[Reading], position: int, vague: Vague) -> list[tuple[Element, bool]]:
        """The same where a part is an address that stands for many: all elements are compared at once."""
        sure, unsure = self._by_others(readings, position)
        possible: list[tuple[Element, bool]] = []
        if self._gives and len(sure) > 1:
            self._fork(sure, position, vague)
        answer = vague.who.within_set(self._spans(sure, position))
        if answer is not False and sure:
            holding = (
                [element for element in sure if self._holds(element, position, vague)] if self._gives else sure[:1]
            )
            if answer and len(holding) == 1:
                return [(holding[0], True)]
            possible += [(element, False) for element in holding]
        possible += [(element, False) for element in unsure]
        if self.rest is not None:
            possible.append((self.rest, not possible))
        return possible

    def _fork(self, elements: list[Element], position: int, vague: Vague) -> None:
        """Raise Fork where the addresses belong to more than one element of a map, or some to none."""
        who = vague.who
        several = who.several if isinstance(who, Senders | Masked) else who if isinstance(who, Several) else None
        if several is None:
            return

        def make() -> list[IntervalSet]:
            left, parts = several.numbers, []
            for element in elements:
                span = element.parts[position]
                if not isinstance(span, Interval):
                    return []
                own = IntervalSet([(span.low, span.high)])
                numbers = who.numbers(own) if isinstance(who, Masked) else own
                if numbers is None:
                    return []
                met = several.numbers & numbers
                if met:
                    parts.append(met)
            left -= IntervalSet(span for part in parts for span in part)
            return [*parts, left] if left else parts

        mask = who.mask if isinstance(who, Masked) else None
        parts = several.cut(("map", id(elements), position, mask), make)
        if len(parts) > 1:
            raise Fork(several, parts)

    @property
    def _gives(self) -> bool:
        """Whether it matters which element holds: in a map each has data."""
        return any(element.data is not None for element in self.elements[:1])

    @staticmethod
    def _holds(element: Element, position: int, vague: Vague) -> bool:
        return holds(element.parts[position], vague) is not False

    def _by_others(self, readings: Sequence[Reading], position: int) -> tuple[list[Element], list[Element]]:
        """The elements whose other parts hold, and those whose other parts are unknown."""
        key = (position, *(reading for at, reading in enumerate(readings) if at != position))
        others = self._others.get(key)
        if others is not None:
            return others
        sure: list[Element] = []
        unsure: list[Element] = []
        for element in self.elements:
            if not element.parts:
                continue
            answer: Answer = True
            for at, (value, reading) in enumerate(zip(element.parts, readings, strict=False)):
                part = (None if value is None else True) if at == position else holds(value, reading)
                if part is False:
                    answer = False
                    break
                answer = None if part is None else answer
            if answer is not False:
                (sure if answer else unsure).append(element)
        if len(self._others) > _MOST_KEYS:
            self._others.clear()
        self._others[key] = (sure, unsure)
        return sure, unsure

    def _spans(self, elements: list[Element], position: int) -> IntervalSet:
        """The addresses of one part of these elements."""
        joined = self._joined.get(id(elements))
        if joined is None or joined[0] is not elements:
            spans = [part for element in elements if isinstance(part := element.parts[position], Interval)]
            joined = (elements, IntervalSet((span.low, span.high) for span in spans))
            if len(self._joined) > _MOST_KEYS:
                self._joined.clear()
            self._joined[id(elements)] = joined
        return joined[1]

    def _candidates(self, first: Reading) -> Sequence[Element]:
        if isinstance(first, int | str) and not isinstance(first, bool):
            at = self.exact.get(first, ())
            more: list[Element] = self.others
            if isinstance(first, int) and self.spans:
                if self.overlapping:
                    more = [*more, *(element for low, high, element in self.spans if low <= first <= high)]
                else:
                    position = bisect_right(self.lows, first) - 1
                    if position >= 0 and first <= self.spans[position][1]:
                        more = [*more, self.spans[position][2]]
            elif isinstance(first, str) and self.spans:
                more = [*more, *(element for _low, _high, element in self.spans)]
            if isinstance(first, str):
                number = self.exact.get(int(bool(first)), ())
                return [*at, *number, *more]
            return [*at, *more] if more else at
        return [element for element in self.elements if element.parts]


def build_index(elements: Sequence[Element]) -> Index:
    """Index elements by their first part."""
    index = Index(elements)
    for element in elements:
        if not element.parts:
            index.rest = element
            continue
        first = element.parts[0]
        if isinstance(first, Interval):
            if first.low == first.high:
                index.exact.setdefault(first.low, []).append(element)
            else:
                index.spans.append((first.low, first.high, element))
        elif isinstance(first, Text) and not first.prefix:
            index.exact.setdefault(first.text, []).append(element)
        else:
            index.others.append(element)
    index.spans.sort(key=lambda span: span[:2])
    index.lows = [low for low, _high, _element in index.spans]
    index.overlapping = any(
        following[0] <= before[1] for before, following in zip(index.spans, islice(index.spans, 1, None), strict=False)
    )
    return index


def member(index: Index | None, readings: Sequence[Reading]) -> Answer:
    """Return whether a set has an element for a reading; None for a set whose elements are not known."""
    if index is None:
        return None
    holding = index.find(readings)
    if not holding:
        return False
    return True if holding[-1][1] else None
