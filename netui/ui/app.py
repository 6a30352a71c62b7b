"""The app: owns the state, starts the poller, and passes on what the panes say."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from textual import events, on
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import NoColor
from textual.screen import Screen

from netui.model import Snapshot
from netui.model.events import Event
from netui.sources.config import Config
from netui.ui.answer_finder import SOLVE, AnswerFinder, AnswerFound, Solve
from netui.ui.answer_screen import AnswerScreen
from netui.ui.chain_table import ChainTable
from netui.ui.commands import commands, groups, key_groups
from netui.ui.escape import SafeFilter, escape_lines
from netui.ui.export import copy_from, save
from netui.ui.finder import ChainFinder
from netui.ui.flow_finder import FlowFinder, FlowsOf, traversal_flows
from netui.ui.help import HelpScreen
from netui.ui.look import QUIET, THEMES, ascii_only, no_colour
from netui.ui.messages import EventArrived, FlowOpened, FlowsFound, GoTo, ItemSelected, SnapshotArrived
from netui.ui.network_tree import NetworkTree
from netui.ui.pace import Interval
from netui.ui.preferences import Preferences
from netui.ui.presenters.answer import Question
from netui.ui.presenters.events import EventLog, event_words, rule_changes
from netui.ui.presenters.flows import path_text
from netui.ui.presenters.selection import ChainItem, ContainerItem, Item, PortItem
from netui.ui.presenters.status import Mode
from netui.ui.screen import MainScreen
from netui.ui.state import State
from netui.ui.status import StatusLine
from netui.ui.type_ahead import TypeAheadApp

_NO_FLOW = "Open a flow first: a container's details list them."


class Poller(Protocol):
    """What feeds the app: whole snapshots and single events, from a thread of its own."""

    def start(self, on_snapshot: Callable[[Snapshot], None], on_event: Callable[[Event], None]) -> None:
        """Begin; both callables may be called from any thread."""

    def stop(self) -> None:
        """End at once, also when a source hangs."""


def stylesheet() -> Path:
    """Return ``netui.tcss``: in the wheel it lies in the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "netui.tcss"
    return inside if inside.exists() else package.parent / "netui.tcss"


class NetuiApp(TypeAheadApp):
    """One state, and the handlers that own it; the panes show it and say what the user wants."""

    CSS_PATH = stylesheet()
    TITLE = "netui"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Quit", id="app.quit", tooltip="Quit at once"),
        Binding("ctrl+c", "leave", "Quit", show=False, id="app.quit-too", tooltip="Quit at once", priority=True),
        Binding("question_mark", "keys", "Help", id="app.help", key_display="?", tooltip="All keys and signs"),
        Binding("escape", "out", "Close", show=False, id="app.out", tooltip="Close: steps, flow, filter, zoom, events"),
        Binding("n", "step(1)", "Next step", show=False, id="app.next-step", tooltip="Next step of the open flow"),
        Binding("N", "step(-1)", "Step back", show=False, id="app.step-back", tooltip="Previous step of the open flow"),
        Binding("s", "steps", "Steps", show=False, id="app.steps", tooltip="The open flow's steps alone, in order"),
        Binding("o", "find_chain", "Go to", id="app.find-chain", tooltip="Find a chain by a few letters"),
        Binding("D", "answer('doctor')", "Doctor", id="app.doctor", tooltip="What is wrong or surprising, worst first"),
        Binding("E", "answer('exposed')", "Exposed", id="app.exposed", tooltip="Which ports are reached, from where"),
        Binding("R", "answer('reach')", "Reach", id="app.reach", tooltip="Who reaches whom on which port"),
        Binding("y", "copy", "Copy", show=False, id="app.copy", tooltip="Copy the rule, path or address (OSC 52)"),
        Binding("ctrl+s", "save_picture", "Picture", show=False, id="app.picture", tooltip="Save the screen as SVG"),
        Binding("S", "save_path", "Save path", show=False, id="app.save-path", tooltip="Save the open flow as text"),
        Binding(
            "t",
            "next_theme",
            "Theme",
            show=False,
            id="app.theme",
            tooltip="Theme: dark, light, high contrast, the terminal's own",
        ),
        Binding("M", "mouse", "Mouse", show=False, id="app.mouse", tooltip="Mouse off, so that text can be selected"),
        Binding(
            "W",
            "save_settings",
            "Save settings",
            show=False,
            id="app.save-settings",
            tooltip="Save settings: theme, columns, proportions, mouse",
        ),
    ]

    def __init__(
        self,
        poller: Poller | None = None,
        *,
        mode: Mode = "live",
        flows: FlowsOf = traversal_flows,
        clock: Callable[[], float] = time.time,
        answers: Mapping[Question, Solve] = SOLVE,
        config: Config | None = None,
        theme: str = "",
        ascii_glyphs: bool | None = None,
        colour: bool | None = None,
    ) -> None:
        self.preferences = Preferences(config, groups(type(self)))
        settings = self.preferences.settings
        colour = settings.colour if colour is None else colour
        ascii_glyphs = settings.ascii if ascii_glyphs is None else ascii_glyphs
        self._plain = no_colour() if colour is None else not colour
        super().__init__(ansi_color=True if self._plain else None)
        self.animation_level = "none"
        self.poller = poller
        self.mode: Mode = mode
        self.state = State()
        self.events_log = EventLog()
        self.clock = clock
        self.flow_finder = FlowFinder(flows)
        self.answer_finder = AnswerFinder(answers)
        self._ascii = ascii_only() if ascii_glyphs is None else ascii_glyphs
        self._mouse_on = True
        self._leaving = False
        for each in THEMES:
            self.register_theme(each)
        if not self._plain:
            self.theme = theme or settings.theme or THEMES[0].name
        if self._plain and not self.no_color:
            # Textual itself looks at NO_COLOR alone.
            self._filters.append(NoColor())
        self._filters.append(SafeFilter(ascii_only=self._ascii))
        self.set_keymap(self.preferences.keymap)
        self.main = MainScreen(self.state, self.events_log, self._status_line())

    def _status_line(self) -> StatusLine:
        interval = lambda: getattr(self.poller, "interval", Interval(1.0))  # noqa: E731
        return StatusLine(self.state, self.mode, self.clock, interval, id="status")

    def get_default_screen(self) -> Screen[Any]:
        """Begin with the main screen."""
        return self.main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Give netui's own colours to themes that do not name them (the terminal's own colours)."""
        return QUIET

    def on_mount(self) -> None:
        """Start the poller; its threads only post messages."""
        self.main.set_class(self._ascii, "-ascii")
        self.main.set_class(self._plain, "-nocolor")
        self.preferences.apply(self.main)
        if not self.preferences.settings.mouse:
            self._switch_mouse(on=False)
        notice = self.preferences.notice()
        if notice:
            self.notify(escape_lines(notice), title="Settings", severity="warning", markup=False, timeout=15)
        if self.poller is not None:
            self.poller.start(self._snapshot_came, self._event_came)

    def _snapshot_came(self, snapshot: Snapshot) -> None:
        self.post_message(SnapshotArrived(snapshot))

    def _event_came(self, event: Event) -> None:
        self.post_message(EventArrived(event))

    def on_unmount(self) -> None:
        """Stop the poller."""
        if self.poller is not None:
            self.poller.stop()

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """Return the screen as SVG; blanks are kept by every renderer, not by browsers alone."""
        picture = super().export_screenshot(title=title, simplify=simplify)
        return picture.replace("<svg ", '<svg xml:space="preserve" ', 1)

    def on_app_focus(self) -> None:
        """Read at the full pace again."""
        self._look(seen=True)

    def on_app_blur(self) -> None:
        """Read less often while nobody looks."""
        self._look(seen=False)

    def _look(self, *, seen: bool) -> None:
        look = getattr(self.poller, "look", None)
        if look is not None:
            look(seen=seen)
            self.main.status.update_status()

    # What arrives.

    @on(SnapshotArrived)
    def take_snapshot(self, message: SnapshotArrived) -> None:
        """Show a new snapshot: everything where the structure changed, else only what moved."""
        before, first = self.state.snapshot, not self.state.arrived
        if self.state.take(message.snapshot):
            if not first:
                changes = rule_changes(before, message.snapshot)
                self.events_log.add_changes(message.snapshot.time, changes)
                if changes:
                    self.main.drawer.update_events()
            self.main.networks.update_structure()
            self.main.chains.update_structure()
            self._find_flows()
            self.answer_finder.ask_doctor(self, self.state, message.snapshot.time)
            self._show_answer(ask=True)
            if self.flow_finder.opened:
                self.flow_finder.ask(self, self.state, self.flow_finder.opened)
        else:
            self.main.chains.update_counters()
        self.main.detail.update_detail()
        self._update_status()

    def _update_status(self) -> None:
        self.main.status.update_status()
        if self.answer is not None:
            self.answer.status.update_status()

    @on(EventArrived)
    def take_event(self, message: EventArrived) -> None:
        """Note a Docker event."""
        self.events_log.add_event(message.event.time, event_words(message.event, self.state.snapshot))
        self.main.drawer.update_events()

    # What the user points at.

    @on(ItemSelected)
    def select(self, message: ItemSelected) -> None:
        """Show the details of what the cursor of the pane in focus stands on."""
        pane, item = message.pane, message.item
        if isinstance(pane, NetworkTree) and item != self.state.marked:
            self.state.mark(item)
            self.main.chains.update_marks()
        focused = self.main.focused_pane
        if item is not None and (pane is focused or focused is None):
            self._show(item)

    @on(events.DescendantFocus)
    def follow_focus(self, event: events.DescendantFocus) -> None:
        """Show the details of what the cursor of the newly focused pane stands on."""
        if isinstance(event.widget, NetworkTree | ChainTable):
            event.widget.cursor_moved()

    def _show(self, item: Item) -> None:
        self.state.item = item
        self._find_flows()
        self.main.detail.update_detail()

    @on(GoTo)
    def go_to(self, message: GoTo) -> None:
        """Move the chain table or the tree to what was asked for."""
        self.action_to_panes()
        if not self.main.go_to(message.item):
            self._say("It is gone.")

    # Answers about the whole host.

    async def action_answer(self, question: Question) -> None:
        """Show the answer to a question over the panes; the same key goes back."""
        before = self.answer
        self.action_to_panes()
        if before is not None and before.question == question:
            return
        screen = AnswerScreen(question, self.state, self._status_line())
        for name in ("-ascii", "-nocolor"):
            screen.set_class(self.main.has_class(name), name)
        await self.push_screen(screen)
        self._show_answer(ask=True)

    @property
    def answer(self) -> AnswerScreen | None:
        """The answer that is open, None where there are the panes alone."""
        return next((each for each in self.screen_stack if isinstance(each, AnswerScreen)), None)

    def action_to_panes(self) -> None:
        """Close an answer."""
        while isinstance(self.screen, AnswerScreen):
            self.pop_screen()

    def _show_answer(self, *, ask: bool = False) -> None:
        answer = self.answer
        if answer is None:
            return
        question = answer.question
        if ask:
            self.answer_finder.ask(self, self.state, question)
        answer.show(
            self.answer_finder.known(question),
            working=self.answer_finder.working(question),
            problem=self.answer_finder.problems.get(question, ""),
        )

    @on(AnswerFound)
    def take_answer(self, message: AnswerFound) -> None:
        """Show an answer as it was worked out beside the screen; the doctor's findings are told in the header."""
        self.answer_finder.keep(message)
        if message.question == "doctor" and message.answer is not None:
            self.state.findings = message.answer.findings
            self._update_status()
        if self.answer is not None and self.answer.question == message.question:
            self._show_answer(ask=message.done and not message.problem)

    # Flows.

    def _find_flows(self) -> None:
        item = self.state.item
        if isinstance(item, ContainerItem | PortItem) and self.state.arrived:
            self.main.detail.flows, self.main.detail.flows_problem = self.flow_finder.ask(
                self, self.state, item.container_id
            )

    @on(FlowsFound)
    def take_flows(self, message: FlowsFound) -> None:
        """Show a container's flows as they were worked out beside the screen."""
        self.flow_finder.keep(message)
        item = self.state.item
        if isinstance(item, ContainerItem | PortItem) and item.container_id == message.container_id:
            self._find_flows()
            self.main.detail.update_detail()
        if self.flow_finder.renew(self.state, message):
            self.main.chains.update_marks()

    @on(FlowOpened)
    def open_flow(self, message: FlowOpened) -> None:
        """Highlight a flow's steps in the chain table and go to the first; None closes it."""
        self.state.open_flow(message.flow)
        item = self.state.item
        opened = message.flow is not None and isinstance(item, ContainerItem | PortItem)
        self.flow_finder.opened = item.container_id if opened and isinstance(item, ContainerItem | PortItem) else ""
        self.main.chains.update_marks()
        if message.flow is not None:
            self.main.chains.go_to_step(1)
        self.main.detail.update_detail()
        self.main.keys.refresh()

    def action_step(self, by: int) -> None:
        """Go to the next or the previous step of the open flow."""
        self.action_to_panes()
        if not self.main.chains.go_to_step(by):
            self._say(_NO_FLOW)

    def action_steps(self) -> None:
        """Show the open flow's steps alone, or all chains again."""
        if self.state.flow is None:
            self._say(_NO_FLOW)
            return
        self.action_to_panes()
        self.main.chains.action_steps()
        self.main.reveal(self.main.chains)

    # Keys.

    def _say(self, text: str, *, error: bool = False) -> None:
        self.notify(text, severity="error" if error else "information", markup=False, timeout=4)

    def action_leave(self) -> None:
        """Quit at once."""
        self._leaving = True
        if self.poller is not None:
            self.poller.stop()
        self.exit(0)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse what is typed after the key that quits: a screen that opens then would fail."""
        return not self._leaving or action == "leave"

    def action_out(self) -> None:
        """Close one thing: the steps view, the open flow, the filter, the zoom, the drawer."""
        if self.main.chains.steps_only:
            self.main.chains.action_steps()
        elif self.state.flow is not None:
            self.open_flow(FlowOpened(None))
        else:
            self.main.close_one()

    async def action_keys(self) -> None:
        """Show all keys and signs."""
        await self.push_screen(HelpScreen(key_groups(self, self.preferences.keymap)))

    async def action_find_chain(self) -> None:
        """Find a chain and go to it."""

        def go(item: ChainItem | None) -> None:
            if item is not None:
                self.go_to(GoTo(item))

        await self.push_screen(ChainFinder(self.state.snapshot), go)

    def action_copy(self) -> None:
        """Copy the rule, the open path or the line under the cursor."""
        text, what = copy_from(self.main, self.state, self.answer)
        if text:
            self.copy_to_clipboard(text)
            self._say(f"Copied {what}.")

    def action_save_picture(self) -> None:
        """Save a picture of the screen in the current folder."""
        saved, text = save("screen.svg", self.export_screenshot(title="netui"), self.clock())
        self._say(text, error=not saved)

    def action_save_path(self) -> None:
        """Save the open flow's path as text in the current folder."""
        if self.state.flow is None:
            self._say(_NO_FLOW)
            return
        saved, text = save("path.txt", path_text(self.state.flow) + "\n", self.clock())
        self._say(text, error=not saved)

    def action_next_theme(self) -> None:
        """Take the next theme."""
        names = [each.name for each in THEMES]
        if not self._plain:
            self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, or take it back."""
        self._switch_mouse(on=not self._mouse_on)
        self._say("The mouse is netui's." if self._mouse_on else "The mouse is the terminal's; M takes it back.")

    def _switch_mouse(self, *, on: bool) -> None:
        self._mouse_on = on
        # Textual has no public switch for it once the app runs.
        switch = getattr(self._driver, "_enable_mouse_support" if on else "_disable_mouse_support", None)
        if switch is not None:
            switch()

    def action_save_settings(self) -> None:
        """Save the settings; nothing else ever writes them."""
        theme = "" if self._plain else self.theme
        saved, text = self.preferences.save(self.main, theme=theme, mouse=self._mouse_on)
        self._say(text, error=not saved)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Put every action into the command palette, with its key."""
        yield from commands(self, self.main, self.preferences.keymap)


def run(poller: Poller, *, mode: Mode = "live", **options: Any) -> int:  # noqa: ANN401 - NetuiApp's own options
    """Run netui until the user quits; return the exit status."""
    app = NetuiApp(poller, mode=mode, **options)
    result = app.run()
    return result if isinstance(result, int) else (app.return_code or 0)
