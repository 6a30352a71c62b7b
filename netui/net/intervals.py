"""Sets of numbers as sorted, disjoint intervals: addresses or ports, cut and joined in linear time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, summarize_address_range


class IntervalSet:
    """An immutable set of numbers. lows, highs: the ends of its intervals, both included, in order."""

    __slots__ = ("highs", "lows")

    def __init__(self, intervals: Iterable[tuple[int, int]] = ()) -> None:
        lows: list[int] = []
        highs: list[int] = []
        for low, high in sorted(intervals):
            if low > high:
                continue
            if highs and low <= highs[-1] + 1:
                highs[-1] = max(highs[-1], high)
            else:
                lows.append(low)
                highs.append(high)
        self.lows = lows
        self.highs = highs

    def __bool__(self) -> bool:
        return bool(self.lows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IntervalSet) and self.lows == other.lows and self.highs == other.highs

    def __hash__(self) -> int:
        return hash((len(self.lows), self.lows[0] if self.lows else -1, self.highs[-1] if self.highs else -1))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.lows, self.highs, strict=True)

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.lows, number) - 1
        return place >= 0 and number <= self.highs[place]

    def __repr__(self) -> str:
        return f"IntervalSet({list(self)!r})"

    def size(self) -> int:
        """Return how many numbers it holds."""
        return sum(high - low + 1 for low, high in self)

    def meets(self, low: int, high: int) -> bool | None:
        """Return whether an interval holds all of the set (True), nothing of it (False), or a part (None)."""
        if not self.lows:
            return False
        if low <= self.lows[0] and self.highs[-1] <= high:
            return True
        place = bisect_right(self.lows, high) - 1
        return False if place < 0 or self.highs[place] < low else None

    def __and__(self, other: IntervalSet) -> IntervalSet:
        found: list[tuple[int, int]] = []
        mine, theirs = 0, 0
        while mine < len(self.lows) and theirs < len(other.lows):
            low = max(self.lows[mine], other.lows[theirs])
            high = min(self.highs[mine], other.highs[theirs])
            if low <= high:
                found.append((low, high))
            if self.highs[mine] < other.highs[theirs]:
                mine += 1
            else:
                theirs += 1
        return _made(found)

    def __sub__(self, other: IntervalSet) -> IntervalSet:
        found: list[tuple[int, int]] = []
        theirs = 0
        for low, high in self:
            start = low
            while theirs < len(other.lows) and other.highs[theirs] < start:
                theirs += 1
            place = theirs
            while place < len(other.lows) and other.lows[place] <= high:
                if other.lows[place] > start:
                    found.append((start, other.lows[place] - 1))
                start = other.highs[place] + 1
                place += 1
            if start <= high:
                found.append((start, high))
        return _made(found)

    def __or__(self, other: IntervalSet) -> IntervalSet:
        return IntervalSet([*self, *other])


def _made(intervals: list[tuple[int, int]]) -> IntervalSet:
    """Build a set of intervals that are in order and disjoint already."""
    made = IntervalSet()
    made.lows = [low for low, _high in intervals]
    made.highs = [high for _low, high in intervals]
    return made


def of_mask(value: int, mask: int, bits: int, most: int = 4096) -> IntervalSet | None:
    """Return the numbers whose bits under a mask are ``value``; None where that takes more than ``most`` intervals.

    A mask that is no prefix (0.0.0.255) gives many.
    """
    full = (1 << bits) - 1
    free = full ^ mask
    run = ((free + 1) & ~free).bit_length() - 1 if free & 1 else 0
    low_bits = (1 << run) - 1
    others = free & ~low_bits
    if 1 << others.bit_count() > most:
        return None
    starts = [value & mask]
    for bit in range(bits):
        if others >> bit & 1:
            starts += [start | (1 << bit) for start in starts]
    return IntervalSet((start, start | low_bits) for start in starts)


def prefixes(found: IntervalSet, bits: int) -> Iterator[str]:
    """Yield the networks that make up a set of addresses, single addresses without a length."""
    make = IPv4Address if bits == 32 else IPv6Address
    for low, high in found:
        for net in summarize_address_range(make(low), make(high)):
            yield str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)
