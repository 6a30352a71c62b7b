"""The doctor's findings: a line for each, worst first; the details have reason, evidence and advice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netui.audit.doctor import Diagnosis, Evidence, Finding
from netui.model import Snapshot
from netui.text.visible import escape
from netui.ui.presenters.answers.answer import Answer, rule_item
from netui.ui.presenters.cells import clip
from netui.ui.presenters.details.parts import DetailLine, field
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.spans import Role, Spans

_SEVERITIES: dict[str, tuple[str, Role]] = {
    "high": ("high", "bad"),
    "medium": ("medium", "warn"),
    "low": ("low", "number"),
    "note": ("note", "dim"),
}


@dataclass(frozen=True)
class DoctorAnswer(Answer):
    """Findings, then notes, then what could not be checked (as text)."""

    found: tuple[Finding | str, ...] = ()
    #: whether all data for the findings was read
    decided: bool = True

    @classmethod
    def of(cls, snapshot: Snapshot, diagnosis: Diagnosis) -> DoctorAnswer:
        """Lay out a diagnosis."""
        lines: list[Finding | str] = [*diagnosis.findings, *diagnosis.notes, *diagnosis.unknown]
        if not diagnosis.findings:
            lines.insert(0, "")
        number = len(diagnosis.findings)
        seen: dict[object, int] = {}
        keys: list[object] = []
        for each in lines:
            key = (each.id, each.about) if isinstance(each, Finding) else each
            seen[key] = seen.get(key, -1) + 1
            keys.append((key, seen[key]))
        count = plural(number, "finding") if number else "no finding"
        return cls(snapshot, count, number, keys=keys, found=tuple(lines), decided=diagnosis.decided)

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the names of the columns."""
        return [(" severity  what", "")]

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return a finding's line."""
        one = self.found[index]
        if one == "":
            if self.decided:
                return [(" ✓         ", "good"), ("nothing is wrong that netui can see", "")]
            return [(" –         ", "dim"), ("nothing is wrong in what could be checked", "")]
        if isinstance(one, str):
            return [(" ?         ", "warn"), (clip(escape(one), max(20, room - 12)), "")]
        word, role = _SEVERITIES[one.severity]
        return [(f" {word:<9} ", role), (clip(escape(one.what), max(20, room - 12)), "")]

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return why it matters, the evidence and the advice."""
        one = self.found[index]
        return list(_details(self.snapshot, one)) if isinstance(one, Finding) else []


def _details(snapshot: Snapshot, one: Finding) -> Iterator[DetailLine]:
    yield field("what", one.what, "strong")
    yield field("why", one.why)
    for number, item in enumerate(one.evidence):
        yield _evidence(snapshot, item, number)
    for number, text in enumerate(one.advice):
        yield DetailLine(
            ("advice", number), [(f"{'what to do' if not number else '':<11} ", "key"), (escape(text), "good")]
        )


def _evidence(snapshot: Snapshot, item: Evidence, number: int) -> DetailLine:
    label = "evidence" if not number else ""
    spans: Spans = [(f"{label:<11} ", "key")]
    action = None
    if item.rule_ref is not None:
        family, backend, table, chain, rule = item.rule_ref
        action = rule_item(snapshot, family, backend, table, chain, rule)
        six = "IPv6 " if family == "ip6" else ""
        spans.append((escape(f"{six}{table} {chain} {rule if rule is not None else 'policy'}  "), "target"))
    else:
        spans.append((f"{item.kind}  ", "target"))
    spans.append((escape(item.text), ""))
    if item.packets is not None:
        spans.append((f"  {plural(item.packets, 'packet')}", "number"))
    return DetailLine(("evidence", number), spans, action)
