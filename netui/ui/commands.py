"""Every action by name: for the command palette and for the help screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import App, SystemCommand
from textual.binding import Binding

from netui.ui.chain_table import ChainTable
from netui.ui.detail_pane import DetailPane
from netui.ui.events import EventsPane
from netui.ui.line_view import LineView
from netui.ui.network_tree import NetworkTree
from netui.ui.screen import MainScreen


def _bindings(kind: type[Any]) -> list[Binding]:
    return [each for each in kind.BINDINGS if isinstance(each, Binding) and each.id != "app.quit-too"]


def _keys(app: App[Any], binding: Binding) -> str:
    if binding.key_display and "," not in binding.key:
        return binding.key_display
    return " ".join(app.get_key_display(Binding(key.strip(), "")) for key in binding.key.split(","))


def commands(app: App[Any], screen: MainScreen) -> Iterator[SystemCommand]:
    """Yield every action with its key, those of a pane under its name."""
    places: tuple[tuple[str, Any], ...] = (
        ("", app), ("", screen), ("Networks: ", screen.networks), ("Chains: ", screen.chains),
        ("Details: ", screen.detail), ("Events: ", screen.drawer),
    )  # fmt: skip
    for prefix, place in places:
        for binding in _bindings(type(place)):
            yield _command(app, prefix, binding, place)


def _command(app: App[Any], prefix: str, binding: Binding, place: Any) -> SystemCommand:  # noqa: ANN401 - app, screen or pane
    async def run_it() -> None:
        await app.run_action(binding.action, default_namespace=place)

    return SystemCommand(f"{prefix}{binding.tooltip or binding.description}", f"key {_keys(app, binding)}", run_it)


def key_groups(app: App[Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return (pane, [(keys, what they do)]) of everything that can be pressed."""
    kinds: tuple[tuple[str, type[Any]], ...] = (
        ("Everywhere", type(app)), ("Panes", MainScreen), ("Lines", LineView), ("Networks", NetworkTree),
        ("Chains", ChainTable), ("Details", DetailPane), ("Events", EventsPane),
    )  # fmt: skip
    return [
        (name, [(_keys(app, each), each.tooltip or each.description) for each in _bindings(kind)])
        for name, kind in kinds
    ]
