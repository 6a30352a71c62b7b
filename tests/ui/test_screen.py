"""The whole screen: focus, zoom, help, events, small terminals, and what is wrong with the data."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

import pytest
from textual import events

from netui.model import Snapshot
from netui.model.events import Event
from netui.ui.app import NetuiApp
from netui.ui.messages import SnapshotArrived
from netui.ui.panes.finder import ChainFinder
from netui.ui.panes.help import HelpScreen
from netui.ui.presenters.selection import ContainerItem, HostItem, NetworkItem
from tests.ui.fakes import EMPTY, TIME, FakePoller, blog_host, blog_rules, container, later
from tests.ui.flows_fake import published
from tests.ui.moves import open_flow, to_container
from tests.ui.steps import arrive, of_the_fast_path, row_of, rows, running, screen_text, until


async def test_tab_goes_round_the_panes() -> None:
    """Tab and Shift-Tab, and the panes' numbers; the events only while they are open."""
    async with running() as (app, pilot):
        order = []
        for _ in range(4):
            order.append(app.focused.id)
            await pilot.press("tab")
        assert order == ["networks", "chains", "detail", "networks"]
        await pilot.press("shift+tab", "shift+tab")
        assert app.focused.id == "detail" or app.focused.id == "networks"
        for key, pane in (("2", "chains"), ("3", "detail"), ("1", "networks"), ("4", "events")):
            await pilot.press(key)
            assert app.focused.id == pane
        assert app.main.has_class("-events")


async def test_the_detail_follows_the_pane_in_focus() -> None:
    """A network, a container, a rule, a chain, a policy: each with its own details."""
    async with running() as (app, pilot):
        assert "Docker 20.10.24" in rows(app.main.detail)[0]
        await pilot.press("j")
        assert "Network hehe" in str(app.main.detail.border_title)
        assert "172.18.0.1" in screen_text(app)
        await to_container(app, pilot, "blog")
        assert "Container blog" in str(app.main.detail.border_title)
        assert "site" in screen_text(app)
        await pilot.press("2", "j", "j")
        assert "Rule of nat PREROUTING" in str(app.main.detail.border_title)
        assert "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER" in "\n".join(rows(app.main.detail))
        await pilot.press("k")
        assert "Chain nat PREROUTING" in str(app.main.detail.border_title)
        await pilot.press("1")
        assert "Container blog" in str(app.main.detail.border_title)


async def test_tree_keys() -> None:
    """Fold, unfold, out, next network, edges."""
    async with running() as (app, pilot):
        tree = app.main.networks
        await pilot.press("j")
        assert tree.current == NetworkItem(app.state.snapshot.networks[0].id)
        many = tree.line_count
        await pilot.press("space")
        assert tree.line_count < many
        await pilot.press("l")
        assert tree.line_count == many
        await pilot.press("l")
        assert isinstance(tree.current, ContainerItem)
        await pilot.press("h", "h")
        assert isinstance(tree.current, NetworkItem)
        await pilot.press("right_square_bracket")
        assert tree.current == NetworkItem(EMPTY.id)
        await pilot.press("left_square_bracket", "G", "g")
        assert tree.current == HostItem()


async def test_the_trees_cursor_and_folding_survive_refreshes() -> None:
    """Containers that come, go and stop above it leave the cursor where it was."""
    async with running() as (app, pilot):
        tree = app.main.networks
        await to_container(app, pilot, "openresty")
        await pilot.press("space")
        assert "80 → 80/tcp" not in "\n".join(rows(tree))
        host = blog_host()
        for second in range(1, 20):
            more = tuple(container(f"aa{n}", 20 + n, state="running" if n % 3 else "exited") for n in range(second % 7))
            await arrive(app, pilot, later(replace(host, containers=(*more, *host.containers)), second))
            assert "openresty" in row_of(tree)
            assert "80 → 80/tcp" not in "\n".join(rows(tree))
        gone = tuple(each for each in host.containers if each.name != "openresty")
        await arrive(app, pilot, later(replace(host, containers=gone), 30))
        assert "openresty" not in "\n".join(rows(tree))


async def test_selecting_a_container_marks_its_rules() -> None:
    """Rules that name its address get one mark, those that name only its bridge another."""
    async with running() as (app, pilot):
        await to_container(app, pilot, "openresty")
        marks = [app.main.chains.line_spans(i, 120)[0][0] for i in range(app.main.chains.line_count)]
        assert marks.count("▌") == 4 and marks.count("▏") >= 8
        assert sum(row.startswith("▌") for row in rows(app.main.chains)) == 2


async def test_a_flow_is_stepped_through() -> None:
    """Enter opens it, n and N go from step to step, s shows the steps alone, Esc goes back."""
    async with running(flows=published) as (app, pilot):
        chains = app.main.chains
        await open_flow(app, pilot)
        assert "443" in app.state.flow.label
        assert chains.current.rule.text == "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"
        assert row_of(chains).startswith("  1 ") or row_of(chains).startswith("▏ 1 ")
        await pilot.press("n")
        assert "--to-destination 172.18.0.3:443" in chains.current.rule.text
        assert " 2" in row_of(chains)[:4]
        await pilot.press("n", "n", "n", "n", "n")
        assert (chains.current.kind, chains.current.chain.name) == ("chain", "POSTROUTING")
        await pilot.press("n", "N")
        assert chains.current.rule.text.startswith("-A DOCKER -d 172.18.0.3/32")
        await pilot.press("s")
        assert chains.has_focus
        text = rows(chains)
        assert [row[:3].strip() for row in text[2:9]] == ["1", "2", "3", "4", "5", "6", "7"]
        assert "DNAT" not in text[3] and "dnat 172.18.0.3:443" in text[3]
        assert "policy accept" in text[8]
        await pilot.press("k", "enter")
        assert not chains.steps_only and chains.current.rule is not None
        await pilot.press("s", "escape")
        assert not chains.steps_only and app.state.flow is not None
        await pilot.press("escape")
        assert app.state.flow is None and "step" not in rows(chains)[0]


async def test_predicted_and_seen_are_two_signs() -> None:
    """A step has its number from the start; a dot comes when its counter moved since the flow was opened."""
    async with running(flows=published) as (app, pilot):
        await open_flow(app, pilot)
        chains = app.main.chains
        assert "●" not in row_of(chains)
        host = app.state.snapshot
        await arrive(app, pilot, later(blog_host(host.rulesets[next(iter(host.rulesets))], packets=6), 1))
        assert " 1●" in row_of(chains)
        for second in range(2, 8):
            await arrive(app, pilot, later(app.state.snapshot, second))
        assert " 1●" in row_of(chains)


async def test_an_open_flow_survives_new_rules() -> None:
    """Its steps are worked out anew and follow their rules."""
    async with running(flows=published) as (app, pilot):
        await open_flow(app, pilot)
        await pilot.press("n")
        grown = blog_rules(extra_nat=["-p udp -j RETURN"])
        await arrive(app, pilot, later(blog_host(grown), 1))
        await until(pilot, lambda: app.state.flow and app.state.flow.path.legs[0].steps[1].rule == 3)
        await pilot.pause()
        assert "--dport 443" in app.main.chains.current.rule.text
        assert " 2" in row_of(app.main.chains)[:4]


async def test_flows_that_cannot_be_worked_out_are_said() -> None:
    """A bug or a looping ruleset takes the flows down, not the screen."""

    def broken(snapshot: Snapshot, container_id: str) -> Never:
        raise ValueError("chains jump in a circle: A, B")

    async with running(flows=broken) as (app, pilot):
        await to_container(app, pilot, "openresty")
        await until(pilot, lambda: "jump in a circle" in screen_text(app))


async def test_steps_need_a_flow() -> None:
    """N and s without a flow say what to do."""
    async with running() as (app, pilot):
        await pilot.press("n", "s")
        await until(pilot, lambda: "Open a flow first" in screen_text(app))


async def test_zoom() -> None:
    """Z shows the pane alone and follows the focus; z, _ and Esc bring all back."""
    async with running() as (app, pilot):
        await pilot.press("2", "z")
        await pilot.pause()
        assert app.main.chains.size.width > 150 and not app.main.networks.display
        await pilot.press("tab")
        await pilot.pause()
        assert app.main.detail.display and app.main.detail.size.height > 35
        for back in ("z", "underscore", "escape"):
            app.main.set_zoom("detail")
            await pilot.press(back)
            await pilot.pause()
            assert app.main.networks.display and app.main.chains.display


async def test_help_holds_every_key() -> None:
    """? lists the keys of all panes and the signs; any of the usual keys closes it."""
    async with running() as (app, pilot):
        for key in ("escape", "q", "question_mark", "enter"):
            await pilot.press("question_mark")
            screen: Any = app.screen
            assert isinstance(screen, HelpScreen)
            help_lines: Any = screen.query_one("#help-lines")
            lines = "\n".join("".join(text for text, _ in line) for line in help_lines._lines)
            for word in ("Fold", "Previous step", "OSC 52", "zeroed", "Signs"):
                assert word in lines
            await pilot.press(key)
            assert app.screen is app.main


async def test_find_a_chain() -> None:
    """o, a few letters, Enter."""
    async with running() as (app, pilot):
        await pilot.press("o")
        assert isinstance(app.screen, ChainFinder)
        await pilot.press(*"stage2", "enter")
        await pilot.pause()
        assert app.main.chains.current.chain.name == "DOCKER-ISOLATION-STAGE-2"
        assert app.main.chains.has_focus
        await pilot.press("o", "escape")
        assert app.screen is app.main


async def test_events_tell_what_came_with_them() -> None:
    """An event and the rules that it brought are one line; Enter leads to a rule."""
    async with running() as (app, pilot):
        await pilot.press("e")
        app.event_came(Event(TIME, "container", "start", "blog"))
        await pilot.pause()
        await arrive(app, pilot, later(blog_host(blog_rules(["-s 10.9.9.9/32 -j DROP"])), 1))
        assert "blog started: +1 rule in filter" in rows(app.main.drawer)[0]
        await pilot.press("4", "g", "enter", "j")
        assert "10.9.9.9" in row_of(app.main.drawer)
        await pilot.press("enter")
        await pilot.pause()
        assert "10.9.9.9" in app.main.chains.current.rule.text and app.main.chains.has_focus
        await pilot.press("e")
        assert not app.main.has_class("-events")


async def test_an_event_gets_its_containers_name_later() -> None:
    """Docker tells that a container connects before the listing knows it; one that goes keeps its name."""
    host = blog_host()
    new = container("shop", 77)
    async with running(host) as (app, pilot):
        await pilot.press("e")
        app.event_came(Event(TIME, "network", "connect", "hehe", attributes={"container": new.id}))
        await pilot.pause()
        assert f"{new.id[:12]} connected to network hehe" in rows(app.main.drawer)[0]
        for seconds, containers in ((1, (*host.containers, new)), (2, host.containers)):
            await arrive(app, pilot, later(host, seconds, containers=containers))
            assert "shop connected to network hehe" in rows(app.main.drawer)[0]


async def test_events_are_all_kept_while_snapshots_coalesce() -> None:
    """A hundred snapshots at once may become one; a hundred events stay a hundred."""
    async with running() as (app, pilot):
        taken: list[Snapshot] = []
        real = app.state.take

        def take(snapshot: Snapshot) -> Any:
            taken.append(snapshot)
            return real(snapshot)

        app.state.take = take  # type: ignore[method-assign]
        for number in range(100):
            app.post_message(SnapshotArrived(later(blog_host(), number)))
        for number in range(100):
            app.event_came(Event(TIME + number, "container", "start", f"c{number}"))
        await until(pilot, lambda: len(app.events_log.entries) == 100)
        assert len(taken) < 100 and taken[-1].time == TIME + 99


async def test_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Y copies the rule, the line, the address or the path, with nothing in it that a terminal obeys."""
    async with running(flows=published) as (app, pilot):
        copied: list[str] = []
        monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
        await to_container(app, pilot, "openresty")
        await pilot.press("y", "2", "j", "j", "y")
        assert copied == ["172.18.0.3", "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"]
        await open_flow(app, pilot)
        await pilot.press("y")
        assert copied[-1].startswith("outside → 443/tcp: delivered\n")


async def test_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-S saves a picture, S the path, into the current folder; a folder that is read-only is said."""
    monkeypatch.chdir(tmp_path)
    async with running(flows=published) as (app, pilot):
        await pilot.press("ctrl+s", "S")
        assert [path.suffix for path in tmp_path.iterdir()] == [".svg"]
        await open_flow(app, pilot)
        await pilot.press("S")
        assert "nat DOCKER" in next(tmp_path.glob("*.txt")).read_text()
        monkeypatch.setattr("os.link", _refuse)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Not saved" in screen_text(app))


def _refuse(*_args: object, **_more: Any) -> Never:
    raise OSError(13, "Permission denied")


async def test_quit_is_at_once() -> None:
    """Q ends the app and stops the poller, whatever it does."""
    poller = FakePoller(blog_host())
    app = NetuiApp(poller, clock=lambda: TIME, flows=lambda snapshot, container_id: ())
    async with app.run_test() as pilot:
        await pilot.press("q")
    assert poller.stopped and app.return_code == 0 and app.return_value == 0


async def test_snapshots_may_come_from_a_thread() -> None:
    """The poller's callables only post messages."""
    poller = FakePoller()
    app = NetuiApp(poller, clock=lambda: TIME, flows=lambda snapshot, container_id: ())
    async with app.run_test() as pilot:
        assert "reading the host" in screen_text(app)
        thread = threading.Thread(target=lambda: poller.on_snapshot(blog_host()))
        thread.start()
        thread.join()
        await until(pilot, lambda: app.state.arrived)
        assert app.state.snapshot.hostname == "lab"


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (49, 30), (40, 12), (20, 5), (10, 3), (5, 2), (1, 1), (200, 60)])
async def test_any_size_works(size: tuple[int, int]) -> None:
    """From 1×1 to 200×60 nothing breaks, with every pane in focus."""
    async with running(size=size, flows=published) as (app, pilot):
        for key in (
            "2",
            "j",
            "c",
            "c",
            "c",
            "c",
            "3",
            "j",
            "4",
            "1",
            "slash",
            "a",
            "escape",
            "question_mark",
            "escape",
        ):
            await pilot.press(key)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        await pilot.resize_terminal(*size)
        await pilot.pause()
        screen_text(app)


async def test_20_by_5_shows_one_pane() -> None:
    """There is room for one pane: the one in focus, reached with the same keys."""
    async with running(size=(20, 5)) as (app, pilot):
        assert "hehe" in screen_text(app)
        await pilot.press("2", "j", "j")
        await pilot.pause()
        assert "DOCKER" in screen_text(app)
        await pilot.press("tab")
        await pilot.pause()
        assert "nat PREROUTING" in screen_text(app) or "text" in screen_text(app)


async def test_80_by_24_shows_all_three_panes() -> None:
    """Tree, rules with counters and targets, and details side by side."""
    async with running(size=(80, 24)) as (app, _pilot):
        text = screen_text(app)
        for word in ("openresty", "PREROUTING", "DOCKER", "target", "engine", "Quit", "Help"):
            assert word in text
        assert all(pane.size.height >= 5 and pane.size.width >= 20 for pane in (app.main.networks, app.main.chains))


async def test_the_footer_shows_the_keys_of_the_pane_in_focus() -> None:
    """The chain table's keys only while it has the focus."""
    async with running(size=(120, 30)) as (app, pilot):
        footer = app.main.get_child_by_id("keys")
        assert "IPv4/6" not in footer.render_line(0).text
        await pilot.press("2")
        await pilot.pause()
        assert "IPv4/6" in footer.render_line(0).text and "? Help" in footer.render_line(0).text


async def test_a_dead_daemon_cannot_be_missed() -> None:
    """The header says so with the time of the data, and takes it back when the daemon is there again."""
    now = [TIME]
    async with running(size=(80, 24), clock=lambda: now[0]) as (app, pilot):
        host = blog_host()
        docker = replace(host.sources["docker"], error="no answer")
        await arrive(app, pilot, later(host, 1, sources={**host.sources, "docker": docker}))
        assert "Docker disconnected, data of" in app.main.status.render_line(0).text
        assert app.main.status.has_class("-lost")
        await arrive(app, pilot, later(host, 2))
        assert "disconnected" not in app.main.status.render_line(0).text
        now[0] += 60
        app.main.status.check()
        await pilot.pause()
        assert "nothing new, data of" in app.main.status.render_line(0).text


async def test_demo_is_said_all_the_time() -> None:
    """Whatever is open, the first line says DEMO."""
    async with running(mode="demo", size=(80, 24)) as (app, pilot):
        for key in ("2", "z", "4", "question_mark"):
            await pilot.press(key)
            assert " DEMO " in screen_text(app).splitlines()[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"local": False, "address": "ssh://far"}, "another machine"), ({"here": False}, "a namespace of its own")],
)
async def test_an_engine_elsewhere_lends_no_names(fields: dict[str, Any], words: str) -> None:
    """Its containers are shown, but no rule carries their names, and the header says why."""
    host = blog_host()
    remote = replace(host, engine=replace(host.engine, **fields))
    async with running(remote) as (app, _pilot):
        assert "openresty" not in "\n".join(rows(app.main.chains))
        assert "openresty" in "\n".join(rows(app.main.networks))
        assert words in app.main.status.render_line(0).text


async def test_themes_and_palette() -> None:
    """T goes through the themes; every action is in the palette."""
    async with running() as (app, pilot):
        first = app.theme
        await pilot.press("t")
        assert app.theme != first
        await pilot.press("t", "t")
        assert app.theme == "terminal"
        screen_text(app)
        await pilot.press("t")
        assert app.theme == first
        commands = {command.title for command in app.get_system_commands(app.screen)}
        assert "Quit at once" in commands and any(title.startswith("Chains: Freeze") for title in commands)
        command = next(each for each in app.get_system_commands(app.screen) if "Chains: Sort by rate" in each.title)
        await command.callback()
        assert app.main.chains.sorted
        await pilot.press("ctrl+p")
        await pilot.pause()
        assert app.screen is not app.main
        await pilot.press("escape")


async def test_the_tree_can_be_made_wider() -> None:
    """> and < move the border."""
    async with running() as (app, pilot):
        width = app.main.networks.outer_size.width
        await pilot.press("greater_than_sign")
        await pilot.pause()
        assert app.main.networks.outer_size.width == width + 4
        await pilot.press("less_than_sign", "less_than_sign")
        await pilot.pause()
        assert app.main.networks.outer_size.width == width - 4


def burst(app: NetuiApp, *keys: str) -> None:
    """Send keys all at once, as a paste or a slow line does."""
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else None)
        event.set_sender(app)
        app.post_message(event)


@of_the_fast_path
@pytest.mark.parametrize(
    ("keys", "done"),
    [
        (("slash", *"openresty"), lambda app: app.main.filter_bar.value == "openresty"),
        (("slash", *"jjj", "enter", "2"), lambda app: app.main.chains.has_focus and app.main._narrowed == "jjj"),
        (("slash", *"ab", "escape", "j", "j"), lambda app: not app.main.filtering and app.main.networks.cursor == 2),
        (("o", *"stage2", "enter", "j"), lambda app: "STAGE-2" in str(app.main.chains.current.chain)[:400]),
        (("2", "G", "1", "j", "j", "j"), lambda app: (app.main.networks.cursor, app.focused.id) == (3, "networks")),
        (("tab", "j", "tab", "j", "tab", "j"), lambda app: app.main.networks.cursor == app.main.chains.cursor == 1),
        (("question_mark", "escape", "2"), lambda app: app.screen is app.main and app.main.chains.has_focus),
        (("D", "E", "R", "escape", "2"), lambda app: app.screen is app.main and app.main.chains.has_focus),
        (("R", "tab", "escape", "j"), lambda app: app.screen is app.main and app.main.networks.cursor == 1),
    ],
)
async def test_keys_in_one_burst_go_where_they_belong(
    keys: tuple[str, ...], done: Callable[[NetuiApp], object]
) -> None:
    """Each key acts before the next one is looked at, whatever opens or moves the focus."""
    async with running() as (app, pilot):
        burst(app, *keys)
        await until(pilot, lambda: done(app))
        await pilot.pause()
        assert done(app)
