"""Pictures of each view, on the blog post's host and on a real one with many containers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from netui.config.file import Config
from netui.model import Snapshot
from netui.model.events import Event
from netui.sources.capture.reader import read_capture
from netui.sources.capture.recording import demo
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.background.flow_finder import traversal_flows
from netui.ui.messages import SnapshotArrived
from netui.ui.presenters.selection import ContainerItem
from tests.bench.large import large_snapshot
from tests.ui.fakes import CASES, TIME, FakePoller, blog_host, blog_rules, later
from tests.ui.flows_fake import published
from tests.ui.steps import Compare, until

SIZES = {"80x24": (80, 24), "160x45": (160, 45)}


def app_of(snapshot: Snapshot, **options: Any) -> NetuiApp:
    """Return the app on a snapshot that does not move."""
    options = {
        "clock": lambda: TIME,
        "ascii_glyphs": False,
        "colour": True,
        "flows": published,
        "answers": {},
        "config": Config(Path("config.toml")),
        "mode": "demo",
        **options,
    }
    return NetuiApp(FakePoller(snapshot), **options)


async def to_flow(pilot: Pilot[Any]) -> None:
    """Open the first flow of openresty."""
    app: Any = pilot.app
    await until(pilot, lambda: app.state.arrived)
    app.main.networks.go_to(ContainerItem(app.state.snapshot.containers[0].id))
    await until(pilot, lambda: app.main.detail.flows)
    app.main.detail.focus()
    place = next(
        i for i in range(app.main.detail.line_count) if "443/tcp" in str(app.main.detail.line_spans(i, 80)[1:])
    )
    place += next(i for i in range(9) if "outside" in str(app.main.detail.line_spans(place + i, 80)))
    app.main.detail.move_to(place)
    await pilot.press("enter", "n")
    await until(pilot, lambda: app.state.step == 2)
    await pilot.pause()


@pytest.fixture(autouse=True)
def _same_time_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show times of day as UTC, wherever the tests run."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture(scope="module")
def demo_host() -> Snapshot:
    """The first state of the demo."""
    return next(iter(demo().snapshots()))


@pytest.fixture(scope="module")
def crowded() -> Snapshot:
    """A host with 300 containers on networks of 25."""
    return large_snapshot(300)


@pytest.fixture(scope="module")
def captured() -> Snapshot:
    """A captured Engine 20.10 with networks of many kinds."""
    return read_capture(CASES / "engine-20.10" / "host")


def asked(key: str) -> Callable[[Any], Awaitable[None]]:
    """Return what opens an answer and waits until it is whole."""

    async def ask(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        answers = app.answers
        await until(pilot, lambda: app.state.arrived)
        await pilot.press(key)
        await until(pilot, lambda: answers.screen.lines.answer)
        await until(pilot, lambda: not answers.finder.working(answers.screen.question), times=3000)
        await until(pilot, lambda: not answers.finder.working("doctor"))
        await pilot.press("j", "l")
        await pilot.pause()

    return ask


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("theme", ["netui-dark", "netui-light"])
def test_overview(snap_compare: Compare, demo_host: Snapshot, size: tuple[int, int], theme: str) -> None:
    """Three panes on the demo host, at both sizes, dark and light."""
    assert snap_compare(app_of(demo_host, theme=theme, flows=traversal_flows), terminal_size=size, press=["j", "j"])


@pytest.mark.parametrize(("size", "theme"), [("80x24", "netui-light"), ("160x45", "netui-dark")])
def test_300_containers(snap_compare: Compare, crowded: Snapshot, size: str, theme: str) -> None:
    """A crowded host."""
    assert snap_compare(app_of(crowded, theme=theme), terminal_size=SIZES[size], press=["j", "j", "j"])


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_path(snap_compare: Compare, size: tuple[int, int]) -> None:
    """An open flow with its steps in the chain table."""
    assert snap_compare(app_of(blog_host()), terminal_size=size, run_before=to_flow)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_without_colour(snap_compare: Compare, size: tuple[int, int]) -> None:
    """No colour at all: signs and words carry everything."""
    assert snap_compare(app_of(blog_host(), colour=False), terminal_size=size, run_before=to_flow)


def test_ascii(snap_compare: Compare) -> None:
    """Only ASCII, for the Linux console."""
    assert snap_compare(app_of(blog_host(), ascii_glyphs=True), terminal_size=(80, 24), run_before=to_flow)


@pytest.mark.parametrize(("size", "options"), [("80x24", {"theme": "netui-light"}), ("160x45", {})])
def test_exposed(snap_compare: Compare, captured: Snapshot, size: str, options: dict[str, Any]) -> None:
    """Which ports are reached from where."""
    app = app_of(captured, answers=SOLVE, **options)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=asked("E"))


@pytest.mark.parametrize(("size", "options"), [("80x24", {"colour": False}), ("160x45", {"theme": "netui-light"})])
def test_doctor(snap_compare: Compare, captured: Snapshot, size: str, options: dict[str, Any]) -> None:
    """What is wrong on a host that does not forward."""
    off = {"net.ipv4.ip_forward": "0", "net.ipv4.conf.all.forwarding": "0"}
    app = app_of(replace(captured, sysctls={**captured.sysctls, **off}), answers=SOLVE, **options)
    assert snap_compare(app, terminal_size=SIZES[size], run_before=asked("D"))


def test_reach(snap_compare: Compare, captured: Snapshot) -> None:
    """Who reaches whom, by name."""
    assert snap_compare(app_of(captured, answers=SOLVE), terminal_size=(160, 45), run_before=asked("R"))


def test_reach_of_300_containers(snap_compare: Compare, crowded: Snapshot) -> None:
    """Who reaches whom, by number, for so many have no room for names."""
    assert snap_compare(app_of(crowded, answers=SOLVE), terminal_size=(80, 24), run_before=asked("R"))


def test_events(snap_compare: Compare) -> None:
    """The drawer: an event and the rules that came with it."""

    async def events(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.state.arrived)
        await pilot.press("e")
        app.event_came(Event(TIME, "container", "start", "blog"))
        await pilot.pause()
        app.post_message(SnapshotArrived(later(blog_host(blog_rules(["-s 10.9.9.9/32 -j DROP"])), 1)))
        await until(pilot, lambda: app.events_log.entries[-1].changes)
        await pilot.press("4", "g", "enter", "j", "2", "G")
        await pilot.pause()

    assert snap_compare(app_of(blog_host()), terminal_size=(160, 45), run_before=events)


def test_a_real_hosts_rule(snap_compare: Compare, captured: Snapshot) -> None:
    """A rule of a captured Engine 20.10, in the wide columns."""
    assert snap_compare(app_of(captured), terminal_size=(160, 45), press=["2", "z", "c", "c", "c", "j", "j"])


@pytest.mark.parametrize("size", SIZES)
def test_native_tables(snap_compare: Compare, size: str) -> None:
    """Engine 29.7's nftables: no counters where there are none, verdict maps, nft's words, a network's marks."""
    host = read_capture(CASES / "engine-29.7-nft" / "host")

    async def to_map(pilot: Pilot[Any]) -> None:
        app: Any = pilot.app
        await until(pilot, lambda: app.state.arrived)
        shop = next(each for each in host.containers if each.name == "shop")
        app.main.networks.go_to(ContainerItem(shop.id))
        await pilot.press("2", "j", "j")
        await pilot.pause()

    assert snap_compare(app_of(host), terminal_size=SIZES[size], run_before=to_map)


@pytest.mark.parametrize("theme", ["netui-contrast", "terminal"])
def test_other_themes(snap_compare: Compare, theme: str) -> None:
    """High contrast, and the terminal's own colours."""
    assert snap_compare(app_of(blog_host(), theme=theme), terminal_size=(80, 24), press=["2", "j", "j"])


def test_help(snap_compare: Compare) -> None:
    """The help screen."""
    assert snap_compare(app_of(blog_host()), terminal_size=(80, 24), press=["question_mark"])


def test_20_by_5(snap_compare: Compare) -> None:
    """The smallest terminal that is of use."""
    assert snap_compare(app_of(blog_host()), terminal_size=(20, 5))
