"""A pane whose rows are spans, painted from what is known already: styles, frame, and rows made before.

Textual puts each row together anew, from its styles to its filters, which is most of what
a key costs. Here a role's style is made once, the frame's edges are taken from one row that
Textual made, and a row that looks as before is the strip of before.
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

#: Rows that are kept: those of a few screens.
_KEPT = 500


class Row(NamedTuple):
    """What a row shows; under, over: the component classes that lie under and over all of it, or ""."""

    spans: Spans
    under: str = ""
    over: str = ""


BLANK = Row([])


class PaintedView(ScrollView):
    """Paints rows; a subclass says what each shows."""

    #: Rows that stay at the top while the rest scrolls.
    header_lines: ClassVar[int] = 0

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._roles: dict[str, Style] = {}
        self._own: dict[tuple[str, str, str], Style] = {}
        self._shown: dict[tuple[str, str, str], Style | None] = {}
        self._strips: dict[tuple[int, int, int, str, str, bool], tuple[Spans, Strip]] = {}
        self._edges: tuple[tuple[int, int, int], Sequence[Segment], Sequence[Segment]] | None = None

    def rows(self, places: range) -> Iterator[Row]:
        """Yield what rows of the pane show, counted from the top of what is to be seen."""
        raise NotImplementedError

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """The bar at the right, made when it is first asked for."""
        return kept_scroll_bar(self) or super().vertical_scrollbar

    def refresh_rows(self) -> None:
        """Ask for all rows to be painted, with their frame but without the scroll bar."""
        left, top = self.content_offset
        width = left + self.scrollable_content_region.width
        self.refresh(Region(0, 0, width, self.outer_size.height).translate((-left, -top)))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Paint the rows anew where others are to be seen."""
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = new_value
        if round(old_value) != round(new_value):
            self.refresh_rows()

    def notify_style_update(self) -> None:
        """Forget what was made: the theme or the focus is another one."""
        super().notify_style_update()
        self._roles.clear()
        self._own.clear()
        self._shown.clear()
        self._strips.clear()
        self._edges = None

    def render_line(self, y: int) -> Strip:
        """Return one row without its frame, in its own colours, as Textual asks for it."""
        spans, under, over = next(self.rows(range(y, y + 1)))
        width = self.size.width
        segments = [Segment(text, self._style((role, under, over))) for text, role in spans if text]
        strip = Strip(segments, sum(cell_len(text) for text, _ in spans))
        left = self.scroll_offset.x
        return strip.crop_extend(left, left + width, self._style(("", under, over)))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return rows with their frame, as the terminal gets them."""
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
            # what scrolls and its left edge, but neither scroll bar nor right edge
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
        """Return what stands before and behind each row, cut out of one that Textual made."""
        place = (left, width, outer)
        if self._edges is None or self._edges[0] != place:
            sample = super().render_lines(Region(0, self.content_offset.y, outer, 1))[0]
            self._edges = (place, list(sample.crop(0, left)), list(sample.crop(left + width, outer)))
            self._strips.clear()
        return self._edges[1], self._edges[2]

    def _whole(self, places: range, width: int, before: Sequence[Segment], after: Sequence[Segment]) -> Iterator[Strip]:
        """Yield rows with what stands before and behind them: strips of before, where they are the same."""
        left = self.scroll_offset.x
        whole = bool(after)
        ground: Color | None = None
        safe = [each for each in self.get_line_filters() if isinstance(each, SafeFilter)]
        for spans, under, over in self.rows(places):
            key = (id(spans), left, width, under, over, whole)
            known = self._strips.get(key)
            if known is not None and known[0] is spans:
                yield known[1]
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
        """Return the style of a role, with what lies under and over it."""
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
        """Return that style as the terminal gets it: in its colours, or in none."""
        if look not in self._shown:
            segments = [Segment("x", self._style(look))]
            for each in self.get_line_filters():
                segments = each.apply(segments, self.background_colors[1])
            self._shown[look] = segments[0].style
        return self._shown[look]
