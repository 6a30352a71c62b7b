"""The kept scroll bar is Textual's own, row by row, and makes no row twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from textual.geometry import Offset, Region
from textual.scrollbar import ScrollBar

from netui.ui.fastpath.scroll_bar import KeptScrollBar
from netui.ui.terminal import TerminalApp


class Bars(TerminalApp):
    """Both bars beside each other."""

    CSS = "ScrollBar { width: 1; height: 12; }"

    def compose(self) -> Iterator[ScrollBar]:
        """Give both."""
        yield KeptScrollBar(name="kept")
        yield ScrollBar(name="textual")


@pytest.mark.parametrize(("lines", "window"), [(13, 12), (40, 12), (1_000, 12), (50_000, 12), (12, 12), (5, 12)])
@pytest.mark.parametrize("colour", [True, False])
async def test_as_textual_draws_it(lines: int, window: int, colour: bool) -> None:
    """At every place and beyond the last, under the mouse, held by it, in each theme, its rows are Textual's."""
    app = Bars(colour=colour)
    async with app.run_test():
        kept, textual = app.query(ScrollBar)
        whole = Region(0, 0, *kept.size)
        room = max(0, lines - window)
        for theme in app.available_themes if colour else [app.theme]:
            app.theme = theme
            for over, held in ((False, None), (True, None), (False, Offset(0, 3))):
                for step in range(12):
                    for bar in (kept, textual):
                        bar.set_reactive(ScrollBar.mouse_over, over)  # type: ignore[arg-type]
                        bar.set_reactive(ScrollBar.grabbed, held)  # type: ignore[arg-type]
                        bar.window_virtual_size, bar.window_size = lines, window
                        bar.position = room * step / 8
                    mine, theirs = kept.render_lines(whole), textual.render_lines(whole)
                    assert [list(strip) for strip in mine] == [list(strip) for strip in theirs]
                    part = Region(0, 3, 1, 5)
                    assert kept.render_lines(part) == mine[3:8]


async def test_rows_that_stay_are_the_same_strips() -> None:
    """Where the bar moves by a row, all rows but those at its ends are the strips of before: they are not written."""
    app = Bars()
    async with app.run_test():
        bar = app.query_one(KeptScrollBar)
        bar.window_virtual_size, bar.window_size = 48, 12
        whole = Region(0, 0, *bar.size)
        made = [bar.render_lines(whole)]
        for place in range(1, 37):
            bar.position = place
            made.append(bar.render_lines(whole))
        for before, now in pairwise(made):
            assert sum(a is not b for a, b in zip(before, now, strict=True)) <= 4
