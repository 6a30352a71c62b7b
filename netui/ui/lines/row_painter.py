"""A pane that paints rows of spans with caches of styles, frame edges and strips.

Textual builds each row again, from styles to filters, which is most of the cost of a key. Here the style of a role is
made once, the frame's edges are copied from a row that Textual made, and an unchanged row is the same strip.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.strip import Strip

from netui.ui.fastpath.scroll_bar import kept_scroll_bar
from netui.ui.lines.safe_filter import SafeFilter
from netui.ui.presenters.spans import Spans

#: The size of the cache of rows: those of a few screens.
_KEPT = 500


class Row(NamedTuple):
    """The content of a row; under, over: component classes of the whole row, below and above its own styles, or ""."""

    spans: Spans
    under: str = ""
    over: str = ""


BLANK = Row([])


class PaintedView(ScrollView):
    """Paints rows; subclasses give their content."""

    #: the rows at the top that do not scroll
    header_lines: ClassVar[int] = 0

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._roles: dict[str, Style] = {}
        self._own: dict[tuple[str, str, str], Style] = {}
        self._shown: dict[tuple[str, str, str], Style | None] = {}
        self._strips: dict[tuple[int, int, int, str, str, bool], tuple[Spans, Strip]] = {}
        self._edges: tuple[tuple[int, int, int], Sequence[Segment], Sequence[Segment]] | None = None

    def rows(self, places: range) -> Iterator[Row]:
        """Yield the content of visible rows, counted from the top."""
        raise NotImplementedError

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The vertical bar, made on first use."""
        return kept_scroll_bar(self) or super().vertical_scrollbar

    def refresh_rows(self) -> None:
        """Mark all rows as dirty, with their frame but without the scroll bar."""
        left, top = self.content_offset
        width = left + self.scrollable_content_region.width
        self.refresh(Region(0, 0, width, self.outer_size.height).translate((-left, -top)))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Repaint the rows after scrolling."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self.refresh_rows()

    def notify_style_update(self) -> None:
        """Clear the caches after a change of theme or focus."""
        super().notify_style_update()
        self._roles.clear()
        self._own.clear()
        self._shown.clear()
        self._strips.clear()
        self._edges = None

    def render_line(self, y: int) -> Strip:
        """Return one row without its frame and unfiltered, for Textual."""
        spans, under, over = next(self.rows(range(y, y + 1)))
        width = self.size.width
        segments = [Segment(text, self._style((role, under, over))) for text, role in spans if text]
        strip = Strip(segments, sum(cell_len(text) for text, _ in spans))
        left = self.scroll_offset.x
        return strip.crop_extend(left, left + width, self._style(("", under, over)))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return rows with their frame, filtered for the terminal."""
        left, top = self.content_offset
        size, outer = self.size, self.region.width
        if not size:
            return super().render_lines(crop)
        inner = left + self.scrollable_content_region.width
        if crop.x != 0 or crop.width not in (outer, inner):
            return [
                strip.crop(crop.x, crop.right) for strip in self.render_lines(Region(0, crop.y, outer, crop.height))
            ]
        before, after = self._frame(left, size.width, outer)
        width = size.width
        if crop.width != outer:
            # the scrolling part with the left edge, but without scroll bar and right edge
            width, after = inner - left, ()
        first, end = max(crop.y, top), min(crop.bottom, top + size.height)
        strips = [self._made_by_textual(y, crop.width) for y in range(crop.y, min(first, crop.bottom))]
        strips += self._whole(range(first - top, end - top), width, before, after)
        strips += [self._made_by_textual(y, crop.width) for y in range(max(end, first), crop.bottom)]
        return strips

    def _made_by_textual(self, y: int, width: int) -> Strip:
        """Return a row of the frame."""
        return super().render_lines(Region(0, y, width, 1))[0]

    def _frame(self, left: int, width: int, outer: int) -> tuple[Sequence[Segment], Sequence[Segment]]:
        """Return the parts before and after each row, cut from a row that Textual made."""
        geometry = (left, width, outer)
        if self._edges is None or self._edges[0] != geometry:
            sample = super().render_lines(Region(0, self.content_offset.y, outer, 1))[0]
            self._edges = (geometry, list(sample.crop(0, left)), list(sample.crop(left + width, outer)))
            self._strips.clear()
        return self._edges[1], self._edges[2]

    def _whole(self, places: range, width: int, before: Sequence[Segment], after: Sequence[Segment]) -> Iterator[Strip]:
        """Yield rows with their frame; unchanged rows are the cached strips."""
        left = self.scroll_offset.x
        whole = bool(after)
        ground: Color | None = None
        safe = [each for each in self.get_line_filters() if isinstance(each, SafeFilter)]
        for spans, under, over in self.rows(places):
            key = (id(spans), left, width, under, over, whole)
            cached = self._strips.get(key)
            if cached is not None and cached[0] is spans:
                yield cached[1]
                continue
            segments = [Segment(text, self._filtered((role, under, over))) for text, role in spans if text]
            length = sum(len(text) if text.isascii() else cell_len(text) for text, _ in spans)
            blank = self._filtered(("", under, over))
            if left == 0 and length <= width:
                if length < width:
                    segments.append(Segment(" " * (width - length), blank))
            else:
                segments = list(Strip(segments, length).crop_extend(left, left + width, blank))
            for each in safe:
                ground = ground or self.background_colors[1]
                segments = each.apply(segments, ground)
            if len(self._strips) >= _KEPT:
                self._strips.clear()
            edges = sum(segment.cell_length for segment in (*before, *after))
            strip = Strip([*before, *segments, *after], width + edges)
            self._strips[key] = (spans, strip)
            yield strip

    def _style(self, look: tuple[str, str, str]) -> Style:
        """Return the style of a role, combined with the row's component classes."""
        style = self._own.get(look)
        if style is None:
            role, under, over = look
            style = self._own[look] = (
                self.rich_style + self._component(under) + self._component(role) + self._component(over)
            )
        return style

    def _component(self, role: str) -> Style:
        style = self._roles.get(role)
        if style is None:
            style = self.get_component_rich_style(f"line--{role}", partial=True) if role else Style.null()
            self._roles[role] = style
        return style

    def _filtered(self, look: tuple[str, str, str]) -> Style | None:
        """Return that style after the app's filters."""
        if look not in self._shown:
            segments = [Segment("x", self._style(look))]
            for each in self.get_line_filters():
                segments = each.apply(segments, self.background_colors[1])
            self._shown[look] = segments[0].style
        return self._shown[look]
