"""What a snapshot cannot tell: netui walks each possible way.

A walk calls :meth:`Unknowns.branch` at each point that the snapshot does not decide. :func:`explore`
repeats the walk with every other answer, up to a limit. Outcomes that agree are the verdict. Where
they differ, the verdict is "undecided".

A match that counts (a limit) has a usual answer: the answer to a sender of few packets. The ways with
the usual answers are walked first. Where these agree, they are the verdict, and the limits that could
change it are its condition.
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
    """The answers that one walk assumes: the given ones first, then the likely answer at each further point.

    given: by position, the distance from the likely answer; 0 is the likely answer.
    """

    given: tuple[int, ...] = ()
    taken: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)

    def branch(self, answers: int, unknown: Undecided, likely: int = 0) -> int:
        """Return which of ``ways`` answers this walk assumes at this point."""
        position = len(self.taken)
        turned = self.given[position] if position < len(self.given) else 0
        self.taken.append(turned)
        self.widths.append(answers)
        self.undecided.append(unknown)
        return (likely + turned) % answers

    def exceeded(self) -> frozenset[Undecided]:
        """Return the counting matches that did not give their usual answer."""
        return frozenset(why for why, turned in zip(self.undecided, self.taken, strict=True) if turned and why.bound)

    def assumed(self) -> tuple[tuple[Undecided, int], ...]:
        """Return what was assumed of all that is neither counted nor drawn by lot."""
        return tuple(
            (why, turned)
            for why, turned in zip(self.undecided, self.taken, strict=True)
            if not why.bound and not why.chance
        )


@dataclass(slots=True)
class Explored(Generic[Outcome]):
    """All outcomes, the likely one first; complete unless too many.

    usual: the number of outcomes, from the first, for a quiet sender, for whom each counting match
    gives its usual answer; usual_complete unless those were too many. unknowns: of each outcome.
    """

    outcomes: list[Outcome]
    undecided: list[Undecided]
    complete: bool
    usual: int = 1
    usual_complete: bool = True
    unknowns: list[Unknowns] = field(default_factory=list)

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

    begun: the unknowns and the outcome of the first run, where there was one already.
    """
    patience = patience or Patience()
    most = patience.ways
    if begun is None:
        unknowns = Unknowns()
        begun = unknowns, walk(unknowns)
    unknowns, first = begun
    if not unknowns.taken:
        return Explored([first], [], complete=True)
    explored = Explored([first], [], complete=True, unknowns=[unknowns])
    unknown: dict[Undecided, None] = {}
    #: prefixes of answers still to walk: for a quiet sender, and with exceeded limits
    waiting: list[tuple[int, ...]] = []
    beyond: list[tuple[int, ...]] = []
    exceeds = False
    while True:
        unknown.update(dict.fromkeys(unknowns.undecided))
        for position in range(len(unknowns.taken) - 1, len(unknowns.given) - 1, -1):
            counted = exceeds or bool(unknowns.undecided[position].bound)
            for answer in range(1, unknowns.widths[position]):
                (beyond if counted else waiting).append((*unknowns.taken[:position], answer))
        if not exceeds and (not waiting or len(explored.outcomes) >= most):
            explored.usual, explored.usual_complete = len(explored.outcomes), not waiting
            exceeds = True
            waiting = beyond if explored.usual_complete else []
            beyond = waiting
        if not waiting or len(explored.outcomes) >= explored.usual + most:
            explored.undecided = list(unknown)
            explored.complete = explored.usual_complete and not waiting
            patience.given_up += not explored.usual_complete
            return explored
        unknowns = Unknowns(waiting.pop())
        explored.outcomes.append(walk(unknowns))
        explored.unknowns.append(unknowns)
