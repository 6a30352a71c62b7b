"""A screen over the panes that answers one question about the whole host."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from netui.ui.answer_lines import AnswerDetail, AnswerLines
from netui.ui.line_view import LineView
from netui.ui.presenters.answer import TITLES, Answer, Question
from netui.ui.state import State
from netui.ui.status import KeyLine, StatusLine

#: Below this many rows the lines and the details take turns.
_LOW = 12


class AnswerScreen(Screen[None]):
    """Lines above, details below; Enter goes to the rule, Esc back to the panes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "app.to_panes", "Back", key_display="Esc", id="answer.close",
                tooltip="Back to the panes"),
        Binding("tab,shift+tab", "other", "Details", key_display="Tab", id="answer.other",
                tooltip="To the details and back"),
    ]  # fmt: skip

    def __init__(self, question: Question, state: State, status: StatusLine) -> None:
        super().__init__()
        self.question: Question = question
        self.status = status
        self.lines = AnswerLines()
        self.detail = AnswerDetail()
        self._keys_line = KeyLine(state, stepping=False, id="keys")

    def compose(self) -> ComposeResult:
        """Lay out the header line, the lines, their details and the footer."""
        yield self.status
        yield self.lines
        yield self.detail
        yield self._keys_line

    def on_mount(self) -> None:
        """Begin in the lines."""
        self.set_focus(self.lines)

    def show(self, answer: Answer | None, *, working: bool, problem: str = "") -> None:
        """Show what is known, and whether more is to come."""
        title = [TITLES[self.question]]
        if answer is not None and answer.count:
            title.append(answer.count)
        if working:
            title.append("working…")
        if problem:
            title.append(problem)
        self.lines.set_title(" — ".join(title))
        if answer is not self.lines.answer or answer is None:
            self.lines.show(answer)

    @on(AnswerLines.Pointed)
    def point(self) -> None:
        """Show the details of the line under the cursor."""
        answer, lines = self.lines.answer, self.lines
        known = answer is not None and lines.cursor < len(answer.keys)
        self.detail.show(answer.details(lines.cursor, lines.column) if answer is not None and known else [])

    def on_resize(self, event: events.Resize) -> None:
        """Show one pane at a time where there is no room for two."""
        self.set_class(event.size.height < _LOW, "-low")

    @on(events.DescendantFocus)
    def follow_focus(self) -> None:
        """Let the screen go with the focus where it shows one pane."""
        self.set_class(self.detail.has_focus, "-details")

    @property
    def focused_pane(self) -> LineView:
        """The pane in focus."""
        return self.detail if self.detail.has_focus else self.lines

    def action_other(self) -> None:
        """Focus the other pane."""
        other = self.lines if self.detail.has_focus else self.detail
        # A pane that is not displayed cannot take the focus.
        self.set_class(other is self.detail, "-details")
        self.call_after_refresh(other.focus)
