"""What partial repaints write leaves the same screen as a whole one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual._compositor import CompositorUpdate
from textual.strip import Strip

from netui.ui.app import NetuiApp
from netui.ui.fastpath.compositor import Shown
from tests.bench.terminal import Grid
from tests.ui.fakes import KEY, blog_host, blog_rules, counters, later
from tests.ui.steps import arrive, of_the_fast_path, running, screen_text, until

_KEYS = [
    *(
        "j",
        "2",
        "j",
        "pagedown",
        "space",
        "k",
        "space",
        "space",
        "l",
        "question_mark",
        "escape",
        "space",
        "D",
        "escape",
        "g",
    ),
    *("j", "slash", "d", "escape", "3", "z", "z", "e", "1", "j"),
]


def listen(app: NetuiApp, grid: Any, lengths: list[int]) -> None:
    """Let the grid show what is written, and note how much that is."""
    display = app._display

    def both(screen: Any, renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate):
            data = renderable.render_segments(app.console)
            lengths.append(len(data))
            grid.feed(data.encode())
        display(screen, renderable)

    app._display = both  # type: ignore[method-assign]


@of_the_fast_path
async def test_partial_repaints_leave_the_screen_as_it_is_shown() -> None:
    """After keys and refreshes the terminal's cells are those of a full repaint."""
    rules = blog_rules()
    async with running(blog_host(rules)) as (app, pilot):
        grid = Grid(*app.size)
        narrow: list[int] = []
        listen(app, grid, narrow)
        app.refresh(repaint=True, layout=True)
        for second, key in enumerate(_KEYS, 1):
            await pilot.press(key)
            now = counters(rules, 5 + second, {3: 9 * second, 7: second})
            await arrive(app, pilot, later(app.state.snapshot, 1, counters={KEY: now}))
            await until(pilot, lambda: grid.text() == screen_text(app))
        # what moved before fades away, then one counter moves
        for _ in range(5):
            await arrive(app, pilot, later(app.state.snapshot, 1))
        await until(pilot, lambda: grid.text() == screen_text(app))
        narrow.clear()
        before = app.state.snapshot.counters[KEY]
        chains = app.main.chains
        one = next(line.rule for line in chains.laid.lines[chains.scroll_offset.y :] if line.rule)
        now = counters(rules, 0, {index: before.packets[index] + (index == one.index) for index in range(len(before))})
        await arrive(app, pilot, later(app.state.snapshot, 1, counters={KEY: now}))
        await until(pilot, lambda: grid.text() == screen_text(app))
        assert 0 < min(narrow) < 400


@pytest.mark.parametrize("keys", [[], ["question_mark"], ["D"], ["z"]], ids=["panes", "help", "doctor", "zoom"])
async def test_a_screen_that_was_written_over_is_written_again(keys: list[str]) -> None:
    """Ctrl+L brings back every cell, also of rows that netui has no reason to paint."""
    async with running(blog_host(blog_rules())) as (app, pilot):
        await pilot.press("2", "j", "space", *keys)
        await pilot.pause()
        grid = Grid(*app.size)
        listen(app, grid, [])
        await pilot.press("ctrl+l")
        await until(pilot, lambda: grid.text() == screen_text(app))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1), st.integers(1, 6), st.booleans()), max_size=30))
def test_what_is_said_to_stand_there_does(written: list[tuple[int, int, int, bool]]) -> None:
    """A strip counts as shown only while nothing was written over any of its cells, nor the whole screen anew."""
    shown = Shown()
    cells: dict[tuple[int, int], Any] = {}
    strips: list[Any] = []
    for x, y, width, forget in written:
        if forget:
            shown.forget()
            cells.clear()
        strip = Strip([Segment("x" * width)])
        strips.append((x, y, strip))
        shown.put(x, y, strip)
        cells.update(dict.fromkeys(((at, y) for at in range(x, x + width)), strip))
        for left, row, each in strips:
            stands = all(cells.get((at, row)) is each for at in range(left, left + each.cell_length))
            assert shown.has(left, row, each) == stands
