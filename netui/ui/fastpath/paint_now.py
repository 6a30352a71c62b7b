"""Paints the frame of a key at once.

Textual 8 paints after a message from the widget to the screen, at the next sixtieth of a second: a key after a
refresh waits for up to 17 ms.
"""

from __future__ import annotations

from textual.screen import Screen


def paint(screen: Screen[object]) -> None:
    """Paint the dirty widgets of this screen now.

    Where a widget needs a new layout, Textual first lays the screen out.
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
