"""Whether all possible ways of a packet have the same outcome, for whom, and up to which limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from netui.traversal.result import BY_AGE, DeliveredTo, Undecided, Verdict
from netui.traversal.unknowns import Explored


class Ending(Protocol):
    """The outcome of one way of a packet."""

    @property
    def verdict(self) -> Verdict:
        """The verdict."""

    @property
    def reason(self) -> str:
        """Why."""

    @property
    def delivered_to(self) -> DeliveredTo | None:
        """Who received it."""


Way = TypeVar("Way", bound=Ending)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is the same on all ways of a quiet sender (one that sends few packets).

    one_of: all receivers where the kernel chooses by chance. condition: up to which limits it
    holds. notes: what lies beyond them.
    """

    verdict: Verdict
    delivered_to: DeliveredTo | None
    one_of: tuple[DeliveredTo, ...] = ()
    condition: str = ""
    notes: tuple[str, ...] = ()


def agreement(explored: Explored[Way]) -> Agreement | None:
    """Return what is the same on all ways of a quiet sender; None where the outcomes differ."""
    quiet = explored.of_quiet_sender()
    verdict, to = quiet[0].verdict, quiet[0].delivered_to
    if not explored.usual_complete or verdict == "undecided":
        return None
    if any(branch.verdict != verdict for branch in quiet):
        return _stopped(explored)
    receivers: tuple[DeliveredTo, ...] = ()
    if any(branch.delivered_to != to for branch in quiet):
        receivers = _by_chance(explored)
        if not receivers:
            return None
        to = None
    counted, others = _limits(explored, verdict, set(receivers) if receivers else {to})
    condition = " and ".join(f"{limit.bound} (rule {limit.rule} of {limit.table} {limit.chain})" for limit in counted)
    notes: list[str] = []
    if condition:
        beyond = "; ".join(dict.fromkeys(f"{branch.verdict} ({branch.reason})" for branch in others))
        notes.append(f"{verdict}, {condition}; beyond that: {beyond}")
    elif not explored.complete:
        notes.append(f"more than {len(explored.outcomes)} ways were possible beyond the limits; not all were walked")
    return Agreement(verdict, to, receivers, condition, tuple(notes))


#: Verdicts of a packet that a rule stops.
_STOPS = ("dropped", "rejected")


def _stopped(explored: Explored[Way]) -> Agreement | None:
    """What can be said where a packet is stopped in any order of the chains, by a drop in one and a reject in another.

    The kernel puts a new chain before those of equal priority: the younger table's is taken to run first, and
    that it need not is said.
    """
    quiet = explored.of_quiet_sender()
    if len(quiet) < len(explored.outcomes) or any(branch.verdict not in _STOPS for branch in quiet):
        return None
    if any(item.match != BY_AGE for item in explored.undecided):
        return None
    other = next(branch for branch in quiet if branch.verdict != quiet[0].verdict)
    orders = "; ".join(item.reason for item in explored.undecided)
    note = (
        f"{orders}: as their tables were made it is {quiet[0].verdict} ({quiet[0].reason}); "
        f"in the other order it would be {other.verdict} ({other.reason})"
    )
    return Agreement(quiet[0].verdict, None, notes=(note,))


def _by_chance(explored: Explored[Way]) -> tuple[DeliveredTo, ...]:
    """All possible receivers, where only chance decides between them; () where an unknown decides, too."""
    groups: dict[object, dict[DeliveredTo, None]] = {}
    for branch, unknowns in zip(explored.of_quiet_sender(), explored.unknowns, strict=False):
        if branch.delivered_to is None:
            return ()
        groups.setdefault(unknowns.assumed(), {})[branch.delivered_to] = None
    every = list(groups.values())
    return tuple(every[0]) if all(receivers.keys() == every[0].keys() for receivers in every) else ()


def _limits(
    explored: Explored[Way], verdict: Verdict, receivers: Iterable[DeliveredTo | None]
) -> tuple[list[Undecided], list[Way]]:
    """The limits beyond which the outcome differs, and those ways: as few exceeded limits as possible for each."""
    wanted = set(receivers)
    exceeding = [
        (unknowns.exceeded(), branch)
        for branch, unknowns in zip(
            explored.outcomes[explored.usual :], explored.unknowns[explored.usual :], strict=True
        )
        if branch.verdict != verdict or branch.delivered_to not in wanted
    ]
    least = [(limits, branch) for limits, branch in exceeding if not any(other < limits for other, _ in exceeding)]
    named = frozenset().union(*(limits for limits, _ in least))
    return [limit for limit in explored.undecided if limit in named], [branch for _, branch in least]
