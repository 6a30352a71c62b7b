"""Exposed ports: a line for each port, a column for each kind of origin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netui.audit.cells import Cell, Listed
from netui.audit.exposure import Exposure
from netui.audit.origins import WIDEST, Where
from netui.model import Snapshot
from netui.net.addresses import ip_version
from netui.text.phrases import some
from netui.text.visible import escape
from netui.traversal.result import step_place
from netui.ui.presenters.answers.answer import Answer, step_item
from netui.ui.presenters.cells import clip, clip_middle, fit
from netui.ui.presenters.details.parts import DetailLine, field, heading
from netui.ui.presenters.numbers import natural, plural
from netui.ui.presenters.selection import Item
from netui.ui.presenters.spans import Role, Spans

HEADS: dict[Where, tuple[str, str]] = {
    "world": ("world", "the world"),
    "lan": ("LAN", "LAN"),
    "networks": ("networks", "network"),
    "host": ("host", "this host"),
    "own": ("own net", "its own network"),
}
#: The text of the only line where there is no port, by its key.
_EMPTY = {
    "none": " no container has a port",
    "unknown": " the containers were not read",
    "apart": " the engine's containers are not behind these rules",
}
WIDTH = 9
_STATES: dict[str, tuple[str, Role]] = {
    "open": ("open", "warn"),
    "refused": ("refused", "dim"),
    "closed": ("closed", "good"),
    "undecided": ("undecided", "warn"),
}


@dataclass(frozen=True)
class ExposedAnswer(Answer):
    """The exposures, the widest open first."""

    ports: tuple[Exposure, ...] = ()
    more: bool = False

    @classmethod
    def of(
        cls, snapshot: Snapshot, found: tuple[Exposure, ...], *, more: bool = False, unread: int = 0
    ) -> ExposedAnswer:
        """Sort the exposures.

        more: whether more containers follow. unread: the number of containers with unknown ports.
        """
        rank: dict[Where | None, int] = {where: number for number, where in enumerate(WIDEST)}
        ports = tuple(sorted(found, key=lambda e: (rank.get(e.widest, 9), natural(e.container), e.port, e.protocol)))
        world = sum(each.widest == "world" for each in ports)
        count = f"{plural(len(ports), 'port')}, {world} open to the world"
        if unread:
            count += f"; more may listen in {plural(unread, 'container')}"
        keys: list[object] = [(each.container_id, each.port, each.protocol) for each in ports]
        if not ports and not more:
            keys = ["unknown" if snapshot.containers is None else "none" if snapshot.joined else "apart"]
        return cls(snapshot, count, keys=keys, ports=ports, more=more)

    def _widths(self, room: int) -> tuple[int, int, int]:
        """Return the widths of container, port and published."""
        name = max([11, *(len(each.container) for each in self.ports)])
        left = max(10, room - WIDTH * len(_shown(room)) - 12 - 20)
        published = 0 if room < 90 else 14
        return min(name, left - published, 32), 10, published

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the names of the columns."""
        name, port, published = self._widths(room)
        spans: Spans = [(f" {fit('container', name)} {fit('port', port)} ", "")]
        if published:
            spans.append((f"{fit('published', published)} ", ""))
        spans += [(fit(HEADS[where][0], WIDTH), "") for where in _shown(room)]
        spans.append(("  decided by", ""))
        return spans

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return a port's line."""
        if not self.ports:
            key = str(self.keys[0]) if self.keys else "unknown"
            return [(_EMPTY.get(key, _EMPTY["unknown"]), "dim")]
        one = self.ports[index]
        name, port, published = self._widths(room)
        spans: Spans = [
            (f" {fit(clip_middle(escape(one.container), name), name)} ", "name"),
            (f"{fit(f'{one.port}/{escape(one.protocol)}', port)} ", ""),
        ]
        if published:
            spans.append((f"{fit(escape(' '.join(one.published)), published)} ", "number"))
        for where in _shown(room):
            shown, role = word(one.cells, where)
            spans.append((fit(shown, WIDTH), role))
        deciding = one.deciding
        sign = "! " if one.looks_protected else "  "
        spans.append((sign, "bad"))
        spans.append((escape(step_place(deciding.step)) if deciding is not None else "", "dim"))
        return spans

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return each origin with its outcome and deciding rule."""
        return list(_details(self.snapshot, self.ports[index])) if self.ports else []

    def action(self, index: int, column: int) -> Item | None:
        """Return the deciding rule of the widest origin."""
        if not self.ports:
            return None
        deciding = self.ports[index].deciding
        return step_item(self.snapshot, deciding.step) if deciding is not None and deciding.step is not None else None


def _shown(room: int) -> tuple[Where, ...]:
    """Return the origins with a column; in a narrow terminal the nearest ones are only in the details."""
    return WIDEST if room >= 90 else WIDEST[:-1]


def word(every: Sequence[Cell], where: Where) -> tuple[str, Role]:
    """Return the text of an origin's cells: "open 4,6", "refused", "?" or "–"."""
    cells = [cell for cell in every if cell.origin.where == where]
    if not cells:
        return "", "dim"
    for state in ("open", "refused", "undecided"):
        families = sorted({"4" if c.origin.family == "ip" else "6" for c in cells if c.state == state})
        if families:
            said = {"open": "open", "refused": "refused", "undecided": "?"}[state]
            both = {cell.origin.family for cell in cells}
            role: Role = {"open": "bad" if where == "world" else "warn", "refused": "dim", "undecided": "warn"}[state]
            return (f"{said} {','.join(families)}" if len(both) > 1 and state == "open" else said), role
    nets = {net for cell in cells for net in cell.listed}
    if nets:
        return plural(len(nets), "net"), "warn"
    return "–", "dim"


def _details(snapshot: Snapshot, one: Exposure) -> Iterator[DetailLine]:
    at = f" on {' '.join(one.published)}" if one.published else ""
    how = ", ".join(f"{word}{at}" if word == "published" else word for word in one.how) or "known from its rules"
    yield field("port", f"{one.container} {one.port}/{one.protocol}: {how}")
    if one.listening in ("no", "loopback"):
        yield field(
            "", "nothing listens on it" if one.listening == "no" else "listens on its own 127.0.0.1 only", "warn"
        )
    for text in one.looks_protected:
        yield field("!", text, "bad")
    for text in one.notes:
        yield field("note", text, "dim")
    yield heading("From where")
    order = {where: number for number, where in enumerate(WIDEST)}
    for number, cell in enumerate(sorted(one.cells, key=lambda cell: order[cell.origin.where])):
        yield from cell_lines(snapshot, cell, number)


def cell_lines(snapshot: Snapshot, cell: Cell, number: int, *, at: str = "") -> Iterator[DetailLine]:
    """Yield the line of a cell, and those of senders with another outcome.

    at: the text before the rule: the host's address, where there are several.
    """
    yield _cell_line(snapshot, cell, number, at)
    for index, listed in enumerate(cell.senders):
        yield _listed_line(snapshot, listed, (number, index))


def _listed_line(snapshot: Snapshot, one: Listed, number: tuple[int, int]) -> DetailLine:
    """The line of senders with another outcome, and its rule."""
    state, role = _STATES[one.state]
    spans: Spans = [(" " * 33, ""), (fit(state, 10), role)]
    if one.step is not None:
        spans += [(escape(step_place(one.step)), "target"), ("  ", "")]
    spans.append((escape(f"for {some(list(one.addresses), 3)}"), ""))
    return DetailLine(("listed", *number), spans, step_item(snapshot, one.step) if one.step is not None else None)


def _cell_line(snapshot: Snapshot, cell: Cell, number: int, at: str) -> DetailLine:
    origin = cell.origin
    family = ip_version(origin.family)
    name = f" {origin.name}" if origin.name else ""
    state, role = _STATES[cell.state]
    spans: Spans = [
        (fit(clip(f"{HEADS[origin.where][1]}{escape(name)}", 27), 28), ""),
        (f"{family} ", "dim"),
        (fit(state, 10), role),
        (escape(at), "dim"),
    ]
    if cell.step is not None:
        spans.append((escape(step_place(cell.step)), "target"))
        spans.append(("  ", ""))
    if cell.state != "open":
        spans.append((escape(cell.reason), "dim"))
    for text in cell.undecided:
        spans.append((escape(f" {text}"), "warn"))
    return DetailLine(("cell", number), spans, step_item(snapshot, cell.step) if cell.step is not None else None)
