"""The fast path is fenced: its private names stand in one room, are checked at start, and netui works without them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
import textual

import netui.ui
from netui.ui.fastpath import support
from tests.ui.steps import running, screen_text

HERE = Path(netui.ui.__file__).parent


def _attributes(path: Path) -> tuple[set[str], set[str]]:
    """The private names that a module defines or stores, and those that it uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    defined |= {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    attributes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    defined |= {node.attr for node in attributes if isinstance(node.ctx, ast.Store)}
    used = {node.attr for node in attributes if node.attr.startswith("_") and not node.attr.startswith("__")}
    return defined, used


def test_private_names_of_textual_stand_in_one_room() -> None:
    """Outside ui/fastpath no module uses a private name that Textual defines and the module does not."""
    theirs = set().union(*(_attributes(path)[0] for path in Path(textual.__file__).parent.rglob("*.py")))
    found = {
        f"{path.relative_to(HERE)}: {name}"
        for path in HERE.rglob("*.py")
        if "fastpath" not in path.parts
        for defined, used in [_attributes(path)]
        for name in (used - defined) & theirs
    }
    assert not found


def test_the_names_are_there() -> None:
    """Textual as installed has every private name that the fast path uses."""
    assert list(support.missing()) == []


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("textual._compositor.Compositor", "render_partial_update"),
        ("textual.app.App", "_check_bindings"),
        ("textual._ansi_sequences", "SYNC_END"),
        ("textual.screen.Screen", "__init__"),
    ],
)
def test_a_name_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch, owner: str, name: str) -> None:
    """A method with other parameters, a name that is gone, or an attribute that is not made: the fast path is off."""
    if name.startswith("__"):
        monkeypatch.setattr(f"{owner}.{name}", None)
    else:
        monkeypatch.delattr(f"{owner}.{name}")
    assert list(support.missing())


def test_a_module_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a module cannot be imported, the fast path is off and nothing fails."""
    monkeypatch.setitem(sys.modules, "textual._xterm_parser", None)
    monkeypatch.setitem(sys.modules, "textual.drivers.linux_driver", None)
    assert len(list(support.missing())) > 3


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """NETUI_FASTPATH=0 switches it off, nothing else does."""
    for value, on in (("0", False), ("1", True), ("", True)):
        monkeypatch.setenv(support.SWITCH, value)
        assert support.fast() is on


@pytest.mark.parametrize(
    "keys", [["down", "down", "enter"], ["2", "G", "k"], ["slash", *"blog", "enter"], ["question_mark"]]
)
async def test_the_picture_is_the_same_without_it(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    """On Textual's own driver, compositor and order of keys the screen shows the same."""
    shown = []
    for value in ("1", "0"):
        monkeypatch.setenv(support.SWITCH, value)
        async with running(size=(100, 30)) as (app, pilot):
            assert (type(app.screen._compositor).__name__ == "NarrowCompositor") is (value == "1")
            await pilot.press(*keys)
            await pilot.pause()
            shown.append(screen_text(app))
    assert shown[0] == shown[1]
