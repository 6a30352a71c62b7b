"""What a snapshot cannot tell: every way it could go is walked.

A walk asks :meth:`Choices.pick` at each point that it cannot know. :func:`explore`
runs the walk again for every other answer, until all ways were taken or there are
too many. Outcomes that agree make a verdict; others make it undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from netui.traversal.path import Undecided

Outcome = TypeVar("Outcome")

#: More ways than this are not walked; the answer is then undecided.
MOST_WAYS = 96


@dataclass(slots=True)
class Choices:
    """The answers of one way: a given beginning, then 0 for whatever comes after it."""

    given: tuple[int, ...] = ()
    taken: list[int] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    unknown: list[Undecided] = field(default_factory=list)

    def pick(self, ways: int, unknown: Undecided) -> int:
        """Return which of ``ways`` answers this walk takes at this point."""
        position = len(self.taken)
        answer = self.given[position] if position < len(self.given) else 0
        self.taken.append(answer)
        self.widths.append(ways)
        self.unknown.append(unknown)
        return answer


@dataclass(slots=True)
class Explored(Generic[Outcome]):
    """All outcomes, the first where every unknown was answered by 0; complete unless too many."""

    outcomes: list[Outcome]
    unknown: list[Undecided]
    complete: bool


def explore(walk: Callable[[Choices], Outcome], begun: tuple[Choices, Outcome] | None = None) -> Explored[Outcome]:
    """Run ``walk`` for every combination of answers to what it cannot know.

    begun: the choices of its first run and what came of it, where it was run already.
    """
    if begun is None:
        choices = Choices()
        begun = choices, walk(choices)
    choices, first = begun
    outcomes = [first]
    if not choices.taken:
        return Explored(outcomes, [], complete=True)
    unknown: dict[Undecided, None] = {}
    waiting: list[tuple[int, ...]] = []
    while True:
        unknown.update(dict.fromkeys(choices.unknown))
        for position in range(len(choices.taken) - 1, len(choices.given) - 1, -1):
            for answer in range(1, choices.widths[position]):
                waiting.append((*choices.taken[:position], answer))
        if not waiting or len(outcomes) >= MOST_WAYS:
            return Explored(outcomes, list(unknown), complete=not waiting)
        choices = Choices(waiting.pop())
        outcomes.append(walk(choices))
