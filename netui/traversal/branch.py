"""One possible way of a packet, and the step that decided its outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netui.traversal.journey.journey import LegResult
from netui.traversal.journey.reply import Answered
from netui.traversal.result import DeliveredTo, Leg, Step, Verdict


@dataclass(slots=True)
class Branch:
    """One possible way of the packet: its outcome, and that of each packet that follows from it."""

    arrivals: list[LegResult]
    #: the outcome of the answer packets, None where they were not walked
    answered: Answered | None
    notes: list[str]

    @property
    def decided(self) -> bool:
        """Whether the outcome of each packet is known."""
        if self.answered is not None and self.answered.undecided is not None:
            return False
        return all(arrival.undecided is None for arrival in self.arrivals)

    @property
    def lost(self) -> Answered | None:
        """The outcome of the answer where it is lost or may be lost; else None."""
        return self.answered if self.answered is not None and self.answered.verdict != "delivered" else None

    @property
    def verdict(self) -> Verdict:
        """The verdict; a lost answer is no delivery."""
        return self.lost.verdict if self.lost is not None else self.last.verdict

    @property
    def reason(self) -> str:
        """Why."""
        return self.lost.reason if self.lost is not None else self.last.reason

    @property
    def delivered_to(self) -> DeliveredTo | None:
        """Who received it."""
        return None if self.lost is not None else self.last.delivered_to

    @property
    def reply(self) -> list[Leg]:
        """The legs of the answer."""
        return self.answered.legs if self.answered is not None else []

    @property
    def deciding(self) -> Step | None:
        """The step that decided."""
        if self.lost is not None and self.lost.step is not None:
            return self.lost.step
        return deciding_step(self.verdict, self.steps) if self.lost is None else None

    @property
    def last(self) -> LegResult:
        """The outcome of the last packet, which is the outcome of the question."""
        return self.arrivals[-1]

    @property
    def steps(self) -> Sequence[Step]:
        """The steps of all legs."""
        if len(self.arrivals) == 1:
            return self.arrivals[0].steps
        return [step for arrival in self.arrivals for step in arrival.steps]

    def legs(self) -> list[Leg]:
        """Return the legs as public records."""
        return [Leg(arrival.seen.packet(), arrival.steps, arrival.where) for arrival in self.arrivals]


def deciding_step(verdict: Verdict, steps: Sequence[Step]) -> Step | None:
    """Return the step that decided: the drop, else the accept, else the translation."""
    if not steps:
        return None
    if verdict in ("dropped", "rejected"):
        last = steps[-1]
        return last if last.verdict.stops else None
    if verdict != "delivered":
        return None
    # a rule that accepts tells more than a policy that accepts
    for wanted in ("accept", "policy accept"):
        for step in reversed(steps):
            if _filters(step) and step.says == wanted and step.hook in ("forward", "input"):
                return step
    for step in reversed(steps):
        if step.changes and (step.table == "nat" or step.backend == "nftables"):
            return step
    return steps[-1]


def _filters(step: Step) -> bool:
    """Whether a step is in a table that filters: iptables' filter, or a native one."""
    return step.table == "filter" or step.backend == "nftables"
