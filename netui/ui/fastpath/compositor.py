"""Partial repaints that make and write only what is asked for.

Textual 8's own update of a part of a line writes that line from the left edge of the
widget (``_compositor.ChopsUpdate``: "TODO: crop to x extents"): a counter at the right end of
a wide table costs the whole line, which is what a slow SSH link feels. And it puts together
all lines of each widget that it touches, with all that lies over and under it, though nearly
always one pane alone is to be seen there: its rows are then written as they are.
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

#: Blocks of rows that are asked for one by one.
_FEW = 2
_MOVE = "\x1b[{};{}H"


class NarrowUpdate(ChopsUpdate):
    """An update whose lines are cut on both sides."""

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal."""
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
    """The strips that were written since the last whole picture, by row and column."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, Strip]] = {}

    def has(self, x: int, y: int, strip: Strip) -> bool:
        """Whether it is this very strip that stands there."""
        row = self._rows.get(y)
        return row is not None and row.get(x) is strip

    def put(self, x: int, y: int, strip: Strip) -> None:
        """Note that it was written, over whatever stood there."""
        row = self._rows.setdefault(y, {})
        end = x + strip.cell_length
        for start, other in list(row.items()):
            if start < end and x < start + other.cell_length:
                del row[start]
        row[x] = strip

    def forget(self) -> None:
        """Know nothing of the screen: something else was written."""
        self._rows.clear()


class RowsUpdate(ChopsUpdate):
    """An update of parts of rows, each with its place: x, y, what stands there."""

    def __init__(self, parts: Sequence[tuple[int, int, Strip]], shown: Shown) -> None:
        self.parts = parts
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield what to write as segments."""
        for x, y, strip in self.parts:
            yield Segment(Control.move_to(x, y).segment.text)
            yield from strip

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal, where it is then."""
        for part in self.parts:
            self._shown.put(*part)
        return "".join([_MOVE.format(y + 1, x + 1) + written(strip, console) for x, y, strip in self.parts])


class NarrowCompositor(Compositor):
    """Textual's compositor with narrow updates."""

    #: the regions that are being painted, None where all is
    _asked: Sequence[Region] | None = None
    #: the widgets, the one in front first: each one's place, and what of it could be seen
    _fronts: tuple[object, Sequence[tuple[Widget, Region, Region]]] = (None, ())

    def __init__(self) -> None:
        super().__init__()
        self._shown = Shown()

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what the dirty regions need, None for nothing."""
        asked = list(self._dirty_regions)
        alone = self._each_in_front(asked)
        if alone is not None:
            self._dirty_regions.clear()
            rows = (row for (widget, place, _), regions in alone for row in self._rows(widget, place, regions))
            # rows that stay are not written again
            parts = [row for row in rows if not self._shown.has(*row)]
            # from the top, whatever the pane: a terminal that shows half a frame shows its upper half
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
        """Return the widgets that alone are to be seen in the regions; None where one shows parts of several."""
        widgets = self.visible_widgets
        if self._fronts[0] is not widgets:
            fronts = [(widget, region, region.intersection(clip)) for widget, (region, clip) in widgets.items()]
            self._fronts = (widgets, fronts)
        found: dict[Widget, tuple[tuple[Widget, Region, Region], list[Region]]] = {}
        for region in asked:
            front = next((front for front in self._fronts[1] if front[2].overlaps(region)), None)
            if front is None or not front[2].contains_region(region):
                return None
            found.setdefault(front[0], (front, []))[1].append(region)
        return list(found.values())

    def _rows(self, widget: Widget, place: Region, regions: list[Region]) -> Iterator[tuple[int, int, Strip]]:
        """Yield the parts of a widget's rows that lie in the regions, those that are one under the other at once."""
        spans = list(self._regions_to_spans(regions))
        runs: list[list[tuple[int, int, int]]] = []
        for span in spans:
            y, left, right = span
            if runs and runs[-1][-1] == (y - 1, left, right):
                runs[-1].append(span)
            else:
                runs.append([span])
        if len(runs) > _FEW:
            # here and there, as counters are: asking once is quicker than asking for just these
            first = spans[0][0]
            asked = Region(0, first - place.y, place.width, spans[-1][0] + 1 - first)
            strips = widget.render_lines(asked)
            for y, left, right in spans:
                yield left, y, strips[y - first].crop(left - place.x, right - place.x)
            return
        for run in runs:
            first, left, right = run[0]
            asked = Region(left - place.x, first - place.y, right - left, len(run))
            for y, strip in enumerate(widget.render_lines(asked), first):
                yield left, y, strip

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Yield each widget's region, what of it is to be seen, and the lines of that."""
        crop = crop or self.size.region
        rows = Region(0, crop.y, self.size.width, crop.height)
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip).intersection(rows)
            if seen and (self._asked is None or any(map(seen.overlaps, self._asked))):
                yield region, seen, widget.render_lines(seen.translate(-region.offset))
