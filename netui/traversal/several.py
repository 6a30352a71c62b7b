"""Many numbers (senders' addresses, ports) in one walk: each match must hold for all of them or for none.

Where a match holds for some, the walk ends with Split or Fork, and starts again with each part. The parts of
a set are cached: all questions of a host share them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netui.net.intervals import IntervalSet

#: For which numbers a match holds: (True) for those of a set, or (False) for all others.
Asked = tuple[IntervalSet, bool]

#: The size of the caches: of answers, and of ways to divide a set.
_MOST = 4096


class Split(Exception):
    """A match holds for some of the numbers: for those in ``part``."""

    def __init__(self, several: Several, part: IntervalSet, key: object) -> None:
        super().__init__("they differ")
        self.several = several
        self._part, self._key = part, key

    def parts(self) -> Sequence[Several]:
        """Return those for which it does not hold, and those for which it does."""
        return self.several.cut(
            self._key, lambda: (self.several.numbers - self._part, self.several.numbers & self._part)
        )


class Fork(Exception):
    """The numbers go more than one way: each part has its own."""

    def __init__(self, several: Several, parts: Sequence[Several]) -> None:
        super().__init__("they differ")
        self.several = several
        self._parts = parts

    def parts(self) -> Sequence[Several]:
        """Return them."""
        return self._parts


class Several:
    """Numbers for which one packet is walked.

    kept: a cache for other modules, which choose the keys.
    """

    __slots__ = ("_asked", "_cuts", "_says", "_sets", "_spans", "kept", "numbers")

    def __init__(self, numbers: IntervalSet) -> None:
        self.numbers = numbers
        self.kept: dict[object, Any] = {}
        self._spans: dict[tuple[int, int], bool | None] = {}
        self._sets: dict[int, tuple[IntervalSet, IntervalSet, bool | None]] = {}
        self._cuts: dict[object, tuple[object, tuple[Several, ...]]] = {}
        self._asked: list[IntervalSet] | None = None
        self._says = True

    def __bool__(self) -> bool:
        return bool(self.numbers)

    def within(self, low: int, high: int) -> bool:
        """Return whether all or none of them are in an interval; raises Split where some are.

        An interval whose end is before its start holds nothing.
        """
        if low > high:
            return False
        if self._asked is not None:
            self._asked.append(IntervalSet([(low, high)]))
            return self._says
        key = (low, high)
        try:
            answer = self._spans[key]
        except KeyError:
            if len(self._spans) > _MOST:
                self._spans.clear()
            answer = self._spans[key] = self.numbers.meets(low, high)
        if answer is None:
            raise Split(self, IntervalSet([key]), key)
        return answer

    def within_set(self, numbers: IntervalSet) -> bool:
        """Return the same of many intervals."""
        if self._asked is not None:
            self._asked.append(numbers)
            return self._says
        cached = self._sets.get(id(numbers))
        if cached is None:
            met = self.numbers & numbers
            # the cached object must live as long as its id is a key
            cached = self._sets[id(numbers)] = (
                numbers,
                met,
                False if not met else True if met == self.numbers else None,
            )
        if cached[2] is None:
            raise Split(self, cached[1], (id(numbers), "set"))
        return cached[2]

    def within_range(self, first: int, last: int, _bits: int) -> bool:
        """Return whether all or none are in an interval; the same method as in :class:`AnyOutside`."""
        return self.within(first, last)

    def cut(self, key: object, make: Callable[[], Sequence[IntervalSet]]) -> tuple[Several, ...]:
        """Return parts of them, made once for each key."""
        cached = self._cuts.get(key)
        if cached is None:
            if len(self._cuts) > _MOST:
                self._cuts.clear()
            cached = self._cuts[key] = (make, tuple(Several(part) for part in make()))
        return cached[1]

    def learn(self, asked: Callable[[], bool | None]) -> Asked | bool | None:
        """Return for which of them a match holds: True for all, False for none, None where it does not tell.

        The match is tried twice: as if each comparison with them held, and as if none did.
        """
        answers: list[bool | None] = []
        about: list[IntervalSet] = []
        for says in (True, False):
            self._asked, self._says = [], says
            try:
                answers.append(asked())
            except (Split, Fork):
                return None
            finally:
                asked_of, self._asked = self._asked, None
            about += [addresses for addresses in asked_of if addresses not in about]
        if None in answers or len(about) > 1:
            return None
        if answers[0] == answers[1]:
            return answers[0]
        return (about[0], bool(answers[0]))
