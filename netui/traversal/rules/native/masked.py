"""Bits of a number that stands for many: ``ip saddr & 255.0.255.0`` is compared by the numbers with such bits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from netui.net.intervals import IntervalSet, with_bits
from netui.traversal.any_outside import Senders
from netui.traversal.several import Several


@dataclass(frozen=True, slots=True)
class Masked:
    """The masked bits of many numbers; it has the methods of the numbers themselves.

    Each method returns None where the numbers with such bits are too many intervals (see net.intervals.with_bits).
    """

    who: Senders | Several
    mask: int
    bits: int

    @property
    def several(self) -> Several:
        """The numbers."""
        return self.who.several if isinstance(self.who, Senders) else self.who

    def within_range(self, first: int, last: int, _bits: int) -> bool | None:
        """Return whether the bits of all or of none are in an interval; raises Split where some are."""
        return self.within_set(IntervalSet([(first, last)]))

    def within_set(self, addresses: IntervalSet) -> bool | None:
        """Return the same of many intervals."""
        numbers = self.numbers(addresses)
        return None if numbers is None else self.who.within_set(numbers)

    def numbers(self, addresses: IntervalSet) -> IntervalSet | None:
        """Return all numbers whose bits are in a set; only those of ``several`` where all are too many intervals."""
        every = _numbers(addresses, self.mask, self.bits, None)
        if every is None:
            several = self.several
            key = ("bits", addresses, self.mask)
            if key not in several.kept:
                several.kept[key] = _numbers(addresses, self.mask, self.bits, several.numbers)
            own: IntervalSet | None = several.kept[key]
            return own
        return every


@lru_cache(maxsize=256)
def _numbers(addresses: IntervalSet, mask: int, bits: int, among: IntervalSet | None) -> IntervalSet | None:
    full = (1 << bits) - 1
    parts = [with_bits(low, min(high, full), mask, bits, among=among) for low, high in addresses if low <= full]
    if any(part is None for part in parts):
        return None
    return IntervalSet(span for part in parts if part is not None for span in part)
