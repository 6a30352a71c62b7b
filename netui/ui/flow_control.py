"""The open flow, and the keys that go through flows, steps and parts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from textual.app import App

from netui.traversal.result import Flow
from netui.ui.background.asking import ASKED, Asker, FlowAnswered, ask, reverse
from netui.ui.background.flow_finder import FlowFinder
from netui.ui.messages import FlowsFound
from netui.ui.preferences import Preferences
from netui.ui.presenters.details.flows import part_words, same_flow
from netui.ui.presenters.details.item_flows import first_flow, flows_of
from netui.ui.presenters.selection import AskedItem, ContainerItem, Item, PortItem, container_of
from netui.ui.screen import MainScreen
from netui.ui.state import State

#: The message of a key that needs an open flow.
NO_FLOW = "Open a flow first: a container's details list them."


class Owner(Protocol):
    """The app, as FlowControl uses it."""

    preferences: Preferences

    def say(self, text: str, *, error: bool = False) -> None:
        """Show a message."""

    def action_to_panes(self) -> None:
        """Close an answer."""


class FlowControl:
    """Opens flows for the app: of the item under the tree's cursor, of the details, and of typed questions.

    finder: computes flows on a thread. asker: answers a typed question.
    """

    def __init__(
        self, app: App[int], owner: Owner, main: MainScreen, state: State, finder: FlowFinder, asker: Asker
    ) -> None:
        self._app, self._owner, self._main, self._state = app, owner, main, state
        self._finder, self._asker = finder, asker
        #: the item under the tree's cursor, until its first flow is open
        self.to_follow: Item | None = None
        #: the pending keys for the flow that is about to open, and its item
        self._waiting: tuple[Item | None, list[Callable[[], None]]] = (None, [])

    # Opening.

    def open(self, flow: Flow | None, *, followed: bool = False) -> None:
        """Open a flow; None closes it. followed: the cursor opened it, so focus and cursors stay."""
        item = self._state.marked if followed else self._state.item
        self._state.open_flow(flow, followed=followed)
        opened = flow is not None and isinstance(item, ContainerItem | PortItem)
        self._finder.opened = item.container_id if opened and isinstance(item, ContainerItem | PortItem) else ""
        self._main.chains.update_marks()
        if followed:
            self._main.chains.show_deciding()
        self._main.detail.update_detail()
        self._main.keys.refresh()

    def follow(self) -> None:
        """Open the first flow of the item under the tree's cursor; the focus and all cursors stay."""
        if not self._owner.preferences.settings.follow or self.to_follow is None:
            return
        flow = first_flow(self._of_the_tree())
        if flow is not None:
            self.to_follow = None
            self.open(flow, followed=True)
        elif self._state.followed:
            self.open(None)
        item, waiting = self._waiting
        if item == self._state.marked and waiting and (flow is not None or not self._coming(item)):
            self._waiting = None, []
            for work in waiting:
                work()

    def when_open(self, work: Callable[[], None]) -> None:
        """Apply a key to the open flow, or to the flow that is about to open.

        Computing a flow takes a tenth of a second, and the next key may come sooner.
        """
        item = self._main.networks.current
        if not self._coming(item):
            work()
        elif self._waiting[0] == item:
            self._waiting[1].append(work)
        else:
            self._waiting = item, [work]
            self.follow()

    def _coming(self, item: Item | None) -> bool:
        """Whether a flow of the item under the tree's cursor is about to open."""
        if not self._owner.preferences.settings.follow or not self._state.arrived:
            return False
        if not isinstance(item, ContainerItem | PortItem):
            return False
        if item != self._state.marked:
            # the app has not handled the cursor's move yet
            return True
        return self.to_follow == item and self._of(item)[0] is None

    def open_next(self, by: int) -> None:
        """Open the next or the previous flow of the item under the tree's cursor."""
        self.when_open(partial(self._open_next, by))

    def _open_next(self, by: int) -> None:
        self._owner.action_to_panes()
        flows = self._of_the_tree()
        if not flows:
            self._owner.say("No flows: put the tree's cursor on a container that runs.")
            return
        now = self._state.flow
        index = next((i for i, each in enumerate(flows) if now is not None and same_flow(each, now)), None)
        index = (index + by) % len(flows) if index is not None else (0 if by > 0 else len(flows) - 1)
        self.open(flows[index], followed=True)
        self._main.detail.show_flow()

    def _of_the_tree(self) -> list[Flow]:
        """Return the computed flows of the item under the tree's cursor."""
        item = self._state.marked
        if not isinstance(item, ContainerItem | PortItem) or not self._state.arrived:
            return []
        container = container_of(self._state.snapshot, item.container_id)
        flows, _ = self._of(item)
        return flows_of(item, container, flows or ()) if container is not None else []

    def _of(self, item: ContainerItem | PortItem) -> tuple[tuple[Flow, ...] | None, str]:
        """Return the flows of a container, None while they are being computed; and their error."""
        return self._finder.ask(self._app, self._state, item.container_id)

    # Computed flows.

    def find(self) -> None:
        """Show the flows of the details' item, or that they are being computed."""
        item = self._state.item
        if isinstance(item, ContainerItem | PortItem) and self._state.arrived:
            detail = self._main.detail
            detail.flows, detail.flows_problem = self._of(item)

    def found(self, message: FlowsFound) -> None:
        """Show a container's computed flows."""
        self._finder.keep(message)
        item, marked = self._state.item, self._state.marked
        if isinstance(item, ContainerItem | PortItem) and item.container_id == message.container_id:
            self.find()
            self._main.detail.update_detail()
        if isinstance(marked, ContainerItem | PortItem) and marked.container_id == message.container_id:
            self.follow()
        if self._finder.renew(self._state, message):
            self._main.chains.update_marks()

    def renew(self) -> None:
        """Compute the open flow again after a change of the host."""
        if self._finder.opened:
            self._finder.ask(self._app, self._state, self._finder.opened)
        flow = self._state.flow
        if flow is not None and flow.kind == ASKED:
            ask(self._app, self._asker, self._state.snapshot, flow.source, flow.destination, again=True)

    # Typed questions.

    def ask(self, source: str, destination: str) -> None:
        """Ask a question on a thread."""
        ask(self._app, self._asker, self._state.snapshot, source, destination)

    def reverse(self) -> None:
        """Ask the open flow in the other direction."""
        self.when_open(self._reverse)

    def _reverse(self) -> None:
        if self._state.flow is None:
            self._owner.say(NO_FLOW)
            return
        self._owner.action_to_panes()
        self.ask(*reverse(self._state.flow))

    def answered(self, message: FlowAnswered) -> None:
        """Open the flow of the question, or show its error below the line."""
        asked = self._state.flow is not None and self._state.flow.kind == ASKED
        if message.flow is None:
            if message.again:
                self.open(None)
            elif self._main.ask_line.has_class("-open"):
                self._main.ask_line.say(message.problem)
            else:
                self._owner.say(message.problem, error=True)
            return
        if message.again:
            if asked:
                self._state.renew_flow(message.flow)
                self._main.chains.update_marks()
                self._main.detail.update_detail()
            return
        self._main.ask_line.close()
        self._main.reveal(self._main.detail)
        self._state.item = AskedItem(message.flow.source, message.flow.destination)
        self.open(message.flow)
        self._main.chains.go_to_step(1)

    # Steps and parts.

    def step(self, by: int) -> None:
        """Go to the next or the previous step of the open flow."""
        self.when_open(partial(self._step, by))

    def _step(self, by: int) -> None:
        if self._state.flow is None:
            self._owner.say(NO_FLOW)
            return
        self._owner.action_to_panes()
        if not self._main.chains.go_to_step(by):
            self._owner.say("This flow meets no rule.")

    def steps_alone(self) -> None:
        """Show only the open flow's steps, or all chains again."""
        self.when_open(self._steps_alone)

    def _steps_alone(self) -> None:
        if self._state.flow is None:
            self._owner.say(NO_FLOW)
            return
        self._owner.action_to_panes()
        self._main.chains.action_steps()
        self._main.reveal(self._main.chains)

    def next_part(self) -> None:
        """Show the next part of the open flow's senders; after the last one, everyone else."""
        self.when_open(self._next_part)

    def _next_part(self) -> None:
        if self._state.flow is None:
            self._owner.say(NO_FLOW)
            return
        parts = self._state.parts
        if not parts:
            self._owner.say("No rule tells the senders of this flow apart.")
            return
        self._owner.action_to_panes()
        self._state.show_part((self._state.part + 1) % len(parts))
        self._main.chains.update_marks()
        self._main.chains.show_deciding()
        self._main.detail.update_detail()
        self._main.keys.refresh()
        self._owner.say(f"Part {self._state.part + 1} of {len(parts)}, {part_words(parts[self._state.part])}")
