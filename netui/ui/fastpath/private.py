"""What netui asks of Textual by private names, for want of public ones; with and without the fast path."""

from __future__ import annotations

from textual.app import App
from textual.content import Content
from textual.filter import LineFilter
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.widgets import Input


def add_filter(app: App[int], line_filter: LineFilter) -> None:
    """Let every line of every widget pass a filter before it is written, the last added last."""
    app._filters.append(line_filter)


def switch_mouse(app: App[int], *, on: bool) -> None:
    """Take the mouse of the terminal, or give it back, while the app runs."""
    switch = getattr(app._driver, "_enable_mouse_support" if on else "_disable_mouse_support", None)
    if switch is not None:
        switch()


def has_suggestion(line: Input) -> bool:
    """Whether the line shows a suggestion behind what is typed."""
    return bool(line._suggestion)


def set_border_title(widget: Widget, title: str) -> None:
    """Set the title of a frame; the public setter paints the whole widget anew."""
    widget._border_title = Content(title)


def update_scroll_bars(view: ScrollView, size: Size) -> None:
    """Let the scroll bars follow a new virtual size; the public setter lays the screen out anew."""
    view._scroll_update(size)
