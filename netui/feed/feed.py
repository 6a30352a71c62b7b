"""The protocol of feeds: a poller of this or another host, or a recording."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from netui.model import Snapshot
from netui.model.events import Event

OnSnapshot = Callable[[Snapshot], None]
OnEvent = Callable[[Event], None]


def ignore(_thing: object) -> None:
    """Ignore the argument."""


class Feed(Protocol):
    """Passes complete snapshots and single events to the app, from another thread."""

    def start(self, on_snapshot: OnSnapshot, on_event: OnEvent) -> None:
        """Start; both callables may be called from any thread."""

    def stop(self) -> None:
        """Stop at once, even when a source hangs."""
