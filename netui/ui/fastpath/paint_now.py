"""The frame of a key, painted before anything else happens.

Textual 8 paints when a message has gone from the widget to the screen and the next
sixtieth of a second has come: a key that follows a refresh waits for up to 17 ms.
"""

from __future__ import annotations

from textual.screen import Screen


def paint(screen: Screen[object]) -> None:
    """Paint now what widgets of this screen want painted.

    Where one wants its place changed, Textual lays the screen out first, and paints then.
    """
    if not screen.is_current or screen._layout_required:
        return
    widgets = list(screen._compositor.visible_widgets)
    if any(widget._layout_required or widget._scroll_required for widget in widgets):
        return
    dirty = [widget for widget in widgets if widget._repaint_required and widget.display]
    if not dirty:
        return
    for widget in dirty:
        widget._repaint_required = False
    screen._dirty_widgets.update(dirty)
    screen._on_timer_update()
