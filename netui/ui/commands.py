"""All actions by name, for the command palette, the help screen and the user's keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from textual.app import App, SystemCommand
from textual.binding import Binding

from netui.ui.answers.lines import AnswerDetail, AnswerLines
from netui.ui.answers.screen import AnswerScreen
from netui.ui.keys import bindings_of, shown
from netui.ui.lines.line_list_view import LineView
from netui.ui.panes.ask_bar import AskBar
from netui.ui.panes.chain_table import ChainTable
from netui.ui.panes.detail_pane import DetailPane
from netui.ui.panes.events import EventsPane
from netui.ui.panes.filter_bar import FilterBar
from netui.ui.panes.finder import ChainFinder
from netui.ui.panes.network_tree import NetworkTree
from netui.ui.screen import MainScreen


def groups(app: type[App[Any]]) -> dict[str, tuple[Binding, ...]]:
    """Return all bindings by the pane or screen in which they work."""
    kinds: tuple[tuple[str, tuple[type[Any], ...]], ...] = (
        ("Everywhere", (app,)),
        ("Panes", (MainScreen,)),
        ("Lines", (LineView,)),
        ("Networks", (NetworkTree,)),
        ("Chains", (ChainTable,)),
        ("Details", (DetailPane,)),
        ("Events", (EventsPane,)),
        ("Doctor, exposed, reach", (AnswerScreen, AnswerLines, AnswerDetail)),
        ("Filter", (FilterBar,)),
        ("Ask", (AskBar,)),
        ("Go to chain", (ChainFinder,)),
    )
    return {name: tuple(each for kind in kinds_ for each in bindings_of(kind)) for name, kinds_ in kinds}


def commands(app: App[Any], screen: MainScreen, own: Mapping[str, str]) -> Iterator[SystemCommand]:
    """Yield every action with its key, a pane's actions under its name; own: the user's keys."""
    owners: tuple[tuple[str, Any], ...] = (
        ("", app), ("", screen), ("Networks: ", screen.networks), ("Chains: ", screen.chains),
        ("Details: ", screen.detail), ("Events: ", screen.drawer),
    )  # fmt: skip
    for prefix, owner in owners:
        for binding in bindings_of(type(owner)):
            yield _command(app, prefix, binding, owner, shown(binding, own))


def _command(app: App[Any], prefix: str, binding: Binding, owner: Any, key: str) -> SystemCommand:  # noqa: ANN401 - app, screen or pane
    async def run_it() -> None:
        await app.run_action(binding.action, default_namespace=owner)

    return SystemCommand(f"{prefix}{binding.tooltip or binding.description}", f"key {key}", run_it)


def key_groups(app: App[Any], own: Mapping[str, str]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return (pane, [(keys, description, name for the configuration)]) of all bindings."""
    return [
        (name, [(shown(each, own), each.tooltip or each.description, each.id or "") for each in bindings])
        for name, bindings in groups(type(app)).items()
    ]
