"""What the panes and the poller say to the app; the app's ``@on`` handlers own the state."""

from __future__ import annotations

from textual.message import Message
from textual.message_pump import MessagePump

from netui.model import Snapshot
from netui.traversal.result import Flow
from netui.ui.presenters.selection import Item


class SnapshotArrived(Message):
    """A whole new snapshot; only the newest in the queue counts."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """Say yes to a newer snapshot: it makes an older one in the queue useless."""
        return isinstance(message, SnapshotArrived)


class EventsArrived(Message):
    """Docker's events are there to be taken; as many as came are one message."""


class ItemSelected(Message):
    """The cursor of the tree or of the chain table stands on something else."""

    def __init__(self, item: Item | None, pane: MessagePump) -> None:
        self.item = item
        self.pane = pane
        super().__init__()


class FlowOpened(Message):
    """A flow was chosen in the detail pane; None closes it."""

    def __init__(self, flow: Flow | None) -> None:
        self.flow = flow
        super().__init__()


class DetailsWanted(Message):
    """The details of what the tree's cursor stands on are to have the focus."""


class GoTo(Message):
    """The chain table or the tree is to go to something; flow: is opened with it, at that part of its senders."""

    def __init__(self, item: Item, flow: Flow | None = None, part: int = 0) -> None:
        self.item, self.flow, self.part = item, flow, part
        super().__init__()


class FlowsFound(Message):
    """The flows of a container, as they were worked out beside the screen."""

    def __init__(self, container_id: str, structure: object, flows: tuple[Flow, ...], problem: str = "") -> None:
        self.container_id = container_id
        self.structure = structure
        self.flows = flows
        self.problem = problem
        super().__init__()
