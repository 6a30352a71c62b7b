"""The matrix of who reaches whom: as large as the host, filtered, and ended when nobody looks."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from netui.audit import matrix
from netui.model import Snapshot
from netui.sources.capture.reader import read_capture
from netui.ui.answers import worker as answer_finder
from netui.ui.answers.screen import AnswerScreen
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.messages import SnapshotArrived
from netui.ui.presenters.answers.reach import ReachAnswer
from tests.bench.large import large_snapshot
from tests.traversal.build import filter_rules, nat_rules, snapshot
from tests.ui.fakes import CASES, later
from tests.ui.steps import row_of, rows, running, screen_text, until


@pytest.fixture(scope="module")
def real() -> Snapshot:
    """A captured Engine 20.10 with the blog post's host."""
    return read_capture(CASES / "engine-20.10" / "host")


async def opened(app: NetuiApp, pilot: Pilot[int]) -> AnswerScreen:
    """Open the matrix and wait for the whole of it, as long as it takes."""
    await pilot.press("R")
    await until(pilot, lambda: app.answers.screen is not None)
    await whole(app, pilot)
    return app.answers.screen


async def test_three_hundred_containers_reach_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them have a line and a column; names and numbers stay while the columns scroll; Enter leads on."""
    monkeypatch.setattr(answer_finder, "_STEP", 0.0)
    go_on = held_after(monkeypatch, 1000)
    async with running(large_snapshot(300), answers=SOLVE, size=(80, 24)) as (app, pilot):
        await pilot.press("R")
        await until(pilot, lambda: "working… line " in str(app.answers.screen.lines.border_title))
        lines = app.answers.screen.lines
        assert len(lines.answer.keys) == 302 and lines.answer.columns == 300
        # Keys go on meanwhile, also over what is not worked out yet.
        await pilot.press("G", "]", "l")
        seen_at_once = lines.answer.columns_in(lines._room)
        assert 25 < seen_at_once < 40
        assert (lines.cursor, lines.column) == (301, 1 + seen_at_once + 1)
        assert "LAN" in row_of(lines)[:10] and "[" in row_of(lines)
        go_on.set()
        await until(pilot, lambda: "way" in rows(app.answers.screen.detail)[0])
        await whole(app, pilot)
        assert "7800 of 90300 ways open" in str(lines.border_title)
        header = rows(lines)[0]
        assert f"{lines.first + 1}–{lines.first + seen_at_once} of 300" in header
        assert str(lines.column + 1) in header.split()
        await pilot.press("g", *["]"] * 12)
        assert lines.column == 299 and lines.first + seen_at_once == 300
        assert rows(lines)[1].startswith("  1 app0 ") and "[" in rows(lines)[1] and "]" in rows(lines)[1]
        assert "dropped" in rows(app.answers.screen.detail)[0]
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is app.main and app.main.chains.current.rule is not None


def held_after(monkeypatch: pytest.MonkeyPatch, parts: int) -> threading.Event:
    """Let the work go on so far; the rest of it waits for the event."""
    go_on, done, verdicts = threading.Event(), itertools.count(), matrix.verdicts

    def held(*question: Any) -> Any:
        if next(done) >= parts:
            go_on.wait(30)
        return verdicts(*question)

    monkeypatch.setattr(matrix, "verdicts", held)
    return go_on


async def whole(app: NetuiApp, pilot: Pilot[int]) -> None:
    """Wait for the whole answer, as long as it takes."""
    await until(pilot, lambda: not app.answers.finder.working("reach"), times=3000)
    await pilot.pause()


FILTERS = [
    ("net1", 25, 25),
    ("net1 > net2", 25, 10),
    ("> app7", 62, 1),
    ("app7 >", 1, 60),
    ("!net0", 37, 35),
    ("world >", 1, 60),
    ("lan > net1", 1, 25),
    ("nobody", 1, 1),
]


async def test_reach_is_filtered_by_source_and_destination() -> None:
    """A network or name among themselves, FROM > TO from the one to the other; Esc shows all, then the panes."""
    async with running(large_snapshot(60), answers=SOLVE) as (app, pilot):
        answer = await opened(app, pilot)
        for typed, lines, across in FILTERS:
            await pilot.press("slash")
            answer.filter_bar.value = typed
            await pilot.press("enter")
            await until(pilot, lambda answer=answer: answer.lines.has_focus)  # type: ignore[misc]
            shown = answer.lines.answer
            assert (len(shown.keys), shown.columns) == (lines, across), typed
            screen_text(app)
        assert "no container has this" in rows(answer.lines)[1]
        await pilot.press("escape")
        await pilot.pause()
        assert app.answers.screen is answer and len(answer.lines.answer.keys) == 62
        await pilot.press("escape")
        await until(pilot, lambda: app.answers.screen is None)


async def test_escape_ends_the_work(real: Snapshot) -> None:
    """What nobody looks at any more is not worked out on; asked again, it begins again."""
    ended, begun = threading.Event(), []

    def endless(snapshot: Snapshot) -> Iterator[None]:
        begun.append(snapshot)
        try:
            while len(begun) == 1:
                yield None
        finally:
            ended.set()

    async with running(real, answers={"reach": endless}) as (app, pilot):
        await pilot.press("R")
        await until(pilot, lambda: begun)
        await pilot.press("escape")
        await until(pilot, ended.is_set)
        assert not app.answers.finder.working("reach")
        await pilot.press("R")
        await until(pilot, lambda: len(begun) > 1)


async def test_the_whole_matrix_stays_while_a_new_one_is_worked_out(real: Snapshot) -> None:
    """After a change the old one is to be seen until the new one is whole, and how far that has got is said."""
    go = threading.Event()

    def slow(snapshot: Snapshot) -> Iterator[Any]:
        for answer in SOLVE["reach"](snapshot):
            if answer is not None and snapshot is not real:
                yield answer
                yield None
                go.wait(60)
            yield answer

    async with running(real, answers={"reach": slow}) as (app, pilot):
        answer = await opened(app, pilot)
        old = answer.lines.answer
        app.post_message(SnapshotArrived(later(real, 1, containers=real.containers[1:])))
        await until(pilot, lambda: "working… line 0 of" in str(answer.lines.border_title))
        assert answer.lines.answer is old
        go.set()
        await until(pilot, lambda: len(answer.lines.answer.keys) == len(old.keys) - 1)
        assert "working" not in str(answer.lines.border_title)


async def test_v_walks_through_the_parts_of_a_cell() -> None:
    """A cell of the world or a LAN has its senders' parts, each with its rule; Enter opens the one that is shown."""
    rules = filter_rules(
        "-A FORWARD -i eth0 -s 203.0.113.0/24 -j ACCEPT",
        "-A FORWARD -i eth0 -s 9.9.9.9/32 -j REJECT",
        "-A FORWARD -i eth0 -j DROP",
    )
    nat = nat_rules("-A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80")
    async with running(snapshot(nat + rules), answers=SOLVE, size=(140, 40)) as (app, pilot):
        answer = await opened(app, pilot)
        matrix_shown = answer.lines.answer
        assert isinstance(matrix_shown, ReachAnswer)
        boxes = matrix_shown.boxes
        await pilot.press(*["down"] * [box.name for box in boxes].index("the world"))
        column = [box.name for box in boxes].index("openresty")
        await pilot.press(*(["right"] * (column - 1) if column else ["left"]))
        await pilot.pause()
        shown = "\n".join(rows(answer.detail))
        assert "✗ the world → openresty" in shown and "as host:80/tcp" in shown
        assert "part 1 of 3 for everyone else" in str(answer.detail.border_title)
        verdicts = []
        for _ in range(3):
            await pilot.press("v")
            await pilot.pause()
            shown = "\n".join(rows(answer.detail))
            verdicts.append(
                (
                    str(answer.detail.border_title).partition(" for ")[2].strip(),
                    shown.split("decided by")[1][:30].strip(),
                )
            )
        assert sorted(verdicts) == [
            ("203.0.113.0/24", "filter FORWARD 1"),
            ("9.9.9.9", "filter FORWARD 2"),
            ("everyone else", "filter FORWARD 3"),
        ]
        while "203.0.113.0/24" not in str(answer.detail.border_title):
            await pilot.press("v")
            await pilot.pause()
        part = answer.lines.part
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is app.main)
        assert app.state.flow.path.verdict == "delivered" and app.state.part == part
        assert app.main.chains.current.rule.number == 1
        assert "for 203.0.113.0/24" in str(app.main.detail.border_title)
        await pilot.press("v")
        assert app.state.part == (part + 1) % 3


async def test_a_cell_that_all_senders_share_has_no_parts() -> None:
    """A container sends as itself; in the other answers v is of the open flow."""
    async with running(snapshot(), answers=SOLVE, size=(140, 40)) as (app, pilot):
        answer = await opened(app, pilot)
        await pilot.press("v")
        assert "tells the senders of this cell apart" in screen_text(app)
        assert "part" not in str(answer.detail.border_title)
        await pilot.press("D", "v")
        await pilot.pause()
        assert "Open a flow first" in screen_text(app)
