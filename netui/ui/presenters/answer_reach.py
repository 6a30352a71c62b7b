"""Who reaches whom: a line a source, a column a destination, a sign where they meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netui.explain.reach import MatrixCell
from netui.model import Snapshot
from netui.traversal.path import Path
from netui.ui.escape import clip_middle, escape, fit
from netui.ui.presenters.answer import Answer, step_line
from netui.ui.presenters.detail_parts import DetailLine, field, heading
from netui.ui.presenters.flows import VERDICTS, why
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.spans import Spans

#: A column with a name needs as much; with less it has a number.
_NAMED, _WIDEST, _NUMBERED = 12, 22, 4
_APART = "the engine's containers are not behind these rules"


@dataclass(frozen=True)
class ReachAnswer(Answer):
    """The matrix. port: what each container is asked for."""

    names: tuple[str, ...] = ()
    rows: tuple[tuple[MatrixCell, ...], ...] = ()
    ports: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, snapshot: Snapshot, names: tuple[str, ...], rows: tuple[tuple[MatrixCell, ...], ...], running: int
    ) -> ReachAnswer:
        """Lay out the matrix of ``names``, of ``running`` containers that there are."""
        ports = tuple(cell.label for cell in rows[0]) if rows else ()
        cells = [cell for row in rows for cell in row if cell.path is not None]
        reached = sum(cell.path is not None and cell.path.verdict == "delivered" for cell in cells)
        some = (
            f"the first {len(names)} of {running} containers"
            if running > len(names)
            else plural(len(names), "container")
        )
        keys: list[object] = [(name, number) for number, name in enumerate(names)] or ["none"]
        count = f"{some}, {reached} of {len(cells)} ways open"
        return cls(snapshot, count, keys=keys, names=names, rows=rows, ports=ports)

    @property
    def columns(self) -> int:
        """One for each destination."""
        return max(1, len(self.names))

    def _widths(self, room: int) -> tuple[int, int]:
        """Return the widths of the sources' names and of a column."""
        label = min(24 if room >= 60 else 14, max([4, *(len(name) for name in self.names)])) + 5
        each = (room - label) // max(1, len(self.names))
        return label, min(each, _WIDEST) if each >= _NAMED else _NUMBERED

    def width(self, room: int) -> int:
        """Return the width of all columns."""
        label, each = self._widths(room)
        return max(room, label + each * len(self.names))

    def column_at(self, column: int, room: int) -> tuple[int, int]:
        """Return where a column stands."""
        label, each = self._widths(room)
        return label + each * column, label + each * (column + 1)

    def header(self, room: int, column: int) -> Spans:
        """Return the destinations: by name and port where there is room, else by number."""
        label, each = self._widths(room)
        spans: Spans = [(fit(" from \\ to", label), "")]
        for number, name in enumerate(self.names):
            text = f"{name}:{self.ports[number]}".removesuffix("/tcp").replace(":icmp", "")
            shown = clip_middle(escape(text), each - 2) if each >= _NAMED else str(number + 1)
            spans.append((fit(f" {shown}", each), "strong" if number == column else ""))
        return spans

    def line(self, index: int, room: int, column: int | None) -> Spans:
        """Return a source's line."""
        if not self.names:
            joined = self.snapshot.joined
            none = "no running container has a network of its own"
            return [(f" {none if joined else _APART}", "dim")]
        label, each = self._widths(room)
        name = clip_middle(escape(self.names[index]), label - 5)
        spans: Spans = [(f"{index + 1:>3} {fit(name, label - 4)}", "name")]
        for number, cell in enumerate(self.rows[index]):
            sign, role = VERDICTS.get(cell.path.verdict, ("?", "warn")) if cell.path is not None else ("·", "dim")
            here = number == column
            spans.append(("[" if here else " ", "step"))
            spans.append((sign, role))
            spans.append((fit("]" if here else "", each - 2), "step"))
        return spans

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return the way from the line's container to the column's."""
        if not self.names:
            return []
        cell = self.rows[index][min(column, len(self.names) - 1)]
        return list(_details(self.snapshot, cell))


def _details(snapshot: Snapshot, cell: MatrixCell) -> Iterator[DetailLine]:
    asked = f"{cell.source} → {cell.destination} {cell.label}"
    if cell.path is None:
        itself = cell.source == cell.destination
        yield field(
            "way", f"{asked}: {'a container with itself' if itself else 'cannot be asked: they share no family'}", "dim"
        )
        return
    sign, role = VERDICTS.get(cell.path.verdict, ("?", "warn"))
    yield DetailLine(
        "way",
        [("way         ", "key"), (f"{sign} ", role), (escape(asked), "strong"), (f"  {cell.path.verdict}", role)],
    )
    if cell.path.deciding is not None:
        yield step_line(snapshot, cell.path.deciding, "decided by", "deciding")
    yield from _why(cell.path)
    yield heading("Steps")
    number = 0
    for leg in cell.path.legs:
        for step in leg.steps:
            number += 1
            yield step_line(snapshot, step, f"{number:>3}", ("step", number))


def _why(path: Path) -> Iterator[DetailLine]:
    for number, (text, role) in enumerate(why(path)):
        yield DetailLine(("why", number), [(f"{'why' if not number else '':<11} ", "key"), (text, role)])
