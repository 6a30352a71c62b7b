"""A screen over the panes that answers one question about the whole host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Static

from netui.ui.answers.lines import AnswerDetail, AnswerLines
from netui.ui.lines.line_list_view import LineView
from netui.ui.panes.filter_bar import FilterBar
from netui.ui.panes.status import KeyLine, StatusLine
from netui.ui.presenters.answers.answer import TITLES, Answer, Question
from netui.ui.presenters.details.flows import part_words
from netui.ui.state import State

#: The two exposure answers, of containers and of the host; each leads to the other.
_PORTS: Mapping[Question, Question] = {"exposed": "ports", "ports": "exposed"}
#: With fewer rows, either the lines or the details are visible.
_LOW = 12


class AnswerScreen(Screen[None]):
    """Lines above, details below; Enter goes to the rule, / narrows the lines, Esc goes back to the panes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", key_display="Esc", id="answer.close",
                tooltip="Clear the filter, else back to the panes"),
        Binding("slash", "filter", "Filter", key_display="/", id="answer.filter",
                tooltip="Filter the lines; in reach FROM > TO"),
        Binding("p", "own_ports", "Own ports", id="answer.own-ports",
                tooltip="In exposed: the host's own ports, and back to the containers'"),
        Binding("tab,shift+tab", "other", "Details", key_display="Tab", id="answer.other",
                tooltip="To the details and back"),
    ]  # fmt: skip

    def __init__(self, question: Question, state: State, status: StatusLine) -> None:
        super().__init__()
        self.question: Question = question
        self.status = status
        self.lines = AnswerLines()
        self.detail = AnswerDetail()
        self._answer: Answer | None = None
        self._progress: tuple[bool, str, str] = (False, "", "")
        self.filter_bar = FilterBar(self._keep_filter, id="filter")
        if question == "reach":
            self.filter_bar.placeholder = "name or network, or FROM > TO; ! inverts"
        self._keys_line = KeyLine(state, stepping=False, id="keys")

    def compose(self) -> ComposeResult:
        """Lay out the header line, the lines, their details and the footer."""
        yield self.status
        yield self.lines
        yield self.detail
        with Horizontal(id="filter-line"):
            yield Static(" / ", id="filter-sign", markup=False)
            yield self.filter_bar
        yield self._keys_line

    def on_mount(self) -> None:
        """Focus the lines."""
        self.set_focus(self.lines)

    def show(self, answer: Answer | None, *, working: bool, progress: str = "", problem: str = "") -> None:
        """Show the results so far, and the progress."""
        self._progress = (working, progress, problem)
        if answer is not self._answer or answer is None:
            self._answer = answer
            self._narrow()
        else:
            self._tell()

    def _narrow(self) -> None:
        """Show the lines that match the filter."""
        answer = self._answer
        self.lines.show(answer.narrowed(self.filter_bar.value) if answer is not None else None)
        self._tell()

    def _tell(self) -> None:
        working, progress, problem = self._progress
        title = [TITLES[self.question]]
        if working:
            title.append(f"working… {progress}".rstrip())
        if self.lines.answer is not None and self.lines.answer.count:
            title.append(self.lines.answer.count)
        if problem:
            title.append(problem)
        self.lines.set_title(f" {' — '.join(title)}")

    def action_filter(self) -> None:
        """Open the filter line."""
        self.get_child_by_id("filter-line").add_class("-open")
        self.set_focus(self.filter_bar)

    async def action_back(self) -> None:
        """Clear the filter; without one go back to the panes."""
        if self.filter_bar.value:
            self.filter_bar.action_clear()
            self._narrow()
        else:
            await self.run_action("app.to_panes")

    @on(FilterBar.Narrowed)
    def narrow(self) -> None:
        """Narrow the lines while the filter is typed."""
        self._narrow()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Allow the host's own ports only beside the exposed ones."""
        return self.question in _PORTS if action == "own_ports" else True

    async def action_own_ports(self) -> None:
        """Go to the host's own ports, or back to the containers'."""
        await self.run_action(f"app.answer('{_PORTS[self.question]}')")

    def _keep_filter(self) -> None:
        """Leave the filter line; an empty one closes."""
        if not self.filter_bar.value.strip():
            self.get_child_by_id("filter-line").remove_class("-open")
        self.set_focus(self.lines)

    @on(AnswerLines.Pointed)
    def point(self) -> None:
        """Show the details of the line under the cursor."""
        answer, lines = self.lines.answer, self.lines
        if answer is None or lines.cursor >= len(answer.keys):
            self.detail.show([])
            self.detail.set_title(" Details")
            return
        flow = answer.flow(lines.cursor, lines.column)
        part = lines.part_of(flow)
        parts = flow.path.parts if flow is not None else ()
        self.detail.show(answer.at_part(part).details(lines.cursor, lines.column))
        which = f", part {part + 1} of {len(parts)} {part_words(parts[part])}" if parts else ""
        self.detail.set_title(f" Details{which}")

    def on_resize(self, event: events.Resize) -> None:
        """Show one pane at a time where there is no room for two."""
        self.set_class(event.size.height < _LOW, "-low")

    @on(events.DescendantFocus)
    def follow_focus(self) -> None:
        """Show the pane with the focus where only one is visible."""
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
