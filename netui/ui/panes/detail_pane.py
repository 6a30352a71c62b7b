"""The detail pane: the details of the item under the cursor, and its flows."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType

from netui.traversal.result import Flow
from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import FlowOpened, GoTo
from netui.ui.presenters.chains.virtual_lines import KeyList
from netui.ui.presenters.details.flows import VERDICTS, part_words, same_flow
from netui.ui.presenters.details.pane import build_detail, title_of
from netui.ui.presenters.details.parts import DetailInput, DetailLine, wrapped
from netui.ui.presenters.selection import ContainerItem, PortItem
from netui.ui.presenters.spans import Spans, cut
from netui.ui.state import State


class DetailPane(LineView):
    """Lines about the selected item; Enter opens a flow or goes to a line's item."""

    idle_cursor = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "activate",
            "Open",
            key_display="Enter",
            id="detail.open",
            tooltip="Open the flow, or go to what the line names",
        ),
    ]

    def __init__(self, state: State, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.flows: tuple[Flow, ...] | None = ()
        self.flows_problem = ""
        self._lines: list[DetailLine] = []
        self._item: object = None

    def update_detail(self) -> None:
        """Show the selected item; on a refresh of the same item the cursor stays."""
        item = self.state.item
        given = DetailInput(
            self.state.snapshot,
            self.state.names,
            self.state.track,
            lambda: self.state.words,
            self.flows if isinstance(item, ContainerItem | PortItem) else (),
            self.flows_problem,
            self.state.flow,
            self.state.followed,
            self._width,
        )
        self._lines = wrapped(build_detail(item, given), self._width)
        title = title_of(self.state.snapshot, item)
        if self.state.flow is not None:
            # the verdict must be readable at 80 columns
            verdict = self.state.flow.path.verdict
            sign = VERDICTS.get(verdict, ("?", ""))[0]
            title = f"{title.removeprefix('Container ')} — {sign} {verdict}, {self.state.flow.label}"
            if self.state.part:
                title = f"{title}, {part_words(self.state.parts[self.state.part])}"
        self.set_title(title)
        seen: dict[Hashable, int] = {}
        keys = KeyList()
        for line in self._lines:
            seen[line.key] = seen.get(line.key, -1) + 1
            keys.append((line.key, seen[line.key]))
        if item != self._item:
            self._item = item
            self.cursor = 0
            self.set_keys([])
            self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        if self._keys == keys:
            self.repaint_changed()
        else:
            self.set_keys(keys)

    def go_to_flow(self) -> None:
        """Put the cursor on the open flow, else on the first one."""
        index = self._place_of_flow()
        if index is not None:
            self.move_to(index)

    def show_flow(self) -> None:
        """Scroll to the open flow if it is not visible; the cursor stays unless it is on a flow."""
        index = self._place_of_flow()
        if index is not None:
            self.show_line(index)

    def _place_of_flow(self) -> int | None:
        flows = [(index, line.action) for index, line in enumerate(self._lines) if isinstance(line.action, Flow)]
        opened = self.state.flow
        of_open = (index for index, flow in flows if opened is not None and same_flow(flow, opened))
        return next(of_open, flows[0][0] if flows else None)

    @property
    def _width(self) -> int:
        return (self.scrollable_content_region.width or self.size.width or 80) - 1

    def on_resize(self) -> None:
        """Wrap the lines again."""
        super().on_resize()
        self.update_detail()

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line's text, with a mark at the open flow."""
        line = self._lines[index]
        if isinstance(line.action, Flow):
            is_open = self.state.flow is not None and same_flow(line.action, self.state.flow)
            return cut([("▶ " if is_open else "  ", "step"), *line.spans], width)
        return line.spans

    def activated(self, index: int) -> None:
        """Open the line's flow, or go to its item."""
        action = self._lines[index].action
        if isinstance(action, Flow):
            # a followed flow becomes an opened one, it is not closed
            is_open = self.state.flow is not None and same_flow(action, self.state.flow) and not self.state.followed
            self.post_message(FlowOpened(None if is_open else action))
        elif action is not None:
            self.post_message(GoTo(action))

    def line_text(self) -> str:
        """Return the text of the line under the cursor (for the clipboard)."""
        if self.cursor >= len(self._lines):
            return ""
        return "".join(text for text, role in self._lines[self.cursor].spans if role != "key").strip()
