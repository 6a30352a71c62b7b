"""Nothing that a stranger wrote reaches the terminal raw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path as Folder
from typing import Never

import pytest

from netui.model import Engine, PublishedPort, Snapshot, SourceState
from netui.model.events import Event
from netui.model.statements import Verdict
from netui.traversal.result import Change, Flow, Leg, PacketHeader, Path, Step
from netui.ui.answers.worker import SOLVE
from netui.ui.presenters.selection import ContainerItem
from tests.attack.payloads import bad
from tests.ui.fakes import HEHE, TIME, blog_host, blog_rules, container
from tests.ui.steps import running, screen_text, until

EVIL = "a\x1b[31m\x9b2J\nb\r\t\u202ex\u2066y[bold red]z[/][link=http://x]w\x00\x7f\ud83d{}"


def evil_host(word: str) -> Snapshot:
    """Return a host on which everything that has a name has this one."""
    comment = word.replace('"', "").replace("\n", "\\n")
    rules = blog_rules([f'-m comment --comment "{comment}" -j DROP', f"-i {comment.split()[0][:12] or 'x'} -j DROP"])
    network = replace(HEHE, name=word, options={"x": word})
    host = blog_host(rules)
    evil = container(
        word, 7, PublishedPort(80, word, word, 80), network=network, labels={"com.docker.compose.project": word}
    )
    state = SourceState("nft", False, None, word, word, word)
    return replace(
        host, hostname=word, networks=(network,), containers=(*host.containers, replace(evil, image=word, health=word)),
        engine=Engine(word, word, firewall=word), sources={**host.sources, "nft": state},
    )  # fmt: skip


def assert_clean(text: str) -> None:
    """Assert that only printable letters and line ends are there."""
    bad = {letter for letter in text if not letter.isprintable() and letter != "\n"}
    assert not bad, bad


WORDS = {
    "controls": EVIL, "title": "\x1b]0;title\x07", "long": "x" * 10_000,
    "combining": "e\u0301" * 3000, "wide": "日" * 500, "bracket": "[",
}  # fmt: skip


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS.keys())
async def test_hostile_names_in_every_pane(word: str) -> None:
    """Names, comments, labels, errors: in the tree, the table, the details, the events, the finder, the title."""
    host = evil_host(word)
    async with running(host, answers=SOLVE) as (app, pilot):
        app.event_came(Event(TIME, "container", word, word, word))
        await pilot.press("e")
        evil = host.containers[-1]
        app.main.networks.go_to(ContainerItem(evil.id))
        for key in (
            "j",
            "2",
            *"jjjjjjjjjj",
            "c",
            "c",
            "w",
            "x",
            "3",
            "G",
            "4",
            "z",
            "z",
            "s",
            "question_mark",
            "escape",
            "D",
            "E",
            "R",
            "escape",
            "o",
        ):
            await pilot.press(key)
            assert_clean(screen_text(app))
        await pilot.press("escape", "slash", *"a[", "enter")
        assert_clean(screen_text(app))
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert_clean(screen_text(app))


async def test_markup_is_shown_not_obeyed() -> None:
    """[bold red] stands on the screen as it was written."""
    host = evil_host("[bold red]blog[/]")
    async with running(host) as (app, _pilot):
        assert "[bold red]blog[/]" in screen_text(app)


async def test_a_hostile_error_from_the_flows() -> None:
    """An exception's text is a stranger's too."""

    def broken(snapshot: Snapshot, container_id: str) -> Never:
        raise ValueError(EVIL)

    async with running(flows=broken) as (app, pilot):
        app.main.networks.go_to(ContainerItem(app.state.snapshot.containers[0].id))
        await until(pilot, lambda: "not worked out" in screen_text(app))
        assert_clean(screen_text(app))


async def test_ascii_only() -> None:
    """Where the terminal has no UTF-8, no other letter is written, Textual's own widgets included."""
    async with running(evil_host("日本é→"), ascii_glyphs=True) as (app, pilot):
        for key in ("j", "2", "j", "j", "3", "e", "question_mark", "escape", "slash", "a", "escape", "ctrl+p"):
            await pilot.press(key)
            await pilot.pause()
            text = screen_text(app)
            assert text.isascii(), {letter for letter in text if not letter.isascii()}


@pytest.mark.parametrize("word", [EVIL, "e" + "\u0301" * 300, "\udcff"], ids=["controls", "flood", "no UTF-8"])
async def test_what_is_saved_is_inert(word: str, tmp_path: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture and the path in files: for their owner alone, and with nothing that a terminal obeys."""
    monkeypatch.chdir(tmp_path)
    step = Step(
        "forward", "ip", "nft", word, word, 1, word, Verdict(word, word, word), changes=(Change("destination", word),)
    )
    packet = PacketHeader("ip", word, word, word, 1, 2, word, word)
    way = Path(word, word, "dropped", word, None, (Leg(packet, (step,)),), deciding=step)
    async with running(evil_host(word)) as (app, pilot):
        await pilot.press("ctrl+s")
        app.state.flow = Flow("direct", word, word, word, way)
        await pilot.press("S", "S")
    names = sorted(path.name.partition("-screen")[0].partition("-path")[0].count("-") for path in tmp_path.iterdir())
    assert names == [2, 2, 3], "the second path has a name of its own"
    for path in tmp_path.iterdir():
        assert not bad(path.read_bytes())
        assert path.stat().st_mode & 0o777 == 0o600
