"""docs/keys.md: the keys of its table lead to the answers that it names, and are as many as it says."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest
from textual.pilot import Pilot

from netui.model import Snapshot
from netui.sources.capture.reader import read_capture
from netui.sources.capture.recording import read_demo
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.background.asking import ask_traversal
from netui.ui.background.flow_finder import traversal_flows
from tests.ui.steps import running, screen_text, until
from tools.packages import ROOT

_NAMES = {
    "Enter": "enter",
    "Tab": "tab",
    "Esc": "escape",
    ":": "colon",
    "]": "right_square_bracket",
    "=": "equals_sign",
}
_LETTERS = {":": "colon", " ": "space", ".": "full_stop", "/": "slash"}


class Row(NamedTuple):
    """A row of the table, its keys as the pilot presses them."""

    question: str
    host: str
    before: str
    now: int
    keys: tuple[str, ...]
    says: str


def rows() -> list[Row]:
    """Read the table."""
    found = []
    for line in (ROOT / "docs/keys.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and len(cells) == 6 and cells[3].isdigit():
            keys = tuple(key for word in re.findall("`([^`]*)`", cells[4]) for key in pressed(word))
            found.append(Row(cells[0], cells[1], cells[2], int(cells[3]), keys, cells[5].strip("`")))
    return found


def pressed(word: str) -> list[str]:
    """Return a key, or the letters of a text that is typed."""
    if word in _NAMES or len(word) == 1:
        return [_NAMES.get(word, word)]
    return [_LETTERS.get(letter, letter) for letter in word]


def host(name: str) -> Snapshot:
    """The demo host, or a capture of docs/questions.md."""
    return read_demo() if name == "demo" else read_capture(ROOT / f"docs/captures/{name}.tar.gz")


def test_the_table_is_read_whole() -> None:
    """Every row with its number of keys, and none that took fewer keys before."""
    text = (ROOT / "docs/keys.md").read_text(encoding="utf-8")
    found = rows()
    assert len(found) == len(re.findall(r"^\| ", text, re.MULTILINE)) - 1
    assert [row.question for row in found if len(row.keys) != row.now] == []
    assert [row.question for row in found if row.before != "–" and int(row.before) < row.now] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.question)
async def test_the_keys_lead_to_the_answer(row: Row) -> None:
    """At 80×24 it stands on the screen with the last key, and not before."""
    options: dict[str, Any] = {"answers": SOLVE, "flows": traversal_flows, "asker": ask_traversal, "size": (80, 24)}
    async with running(host(row.host), **options) as (app, pilot):
        for key in row.keys[:-1]:
            await _press(app, pilot, key)
        await pilot.pause()
        assert row.says not in screen_text(app)
        await _press(app, pilot, row.keys[-1])
        await until(pilot, lambda: row.says in screen_text(app), times=1500)


async def _press(app: NetuiApp, pilot: Pilot[int], key: str) -> None:
    """Press a key; those that are about a flow once there is one, as somebody does who sees it."""
    if key in ("n", "v", "r") and app.focused.id != "ask":
        await until(pilot, lambda: app.state.flow is not None, times=1500)
    await pilot.press(key)
