"""Pictures of each view, on the blog post's host and on a real one with many containers."""

from dataclasses import replace

import pytest

from netui.sources.capture import read_capture
from netui.ui.app import NetuiApp
from netui.ui.presenters.selection import ContainerItem
from tests.ui.fakes import CASES, TIME, FakePoller, blog_host, container
from tests.ui.flows_fake import published
from tests.ui.steps import until

SIZES = {"80x24": (80, 24), "160x45": (160, 45)}


def app_of(snapshot, **options) -> NetuiApp:
    """Return the app on a snapshot that does not move."""
    options = {
        "clock": lambda: TIME,
        "ascii_glyphs": False,
        "colour": True,
        "flows": published,
        "mode": "demo",
        **options,
    }
    return NetuiApp(FakePoller(snapshot), **options)


def many():
    """Return the blog post's host with 300 containers."""
    host = blog_host()
    return replace(host, containers=(*host.containers, *(container(f"worker{n:03}", 10 + n) for n in range(297))))


async def to_flow(pilot) -> None:
    """Open the first flow of openresty."""
    app = pilot.app
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
def _same_time_everywhere(monkeypatch):
    """Show times of day as UTC, wherever the tests run."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("theme", ["netui-dark", "netui-light"])
def test_overview(snap_compare, size, theme):
    """Three panes at both sizes, dark and light."""
    assert snap_compare(app_of(blog_host(), theme=theme), terminal_size=size)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_path(snap_compare, size):
    """An open flow with its steps in the chain table."""
    assert snap_compare(app_of(blog_host()), terminal_size=size, run_before=to_flow)


def test_without_colour(snap_compare):
    """No colour at all: signs and words carry everything."""
    assert snap_compare(app_of(blog_host(), colour=False), terminal_size=(80, 24), run_before=to_flow)


def test_ascii(snap_compare):
    """Only ASCII, for the Linux console."""
    assert snap_compare(app_of(blog_host(), ascii_glyphs=True), terminal_size=(80, 24), run_before=to_flow)


def test_300_containers(snap_compare):
    """A crowded host."""
    assert snap_compare(app_of(many()), terminal_size=(160, 45), press=["j", "G"])


def test_a_real_hosts_rule(snap_compare):
    """A rule of a captured Engine 20.10, in the wide columns."""
    host = read_capture(CASES / "engine-20.10" / "host")
    assert snap_compare(app_of(host), terminal_size=(160, 45), press=["2", "z", "c", "c", "c", "j", "j"])


def test_help(snap_compare):
    """The help screen."""
    assert snap_compare(app_of(blog_host()), terminal_size=(80, 24), press=["question_mark"])


def test_20_by_5(snap_compare):
    """The smallest terminal that is of use."""
    assert snap_compare(app_of(blog_host()), terminal_size=(20, 5))
