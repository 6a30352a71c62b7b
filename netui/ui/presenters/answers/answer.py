"""An answer to a question about the whole host: lines, each with its details and its rule."""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from netui.model import Snapshot
from netui.text.visible import escape
from netui.traversal.result import Flow, Step
from netui.ui.presenters.cells import fit
from netui.ui.presenters.chains.counters import counter_index
from netui.ui.presenters.details.flows import step_place
from netui.ui.presenters.details.parts import DetailLine
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.query import Query
from netui.ui.presenters.selection import ChainItem, Item, RuleItem
from netui.ui.presenters.spans import Spans, plain

#: The questions: who is reached from where (containers, the host itself), what is wrong, who reaches whom, who is
#: connected, what changed.
Question = Literal["exposed", "ports", "doctor", "reach", "connections", "changes"]
TITLES: dict[Question, str] = {
    "exposed": "Exposed ports: who is reached from where",
    "ports": "The host's own ports: what answers, and who reaches it",
    "doctor": "Doctor: what is wrong or surprising, worst first",
    "reach": "Reachability: line → column",
    "connections": "Connections: who is connected now",
    "changes": "Changes",
}


#: A target without options, which a step's verdict says.
_PLAIN_TARGET = re.compile(r" -[jg] \S+$")


@dataclass(frozen=True)
class Answer:
    """The content of an answer's screen; the base class of all kinds.

    count: a summary for the title. findings: of the doctor. progress: as text, "" where it is complete or
    unknown.
    """

    snapshot: Snapshot
    count: str = ""
    findings: int = 0
    keys: list[Hashable] = field(default_factory=list)
    progress: str = ""

    @property
    def columns(self) -> int:
        """The number of selectable cells of a line, 1 for whole lines."""
        return 1

    def column_key(self, column: int) -> Hashable:
        """Return the identity of a column."""
        return None

    def columns_in(self, room: int) -> int:
        """Return the number of columns that fit."""
        return 1

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the header of the lines, with the columns from ``first`` on."""
        return []

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return a line; column: the selected cell, None on lines without the cursor."""
        raise NotImplementedError

    def narrowed(self, typed: str) -> Answer:
        """Return the lines that match the filter; all of them for an empty filter."""
        query = Query.parse(typed)
        if query is None:
            return self
        chosen = [index for index in range(len(self.keys)) if query.on_text(plain(self.line(index, 200, None)))]
        return Narrowed(
            self.snapshot,
            f"{len(chosen)} of {plural(len(self.keys), 'line')}, {self.count}",
            self.findings,
            [self.keys[index] for index in chosen] or ["none"],
            whole=self,
            chosen=tuple(chosen),
        )

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return the details of a line."""
        raise NotImplementedError

    def flow(self, index: int, column: int) -> Flow | None:
        """Return the flow of a cell, None where the lines have no cells."""
        return None

    def at_part(self, part: int) -> Answer:
        """Return the answer with this part of a cell's senders in the details; 0: everyone else."""
        return self

    def action(self, index: int, column: int) -> Item | None:
        """Return the target of Enter: the deciding rule; None where there is none."""
        return next((line.action for line in self.details(index, column) if _leads(line)), None)  # type: ignore[return-value]

    def text(self, index: int, column: int) -> str:
        """Return a line and its details as text (for the clipboard)."""
        head = plain(self.line(index, 200, None)).strip()
        return "\n".join([" ".join(head.split()), *(plain(line.spans) for line in self.details(index, column))])


@dataclass(frozen=True)
class Narrowed(Answer):
    """Some lines of an answer."""

    whole: Answer | None = None
    chosen: tuple[int, ...] = ()

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the whole answer's header."""
        return self.whole.header(room, column, first) if self.whole is not None else []

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return the whole answer's line."""
        if self.whole is None or not self.chosen:
            return [(" no line has this", "dim")]
        return self.whole.line(self.chosen[index], room, column, first)

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return the whole answer's details."""
        return self.whole.details(self.chosen[index], column) if self.whole is not None and self.chosen else []

    def action(self, index: int, column: int) -> Item | None:
        """Return the target of Enter in the whole answer."""
        return self.whole.action(self.chosen[index], column) if self.whole is not None and self.chosen else None


def _leads(line: DetailLine) -> bool:
    return isinstance(line.action, RuleItem | ChainItem)


def rule_item(
    snapshot: Snapshot, family: str, backend: str, table: str, chain: str, number: int | None
) -> RuleItem | ChainItem | None:
    """Return a rule by table, chain and number, or for a policy its chain; None where the snapshot has neither."""
    key = next((key for key in snapshot.rulesets if (key.family, key.backend) == (family, backend)), None)
    if key is None:
        return None
    index = counter_index(snapshot.rulesets[key])
    if number is not None and (identity := index.at(table, chain, number)) is not None:
        return RuleItem(key, identity)
    return ChainItem(key, table, chain) if (table, chain, "", 0) in index else None


def step_item(snapshot: Snapshot, step: Step) -> RuleItem | ChainItem | None:
    """Return the rule of a step, or for a policy its chain."""
    return rule_item(snapshot, step.family, step.backend, step.table, step.chain, step.rule)


def step_line(snapshot: Snapshot, step: Step, label: str, key: Hashable) -> DetailLine:
    """Return the line of a step, with its rule as the target of Enter."""
    legacy = "legacy " if step.backend == "legacy" else ""
    six = "IPv6 " if step.family == "ip6" else ""
    spans: Spans = [
        (f"{label:<11} ", "key"),
        (fit(escape(f"{six}{legacy}{step_place(step)}"), 34), "target"),
        (escape(f"  {step.says.removeprefix('policy ')}"), "strong"),
    ]
    if step.text and step.rule is not None:
        # chain and plain target are in the line already; for a policy, everything is
        asked = _PLAIN_TARGET.sub("", step.text.removeprefix(f"-A {step.chain}")).strip()
        spans.append((escape(f"  {asked}"), "dim"))
    return DetailLine(key, spans, step_item(snapshot, step))
