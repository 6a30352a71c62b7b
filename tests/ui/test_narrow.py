"""What partial repaints write leaves the same screen as a whole one."""

from __future__ import annotations

from textual._compositor import CompositorUpdate

from tests.bench.terminal import Grid
from tests.ui.fakes import KEY, blog_host, blog_rules, counters, later
from tests.ui.steps import arrive, running, screen_text, until

_KEYS = [
    *("j", "2", "j", "pagedown", "f", "k", "f", "f", "l", "question_mark", "escape", "f", "D", "escape", "g"),
    *("j", "slash", "d", "escape", "3", "z", "z", "e", "1", "j"),
]


async def test_partial_repaints_leave_the_screen_as_it_is_shown():
    """After keys and refreshes the terminal's cells are those of a full repaint."""
    rules = blog_rules()
    async with running(blog_host(rules)) as (app, pilot):
        grid = Grid(*app.size)
        narrow = []
        display = app._display

        def listen(screen, renderable):
            if isinstance(renderable, CompositorUpdate):
                data = renderable.render_segments(app.console)
                narrow.append(len(data))
                grid.feed(data.encode())
            display(screen, renderable)

        app._display = listen
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
