"""The app: it owns the state, starts the poller, and handles the messages of the panes.

Longer than 300 lines: Textual looks for handlers and actions in the app's class; their work is in other modules.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from textual import events, on
from textual.app import SystemCommand
from textual.binding import BindingType
from textual.screen import Screen

from netui.config.file import Config
from netui.feed.feed import Feed
from netui.feed.read_interval import Interval
from netui.model import Snapshot
from netui.model.events import Event
from netui.process import Collector, short_turns
from netui.text.visible import escape_lines
from netui.ui.answers.controller import Answers
from netui.ui.answers.worker import SOLVE, AnswerFound, Solve
from netui.ui.app_keys import APP_KEYS
from netui.ui.background.asking import Asker, FlowAnswered, ask_traversal
from netui.ui.background.compared import Compared
from netui.ui.background.flow_finder import FlowFinder, FlowsOf, traversal_flows
from netui.ui.background.prepared import let_go
from netui.ui.commands import commands, groups, key_groups
from netui.ui.export import copy_from, save
from netui.ui.fastpath.styles_cache import forget_screens
from netui.ui.flow_control import NO_FLOW, FlowControl
from netui.ui.messages import DetailsWanted, EventsArrived, FlowOpened, FlowsFound, GoTo, ItemSelected, SnapshotArrived
from netui.ui.panes.ask_bar import AskBar
from netui.ui.panes.chain_table import ChainTable
from netui.ui.panes.finder import ChainFinder
from netui.ui.panes.network_tree import NetworkTree
from netui.ui.panes.status import KeyLine, StatusLine
from netui.ui.preferences import Preferences
from netui.ui.presenters.answers.answer import Question
from netui.ui.presenters.details.flows import path_text
from netui.ui.presenters.events import EventLog, rule_changes
from netui.ui.presenters.selection import AskedItem, ChainItem, Item
from netui.ui.presenters.status import Mode
from netui.ui.screen import MainScreen
from netui.ui.state import State
from netui.ui.terminal import TerminalApp

#: `sys.setswitchinterval`: how long a worker may hold the GIL while the UI thread waits; a key needs several handovers.
_HANDS = 0.0001
#: Seconds between two readings of the queue of the engine's events, and the size of the queue.
_EVENTS, _MOST_EVENTS = 0.05, 500
#: The app's return value for the key of the next machine.
NEXT_HOST: Final = -1


def stylesheet() -> Path:
    """Return the path of ``netui.tcss``: in the wheel inside the package, in a checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "netui.tcss"
    return inside if inside.exists() else package.parent / "netui.tcss"


class NetuiApp(TerminalApp):
    """Owns the state and its handlers; the panes show the state and post the user's wishes."""

    CSS_PATH = stylesheet()
    TITLE = "netui"
    BINDINGS: ClassVar[list[BindingType]] = APP_KEYS

    def __init__(
        self,
        poller: Feed | None = None,
        *,
        mode: Mode = "live",
        flows: FlowsOf = traversal_flows,
        asker: Asker = ask_traversal,
        clock: Callable[[], float] = time.time,
        answers: Mapping[Question, Solve] = SOLVE,
        config: Config | None = None,
        theme: str = "",
        ascii_glyphs: bool | None = None,
        colour: bool | None = None,
        few_colours: bool | None = False,
        place: str = "",
        more_hosts: bool = False,
        compared: Compared | None = None,
    ) -> None:
        self._place, self._more_hosts = place, more_hosts
        self.preferences = Preferences(config, groups(type(self)))
        settings = self.preferences.settings
        super().__init__(
            theme=theme or settings.theme,
            ascii_glyphs=settings.ascii if ascii_glyphs is None else ascii_glyphs,
            colour=settings.colour if colour is None else colour,
            few_colours=few_colours,
        )
        self.poller = poller
        self.mode: Mode = mode
        self.state = State()
        self.events_log = EventLog()
        self.clock = clock
        self._collector = Collector(self._forget)
        self.compared = compared or Compared()
        solve = {"changes": self.compared.solve, **answers}
        self.answers = Answers(self, self.state, solve, self._status_line, self._collector.quiet)
        self._leaving = False
        #: whether a notice about the settings is shown over the panes
        self._noticed = False
        self._events: deque[Event] = deque(maxlen=_MOST_EVENTS)
        self._events_told = False
        self.set_keymap(self.preferences.keymap)
        self.main = MainScreen(self.state, self.events_log, self._status_line())
        self.flows = FlowControl(self, self, self.main, self.state, FlowFinder(flows), asker)

    def _status_line(self) -> StatusLine:
        interval = lambda: getattr(self.poller, "interval", Interval(1.0))  # noqa: E731
        return StatusLine(self.state, self.mode, self.clock, interval, place=self._place, id="status")

    def get_default_screen(self) -> Screen[Any]:
        """Return the main screen."""
        return self.main

    def on_mount(self) -> None:
        """Start the poller; its threads only post messages."""
        for name, wanted in self.looks().items():
            self.main.set_class(wanted, name)
        self.preferences.apply(self.main)
        if not self.preferences.settings.mouse:
            self.switch_mouse(on=False)
        notice = self.preferences.notice()
        if notice:
            self.notify(escape_lines(notice), title="Settings", severity="warning", markup=False, timeout=15)
            self._noticed = True
        self.set_interval(1.0, self._collector.tick)
        if self.poller is not None:
            if hasattr(self.poller, "quiet"):
                self.poller.quiet = self._collector.quiet
            self.poller.start(self._snapshot_came, self.event_came)

    def _snapshot_came(self, snapshot: Snapshot) -> None:
        self.post_message(SnapshotArrived(snapshot))

    def event_came(self, event: Event) -> None:
        """Queue an event of the engine; thread-safe."""
        # many events become one message from time to time, so keys are not delayed
        self._events.append(event)
        if not self._events_told:
            self._events_told = True
            self.post_message(EventsArrived())

    async def on_event(self, event: events.Event) -> None:
        """Note keys; Textual handles the event."""
        if isinstance(event, events.Key):
            self._collector.key()
            if self.state.message is not None:
                self.state.message = None
                self._show_message()
            if self._noticed:
                # it would cover the answer that the key opens
                self._noticed = False
                self.clear_notifications()
        await super().on_event(event)

    def say(self, text: str, *, error: bool = False) -> None:
        """Show one message in the footer until the next key."""
        self.state.message = (text, error)
        self._show_message()

    def _show_message(self) -> None:
        for line in self.screen.query(KeyLine):
            line.refresh()

    @staticmethod
    def _forget() -> None:
        forget_screens()
        let_go()

    def on_unmount(self) -> None:
        """Stop the poller."""
        if self.poller is not None:
            self.poller.stop()

    def on_app_focus(self) -> None:
        """Read at the normal interval again."""
        self._look(seen=True)

    def on_app_blur(self) -> None:
        """Read less often without the focus."""
        self._look(seen=False)

    def _look(self, *, seen: bool) -> None:
        look = getattr(self.poller, "look", None)
        if look is not None:
            look(seen=seen)
            self.main.status.update_status()

    # Snapshots and events.

    @on(SnapshotArrived)
    def take_snapshot(self, message: SnapshotArrived) -> None:
        """Show a new snapshot: everything after a change of the structure, else only changed counters."""
        # the line of an event has the changes that it caused
        self._note_events()
        before, first = self.state.snapshot, not self.state.arrived
        self.compared.note(message.snapshot)
        if self.state.take(message.snapshot):
            if first and self.keys_first:
                short_turns(_HANDS)
            if not first:
                changes = rule_changes(before, message.snapshot)
                self.events_log.add_changes(message.snapshot.time, changes)
                if self.events_log.name(message.snapshot) or changes:
                    self.main.drawer.update_events()
            self.main.networks.update_structure()
            self.main.chains.update_structure()
            self.flows.find()
            self._collector.changed()
            if first:
                # importing and running the doctor would delay the first complete screen
                self.call_after_refresh(self.answers.structure_changed)
            else:
                self.answers.structure_changed()
            self.flows.renew()
        else:
            self.main.chains.update_counters()
            self.main.networks.repaint_changed()
        self.main.detail.update_detail()
        self._update_status()

    def _update_status(self) -> None:
        self.main.status.update_status()
        if self.answers.screen is not None:
            self.answers.screen.status.update_status()

    @on(EventsArrived)
    def take_events(self) -> None:
        """Log Docker's queued events; later ones are logged a moment later."""
        self._note_events()
        self.set_timer(_EVENTS, self._more_events)

    def _note_events(self) -> None:
        if self._events:
            while self._events:
                self.events_log.add_event(self._events.popleft(), self.state.snapshot)
            self.main.drawer.update_events()

    def _more_events(self) -> None:
        self._events_told = False
        if self._events:
            self._events_told = True
            self.post_message(EventsArrived())

    # The cursor.

    @on(ItemSelected)
    def select(self, message: ItemSelected) -> None:
        """Show the details of the item under the cursor of the pane in focus."""
        pane, item = message.pane, message.item
        if isinstance(pane, NetworkTree) and item != self.state.marked:
            self.state.mark(item)
            self.flows.to_follow = item
            self.main.chains.update_marks()
        focused = self.main.focused_pane
        if item is not None and (pane is focused or focused is None):
            self.after_key(partial(self._show, item))

    @on(events.DescendantFocus)
    def follow_focus(self, event: events.DescendantFocus) -> None:
        """Show the details of the item under the cursor of the newly focused pane."""
        if isinstance(event.widget, NetworkTree | ChainTable):
            event.widget.cursor_moved()

    @on(DetailsWanted)
    def go_to_details(self) -> None:
        """Give the details the focus, at the open flow or the first one."""
        self.main.reveal(self.main.detail)
        self.main.detail.go_to_flow()

    def _show(self, item: Item) -> None:
        self.state.item = item
        self.flows.find()
        self.flows.follow()
        self.main.detail.update_detail()

    @on(GoTo)
    def go_to(self, message: GoTo) -> None:
        """Move the chain table or the tree to an item."""
        self.action_to_panes()
        if message.flow is not None:
            self.state.item = AskedItem(message.flow.source, message.flow.destination)
            self.flows.open(message.flow)
            self.state.show_part(message.part)
            self.main.chains.update_marks()
        if not self.main.go_to(message.item):
            self.say("It is gone.")

    # Answers about the whole host.

    async def action_answer(self, question: Question) -> None:
        """Show the answer to a question over the panes; the same key goes back."""
        if question == "connections" and self._place:
            self.say("Connections are read of the machine on which netui runs: start it there.")
            return
        await self.answers.toggle(question)

    def action_mark_moment(self) -> None:
        """Make "=" compare with this moment, or again with the start."""
        if not self.state.arrived:
            return
        marked = self.compared.mark(self.state.snapshot)
        self.answers.forget("changes")
        self.say("Marked: = compares with this moment." if marked else "= compares with the start again.")

    def action_to_panes(self) -> None:
        """Close an answer."""
        self.answers.close()

    @on(AnswerFound)
    def take_answer(self, message: AnswerFound) -> None:
        """Show an answer that a worker computed."""
        if self.answers.take(message):
            self.main.networks.repaint_changed()
            self._update_status()

    # Flows: the handlers are here, FlowControl does the work.

    def action_flow(self, by: int) -> None:
        """Open the next or the previous flow of the item under the tree's cursor."""
        self.flows.open_next(by)

    def action_part(self) -> None:
        """Show the next part of the open flow's senders; after the last one, everyone else."""
        self.flows.next_part()

    def action_reverse(self) -> None:
        """Ask the open flow in the other direction."""
        self.flows.reverse()

    def action_step(self, by: int) -> None:
        """Go to the next or the previous step of the open flow."""
        self.flows.step(by)

    def action_steps(self) -> None:
        """Show only the open flow's steps, or all chains again."""
        self.flows.steps_alone()

    async def action_ask(self) -> None:
        """Open the line for a question."""
        self.action_to_panes()
        self.main.action_ask()

    @on(AskBar.Asked)
    def ask(self, message: AskBar.Asked) -> None:
        """Ask the typed question, on a thread."""
        self.flows.ask(message.source, message.destination)

    @on(FlowAnswered)
    def take_answered(self, message: FlowAnswered) -> None:
        """Open the flow of the question, or show its error below the line."""
        self.flows.answered(message)

    @on(FlowsFound)
    def take_flows(self, message: FlowsFound) -> None:
        """Show a container's flows that a worker computed."""
        self.flows.found(message)

    @on(FlowOpened)
    def open_flow(self, message: FlowOpened) -> None:
        """Highlight a flow's steps in the chain table and go to the first; None closes it."""
        self.flows.open(message.flow)
        if message.flow is not None:
            self.main.chains.go_to_step(1)

    # Keys.

    def action_leave(self) -> None:
        """Quit at once."""
        self._leaving = True
        if self.poller is not None:
            self.poller.stop()
        self.exit(0)

    def action_next_host(self) -> None:
        """Switch to the next machine, on a screen of its own."""
        if not self._more_hosts:
            self.say("There is one machine: give --host several times for more.")
            return
        self.preferences.keep(self.main, theme=self.chosen_theme, mouse=self.mouse_on)
        self._leaving = True
        if self.poller is not None:
            self.poller.stop()
        self.exit(NEXT_HOST)

    async def action_quit(self) -> None:
        """Quit, also by Textual's own key."""
        self.action_leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Refuse keys after the key that quits, because opening a screen would then fail.

        In the finder of chains Ctrl+P goes up; everywhere else it opens the palette.
        """
        if action == "command_palette" and isinstance(self.screen, ChainFinder):
            return False
        return not self._leaving or action in ("leave", "quit")

    def action_out(self) -> None:
        """Close one thing: the steps view, an opened flow, the filter, the zoom, the drawer, a followed flow."""
        if self.main.chains.steps_only:
            self.main.chains.action_steps()
        elif (self.state.flow is not None and not self.state.followed) or (
            not self.main.close_one() and self.state.flow is not None
        ):
            self.flows.open(None)

    async def action_keys(self) -> None:
        """Show all keys and signs."""
        from netui.ui.panes.help import HelpScreen

        await self.push_screen(HelpScreen(key_groups(self, self.preferences.keymap)))

    async def action_find_chain(self) -> None:
        """Find a chain and go to it."""

        def go(item: ChainItem | None) -> None:
            if item is not None:
                self.go_to(GoTo(item))

        await self.push_screen(ChainFinder(self.state.snapshot), go)

    def action_copy(self) -> None:
        """Copy the rule, the open path or the line under the cursor."""
        text, what = copy_from(self.main, self.state, self.answers.screen)
        if text:
            self.copy_to_clipboard(text)
            self.say(f"Copied {what}.")
        else:
            self.say("There is nothing to copy here.")

    def action_redraw(self) -> None:
        """Write the whole screen again, for example after a broadcast message to all terminals."""
        self.screen.refresh()

    def action_save_picture(self) -> None:
        """Save a picture of the screen in the current folder."""
        saved, text = save("screen.svg", self.export_screenshot(title="netui"), self.clock())
        self.say(text, error=not saved)

    def action_save_path(self) -> None:
        """Save the open flow's path as text in the current folder."""
        self.flows.when_open(self._save_path)

    def _save_path(self) -> None:
        if self.state.flow is None:
            self.say(NO_FLOW)
            return
        saved, text = save("path.txt", path_text(self.state.flow) + "\n", self.clock())
        self.say(text, error=not saved)

    def action_save_settings(self) -> None:
        """Save the settings; nothing else writes them."""
        saved, text = self.preferences.save(self.main, theme=self.chosen_theme, mouse=self.mouse_on)
        self.say(text, error=not saved)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield every action for the command palette, with its key."""
        yield from commands(self, self.main, self.preferences.keymap)


def run(poller: Feed, *, mode: Mode = "live", **options: Any) -> int:  # noqa: ANN401 - NetuiApp's own options
    """Run netui until the user quits; return the exit status."""
    app = NetuiApp(poller, mode=mode, few_colours=None, **options)
    app.keys_first = True
    result = app.run()
    return result if isinstance(result, int) else (app.return_code or 0)
