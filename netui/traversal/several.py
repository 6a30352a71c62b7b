"""A walk with many at once: numbers (senders' addresses, ports) of which each question holds for all or for none.

Where one holds for some, the walk ends by Split or Fork, and is begun anew with each part of them. The parts
of a set are remembered, so that all questions of a host share them and what was learnt of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from netui.net.intervals import IntervalSet

#: For which numbers something holds: for those of a set, or (False) for all others.
Asked = tuple[IntervalSet, bool]

#: So many answers, and so many ways to cut a set, are remembered.
_MOST = 4096


class Split(Exception):
    """A question holds for some of several: for those in ``part``."""

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
    """Several go more than one way: each part goes its own."""

    def __init__(self, several: Several, parts: Sequence[Several]) -> None:
        super().__init__("they differ")
        self.several = several
        self._parts = parts

    def parts(self) -> Sequence[Several]:
        """Return them."""
        return self._parts


class Several:
    """Numbers that are walked with at once.

    kept: what else is remembered of them, by those who know what it is.
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

        One that is turned round has nobody in it.
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

    def within_set(self, found: IntervalSet) -> bool:
        """Return the same of many intervals."""
        if self._asked is not None:
            self._asked.append(found)
            return self._says
        known = self._sets.get(id(found))
        if known is None:
            met = self.numbers & found
            # that it is kept keeps its identity from being another's
            known = self._sets[id(found)] = (found, met, False if not met else True if met == self.numbers else None)
        if known[2] is None:
            raise Split(self, known[1], (id(found), "set"))
        return known[2]

    def within_range(self, first: int, last: int, _bits: int) -> bool:
        """Return whether all or none are in an interval, as :class:`AnyOutside` is asked."""
        return self.within(first, last)

    def cut(self, key: object, make: Callable[[], Sequence[IntervalSet]]) -> tuple[Several, ...]:
        """Return parts of them, made once for a key."""
        known = self._cuts.get(key)
        if known is None:
            if len(self._cuts) > _MOST:
                self._cuts.clear()
            known = self._cuts[key] = (make, tuple(Several(part) for part in make()))
        return known[1]

    def learn(self, asked: Callable[[], bool | None]) -> Asked | bool | None:
        """Return for which of them a question holds; True or False: for all, for none; None: that is not told.

        It is asked as if each question about them held, and as if none did.
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
            about += [one for one in asked_of if one not in about]
        if None in answers or len(about) > 1:
            return None
        if answers[0] == answers[1]:
            return answers[0]
        return (about[0], bool(answers[0]))
