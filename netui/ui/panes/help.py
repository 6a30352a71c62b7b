"""The help screen: every key, by pane."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from netui.ui.lines.line_list_view import LineView
from netui.ui.presenters.spans import Spans, plain, wrap

#: The width of the column of keys.
_KEYS = 16

_SIGNS = (
    ("▲ △ ·", "the counter moved just now, one and two refreshes ago"),
    ("–", "the rule has no counter, or it was not read"),
    ("▌ ▏", "the rule names the selected thing's address or port; only its bridge or subnet"),
    ("3 ●", "step 3 of the open flow, as predicted; ● it has counted since the flow was opened"),
    ("● ◐ ○", "running; paused or restarting; stopped"),
    ("80 → 80  world", "who reaches a port: world, listed (networks that rules name), LAN, networks, host, nobody; ?"),
    ("web  3/s", "new connections a second, by the rules that send them to the container"),
    ("✓ ✗ ?", "delivered; dropped, rejected or unreachable; undecided"),
)


class HelpLines(LineView):
    """The lines of the help."""

    def __init__(self, groups: list[tuple[str, list[tuple[str, str, str]]]]) -> None:
        super().__init__(id="help-lines")
        self._groups = groups
        self._lines: list[Spans] = []
        self.border_title = "Help — Esc closes"

    def on_resize(self) -> None:
        """Show the lines."""
        super().on_resize()
        width = self.scrollable_content_region.width or self.size.width
        # the scroll bar appears with the lines
        self._lines = list(self._laid_out(width if self.show_vertical_scrollbar else width - 1))
        keys: list[Hashable] = list(range(len(self._lines)))
        self.set_keys(keys)

    def _laid_out(self, width: int) -> Iterator[Spans]:
        """Yield a line for each key, with its name at the right, or below in a narrow terminal."""
        for title, rows in self._groups:
            yield [(title, "title")]
            for keys, text, name in rows:
                lead: Spans = [(f"  {keys:<{_KEYS}} ", "key")]
                *above, last = wrap([*lead, (text, "")], width, _KEYS + 3)
                yield from above
                room = width - len(plain(last))
                if not name:
                    yield last
                elif len(name) + 1 <= room:
                    yield [*last, (f"{name:>{room}}", "dim")]
                else:
                    yield last
                    yield [(f"{name:>{max(0, width)}}", "dim")]
            yield []

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line."""
        return self._lines[index]

    def activated(self, index: int) -> None:
        """Close the help."""
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
        """Focus the lines."""
        self.set_focus(self.query_one(HelpLines))
