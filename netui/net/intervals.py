"""Sets of numbers (addresses, ports) as sorted, disjoint intervals, with set operations in linear time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, summarize_address_range
from socket import AF_INET, inet_ntop


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
        index = bisect_right(self.lows, number) - 1
        return index >= 0 and number <= self.highs[index]

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
        index = bisect_right(self.lows, high) - 1
        return False if index < 0 or self.highs[index] < low else None

    def __and__(self, other: IntervalSet) -> IntervalSet:
        few, many = (self, other) if len(self.lows) <= len(other.lows) else (other, self)
        overlap = IntervalSet()
        for low, high in few:
            # the intervals that overlap, cut at both ends
            first, behind = bisect_left(many.highs, low), bisect_right(many.lows, high)
            if first < behind:
                start = len(overlap.lows)
                overlap.lows += many.lows[first:behind]
                overlap.highs += many.highs[first:behind]
                overlap.lows[start] = max(low, overlap.lows[start])
                overlap.highs[-1] = min(high, overlap.highs[-1])
        return overlap

    def __sub__(self, other: IntervalSet) -> IntervalSet:
        if not self.lows or not other.lows:
            return self
        gaps = IntervalSet()
        gaps.lows = [high + 1 for high in other.highs]
        gaps.highs = [low - 1 for low in other.lows[1:]]
        gaps.highs.append(max(self.highs[-1], gaps.lows[-1]))
        if self.lows[0] < other.lows[0]:
            gaps.lows.insert(0, self.lows[0])
            gaps.highs.insert(0, other.lows[0] - 1)
        return self & gaps

    def __or__(self, other: IntervalSet) -> IntervalSet:
        return IntervalSet([*self, *other])


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


def with_bits(
    low: int, high: int, mask: int, bits: int, most: int = 4096, among: IntervalSet | None = None
) -> IntervalSet | None:
    """Return the numbers whose bits under a mask make a number from ``low`` to ``high``; None as of ``of_mask``.

    among: only numbers of this set are wanted.
    """
    intervals: list[tuple[int, int]] = []
    for first, last in [(0, (1 << bits) - 1)] if among is None else among:
        #: prefixes of such numbers: the number of remaining bits, the prefix, and whether it equals that of each limit
        waiting = [(bits, 0, True, True)]
        while waiting:
            left, begun, at_low, at_high = waiting.pop()
            rest = (1 << left) - 1
            least, greatest = begun << left, begun << left | rest
            if greatest < first or last < least:
                continue
            if (not at_low and not at_high) or not mask & rest:
                # whatever follows: the bits that the mask leaves are above the low limit, or both are 0
                if not at_low or not low & rest:
                    intervals.append((max(least, first), min(greatest, last)))
            else:
                bit = left - 1
                lowest, highest = low >> bit & 1, high >> bit & 1
                for digit in (0, 1):
                    seen = digit & mask >> bit
                    if (not at_low or seen >= lowest) and (not at_high or seen <= highest):
                        waiting.append(
                            (bit, begun << 1 | digit, at_low and seen == lowest, at_high and seen == highest)
                        )
            if len(intervals) + len(waiting) > most:
                return None
    return IntervalSet(intervals)


def prefixes(addresses: IntervalSet, bits: int) -> Iterator[str]:
    """Yield the networks that make up a set of addresses, single addresses without a length."""
    make = IPv4Address if bits == 32 else IPv6Address
    for low, high in addresses:
        if low == high:
            # a fifth of the time, and a block list has 100,000
            yield inet_ntop(AF_INET, low.to_bytes(4, "big")) if bits == 32 else str(make(low))
            continue
        for net in summarize_address_range(make(low), make(high)):
            yield str(net.network_address) if net.prefixlen == net.max_prefixlen else str(net)
