"""Functions that need Textual's private names for want of public ones, also without the fast path."""

from __future__ import annotations

from textual.app import App
from textual.content import Content
from textual.filter import LineFilter
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget
from textual.widgets import Input


def add_filter(app: App[int], line_filter: LineFilter) -> None:
    """Add a filter for all lines of all widgets; the last added runs last."""
    app._filters.append(line_filter)


def switch_mouse(app: App[int], *, on: bool) -> None:
    """Enable or disable the mouse while the app runs."""
    switch = getattr(app._driver, "_enable_mouse_support" if on else "_disable_mouse_support", None)
    if switch is not None:
        switch()


def has_suggestion(line: Input) -> bool:
    """Whether the input shows a suggestion."""
    return bool(line._suggestion)


def set_border_title(widget: Widget, title: str) -> None:
    """Set a border title; the public setter repaints the whole widget."""
    widget._border_title = Content(title)


def update_scroll_bars(view: ScrollView, size: Size) -> None:
    """Update the scroll bars to a new virtual size; the public setter lays out the screen again."""
    view._scroll_update(size)
