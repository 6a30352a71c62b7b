"""Who is connected now: lines by container, both directions, the rule that lets a new one in, what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from netui.model import Snapshot
from netui.model.connection import Connection, Ends
from netui.sources.capture.reader import read_capture
from netui.text.errors import SourceError
from netui.ui.answers.worker import SOLVE
from netui.ui.presenters.answers.connections import peers
from tests.ui.fakes import CASES, blog_host
from tests.ui.steps import rows, running, screen_text, until

INWARD = Connection(
    "ip", "tcp", "ESTABLISHED", Ends("198.51.100.7", "198.51.100.1", 41000, 443),
    Ends("172.18.0.3", "198.51.100.7", 443, 41000), 9, 123456,
)  # fmt: skip
OUTWARD = Connection(
    "ip", "udp", "", Ends("172.18.0.2", "9.9.9.9", 5353, 53), Ends("9.9.9.9", "198.51.100.1", 53, 5353), answered=False
)
TO_HOST = Connection(
    "ip", "tcp", "ESTABLISHED", Ends("198.51.100.7", "198.51.100.1", 1, 22), Ends("198.51.100.1", "198.51.100.7", 22, 1)
)

#: Says what is read, or what is raised in its place.
Reads = Callable[[Exception | Iterable[Connection]], None]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Let the kernel tell these connections, or raise."""

    def give(found: Exception | Iterable[Connection]) -> None:
        def read() -> tuple[Connection, ...]:
            if isinstance(found, Exception):
                raise found
            return tuple(found)

        monkeypatch.setattr("netui.sources.live.conntrack.read_connections", read)

    return give


def live() -> Snapshot:
    """The blog post's host as if it were read live."""
    return replace(blog_host(), origin="live")


def test_whose_it_is() -> None:
    """By the answers' source for what comes in, by the first packet's for what goes out; the host's own stay out."""
    found = peers(live(), (TO_HOST, OUTWARD, INWARD))
    assert [(each.container, each.inward, each.other, each.port) for each in found] == [
        ("blog", False, "9.9.9.9:53", "53/udp"),
        ("openresty", True, "198.51.100.7:41000", "443/tcp"),
    ]


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_c_shows_them(reads: Reads, size: tuple[int, int]) -> None:
    """A line each, with state and bytes; they are read again each second, and the same key goes back."""
    reads([INWARD, OUTWARD])
    async with running(live(), answers=SOLVE, size=size) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: app.answers.screen is not None and app.answers.screen.lines.answer is not None)
        await pilot.pause()
        text = screen_text(app)
        assert "198.51.100.7:41000" in text and "established" in text and "120.6K" in text and "unanswered" in text
        reads([OUTWARD])
        await until(pilot, lambda: "198.51.100.7" not in screen_text(app), times=400)
        await pilot.press("c")
        assert app.answers.screen is None


async def test_the_rule_that_lets_it_in(reads: Reads) -> None:
    """The details walk the connection's first packet by the rules of now, and Enter goes to the deciding rule."""
    host = replace(read_capture(CASES / "engine-20.10" / "host"), origin="live")
    cart = next(each for each in host.containers if each.name == "cart")
    inward = Connection(
        "ip", "tcp", "ESTABLISHED", Ends("198.51.100.2", "198.51.100.1", 41000, 7000),
        Ends(next(e.ipv4 for e in cart.endpoints if e.gateway4), "198.51.100.2", 80, 41000),
    )  # fmt: skip
    reads([inward])
    async with running(host, answers=SOLVE) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: app.answers.screen is not None and app.answers.screen.detail.line_count > 3)
        await pilot.pause()
        text = "\n".join(rows(app.answers.screen.detail))
        assert "would be ✓ delivered by the rules of now" in text and "let in by" in text
        await pilot.press("enter")
        await pilot.pause()
        assert app.answers.screen is None and app.main.chains.current.rule is not None


@pytest.mark.parametrize(
    ("found", "origin", "said"),
    [
        (SourceError("needs root: run netui with sudo"), "live", "needs root"),
        ([], "replay", "a capture has no connections"),
        ([], "live", "no container has a connection"),
    ],
)
async def test_a_line_says_why_there_is_nothing(
    reads: Reads, found: Exception | Iterable[Connection], origin: str, said: str
) -> None:
    """Without the right, on a capture, and where there is nothing."""
    reads(found)
    async with running(replace(blog_host(), origin=origin), answers=SOLVE) as (app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: said in screen_text(app))
