"""What changed: since the start, since a marked moment, since a capture."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from netui.model import Snapshot
from netui.sources.capture.reader import read_capture
from netui.ui.app import NetuiApp
from netui.ui.background.compared import Compared
from netui.ui.presenters.selection import ChainItem
from tests.ui.fakes import CASES, later
from tests.ui.steps import arrive, running, screen_text, until


@pytest.fixture(scope="module")
def host() -> Snapshot:
    """A real host, of which all is known."""
    return read_capture(CASES / "engine-20.10" / "host")


def without(host: Snapshot, name: str, seconds: float) -> Snapshot:
    """The host later, without a container."""
    return later(host, seconds, containers=tuple(each for each in host.containers if each.name != name))


async def open_changes(app: NetuiApp, pilot: Pilot[int], wanted: str) -> None:
    """Press = and wait until something can be read."""
    await pilot.press("equals_sign")
    await until(pilot, lambda: wanted in screen_text(app), times=600)


async def test_since_the_start(host: Snapshot) -> None:
    """Nothing at first; a container that goes is named, its verdicts too, while the answer stands open."""
    async with running(host) as (app, pilot):
        await open_changes(app, pilot, "nothing changed")
        assert "0 differences since netui's first reading" in screen_text(app)
        await arrive(app, pilot, without(host, "cart", 1))
        await until(pilot, lambda: "container" in screen_text(app) and "cart" in screen_text(app), times=600)
        await pilot.press("equals_sign")
        assert app.answers.screen is None


async def test_since_a_marked_moment(host: Snapshot) -> None:
    """X marks, so that what went before does not count; X again goes back to the start."""
    async with running(host) as (app, pilot):
        await arrive(app, pilot, without(host, "cart", 1))
        await pilot.press("X")
        assert "Marked" in screen_text(app)
        await open_changes(app, pilot, "nothing changed")
        assert "the moment marked at" in screen_text(app)
        await pilot.press("X")
        await until(pilot, lambda: "since netui's first reading" in screen_text(app), times=600)
        assert "cart" in screen_text(app)


async def test_since_a_capture(host: Snapshot) -> None:
    """What a capture had and the host has not is told, with the capture's time."""
    async with running(without(host, "cart", 5), compared=Compared(lambda: host)) as (app, pilot):
        await open_changes(app, pilot, "since the capture of")
        assert "cart" in screen_text(app)


async def test_enter_goes_to_the_rule(host: Snapshot) -> None:
    """A rule that came leads to it, one that went to its chain."""
    key, ruleset = next((key, each) for key, each in host.rulesets.items() if key == ("ip", "nft"))
    tables = tuple(
        replace(
            table, chains=tuple(replace(c, rules=c.rules[1:]) if c.name == "DOCKER-USER" else c for c in table.chains)
        )
        for table in ruleset.tables
    )
    fewer = later(host, 1, rulesets={**host.rulesets, key: replace(ruleset, tables=tables)})
    async with running(host) as (app, pilot):
        await arrive(app, pilot, fewer)
        await open_changes(app, pilot, "DOCKER-USER")
        lines = app.answers.screen.lines
        place = next(i for i in range(lines.line_count) if "DOCKER-USER" in str(lines.answer.line(i, 200, None)))
        assert isinstance(lines.answer.action(place, 0), ChainItem)
        lines.move_to(place)
        await pilot.press("enter")
        await pilot.pause()
        assert app.answers.screen is None and app.main.chains.current.chain.name == "DOCKER-USER"
