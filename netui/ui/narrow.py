"""Partial repaints that make and write only what is asked for.

Textual 8's own update of a part of a line writes that line from the left edge of the
widget (``_compositor.ChopsUpdate``: "TODO: crop to x extents"): a counter at the right end of
a wide table costs the whole line, which is what a slow SSH link feels. And it puts together
all lines of each widget that it touches.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

_MOVE = "\x1b[{};{}H"


class NarrowUpdate(ChopsUpdate):
    """An update whose lines are cut on both sides."""

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal."""
        written: list[str] = []
        for y, left, right in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                first, last = max(x, left), min(end, right)
                if strip is not None and first < last:
                    part = strip if (first, last) == (x, end) else strip.crop(first - x, last - x)
                    written.append(_MOVE.format(y + 1, first + 1))
                    written.append(part.render(console))
        return "".join(written)


class NarrowCompositor(Compositor):
    """Textual's compositor with narrow updates."""

    #: the regions that are being painted, None where all is
    _asked: Sequence[Region] | None = None

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what the dirty regions need, None for nothing."""
        self._asked = list(self._dirty_regions)
        try:
            update = super().render_partial_update()
        finally:
            self._asked = None
        if update is None:
            return None
        return NarrowUpdate(update.chops, update.spans, update.chop_ends)

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Yield each widget's region, what of it is to be seen, and the lines of that."""
        crop = crop or self.size.region
        rows = Region(0, crop.y, self.size.width, crop.height)
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip).intersection(rows)
            if seen and (self._asked is None or any(map(seen.overlaps, self._asked))):
                yield region, seen, widget.render_lines(seen.translate(-region.offset))
