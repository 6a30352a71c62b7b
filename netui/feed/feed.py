"""What brings readings to the screen: a poller of this host or another one, or a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from netui.model import Snapshot
from netui.model.events import Event

OnSnapshot = Callable[[Snapshot], None]
OnEvent = Callable[[Event], None]


def ignore(_thing: object) -> None:
    """Nobody listens."""


class Feed(Protocol):
    """What feeds the app: whole snapshots and single events, from a thread of its own."""

    def start(self, on_snapshot: OnSnapshot, on_event: OnEvent) -> None:
        """Begin; both callables may be called from any thread."""

    def stop(self) -> None:
        """End at once, also when a source hangs."""
