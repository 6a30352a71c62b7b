"""What a snapshot cannot tell: every way it could go is walked.

A walk asks :meth:`Choices.pick` at each point that it cannot know. :func:`explore`
runs the walk again for every other answer, until all ways were taken or there are
too many. Outcomes that agree make a verdict; others make it undecided.

A match that counts (a limit) has a usual answer, the one to a quiet sender. Ways on which every
such match gives it are walked first: where they agree, that is the verdict, and the limits that
could change it are its condition.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from netui.traversal.result import Undecided

Outcome = TypeVar("Outcome")

#: More ways than this are not walked; the answer is then undecided.
MOST_WAYS = 96
#: On a host where so many questions had more ways than that, a question has fewer.
_HOPEFUL = 32
_FEW_WAYS = 8


@dataclass(slots=True)
class Unknowns:
    """The answers of one way: a given beginning, then the likely one for whatever comes after it.

    given: by position, how far from the likely answer; 0 is the likely one itself.
    """

    given: tuple[int, ...] = ()
    taken: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    unknown: list[Undecided] = field(default_factory=list)

    def pick(self, ways: int, unknown: Undecided, likely: int = 0) -> int:
        """Return which of ``ways`` answers this walk takes at this point."""
        position = len(self.taken)
        turned = self.given[position] if position < len(self.given) else 0
        self.taken.append(turned)
        self.widths.append(ways)
        self.unknown.append(unknown)
        return (likely + turned) % ways

    def exceeded(self) -> frozenset[Undecided]:
        """Return the counting matches that did not give their usual answer."""
        return frozenset(why for why, turned in zip(self.unknown, self.taken, strict=True) if turned and why.bound)

    def assumed(self) -> tuple[tuple[Undecided, int], ...]:
        """Return what was assumed of all that is neither counted nor drawn by lot."""
        return tuple(
            (why, turned)
            for why, turned in zip(self.unknown, self.taken, strict=True)
            if not why.bound and not why.chance
        )


@dataclass(slots=True)
class Explored(Generic[Outcome]):
    """All outcomes, the likely one first; complete unless too many.

    usual: how many of them, from the first, are of a quiet sender, for whom each counting match
    gives its usual answer; usual_complete unless those were too many. choices: of each outcome.
    """

    outcomes: list[Outcome]
    unknown: list[Undecided]
    complete: bool
    usual: int = 1
    usual_complete: bool = True
    choices: list[Unknowns] = field(default_factory=list)

    def of_quiet_sender(self) -> list[Outcome]:
        """Return the outcomes of a quiet sender."""
        return self.outcomes[: self.usual]


@dataclass(slots=True)
class Patience:
    """How many ways of a question are walked on a host; fewer where many questions had too many.

    Such a question is undecided, however many of its ways are walked.
    """

    given_up: int = 0

    @property
    def ways(self) -> int:
        """How many ways of the next question."""
        return MOST_WAYS if self.given_up < _HOPEFUL else _FEW_WAYS


def explore(
    walk: Callable[[Unknowns], Outcome],
    begun: tuple[Unknowns, Outcome] | None = None,
    patience: Patience | None = None,
) -> Explored[Outcome]:
    """Run ``walk`` for every combination of answers to what it cannot know.

    begun: the choices of its first run and what came of it, where it was run already.
    """
    patience = patience or Patience()
    most = patience.ways
    if begun is None:
        choices = Unknowns()
        begun = choices, walk(choices)
    choices, first = begun
    if not choices.taken:
        return Explored([first], [], complete=True)
    found = Explored([first], [], complete=True, choices=[choices])
    unknown: dict[Undecided, None] = {}
    #: beginnings that are still to be walked: of a quiet sender, and where a limit is exceeded
    waiting: list[tuple[int, ...]] = []
    beyond: list[tuple[int, ...]] = []
    exceeds = False
    while True:
        unknown.update(dict.fromkeys(choices.unknown))
        for position in range(len(choices.taken) - 1, len(choices.given) - 1, -1):
            counted = exceeds or bool(choices.unknown[position].bound)
            for answer in range(1, choices.widths[position]):
                (beyond if counted else waiting).append((*choices.taken[:position], answer))
        if not exceeds and (not waiting or len(found.outcomes) >= most):
            found.usual, found.usual_complete = len(found.outcomes), not waiting
            exceeds = True
            waiting = beyond if found.usual_complete else []
            beyond = waiting
        if not waiting or len(found.outcomes) >= found.usual + most:
            found.unknown = list(unknown)
            found.complete = found.usual_complete and not waiting
            patience.given_up += not found.usual_complete
            return found
        choices = Unknowns(waiting.pop())
        found.outcomes.append(walk(choices))
        found.choices.append(choices)
