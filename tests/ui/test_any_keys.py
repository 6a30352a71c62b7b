"""Any keys in any order, fast, on terminals large and small, while the host changes: nothing fails."""

from __future__ import annotations

import random
from typing import Any

import pytest
from textual import events
from textual.screen import Screen

from netui.sources.capture.reader import read_capture
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.background.flow_finder import traversal_flows
from netui.ui.messages import SnapshotArrived
from tests.ui.fakes import CASES, blog_host, later
from tests.ui.steps import running, screen_text

#: Keys that end the program, or write to the current folder.
_NOT = {"leave", "save_picture", "save_path", "save_settings", "copy", "suspend_process", "command_palette", "quit"}
_SIZES = [(160, 45), (159, 45), (80, 24), (60, 15), (200, 60)]


def keys_of(app: NetuiApp, screen: Screen[Any]) -> list[str]:
    """Return every key that does something, but for those that end or write."""
    found, refused = {"enter"}, set()
    for widget in (app, screen, *screen.query("*")):
        for key, bindings in widget._bindings.key_to_bindings.items():
            found.add(key)
            if any(each.action.split("(")[0].rpartition(".")[2] in _NOT for each in bindings):
                refused.add(key)
    return sorted(found - refused)


@pytest.mark.parametrize("seed", range(3))
async def test_any_keys(seed: int) -> None:
    """Bursts of keys, new sizes and new snapshots in an order that the seed says."""
    choose = random.Random(seed)
    first = read_capture(CASES / "engine-20.10" / "host")
    hosts = [first, blog_host(), read_capture(CASES / "engine-29" / "host")]
    async with running(first, answers=SOLVE, flows=traversal_flows) as (app, pilot):
        app.keys_first = bool(seed % 2)
        keys = keys_of(app, app.main)
        assert len(keys) > 50
        seconds = 0
        for _ in range(60):
            for key in choose.choices(keys, k=choose.randint(1, 8)):
                app.post_message(events.Key(key, key if len(key) == 1 else None))
            if choose.random() < 0.2:
                await pilot.resize_terminal(*choose.choice(_SIZES))
            if choose.random() < 0.3:
                seconds += 1
                app.post_message(SnapshotArrived(later(choose.choice(hosts), seconds)))
            if choose.random() < 0.7:
                await pilot.pause()
        await pilot.pause()
        assert app.is_running
        assert "netui" in screen_text(app)
