"""Whether a set holds what a key reads, and what a map gives for it: yes, no, or not to be known."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from netui.model.statements import Element, Interval, Text, Value
from netui.traversal.address import client_port_in
from netui.traversal.native.keys import PortSpan, Reading, Vague
from netui.traversal.predicates import Answer


def holds(value: Value, reading: Reading) -> Answer:
    """Return whether one value of a set is what was read."""
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
    """The elements of a set or map, found by the first part of what is read.

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
    _vague: dict[Vague, list[Element]] = field(default_factory=dict)

    def find(self, readings: Sequence[Reading]) -> list[tuple[Element, bool]]:
        """Return the elements that hold, each with whether it is certain; a certain one is the last.

        Elements of a set do not overlap, so that a certain one excludes all others.
        """
        found: list[tuple[Element, bool]] = []
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
                found.append((element, False))
        if self.rest is not None:
            found.append((self.rest, not found))
        return found

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
        if isinstance(first, Vague):
            known = self._vague.get(first)
            if known is None:
                known = [e for e in self.elements if e.parts and holds(e.parts[0], first) is not False]
                self._vague[first] = known
            return known
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
    """Return whether a set holds what was read; None for a set whose elements are not known."""
    if index is None:
        return None
    found = index.find(readings)
    if not found:
        return False
    return True if found[-1][1] else None
