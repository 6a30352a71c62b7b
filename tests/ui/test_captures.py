"""Real hosts on the screen: every line can be stood on, every flow opened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.sources.capture.reader import read_capture
from netui.ui.background.flow_finder import traversal_flows
from netui.ui.messages import FlowOpened
from netui.ui.presenters.times import clock, date
from tests.ui.fakes import CASES, blog_host
from tests.ui.steps import running, screen_text


@pytest.mark.parametrize("case", ["engine-20.10", "engine-29", "engine-29.7-nft"])
async def test_every_line_of_a_capture(case: str) -> None:
    """The tree's and the table's lines, each with its details; each flow's steps are rules that the table has."""
    host = read_capture(CASES / case / "host")
    async with running(host) as (app, pilot):
        for pane in (app.main.networks, app.main.chains):
            pane.focus()
            await pilot.pause()
            for place in range(pane.line_count):
                pane.move_to(place)
                if place % 25 == 0:
                    await pilot.pause()
                    screen_text(app)
        for container in host.containers[:4]:
            for flow in traversal_flows(host, container.id):
                app.open_flow(FlowOpened(flow))
                steps = [step for leg in flow.path.legs if not leg.where for step in leg.steps]
                for number in range(2, len(steps) + 1):
                    app.main.chains.go_to_step(1)
                    line, step = app.main.chains.current, steps[number - 1]
                    assert (line.table, line.chain.name) == (step.table, step.chain)
                    assert step.rule is None or line.rule.number == step.rule


@pytest.mark.parametrize("seconds", [float("nan"), 1e300, -1e300, 253402300799.0 + 86400])
async def test_a_time_that_no_calendar_has(seconds: float) -> None:
    """A capture's time can be anything."""
    assert clock(seconds) == "??:??:??" and date(seconds) == "an unknown time"
    async with running(replace(blog_host(), time=seconds), mode="replay", size=(80, 24)) as (app, _pilot):
        assert "an unknown time" in screen_text(app)
