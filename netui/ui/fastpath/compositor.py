"""Partial repaints that render and write only the dirty cells.

For an update of a part of a line, Textual 8 writes the line from the left edge of the widget
(``_compositor.ChopsUpdate``: "TODO: crop to x extents"). So a counter at the right end of a wide table costs the
whole line, which is slow over SSH. It also composes all lines of each touched widget with all other widgets there,
although nearly always one pane is visible alone. This module then writes the pane's rows directly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.control import Control
from rich.segment import Segment
from textual._compositor import ChopsUpdate, Compositor, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from netui.ui.fastpath.sgr import written

#: At most so many blocks of rows are rendered separately.
_FEW = 2
_MOVE = "\x1b[{};{}H"


class NarrowUpdate(ChopsUpdate):
    """An update with lines cropped on both sides."""

    def render_segments(self, console: Console) -> str:
        """Return the output for the terminal."""
        texts: list[str] = []
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(x, left), min(end, right)
                if strip is not None and first < last:
                    part = strip if (first, last) == (x, end) else strip.crop(first - x, last - x)
                    texts.append(_MOVE.format(y + 1, first + 1))
                    texts.append(written(part, console))
        return "".join(texts)


class Shown:
    """The strips that were written since the last full update, by row and column."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, Strip]] = {}

    def has(self, x: int, y: int, strip: Strip) -> bool:
        """Whether this same strip is on the screen at this position."""
        row = self._rows.get(y)
        return row is not None and row.get(x) is strip

    def put(self, x: int, y: int, strip: Strip) -> None:
        """Note a written strip, which overwrites others."""
        row = self._rows.setdefault(y, {})
        end = x + strip.cell_length
        for start, other in list(row.items()):
            if start < end and x < start + other.cell_length:
                del row[start]
        row[x] = strip

    def forget(self) -> None:
        """Forget all strips, because something else was written."""
        self._rows.clear()


class RowsUpdate(ChopsUpdate):
    """An update of parts of rows: x, y and strip of each."""

    def __init__(self, parts: Sequence[tuple[int, int, Strip]], shown: Shown) -> None:
        self.parts = parts
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the output as segments."""
        for x, y, strip in self.parts:
            yield Segment(Control.move_to(x, y).segment.text)
            yield from strip

    def render_segments(self, console: Console) -> str:
        """Return the output for the terminal, and note the written strips."""
        for part in self.parts:
            self._shown.put(*part)
        return "".join([_MOVE.format(y + 1, x + 1) + written(strip, console) for x, y, strip in self.parts])


class NarrowCompositor(Compositor):
    """Textual's compositor with narrow updates."""

    #: the regions that are being painted, None for everything
    _asked: Sequence[Region] | None = None
    #: the widgets from front to back: the region of each, and its visible part
    _fronts: tuple[object, Sequence[tuple[Widget, Region, Region]]] = (None, ())

    def __init__(self) -> None:
        super().__init__()
        self._shown = Shown()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return the update of the dirty regions, None for none."""
        asked = list(self._dirty_regions)
        alone = self._each_in_front(asked)
        if alone is not None:
            self._dirty_regions.clear()
            rows = (row for (widget, region, _), regions in alone for row in self._rows(widget, region, regions))
            # unchanged rows are not written
            parts = [row for row in rows if not self._shown.has(*row)]
            # from top to bottom across panes: an incomplete frame then shows its upper part
            parts.sort(key=lambda part: (part[1], part[0]))
            return RowsUpdate(parts, self._shown) if parts else None
        self._shown.forget()
        self._asked = asked
        try:
            update = super().render_partial_update()
        finally:
            self._asked = None
        if update is None:
            return None
        return NarrowUpdate(update.chops, update.spans, update.chop_ends)

    def render_full_update(self, simplify: bool = False) -> LayoutUpdate:
        """Return the whole screen."""
        self._shown.forget()
        return super().render_full_update(simplify)

    def _each_in_front(
        self, asked: Sequence[Region]
    ) -> list[tuple[tuple[Widget, Region, Region], list[Region]]] | None:
        """Return the only visible widget of each region; None where a region shows several widgets."""
        widgets = self.visible_widgets
        if self._fronts[0] is not widgets:
            fronts = [(widget, region, region.intersection(clip)) for widget, (region, clip) in widgets.items()]
            self._fronts = (widgets, fronts)
        by_widget: dict[Widget, tuple[tuple[Widget, Region, Region], list[Region]]] = {}
        for region in asked:
            front = next((front for front in self._fronts[1] if front[2].overlaps(region)), None)
            if front is None or not front[2].contains_region(region):
                return None
            by_widget.setdefault(front[0], (front, []))[1].append(region)
        return list(by_widget.values())

    def _rows(self, widget: Widget, region: Region, regions: list[Region]) -> Iterator[tuple[int, int, Strip]]:
        """Yield the parts of a widget's rows in the regions; adjacent rows are rendered together."""
        spans = list(self._regions_to_spans(regions))
        runs: list[list[tuple[int, int, int]]] = []
        for span in spans:
            y, left, right = span
            if runs and runs[-1][-1] == (y - 1, left, right):
                runs[-1].append(span)
            else:
                runs.append([span])
        if len(runs) > _FEW:
            # scattered rows, such as counters: rendering all rows once is faster than single ones
            first = spans[0][0]
            asked = Region(0, first - region.y, region.width, spans[-1][0] + 1 - first)
            strips = widget.render_lines(asked)
            for y, left, right in spans:
                yield left, y, strips[y - first].crop(left - region.x, right - region.x)
            return
        for run in runs:
            first, left, right = run[0]
            asked = Region(left - region.x, first - region.y, right - left, len(run))
            for y, strip in enumerate(widget.render_lines(asked), first):
                yield left, y, strip

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Yield each widget's region, its visible part, and the lines of that part."""
        crop = crop or self.size.region
        rows = Region(0, crop.y, self.size.width, crop.height)
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip).intersection(rows)
            if seen and (self._asked is None or any(map(seen.overlaps, self._asked))):
                yield region, seen, widget.render_lines(seen.translate(-region.offset))
