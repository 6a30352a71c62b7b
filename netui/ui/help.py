"""The help screen: every key, by pane."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from netui.ui.line_view import LineView
from netui.ui.presenters.spans import Spans

_SIGNS = (
    ("▲ △ ·", "the counter moved just now, one and two refreshes ago"),
    ("–", "the rule has no counter, or it was not read"),
    ("▌ ▏", "the rule names the selected thing's address or port; only its bridge or subnet"),
    ("3 ●", "step 3 of the open flow, as predicted; ● it has counted since the flow was opened"),
    ("● ◐ ○", "running; paused or restarting; stopped"),
    ("✓ ✗ ?", "delivered; dropped, rejected or unreachable; undecided"),
)


class HelpLines(LineView):
    """The lines of the help."""

    def __init__(self, groups: list[tuple[str, list[tuple[str, str, str]]]]) -> None:
        super().__init__(id="help-lines")
        self._lines: list[Spans] = []
        for title, rows in groups:
            self._lines.append([(title, "title")])
            self._lines.extend(
                [(f"  {keys:<16} ", "key"), (f"{text:<48} ", ""), (name, "dim")] for keys, text, name in rows
            )
            self._lines.append([])
        self.border_title = "Help — Esc closes"

    def on_resize(self) -> None:
        """Show the lines."""
        super().on_resize()
        keys: list[Hashable] = list(range(len(self._lines)))
        # A narrow terminal scrolls sideways to the names.
        widest = max(sum(len(text) for text, _ in line) for line in self._lines)
        self.set_keys(keys, width=widest if widest > self.size.width else 0)

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line."""
        return self._lines[index]

    def activated(self, index: int) -> None:
        """Close the help: Enter does so too."""
        self.screen.dismiss()


class HelpScreen(ModalScreen[None]):
    """All keys; any of Esc, q, ? and Enter closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "Close", id="help.close", tooltip="Close the help"),
    ]

    def __init__(self, groups: list[tuple[str, list[tuple[str, str, str]]]]) -> None:
        super().__init__()
        self._groups = [*groups, ("Signs", [(sign, text, "") for sign, text in _SIGNS])]

    def compose(self) -> ComposeResult:
        """Lay out the lines."""
        yield HelpLines(self._groups)

    def on_mount(self) -> None:
        """Begin in the lines."""
        self.set_focus(self.query_one(HelpLines))
