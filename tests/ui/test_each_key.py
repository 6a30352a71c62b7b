"""Every key in every pane where it works: what it changes, on the demo host with its real answers.

The table is held against the program's own bindings: a key that is not in it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from netui.config.file import Config, read_config
from netui.model.events import Event
from netui.sources.capture.recording import read_demo
from netui.traversal.result import Flow
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from netui.ui.background.asking import ask_traversal
from netui.ui.background.flow_finder import traversal_flows
from netui.ui.commands import groups
from netui.ui.keys import bindings_of
from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import FlowOpened
from netui.ui.panes.help import HelpScreen
from netui.ui.presenters.selection import ContainerItem
from tests.ui.fakes import TIME, later
from tests.ui.steps import arrive, running, until

DEMO = read_demo()
#: The panes by the key that leads there: networks, chains, details, events.
PANES = ("1", "2", "3", "4")


@dataclass(frozen=True)
class Case:
    """What a key changes: `sees` is another value after it.

    given: what is set up first. before: keys that lead there. ready, then: what is waited for and set up after them.
    after: keys that lead back, for the next pane. alone: whether the program is started anew for each pane.
    """

    sees: Callable[[NetuiApp], object]
    panes: tuple[str, ...] = PANES
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    given: Callable[[NetuiApp], object] = lambda app: None
    alone: bool = False
    ready: Callable[[NetuiApp], object] = lambda app: True
    then: Callable[[NetuiApp], object] = lambda app: None


def focus(app: NetuiApp) -> object:
    """What has the focus, on which screen."""
    return type(app.screen), app.focused.id if app.focused else None


def answer(app: NetuiApp) -> object:
    """The question whose answer is open."""
    return app.answers.screen.question if app.answers.screen else None


def answered(app: NetuiApp) -> object:
    """Whether an answer is open and whole."""
    screen = app.answers.screen
    return screen and screen.lines.answer is not None and not screen._progress[0] and screen.lines.line_count


def place(app: NetuiApp) -> object:
    """Where the cursor of the pane in focus is, and how far it has scrolled."""
    pane = app.focused
    assert isinstance(pane, LineView)
    return pane.cursor, pane.scroll_offset


def empty_clipboard(app: NetuiApp) -> None:
    """Nothing is copied yet."""
    app._clipboard = ""


def saved(app: NetuiApp) -> object:
    """What the file of settings holds."""
    path = app.preferences.config.path
    return path.read_text() if path.exists() else None


def found(app: NetuiApp) -> object:
    """Where the cursor of the chains that were found is."""
    return app.screen.query_one("#finder-lines", LineView).cursor


def column(app: NetuiApp) -> object:
    """The column that an answer's cursor is in."""
    return app.answers.screen.lines.column


def typed(app: NetuiApp) -> object:
    """What stands in the field that has the focus."""
    field = app.focused
    assert isinstance(field, Input)
    return field.value


def message(app: NetuiApp) -> object:
    """What the footer says."""
    return app.state.message


def files(ending: str) -> Callable[[NetuiApp], object]:
    """How many files of a kind the current folder has."""
    return lambda app: len(list(Path().glob(f"*{ending}")))


def rule(text: str) -> Callable[[NetuiApp], object]:
    """Put the cursor of the chain table on a rule."""

    def move(app: NetuiApp) -> None:
        lines = app.main.chains.laid.lines
        app.main.chains.move_to(next(i for i, line in enumerate(lines) if line.rule and text in line.rule.text))

    return move


def second_flow(app: NetuiApp) -> None:
    """Put the cursor of the details on a flow that is not open."""
    lines = app.main.detail._lines
    app.main.detail.move_to([i for i, line in enumerate(lines) if isinstance(line.action, Flow)][2])


def named_rule(app: NetuiApp) -> None:
    """Put the cursor of an answer's details on a line that names a rule."""
    detail = app.answers.screen.detail
    detail.move_to(next(i for i, line in enumerate(detail._lines) if line.action is not None))


def shop(app: NetuiApp) -> None:
    """Put the cursor of the exposed ports on the one whose rules name senders."""
    lines = app.answers.screen.lines
    lines.move_to(next(i for i in range(lines.line_count) if "shop" in "".join(t for t, _ in lines.line_spans(i, 99))))


TREE, CHAINS, DETAIL, DRAWER = (("1",), ("2",), ("3",), ("4",))
WIDE = ("C", "C", "C")
_ASKED = (*"host", "space", *"blog", "colon", *"8080")


def chains(name: str) -> Callable[[NetuiApp], object]:
    """A value of the chain table."""
    return lambda app: getattr(app.main.chains, name)


CASES: dict[str, Case] = {
    "app.quit": Case(lambda app: app._exit, alone=True),
    "app.help": Case(focus, after=("escape",)),
    "app.out": Case(lambda app: app.main.zoomed, before=("z",)),
    "app.next-flow": Case(lambda app: app.state.flow.label),
    "app.flow-back": Case(lambda app: app.state.flow.label, before=("f", "f")),
    "app.part": Case(lambda app: app.state.part),
    "app.next-step": Case(lambda app: app.state.step),
    "app.step-back": Case(lambda app: app.state.step, before=("n", "n", "n")),
    "app.steps": Case(chains("steps_only"), after=("s",)),
    "app.find-chain": Case(focus, after=("escape",)),
    "app.doctor": Case(answer, after=("escape",)),
    "app.exposed": Case(answer, after=("escape",)),
    "app.reach": Case(answer, after=("escape",)),
    "app.next-host": Case(message, after=("up",)),
    "app.connections": Case(answer, after=("escape",)),
    "app.changes": Case(answer, after=("escape",)),
    "app.mark-moment": Case(message, after=("up",)),
    "app.ask": Case(focus, after=("escape",)),
    "app.reverse": Case(lambda app: app.state.flow.label, alone=True),
    "app.copy": Case(lambda app: app.clipboard, given=rule("-j DOCKER-BRIDGE"), then=empty_clipboard),
    "app.picture": Case(files(".svg"), after=("up",)),
    "app.save-path": Case(files(".txt"), after=("up",)),
    "app.theme": Case(lambda app: app.theme),
    "app.mouse": Case(lambda app: app.mouse_on),
    "app.save-settings": Case(saved, before=("t",)),
    "screen.filter": Case(focus, panes=("1", "2"), after=("escape",)),
    "screen.zoom": Case(lambda app: app.main.zoomed, after=("underscore",)),
    "screen.unzoom": Case(lambda app: app.main.zoomed, before=("z",)),
    "screen.events": Case(lambda app: app.main.has_class("-events"), after=("e",)),
    "screen.next": Case(focus),
    "screen.previous": Case(focus),
    "screen.tree": Case(focus, panes=("2", "3", "4")),
    "screen.chains": Case(focus, panes=("1", "3", "4")),
    "screen.detail": Case(focus, panes=("1", "2", "4")),
    "screen.drawer": Case(focus, panes=("1", "2", "3")),
    "screen.narrower": Case(lambda app: app.main.networks.outer_size.width, before=("greater_than_sign",) * 3),
    "screen.wider": Case(lambda app: app.main.networks.outer_size.width),
    "screen.lower": Case(lambda app: app.main.detail.outer_size.height),
    "screen.taller": Case(lambda app: app.main.detail.outer_size.height),
    "line.down": Case(place, before=("g",)),
    "line.up": Case(place, before=("G",)),
    "line.page-down": Case(place, before=("g",)),
    "line.page-up": Case(place, before=("G",)),
    "line.top": Case(place, before=("G",)),
    "line.bottom": Case(place, before=("g",)),
    "line.right": Case(place, panes=CHAINS, before=WIDE, after=("C",)),
    "line.left": Case(place, panes=CHAINS, before=(*WIDE, "l"), after=("C",)),
    "line.open": Case(focus, panes=TREE, before=("question_mark",)),
    "tree.flows": Case(focus, panes=TREE),
    "tree.fold": Case(lambda app: app.main.networks.folded, panes=TREE, after=("space",)),
    "tree.unfold": Case(lambda app: app.main.networks.folded, panes=TREE, before=("space",)),
    "tree.out": Case(lambda app: app.main.networks.folded, panes=TREE, after=("l",)),
    "tree.previous": Case(place, panes=TREE),
    "tree.next": Case(place, panes=TREE),
    "chains.jump": Case(place, panes=CHAINS, given=rule("-j DOCKER-BRIDGE")),
    "chains.back": Case(place, panes=CHAINS, given=rule("-j DOCKER-BRIDGE"), before=("enter",)),
    "chains.previous": Case(place, panes=CHAINS, given=rule("-j DOCKER-BRIDGE")),
    "chains.next": Case(place, panes=CHAINS, given=rule("-j DOCKER-BRIDGE")),
    "chains.fold": Case(lambda app: app.main.chains.view.folded, panes=CHAINS, given=rule("-j DOCKER-BRIDGE")),
    "chains.fold-all": Case(lambda app: app.main.chains.view.folded, panes=CHAINS),
    "chains.family": Case(lambda app: app.main.chains.view.families, panes=CHAINS),
    "chains.variant": Case(lambda app: app.main.chains.view.backends, panes=CHAINS),
    "chains.columns": Case(lambda app: app.main.chains.options.preset, panes=CHAINS),
    "chains.names": Case(lambda app: app.main.chains.options.named, panes=CHAINS),
    "chains.exact": Case(lambda app: app.main.chains.options.exact, panes=CHAINS),
    "chains.bytes": Case(lambda app: app.main.chains.options.bytes_first, panes=CHAINS),
    "chains.rate": Case(chains("sorted"), panes=CHAINS),
    "chains.moved": Case(chains("only_moved"), panes=CHAINS),
    "chains.new": Case(chains("only_new"), panes=CHAINS),
    "chains.freeze": Case(chains("frozen"), panes=CHAINS),
    "chains.baseline": Case(lambda app: app.state.track.baseline is None, panes=CHAINS),
    "detail.open": Case(lambda app: app.state.flow.label, panes=DETAIL, given=second_flow),
    "events.open": Case(lambda app: set(app.main.drawer._open), panes=DRAWER, before=("g",)),
    "answer.close": Case(answer, panes=TREE, before=("D",)),
    "answer.filter": Case(focus, panes=TREE, before=("D",), after=("escape", "escape")),
    "answer.own-ports": Case(answer, panes=TREE, before=("E",), after=("escape",)),
    "answer.other": Case(focus, panes=TREE, before=("D",), after=("escape",)),
    "answer.rule": Case(answer, panes=TREE, before=("E",), ready=answered),
    "answer.right": Case(column, panes=TREE, before=("R",), ready=answered, after=("R",)),
    "answer.left": Case(
        column, panes=TREE, before=("R", "l", "l"), ready=answered, after=("R",)
    ),
    "answer.part": Case(
        lambda app: app.state.part, panes=TREE, before=("E",), ready=answered, then=shop
    ),
    "answer.columns-right": Case(
        column, panes=TREE, before=("R",), ready=answered, after=("R",)
    ),
    "answer.columns-left": Case(
        column, panes=TREE, before=("R", "l", "l"), ready=answered, after=("R",)
    ),
    "answer.detail-rule": Case(answer, panes=TREE, before=("D", "tab"), ready=answered, then=named_rule),
    "filter.submit": Case(focus, panes=("1", "2"), before=("slash", "s")),
    "filter.clear": Case(lambda app: app.focused.id, panes=("1", "2"), before=("slash", "s")),
    "filter.keep": Case(focus, panes=("1", "2"), before=("slash", "s")),
    "ask.submit": Case(lambda app: app.state.flow.label, panes=PANES[:3], before=("colon", *_ASKED), alone=True),
    "ask.close": Case(focus, panes=PANES[:3], before=("colon", "h")),
    "ask.complete": Case(typed, panes=TREE, before=("colon", *"outs")),
    "ask.before": Case(typed, panes=TREE, before=("colon", *_ASKED, "enter", "colon")),
    "ask.after": Case(
        typed, panes=TREE, before=("colon", *_ASKED, "enter", "colon", "up")
    ),
    "finder.close": Case(focus, panes=TREE, before=("o",)),
    "finder.down": Case(found, panes=TREE, before=("o",), after=("escape",)),
    "finder.up": Case(
        found, panes=TREE, before=("o", "down", "down"), after=("escape",)
    ),
    "help.close": Case(focus, panes=TREE, before=("question_mark",)),
}  # fmt: skip
#: Keys whose effect cannot be seen in the app, and the test that sees it in what is written.
ELSEWHERE = {"app.redraw": ("test_narrow.py", '"ctrl+l"')}
BINDINGS = {
    each.id: each for found in (*groups(NetuiApp).values(), bindings_of(HelpScreen)) for each in found
}  # fmt: skip


def test_no_key_is_without_a_test() -> None:
    """A binding that is added is to be added here; what is not there any more has no row."""
    assert BINDINGS.keys() == CASES.keys() | ELSEWHERE.keys()
    for name, text in ELSEWHERE.values():
        assert text in Path(__file__).with_name(name).read_text()


@pytest.mark.parametrize("name", CASES)
async def test_a_key_does_what_it_is_for(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In each pane where it works, and by each key that it has: what it is to change is another one after it."""
    monkeypatch.chdir(tmp_path)
    config = read_config(tmp_path / "netui.toml")
    case = CASES[name]
    keys = BINDINGS[name].key.split(",")
    presses = [(pane, key) for pane in case.panes for key in keys]
    for group in [[press] for press in presses] if case.alone else [presses]:
        await _press(case, group, config)


async def _press(case: Case, presses: list[tuple[str, str]], config: Config) -> None:
    options = {"answers": SOLVE, "flows": traversal_flows, "asker": ask_traversal, "config": config}
    async with running(DEMO, size=(120, 40), **options) as (app, pilot):
        await _events(app, pilot)
        for pane, key in presses:
            await _ready(app, pilot)
            await pilot.press(*(("e",) if pane == "4" and not app.main.has_class("-events") else ()), pane)
            case.given(app)
            for each in case.before:
                await pilot.press(each)
            await until(pilot, lambda: case.ready(app), times=1000)
            case.then(app)
            await pilot.pause()
            before = case.sees(app)
            await pilot.press(key)
            await until(pilot, lambda before=before: case.sees(app) != before, times=500)  # type: ignore[misc]
            if case.alone:
                return
            await pilot.press(*case.after)


async def _events(app: NetuiApp, pilot: Pilot[int]) -> None:
    """Let things have happened, so that the events have lines enough."""
    for number in range(30):
        app.event_came(Event(TIME, "container", "start", f"c{number}"))
    await pilot.pause()
    await arrive(app, pilot, later(DEMO, 1))


async def _ready(app: NetuiApp, pilot: Pilot[int]) -> None:
    """All panes are there, the tree's cursor is on shop, and its first flow is open."""
    tree, flow = app.main.networks, app.state.flow
    shop, blog = (next(ContainerItem(e.id) for e in DEMO.containers if e.name == name) for name in ("shop", "blog"))
    on_shop = isinstance(tree.current, ContainerItem) and tree.current.container_id == shop.container_id
    if on_shop and flow is not None and app.state.followed and flow.label == "outside → 8080/tcp":
        return
    if flow is not None and not app.state.followed:
        app.open_flow(FlowOpened(None))
    tree.go_to(blog)
    await pilot.pause()
    tree.go_to(shop)
    await until(pilot, lambda: app.state.flow is not None and "8080" in app.state.flow.label, times=1000)
    await pilot.pause()
