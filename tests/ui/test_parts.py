"""A flow that differs by sender: `v` walks through its parts, each in the chain table; E names them."""

from __future__ import annotations

from dataclasses import replace

from netui.model import Snapshot
from netui.traversal.result import Flow, SendersPart
from netui.ui.answers.worker import SOLVE
from tests.traversal.build import filter_rules, nat_rules, snapshot
from tests.ui.fakes import blog_host, blog_rules, later
from tests.ui.flows_fake import published
from tests.ui.moves import open_flow
from tests.ui.steps import arrive, rows, running, screen_text, until


def apart(host: Snapshot, container_id: str) -> tuple[Flow, ...]:
    """The published flow, which rules close to one network."""
    flow, *others = published(host, container_id) or (None,)
    if flow is None:
        return ()
    leg = flow.path.legs[0]
    short = replace(leg, steps=leg.steps[:2])
    office = replace(flow.path, verdict="dropped", reason="a rule drops it", legs=(short,), deciding=leg.steps[1])
    parts = (SendersPart(None, flow.path), SendersPart(("203.0.113.0/24", "9.9.9.9"), office, leg.steps[1]))
    return (replace(flow, path=replace(flow.path, senders=parts)), *others)


async def test_v_walks_through_the_parts() -> None:
    """Each part in its turn, then everyone else again; a refresh keeps it, another flow begins anew."""
    async with running(flows=apart) as (app, pilot):
        await open_flow(app, pilot)
        whole = app.state.flow
        assert len(whole.path.legs[0].steps) > 2
        await pilot.press("v")
        assert app.state.flow.path.verdict == "dropped"
        assert len(app.state.flow.path.legs[0].steps) == 2
        assert "Part 2 of 2, for 203.0.113.0/24, 9.9.9.9" in screen_text(app)
        assert "for 203.0.113.0/24, 9.9.9.9" in str(app.main.detail.border_title)
        await arrive(app, pilot, later(blog_host(blog_rules(extra_nat=["-p udp -j RETURN"])), 1))
        await pilot.pause()
        assert app.state.part == 1
        await pilot.press("v")
        assert app.state.part == 0 and app.state.flow.path.verdict == whole.path.verdict
        await pilot.press("v", "f")
        assert app.state.part == 0


async def test_v_means_the_same_in_the_chains() -> None:
    """In each pane v is of the open flow, and V of the tables."""
    async with running(flows=apart) as (app, pilot):
        await open_flow(app, pilot)
        app.main.chains.focus()
        before = app.main.chains.view.backends
        await pilot.press("v")
        assert app.state.part == 1 and app.main.chains.view.backends == before
        await pilot.press("V")
        assert app.state.part == 1 and app.main.chains.view.backends != before
    async with running(flows=published) as (app, pilot):
        await open_flow(app, pilot)
        await pilot.press("2", "v")
        assert "tells the senders of this flow apart" in screen_text(app)


async def test_exposed_names_the_parts() -> None:
    """The line counts the networks that get through, the details name them with their rule."""
    rules = filter_rules("-A FORWARD -i eth0 -s 203.0.113.0/24 -j ACCEPT", "-A FORWARD -i eth0 -j DROP")
    nat = nat_rules("-A PREROUTING -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80")
    async with running(snapshot(nat + rules), answers=SOLVE, size=(140, 40)) as (app, pilot):
        await pilot.press("E")
        await until(pilot, lambda: app.answers.screen is not None and app.answers.screen.lines.answer is not None)
        await until(pilot, lambda: "1 net" in screen_text(app))
        detail = "\n".join(rows(app.answers.screen.detail))
        assert "filter FORWARD 1" in detail and "for 203.0.113.0/24" in detail
