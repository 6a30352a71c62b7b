"""Doctor, exposed and reach: each opened by its key, and leading to the rule behind it."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any, Never

import pytest
from textual.pilot import Pilot

from netui.model import Snapshot
from netui.sources.capture.reader import read_capture
from netui.ui.answers.screen import AnswerScreen
from netui.ui.answers.worker import BY_ITSELF_EVERY, SOLVE
from netui.ui.app import NetuiApp
from netui.ui.messages import SnapshotArrived
from tests.bench.large import large_snapshot
from tests.ui.fakes import CASES, later
from tests.ui.steps import row_of, rows, running, screen_text, until


@pytest.fixture(scope="module")
def real() -> Snapshot:
    """A captured Engine 20.10 with the blog post's host."""
    return read_capture(CASES / "engine-20.10" / "host")


async def answered(app: NetuiApp, pilot: Pilot[int], key: str) -> AnswerScreen:
    """Press a key and wait for the answer."""
    await pilot.press(key)
    await until(
        pilot, lambda: app.answers.screen is not None and not app.answers.finder.working(app.answers.screen.question)
    )
    await pilot.pause()
    return app.answers.screen


async def test_exposed_leads_to_the_deciding_rule(real: Snapshot) -> None:
    """The widest open ports first; Enter goes to the rule that let them in; Esc would go back."""
    async with running(real, answers=SOLVE) as (app, pilot):
        answer = await answered(app, pilot, "E")
        assert "open to the world" in str(answer.lines.border_title)
        assert "cart" in rows(answer.lines)[1] and "open" in rows(answer.lines)[1]
        assert "the world" in screen_text(app) and "published" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is app.main and app.main.chains.has_focus
        assert app.main.chains.current.chain.name == "DOCKER" and app.main.chains.current.rule is not None


async def test_ports_that_may_be_missing_are_said(real: Snapshot) -> None:
    """Where it was not read what listens in a container, the title says that the list may lack ports."""
    containers = tuple(replace(one, listening=None) for one in real.containers or ())
    for snapshot, said in ((real, False), (replace(real, containers=containers), True)):
        async with running(snapshot, answers=SOLVE, size=(120, 30)) as (app, pilot):
            await answered(app, pilot, "E")
            assert ("more may listen in 8 containers" in screen_text(app)) is said


async def test_each_place_leads_to_its_own_rule(real: Snapshot) -> None:
    """Tab goes to the details, Enter on a line to the rule that it names."""
    async with running(real, answers=SOLVE) as (app, pilot):
        answer = await answered(app, pilot, "E")
        await pilot.press("tab")
        await until(pilot, lambda: answer.detail.has_focus)
        place = next(i for i, line in enumerate(answer.detail._lines) if line.action is not None)
        answer.detail.move_to(place)
        item: Any = answer.detail._lines[place].action
        await pilot.press("enter")
        await pilot.pause()
        current = app.main.chains.current
        wanted = item.identity[:2] if hasattr(item, "identity") else (item.table, item.chain)
        assert (current.table, current.chain.name) == tuple(wanted)


async def test_reach_goes_from_cell_to_cell(real: Snapshot) -> None:
    """Left and right choose the column; the details tell that way, step by step."""
    async with running(real, answers=SOLVE) as (app, pilot):
        answer = await answered(app, pilot, "R")
        assert "[" in row_of(answer.lines) and "ways open" in str(answer.lines.border_title)
        before = rows(answer.detail)[0]
        await pilot.press("j", "h")
        await pilot.pause()
        assert rows(answer.detail)[0] != before and "Steps" in "\n".join(rows(answer.detail))
        await pilot.press("h", "h", "k", "l", "l", "l", "l", "enter")
        await pilot.pause()
        assert app.answers.screen is None or "way" in rows(answer.detail)[0]


async def test_doctor_tells_the_header(real: Snapshot) -> None:
    """It looks by itself; its findings are counted in the header, and each says why and what to do."""
    broken = later(real, 0, sysctls={**real.sysctls, "net.ipv4.ip_forward": "0", "net.ipv4.conf.all.forwarding": "0"})
    async with running(broken, answers=SOLVE) as (app, pilot):
        await until(pilot, lambda: app.state.findings)
        await pilot.pause()
        assert "finding" in app.main.status.render_line(0).text
        answer = await answered(app, pilot, "D")
        assert "high" in rows(answer.lines)[1]
        text = "\n".join(rows(answer.detail))
        assert "why" in text and "evidence" in text and "what to do" in text
        await pilot.press("escape")
        assert app.screen is app.main and app.answers.screen is None


async def test_the_same_key_goes_back_and_another_changes_the_question(real: Snapshot) -> None:
    """E, D, D, R, Backspace: never more than one answer over the panes."""
    async with running(real, answers=SOLVE) as (app, pilot):
        for key, question in (("E", "exposed"), ("D", "doctor"), ("D", ""), ("R", "reach"), ("backspace", "")):
            await pilot.press(key)
            await pilot.pause()
            assert (app.answers.screen.question if app.answers.screen else "") == question
            assert len(app.screen_stack) == (2 if question else 1)


async def test_an_answer_never_holds_up_the_screen(real: Snapshot) -> None:
    """While it is worked out the screen says so, and goes on; quitting does not wait for it."""
    go = threading.Event()

    def slow(snapshot: Snapshot) -> list[Any]:
        go.wait(60)
        return []

    async with running(real, answers={"exposed": slow}) as (app, pilot):
        await pilot.press("E")
        await pilot.pause()
        assert "working…" in str(app.answers.screen.lines.border_title)
        await pilot.press("escape", "2", "j")
        assert app.main.chains.has_focus
        await pilot.press("q")
    go.set()


async def test_what_cannot_be_worked_out_is_said(real: Snapshot) -> None:
    """A bug or a looping ruleset takes the answer down, not the screen, and is not tried again and again."""
    tried = []

    def broken(snapshot: Snapshot) -> Never:
        tried.append(snapshot)
        raise ValueError("chains jump in a circle: \x1b[31m")

    async with running(real, answers={"exposed": broken}) as (app, pilot):
        answer = await answered(app, pilot, "E")
        await until(pilot, lambda: "jump in a circle" in str(answer.lines.border_title))
        # once for the tree, once because it was asked for
        assert len(tried) == 2 and "\x1b" not in screen_text(app)


async def test_an_open_answer_follows_what_changes(real: Snapshot) -> None:
    """A container that goes takes its lines with it; the cursor stays on its own."""
    async with running(real, answers=SOLVE) as (app, pilot):
        answer = await answered(app, pilot, "E")
        await pilot.press("G")
        line = row_of(answer.lines)
        gone = tuple(each for each in real.containers if each.name not in line)[:1]
        rest = tuple(each for each in real.containers if each not in gone)
        app.post_message(SnapshotArrived(later(real, 1, containers=rest)))
        await until(pilot, lambda: len(answer.lines.answer.keys) and gone[0].id not in str(answer.lines.answer.keys))
        await pilot.pause()
        assert row_of(answer.lines).split()[:2] == line.split()[:2]


async def test_the_doctor_is_not_asked_all_the_time(real: Snapshot) -> None:
    """A host whose containers come and go is looked at now and then."""
    asked = []

    def doctor(snapshot: Snapshot) -> list[Any]:
        asked.append(snapshot.time)
        return []

    async with running(real, answers={"doctor": doctor}) as (app, pilot):
        for second in range(1, 40, 2):
            containers = real.containers[: second % 3 + 1]
            app.post_message(SnapshotArrived(later(real, second, containers=containers)))
            await pilot.pause()
            await until(pilot, lambda: not app.answers.finder.working("doctor"))
        assert len(asked) <= 40 / BY_ITSELF_EVERY + 2


async def test_answers_at_any_size() -> None:
    """More ports than lines, more columns than fit; a low terminal shows one pane at a time."""
    async with running(large_snapshot(100), answers=SOLVE) as (app, pilot):
        for key in "DER":
            answer = await answered(app, pilot, key)
            for size in ((80, 24), (20, 5), (3, 2), (160, 45)):
                await pilot.resize_terminal(*size)
                await pilot.press("l", "G", "tab")
                await until(pilot, lambda answer=answer: answer.detail.has_focus)  # type: ignore[misc]
                await pilot.press("j", "tab", "g")
                assert answer.lines.has_focus
                screen_text(app)
        assert "100 containers, 2600 of 10100 ways open" in str(answer.lines.border_title)


async def test_an_answer_is_copied(real: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Y copies the line with all there is to know about it."""
    async with running(real, answers=SOLVE) as (app, pilot):
        copied: list[str] = []
        monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
        await answered(app, pilot, "E")
        await pilot.press("y")
        assert copied[0].startswith("cart 80/tcp") and "From where" in copied[0] and copied[0].count("\n") > 3


async def test_lines_of_any_answer_are_filtered(real: Snapshot) -> None:
    """In exposed a filter keeps the lines that have it, each with its own details."""
    async with running(real, answers=SOLVE) as (app, pilot):
        answer = await answered(app, pilot, "E")
        every = len(answer.lines.answer.keys)
        await pilot.press("slash", *"ledger")
        await pilot.pause()
        assert 0 < len(answer.lines.answer.keys) < every
        assert "ledger" in rows(answer.lines)[1] and "ledger" in rows(answer.detail)[0]
        assert f"of {every} lines" in str(answer.lines.border_title)
        await pilot.press("escape")
        await pilot.pause()
        assert len(answer.lines.answer.keys) == every and answer.lines.has_focus
