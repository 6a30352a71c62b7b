"""A Textual app that shows a ten-line list and nothing else: what a key costs at the least."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import OptionList


class Lines(OptionList):
    """Ten lines; keys that other screens know move here, so that they paint something too."""

    BINDINGS = [Binding("space", "cursor_down"), Binding("n", "cursor_down"), Binding("N", "cursor_up")]  # noqa: RUF012


class ListApp(App[None]):
    """The list."""

    def compose(self) -> ComposeResult:
        """Show it."""
        yield Lines(*(f"line {number}" for number in range(10)))


if __name__ == "__main__":
    ListApp().run()
