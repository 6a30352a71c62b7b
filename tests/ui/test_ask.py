"""The line for a question: completion, errors below it, the history, the answer as a flow, its reverse."""

from __future__ import annotations

from itertools import islice

import pytest
from textual.pilot import Pilot

from netui.model import Snapshot
from netui.traversal.result import Flow
from netui.ui.app import NetuiApp
from netui.ui.background.asking import ASKED, reverse
from netui.ui.panes.ask_bar import completions
from tests.ui.fakes import blog_host, later
from tests.ui.flows_fake import published
from tests.ui.steps import arrive, running, screen_text, until


def answer(snapshot: Snapshot, source: str, destination: str) -> Flow:
    """Answer every question with openresty's first path; "nobody" is a bad one."""
    if source == "nobody":
        raise ValueError("no container is named 'nobody'")
    return Flow(ASKED, f"{source} → {destination}", source, destination, published(snapshot, "3")[0].path)


async def ask(app: NetuiApp, pilot: Pilot[int], line: str) -> None:
    """Type a question."""
    await pilot.press(
        "colon", *("space" if each == " " else "colon" if each == ":" else each for each in line), "enter"
    )
    await pilot.pause()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["outside", "host", "lan", "any", "blog", "openresty"]),
        ("op", ["openresty"]),
        ("outside h", ["outside host"]),
        ("blog openresty@", ["blog openresty@hehe"]),
        ("outside host:", ["outside host:80", "outside host:443"]),
        ("blog openresty:4", ["blog openresty:443"]),
        ("outside nobody:", []),
    ],
)
def test_what_is_offered(typed: str, offered: list[str]) -> None:
    """Names, networks after @, ports after the colon."""
    assert list(islice(completions(blog_host(), typed), 6)) == offered


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_an_answer_is_a_flow_like_any_other(size: tuple[int, int]) -> None:
    """Its steps are numbered and gone through; the details say what was asked; Esc closes it."""
    async with running(asker=answer, size=size) as (app, pilot):
        await ask(app, pilot, "outside host:443")
        await until(pilot, lambda: app.state.flow is not None)
        await pilot.pause()
        assert app.state.step == 1 and not app.main.ask_line.has_class("-open")
        assert "delivered, outside → host:443" in screen_text(app)
        await pilot.press("n")
        assert app.state.step == 2
        await pilot.press("escape")
        assert app.state.flow is None


async def test_a_bad_question_is_said_below_the_line() -> None:
    """The line stays as it was typed, with the reason below; Esc closes both."""
    async with running(asker=answer) as (app, pilot):
        await ask(app, pilot, "nobody host:80")
        await until(pilot, lambda: "no container is named 'nobody'" in screen_text(app))
        assert app.main.ask_line.bar.value == "nobody host:80"
        await pilot.press("escape")
        await pilot.pause()
        assert app.focused is app.main.networks and "nobody" not in screen_text(app)


async def test_two_words_are_needed() -> None:
    """One word or three are no question."""
    async with running(asker=answer) as (app, pilot):
        for line in ("outside", "outside host:80 more"):
            await ask(app, pilot, line)
            await until(pilot, lambda: "two words are needed" in screen_text(app))
            await pilot.press("escape")
            await pilot.pause()


async def test_tab_takes_what_is_offered_and_up_brings_back() -> None:
    """Tab completes, the arrows go through the session's questions."""
    async with running(asker=answer) as (app, pilot):
        bar = app.main.ask_line.bar
        await ask(app, pilot, "outside host:443")
        await ask(app, pilot, "blog host:80")
        await pilot.press("colon", "o", "p")
        await until(pilot, lambda: bar._suggestion == "openresty")
        await pilot.press("tab")
        assert bar.value == "openresty"
        await pilot.press("up")
        assert bar.value == "blog host:80"
        await pilot.press("up", "up")
        assert bar.value == "outside host:443"
        await pilot.press("down", "down")
        assert bar.value == ""


async def test_r_asks_the_other_way_round() -> None:
    """Who received it asks who sent it."""
    asked = []

    def asker(snapshot: Snapshot, source: str, destination: str) -> Flow:
        asked.append((source, destination))
        return answer(snapshot, source, destination)

    async with running(asker=asker) as (app, pilot):
        await ask(app, pilot, "outside host:443")
        await until(pilot, lambda: app.state.flow is not None)
        await pilot.press("r")
        await until(pilot, lambda: len(asked) == 2)
        assert asked == [("outside", "host:443"), ("openresty", "outside:443")]


async def test_it_is_asked_again_when_the_host_changes() -> None:
    """An answer never stands beside rules that it is not of."""
    asked = []

    def asker(snapshot: Snapshot, source: str, destination: str) -> Flow:
        asked.append(snapshot)
        return answer(snapshot, source, destination)

    async with running(asker=asker) as (app, pilot):
        await ask(app, pilot, "outside host:443")
        await until(pilot, lambda: app.state.flow is not None)
        from dataclasses import replace

        host = later(blog_host(), 1)
        changed = replace(host, containers=host.containers[:1])
        await arrive(app, pilot, changed)
        await until(pilot, lambda: len(asked) == 2)
        assert asked[-1] is changed


@pytest.mark.parametrize(
    ("source", "destination", "turned"),
    [
        ("blog", "172.18.0.9:8080/udp", ("172.18.0.9", "blog:8080/udp")),
        ("outside:198.51.100.2", "host/icmp", ("host", "outside:198.51.100.2/icmp")),
        ("2001:db8::1", "[2001:db8::2]:80", ("2001:db8::2", "[2001:db8::1]:80")),
    ],
)
def test_reverse(source: str, destination: str, turned: tuple[str, str]) -> None:
    """Port, protocol and brackets go with the place to which they belong."""
    path = published(blog_host(), "3")[1].path
    assert reverse(Flow(ASKED, "", source, destination, path)) == turned
