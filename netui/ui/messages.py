"""The messages of the panes and the poller to the app, whose ``@on`` handlers own the state."""

from __future__ import annotations

from textual.message import Message
from textual.message_pump import MessagePump

from netui.model import Snapshot
from netui.traversal.result import Flow
from netui.ui.presenters.selection import Item


class SnapshotArrived(Message):
    """A new snapshot; only the newest one in the queue counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Whether the other message is a newer snapshot, which replaces this one in the queue."""
        return isinstance(message, SnapshotArrived)


class EventsArrived(Message):
    """Docker's events are in the app's queue; one message for all of them."""


class ItemSelected(Message):
    """The cursor of the tree or of the chain table moved to another item."""

    def __init__(self, item: Item | None, pane: MessagePump) -> None:
        self.item = item
        self.pane = pane
        super().__init__()


class FlowOpened(Message):
    """The user chose a flow in the detail pane; None closes the flow."""

    def __init__(self, flow: Flow | None) -> None:
        self.flow = flow
        super().__init__()


class DetailsWanted(Message):
    """The details of the item under the tree's cursor should get the focus."""


class GoTo(Message):
    """The chain table or the tree should go to an item; flow: to open with it, at that part of its senders."""

    def __init__(self, item: Item, flow: Flow | None = None, part: int = 0) -> None:
        self.item, self.flow, self.part = item, flow, part
        super().__init__()


class FlowsFound(Message):
    """The computed flows of a container."""

    def __init__(self, container_id: str, structure: object, flows: tuple[Flow, ...], problem: str = "") -> None:
        self.container_id = container_id
        self.structure = structure
        self.flows = flows
        self.problem = problem
        super().__init__()
