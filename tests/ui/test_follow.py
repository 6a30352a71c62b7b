"""Select is highlight: the tree's cursor opens a container's first flow; the focus and all cursors stay."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from textual.pilot import Pilot

from netui.config.file import Config
from netui.model import Snapshot
from netui.model.settings import Settings
from netui.traversal.result import Flow
from netui.ui.app import NetuiApp
from netui.ui.presenters.details.item_flows import first_flow
from netui.ui.presenters.selection import NetworkItem, PortItem
from tests.ui.fakes import blog_host, later
from tests.ui.flows_fake import published
from tests.ui.moves import to_container
from tests.ui.steps import arrive, rows, running, until


async def follow(app: NetuiApp, pilot: Pilot[int], name: str = "openresty") -> None:
    """Put the tree's cursor on a container and wait for its flow."""
    await to_container(app, pilot, name)
    await until(pilot, lambda: app.state.flow is not None)
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_the_cursor_opens_the_first_flow(size: tuple[int, int]) -> None:
    """Its steps are numbered, the deciding rule can be seen, the title has the verdict; nothing else moves."""
    async with running(flows=published, size=size) as (app, pilot):
        cursor = app.main.chains.cursor
        await follow(app, pilot)
        assert app.state.flow.label == "outside → 443/tcp"
        assert app.focused is app.main.networks
        assert app.main.chains.cursor == cursor and app.state.step == 0
        assert "✓ delivered, outside → 443/tcp" in str(app.main.detail.border_title)
        numbered = [row for row in rows(app.main.chains) if row[1:3].strip() == "6"]
        assert numbered, "\n".join(rows(app.main.chains))


async def test_a_rule_in_sight_does_not_move_the_table() -> None:
    """Where the deciding rule can be seen already the table stays where it is."""
    async with running(flows=published, size=(160, 90)) as (app, pilot):
        top = app.main.chains.scroll_offset.y
        await follow(app, pilot)
        assert app.main.chains.scroll_offset.y == top


async def test_the_title_names_what_is_seen() -> None:
    """Where the cursor's chain is scrolled out of sight, the first line's is in the title; then the cursor's again."""
    async with running(flows=published, size=(120, 24)) as (app, pilot):
        chains = app.main.chains
        first = chains.current
        assert first is not None
        await follow(app, pilot)
        assert chains.current is first and chains.scroll_offset.y > chains.cursor
        top = chains.laid.lines[chains.scroll_offset.y]
        assert top.chain is not None
        assert f"nft {top.table} {top.chain.name}" in str(chains.border_title)
        await pilot.press("2", "j")
        assert chains.current is not None and chains.current.chain is not None
        place = f"{chains.current.table} {chains.current.chain.name}"
        assert place in str(chains.border_title)
        await pilot.press("j")
        assert chains.current.rule is not None
        assert f"{place} {chains.current.rule.number}" in str(chains.border_title)


async def test_a_network_closes_what_the_cursor_opened() -> None:
    """On a network there is no flow; back on the container it is open again."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        await pilot.press("left_square_bracket")
        await pilot.pause()
        assert isinstance(app.state.marked, NetworkItem) and app.state.flow is None
        await follow(app, pilot)


async def test_a_flow_of_ones_own_is_not_closed_by_a_network() -> None:
    """What was opened with Enter stays open while the cursor is elsewhere, and Esc closes it."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        await pilot.press("enter", "enter")
        await until(pilot, lambda: not app.state.followed)
        flow = app.state.flow
        await pilot.press("1", "g")
        await pilot.pause()
        assert app.state.flow is flow
        await pilot.press("escape")
        assert app.state.flow is None


async def test_f_goes_through_the_flows_wherever_the_focus_is() -> None:
    """F and F open the next and the previous flow; the focus stays, and after the last comes the first."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        labels = [flow.label for flow in published(blog_host(), "3")]
        for pane in ("1", "2", "3"):
            await pilot.press(pane)
            focused = app.focused
            seen = []
            for _ in labels:
                await pilot.press("f")
                seen.append(app.state.flow.label)
            assert seen == labels[1:] + labels[:1]
            await pilot.press("F")
            assert app.state.flow.label == labels[-1]
            await pilot.press("f")
            assert app.focused is focused


async def test_f_without_a_container_says_so() -> None:
    """On the host there are no flows: one line in the footer, which the next key takes away."""
    async with running(flows=published) as (app, pilot):
        await pilot.press("g", "f")

        def footer() -> str:
            return app.main.keys.render_line(0).text

        assert "No flows" in footer()
        await pilot.press("j")
        assert "No flows" not in footer() and "D Doctor" in footer()


async def test_n_goes_through_its_steps_from_the_tree() -> None:
    """N goes to the first step of what the cursor opened, and the focus stays in the tree."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        await pilot.press("n", "n")
        assert app.state.step == 2 and app.focused is app.main.networks
        await pilot.press("N")
        assert app.state.step == 1


@pytest.mark.parametrize(
    ("keys", "label", "step"),
    [
        (("j", "n"), "outside → 443/tcp", 1),
        (("j", "n", "n"), "outside → 443/tcp", 2),
        (("j", "f"), "outside → 172.18.0.3:22/tcp", 0),
        (("n", "j", "n"), "outside → 443/tcp", 1),
    ],
)
async def test_keys_wait_for_the_flow_that_is_about_to_open(keys: tuple[str, ...], label: str, step: int) -> None:
    """What is pressed before the cursor's flow is worked out counts for that flow; nothing is said of a missing one."""
    worked_out = threading.Event()

    def slow(snapshot: Snapshot, container_id: str) -> tuple[Flow, ...]:
        worked_out.wait(10)
        return published(snapshot, container_id)

    async with running(flows=slow) as (app, pilot):
        tree = app.main.networks
        await to_container(app, pilot, "openresty")
        tree.move_to(tree.cursor - 1)
        await pilot.pause()
        await pilot.press(*keys)
        assert app.state.message is None or keys[0] == "n"
        app.state.message = None
        worked_out.set()
        await until(pilot, lambda: app.state.flow is not None and app.state.flow.label == label)
        assert app.state.step == step and app.state.message is None and app.focused is tree


async def test_a_key_that_waits_is_told_that_there_is_no_flow() -> None:
    """Of a container without flows it is said once that is known; nothing waits for ever."""
    async with running(flows=lambda _snapshot, _container: ()) as (app, pilot):
        tree = app.main.networks
        await to_container(app, pilot, "openresty")
        tree.move_to(tree.cursor - 1)
        await pilot.pause()
        await pilot.press("j", "s")
        await until(pilot, lambda: app.state.message is not None)
        assert "Open a flow first" in app.state.message[0]


async def test_enter_goes_to_the_flows_and_space_folds() -> None:
    """Enter on a container puts the details' cursor on the open flow; Space folds its ports."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        many = app.main.networks.line_count
        await pilot.press("space")
        assert app.main.networks.line_count < many
        await pilot.press("f", "enter")
        await pilot.pause()
        assert app.focused is app.main.detail
        assert "172.18.0.3:22/tcp" in app.main.detail.line_text()


async def test_a_port_opens_its_own_flow() -> None:
    """On a published port the flow is that port's."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        await pilot.press("j", "j")
        await pilot.pause()
        assert isinstance(app.state.marked, PortItem) and app.state.marked.port.host_port == 443
        assert app.state.flow.label == "outside → 443/tcp" and app.state.followed


async def test_escape_closes_other_things_first() -> None:
    """The filter goes before what the cursor opened by itself."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        await pilot.press("slash", *"open", "enter")
        await pilot.press("escape")
        assert not app.main.filtering and app.state.flow is not None
        await pilot.press("escape")
        assert app.state.flow is None


async def test_new_rules_do_not_open_it_again() -> None:
    """What Esc closed stays closed while the host changes; only the cursor opens."""
    async with running(flows=published) as (app, pilot):
        await follow(app, pilot)
        await pilot.press("escape")
        from dataclasses import replace

        host = later(blog_host(), 1)
        await arrive(app, pilot, replace(host, containers=host.containers[:-1]))
        await arrive(app, pilot, later(blog_host(), 2))
        await until(pilot, lambda: app.main.detail.flows)
        assert app.state.flow is None


async def test_the_setting_turns_it_off() -> None:
    """With follow = false the cursor opens nothing; f still does."""
    config = Config(Path("config.toml"), Settings(follow=False))
    async with running(flows=published, config=config) as (app, pilot):
        await to_container(app, pilot, "openresty")
        await until(pilot, lambda: app.main.detail.flows)
        assert app.state.flow is None
        await pilot.press("f")
        assert app.state.flow is not None


def test_first_flow() -> None:
    """Outside to a published port before all; the container to the outside where nothing is published."""
    flows = published(blog_host(), "3")
    assert first_flow(flows) is flows[0]
    assert first_flow(flows[1:]) is flows[1]
    assert first_flow(()) is None
