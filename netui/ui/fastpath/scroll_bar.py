"""A scroll bar with cached rows: only changed rows are rendered and written.

Textual renders the whole bar at each scroll, which takes 0.8 ms for 24 rows (measured), a third of the cost of a key.
But the bar has at most twenty different rows.
"""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip

from netui.ui.fastpath.support import fast

#: The size of the cache: rows of several themes.
_KEPT = 200


class KeptScrollBar(ScrollBar):
    """Textual's scroll bar with cached rows."""

    def __init__(self, vertical: bool = True, name: str | None = None, *, thickness: int = 1) -> None:
        super().__init__(vertical, name, thickness=thickness)
        self._strips: dict[Segment, Strip] = {}

    def notify_style_update(self) -> None:
        """Clear the cache after a change of the theme."""
        super().notify_style_update()
        self._strips.clear()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return rows of the bar; equal rows are the same object."""
        width, height = self.size
        bar = self.render()
        if not self.vertical or crop.x != 0 or crop.width != width or type(bar) is not ScrollBarRender:
            return super().render_lines(crop)
        style = bar.style
        if not isinstance(style, Style) or style.bgcolor is None or style.color is None:
            return super().render_lines(crop)
        kinds = bar.render_bar(
            height, bar.virtual_size, bar.window_size, bar.position, width, True, style.bgcolor, style.color
        ).segments[:height]  # there are more where the bar does not know yet that there are fewer lines
        if any(kind not in self._strips for kind in kinds):
            if len(self._strips) >= _KEPT:
                self._strips.clear()
            strips = super().render_lines(Region(0, 0, width, height))
            for kind, strip in zip(kinds, strips, strict=True):
                self._strips.setdefault(kind, strip)
        return [self._strips[kind] for kind in kinds[crop.y : crop.bottom]]


def kept_scroll_bar(view: ScrollView) -> KeptScrollBar | None:
    """Return the vertical bar of a view, made on first use; None without the fast path."""
    bar = view._vertical_scrollbar
    if bar is None and fast():
        bar = KeptScrollBar(vertical=True, name="vertical", thickness=view.scrollbar_size_vertical)
        bar.display = False
        view._vertical_scrollbar = bar
        view.app._start_widget(view, bar)
    return bar if isinstance(bar, KeptScrollBar) else None
