"""The two panes of an answer: its lines, and the details of one line."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message

from netui.traversal.result import Flow
from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import GoTo
from netui.ui.presenters.answers.answer import Answer
from netui.ui.presenters.details.parts import DetailLine, wrapped
from netui.ui.presenters.selection import Item
from netui.ui.presenters.spans import Spans, cut, plain
from netui.ui.terminal import TerminalApp


class AnswerLines(LineView):
    """The lines of an answer; in a matrix left and right go from column to column."""

    header_lines = 1
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "To the rule", key_display="Enter", id="answer.rule",
                tooltip="Go to the deciding rule in the chain table"),
        Binding("l,right", "column(1)", "Column", show=False, id="answer.right",
                tooltip="Next column, or scroll to the right"),
        Binding("h,left", "column(-1)", "Column", show=False, id="answer.left",
                tooltip="Previous column, or scroll to the left"),
        Binding("v", "part", "Part", show=False, id="answer.part",
                tooltip="In reach: next part of the cell's senders; else of the open flow"),
        Binding("right_square_bracket", "columns(1)", "Columns", show=False, id="answer.columns-right",
                tooltip="A screenful of columns to the right"),
        Binding("left_square_bracket", "columns(-1)", "Columns", show=False, id="answer.columns-left",
                tooltip="A screenful of columns to the left"),
    ]  # fmt: skip

    class Pointed(Message):
        """The cursor moved to another line or column."""

    def __init__(self) -> None:
        super().__init__(id="answer-lines")
        self.answer: Answer | None = None
        self.column = 0
        #: the first visible column; names and header do not scroll
        self.first = 0
        self._pointed = (0, 0, 0)
        #: the shown part of the cell's senders
        self.part = 0

    def show(self, answer: Answer | None) -> None:
        """Show an answer; the cursor stays on its line."""
        keys: list[Hashable] = list(answer.keys) if answer is not None else []
        before, self.answer = self.answer, answer
        if answer is not None:
            if before is None and answer.columns > 1:
                self.column = 1  # the first line's first column is the container itself
            elif before is not None and before is not answer:
                if _grew(before, answer):
                    self.repaint_changed()
                    return
                self.column = _same_column(before, answer, self.column)
            self.column = max(0, min(self.column, answer.columns - 1))
            self._show_column()
        # With its frame and header; the style sheet gives it half of the screen at most.
        self.styles.height = max(6, len(keys) + 1 + self.header_lines)
        self.set_keys(keys)
        self.post_message(self.Pointed())

    @property
    def _room(self) -> int:
        return self.scrollable_content_region.width or self.size.width

    def on_resize(self) -> None:
        """Lay out the columns again."""
        super().on_resize()
        self.show(self.answer)

    def header_spans(self, width: int) -> Spans:
        """Return the header of the columns."""
        return (
            cut(self.answer.header(self._room, self.column, self.first), self._room) if self.answer is not None else []
        )

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line."""
        if self.answer is None:
            return []
        column = self.column if index == self.cursor else None
        return cut(self.answer.line(index, self._room, column, self.first), self._room)

    def cursor_moved(self) -> None:
        """Post the cursor's line; in a matrix repaint its old and new lines."""
        line, column, first = self._pointed
        if (line, column) != (self.cursor, self.column):
            self.part = 0
        self._pointed = (self.cursor, self.column, self.first)
        if self.answer is not None and self.answer.columns > 1:
            if first != self.first:
                self.repaint()
            for each in {line, self.cursor}:
                self._painted.pop(each, None)
                self._refresh_row(each)
            if column != self.column:
                self.refresh(Region(0, 0, self.size.width, self.header_lines))
        self.post_message(self.Pointed())

    def action_column(self, by: int) -> None:
        """Go to the next or the previous column; scroll where there is only one."""
        if self.answer is None or self.answer.columns < 2:
            self.action_sideways(8 * by)
            return
        self.column = max(0, min(self.column + by, self.answer.columns - 1))
        self._show_column()
        self.cursor_moved()

    def action_columns(self, by: int) -> None:
        """Move by a page of columns."""
        if self.answer is not None:
            self.action_column(by * self.answer.columns_in(self._room))

    def _show_column(self) -> None:
        """Scroll sideways so that the cursor's column is visible."""
        if self.answer is not None:
            seen = self.answer.columns_in(self._room)
            self.first = max(self.column - seen + 1, min(self.first, self.column))
            self.first = max(0, min(self.first, self.answer.columns - seen))

    def part_of(self, flow: Flow | None) -> int:
        """Return the shown part of a cell, everyone else's where the part no longer exists."""
        return self.part if flow is not None and self.part < len(flow.path.parts) else 0

    async def action_part(self) -> None:
        """Show the next part of the cell's senders, or of the open flow where lines have no cells."""
        answer = self.answer
        assert isinstance(self.app, TerminalApp)
        if answer is None or answer.columns < 2:
            await self.app.run_action("part")
            return
        flow = answer.flow(self.cursor, self.column)
        if flow is None or not flow.path.parts:
            self.app.say("No rule tells the senders of this cell apart.")
            return
        self.part = (self.part_of(flow) + 1) % len(flow.path.parts)
        self.post_message(self.Pointed())

    def activated(self, index: int) -> None:
        """Go to the deciding rule, and open the cell's flow at the shown part."""
        answer = self.answer
        flow = answer.flow(index, self.column) if answer is not None else None
        part = self.part_of(flow)
        action = answer.at_part(part).action(index, self.column) if answer is not None else None
        if action is not None:
            self.post_message(GoTo(action, flow, part))
        else:
            assert isinstance(self.app, TerminalApp)
            self.app.say("No rule decides this.")

    def line_text(self) -> str:
        """Return the line under the cursor with its details (for the clipboard)."""
        if self.answer is None or self.cursor >= self.line_count:
            return ""
        part = self.part_of(self.answer.flow(self.cursor, self.column))
        return self.answer.at_part(part).text(self.cursor, self.column)


def _grew(before: Answer, answer: Answer) -> bool:
    """Whether it is the same answer with more results."""
    return before.snapshot is answer.snapshot and before.keys == answer.keys and before.columns == answer.columns > 1


def _same_column(before: Answer, answer: Answer, column: int) -> int:
    """Return the new position of the cursor's column; the same position where the column is gone."""
    key = before.column_key(column)
    if key is None or answer.column_key(min(column, answer.columns - 1)) == key:
        return column
    return next((each for each in range(answer.columns) if answer.column_key(each) == key), column)


class AnswerDetail(LineView):
    """The details of a line; Enter goes to the rule that a line of them names."""

    idle_cursor = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "To the rule", key_display="Enter", id="answer.detail-rule",
                tooltip="Go to the rule that the line names"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__(id="answer-detail")
        self._given: list[DetailLine] = []
        self.set_title(" Details")
        self._lines: list[DetailLine] = []

    def show(self, lines: list[DetailLine]) -> None:
        """Show other details."""
        self._given = lines
        width = (self.scrollable_content_region.width or self.size.width or 80) - 1
        self._lines = wrapped(lines, width)
        seen: dict[Hashable, int] = {}
        keys: list[Hashable] = []
        for line in self._lines:
            seen[line.key] = seen.get(line.key, -1) + 1
            keys.append((line.key, seen[line.key]))
        self.set_keys(keys)

    def on_resize(self) -> None:
        """Wrap the lines again."""
        super().on_resize()
        self.show(self._given)

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line's text."""
        return self._lines[index].spans

    def activated(self, index: int) -> None:
        """Go to the line's rule or chain."""
        action: Item | object = self._lines[index].action
        if action is not None:
            self.post_message(GoTo(action))  # type: ignore[arg-type]

    def line_text(self) -> str:
        """Return the text of the line under the cursor (for the clipboard)."""
        return plain(self._lines[self.cursor].spans).strip() if self.cursor < len(self._lines) else ""
