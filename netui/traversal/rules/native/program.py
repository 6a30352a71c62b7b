"""A native rule as a program; run.py executes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from netui.model import Chain, Hook, Rule
from netui.model.statements import (
    Compare,
    Key,
    Statement,
    Verdict,
)
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Step, Undecided
from netui.traversal.rules.native.compare import STATUS
from netui.traversal.rules.native.evaluate import TableSets
from netui.traversal.rules.native.keys import reader
from netui.traversal.rules.native.reading import ABSENT, KeyContext, Reading
from netui.traversal.rules.native.run import Outcome, Run
from netui.traversal.rules.target_action import Kind
from netui.traversal.unknowns import Unknowns


@dataclass(slots=True)
class Program:
    """The program of one native rule."""

    rule: Rule
    chain: Chain
    statements: Sequence[Statement]
    context: KeyContext
    sets: TableSets
    #: the first comparison and its key's reader, where a lookup in its index may show that the rule does not match
    _gate: tuple[Callable[[PacketState, KeyContext], Reading], Compare] | None = None

    def __post_init__(self) -> None:
        first = self.statements[0] if self.statements else None
        plain = isinstance(first, Compare) and first.operator == "==" and first.left != STATUS
        if plain and isinstance(first, Compare) and isinstance(first.left, Key):
            self._gate = reader(first.left.words), first

    def run(self, hook: Hook, packet: PacketState, unknowns: Unknowns) -> Outcome | None:
        """Run the rule for a packet; None where it does not match."""
        if self._gate is not None:
            read, first = self._gate
            reading = read(packet, self.context)
            if reading is ABSENT:
                return None
            if type(reading) is int or type(reading) is str:
                index = self.sets.index(first.right, packet)
                if index is not None and index.lacks(reading):
                    return None
        return Run(self, hook, packet, unknowns).run()

    def matches(self, hook: Hook, packet: PacketState, unknowns: Unknowns) -> bool | None:
        """Return whether the matches hold, without executing the rule; None where that is not known."""
        return Run(self, hook, packet, unknowns).matches()

    def verdict(self) -> Outcome:
        """Return the outcome of its last statement, which is a verdict."""
        last = self.statements[-1]
        assert isinstance(last, Verdict)
        return Outcome(cast(Kind, last.kind), last)

    def about(self, hook: Hook, match: str, reason: str) -> Undecided:
        """Return the Undecided that names this rule."""
        chain = self.chain
        return Undecided(
            match, reason, hook, chain.family, chain.backend, chain.table, chain.name, self.rule.number, self.rule.text
        )

    def step(self, hook: Hook, outcome: Outcome) -> Step:
        """Return the step of this rule."""
        chain, rule = self.chain, self.rule
        return Step(
            hook=hook,
            family=chain.family,
            backend=chain.backend,
            table=chain.table,
            chain=chain.name,
            rule=rule.number,
            text=rule.text,
            verdict=outcome.verdict,
            index=rule.index,
            changes=outcome.changes,
            handle=rule.native.handle if rule.native is not None else 0,
        )
