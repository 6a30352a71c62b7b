"""What the tests of the screen do again and again."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from textual.app import App
from textual.pilot import Pilot

from netui.config.file import Config
from netui.model import Snapshot
from netui.ui.app import NetuiApp
from netui.ui.fastpath.support import SWITCH
from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import SnapshotArrived
from tests.ui.fakes import TIME, FakePoller, blog_host

#: Of tests that are about the fast path itself.
of_the_fast_path = pytest.mark.skipif(os.environ.get(SWITCH) == "0", reason=f"{SWITCH}=0: the fast path is off")


@asynccontextmanager
async def running(
    *snapshots: Snapshot, size: tuple[int, int] = (160, 45), **options: Any
) -> AsyncIterator[tuple[NetuiApp, Pilot[int]]]:
    """Run the app on these snapshots (the blog post's host where none are given), with a clock that stands."""
    options.setdefault("clock", lambda: TIME)
    options.setdefault("ascii_glyphs", False)
    options.setdefault("colour", True)
    options.setdefault("answers", {})
    options.setdefault("config", Config(Path("config.toml")))
    options.setdefault("flows", lambda snapshot, container_id: ())
    app = NetuiApp(FakePoller(*(snapshots or (blog_host(),))), **options)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        yield app, pilot


async def until(pilot: Pilot[int], condition: Callable[[], object], times: int = 200) -> None:
    """Let the app go on until something is so; look so many times."""
    for _ in range(times):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it never became so")


async def arrive(app: NetuiApp, pilot: Pilot[int], snapshot: Snapshot) -> None:
    """Let one more snapshot arrive."""
    app.post_message(SnapshotArrived(snapshot))
    await pilot.pause()


class Compare(Protocol):
    """What `snap_compare` of pytest-textual-snapshot takes."""

    def __call__(
        self,
        app: str | Path | App[Any],
        press: Iterable[str] = (),
        terminal_size: tuple[int, int] = (80, 24),
        run_before: Callable[[Pilot[Any]], Awaitable[None] | None] | None = None,
    ) -> bool:
        """Whether the picture is as before."""


def rows(pane: LineView) -> list[str]:
    """Return what a pane shows, row by row."""
    return [pane.render_line(y).text for y in range(pane.size.height)]


def row_of(pane: LineView) -> str:
    """Return the row under the pane's cursor."""
    return pane.render_line(pane.cursor - pane.scroll_offset.y + pane.header_lines).text


def screen_text(app: NetuiApp) -> str:
    """Return everything on the screen, as it goes to the terminal."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())
