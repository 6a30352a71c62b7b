"""The changes since a moment: a line for each difference, by kind; the details have both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netui.audit.differences import Difference
from netui.model import Snapshot
from netui.text.visible import escape
from netui.ui.presenters.answers.answer import Answer, rule_item
from netui.ui.presenters.cells import clip, fit
from netui.ui.presenters.details.parts import DetailLine, field
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.selection import ChainItem, RuleItem
from netui.ui.presenters.spans import Role, Spans

_SIGNS: dict[str, Role] = {"+": "good", "-": "bad", "~": "warn"}


@dataclass(frozen=True)
class ChangesAnswer(Answer):
    """Differences, then what could not be compared (as text)."""

    found: tuple[Difference | str, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot, found: Sequence[Difference], missing: Sequence[str], since: str) -> ChangesAnswer:
        """Lay out the differences; since: the base of the comparison, in words."""
        lines: list[Difference | str] = [*found, *missing]
        if not found:
            lines.insert(0, "")
        seen: dict[object, int] = {}
        keys: list[object] = []
        for each in lines:
            seen[each] = seen.get(each, -1) + 1
            keys.append((each, seen[each]))
        count = f"{plural(len(found), 'difference')} since {since}"
        return cls(snapshot, count, keys=keys, found=tuple(lines))

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the names of the columns."""
        return [("   kind       what", "")]

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return a difference's line."""
        one = self.found[index]
        if one == "":
            missing = any(isinstance(each, str) and each for each in self.found)
            return [(" =  ", "dim"), ("nothing changed in what was read" if missing else "nothing changed", "")]
        if isinstance(one, str):
            return [(" ?  ", "warn"), (clip(f"not compared: {escape(one)}", max(20, room - 5)), "")]
        change = f"{one.before} → {one.after}" if one.sign == "~" else one.after or one.before
        text = f"{escape(one.name)}  {escape(change)}"
        return [
            (f" {one.sign} ", _SIGNS[one.sign]),
            (f"{fit(one.kind, 10)} ", "key"),
            (clip(text, max(20, room - 15)), ""),
        ]

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return both sides of a difference."""
        one = self.found[index]
        if one == "":
            return [
                field("compared", "rules, networks, containers, who reaches what, and which senders rules name"),
                field("", "X marks a moment to compare with; --compare PATH compares with a capture", "dim"),
            ]
        if isinstance(one, str):
            return []
        item = self._place(one)
        lines = [field(one.kind, one.name, "target" if item is not None else "strong", item)]
        if one.before:
            lines.append(field("before", one.before))
        if one.after:
            lines.append(field("now", one.after))
        return lines

    def _place(self, one: Difference) -> RuleItem | ChainItem | None:
        """Return the present rule or chain of a difference."""
        family, backend, table, chain, number, *_ = [*one.name.split(" "), "", "", "", ""]
        if one.kind not in ("rule", "chain", "policy"):
            return None
        now = int(number) if one.kind == "rule" and one.sign == "+" and number.isdecimal() else None
        return rule_item(self.snapshot, family, backend, table, chain, now)
