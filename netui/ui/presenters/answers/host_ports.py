"""The host's own ports: a line for each port, or ports with equal outcomes, with the answerer and the origins."""

from __future__ import annotations

from dataclasses import dataclass

from netui.audit.host_ports import HostPorts
from netui.audit.origins import WIDEST, Where
from netui.audit.port_rows import HostPort
from netui.model import Snapshot
from netui.reports.host_ports import answerer_text, ports_text
from netui.text.visible import escape
from netui.traversal.result import step_place
from netui.ui.presenters.answers.answer import Answer, step_item
from netui.ui.presenters.answers.exposed import HEADS, WIDTH, cell_lines, word
from netui.ui.presenters.cells import clip_middle, fit
from netui.ui.presenters.details.parts import DetailLine, field, heading
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.selection import Item
from netui.ui.presenters.spans import Spans

_COLUMNS: tuple[Where, ...] = ("world", "lan", "networks")
_PORT = 16
_NOTHING = " no port of this machine is reached by other machines or containers"


@dataclass(frozen=True)
class HostPortsAnswer(Answer):
    """The content of ``netui exposed --host``: the widest open ports first, those without an answerer last."""

    ports: tuple[HostPort, ...] = ()
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot, found: HostPorts) -> HostPortsAnswer:
        """Lay out the ports, and at the end the reasons for unknown ones."""
        ports = found.ports
        world = sum(each.widest == "world" for each in ports)
        count = f"{plural(len(ports), 'line')}, {world} open to the world"
        keys: list[object] = [(each.protocol, tuple(each.ports), each.answered_by) for each in ports]
        keys += [("unknown", text) for text in found.unknown]
        return cls(snapshot, count, keys=keys or ["none"], ports=ports, unknown=found.unknown)

    def _widths(self, room: int) -> tuple[int, int]:
        """Return the widths of the ports and answerers."""
        by = max([11, *(len(answerer_text(each.answered_by)) for each in self.ports)])
        left = room - _PORT - WIDTH * len(_COLUMNS) - 5 - 20
        return _PORT, max(11, min(by, left, 40))

    def header(self, room: int, column: int, first: int = 0) -> Spans:
        """Return the names of the columns."""
        port, by = self._widths(room)
        spans: Spans = [(f" {fit('port', port)} {fit('answered by', by)} ", "")]
        spans += [(fit(HEADS[where][0], WIDTH), "") for where in _COLUMNS]
        return [*spans, ("  decided by", "")]

    def line(self, index: int, room: int, column: int | None, first: int = 0) -> Spans:
        """Return the line of a port, or of an unknown."""
        if index >= len(self.ports):
            text = self.unknown[index - len(self.ports)] if self.unknown else ""
            return [(f" {escape(text)}", "warn")] if text else [(_NOTHING, "dim")]
        one = self.ports[index]
        port, by = self._widths(room)
        text = clip_middle(escape(answerer_text(one.answered_by)), by)
        nobody = one.answered_by.kind in ("nobody", "unknown")
        spans: Spans = [
            (f" {fit(clip_middle(f'{ports_text(one.ports)}/{one.protocol}', port), port)} ", ""),
            (f"{fit(text, by)} ", "dim" if nobody else "name"),
        ]
        for where in _COLUMNS:
            shown, role = word(one.cells, where)
            spans.append((fit(shown, WIDTH), role))
        deciding = one.deciding
        return [*spans, (f"  {escape(step_place(deciding.step))}" if deciding is not None else "", "dim")]

    def details(self, index: int, column: int) -> list[DetailLine]:
        """Return the answerer, and each origin and address with its outcome and rule."""
        if index >= len(self.ports):
            return []
        one = self.ports[index]
        lines = [
            field("ports", f"{', '.join(_spans(one))} {one.protocol}"),
            field("answered by", answerer_text(one.answered_by)),
            heading("From where"),
        ]
        order = {where: number for number, where in enumerate(WIDEST)}
        asked = [f"at {cell.destination.rpartition(':')[0]}" for cell in one.cells]
        width = max((len(text) for text in asked), default=0)
        cells = sorted(zip(one.cells, asked, strict=True), key=lambda each: order[each[0].origin.where])
        for number, (cell, at) in enumerate(cells):
            lines += cell_lines(self.snapshot, cell, number, at=at.ljust(width + 2))
        return lines

    def action(self, index: int, column: int) -> Item | None:
        """Return the deciding rule of the widest origin."""
        deciding = self.ports[index].deciding if index < len(self.ports) else None
        return step_item(self.snapshot, deciding.step) if deciding is not None and deciding.step is not None else None


def _spans(one: HostPort) -> list[str]:
    return [str(low) if low == high else f"{low}-{high}" for low, high in one.ports]
