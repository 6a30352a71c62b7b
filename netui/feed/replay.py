"""A recording as a feed: its frames with their recorded intervals."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from netui.feed.feed import OnEvent, OnSnapshot, ignore
from netui.model import Snapshot

if TYPE_CHECKING:
    from netui.sources.capture.recording import Recording


class ReplayPoller:
    """Plays a recording with its own intervals; it has the methods of :class:`~netui.feed.poller.Poller`.

    loop: restart at the end, as the demo does; else the last state stays. Intervals are at most five seconds.
    """

    def __init__(self, recording: Recording, loop: bool = False, speed: float = 1.0) -> None:
        self._recording = recording
        self._on_snapshot: OnSnapshot = ignore
        self._loop, self._speed = loop, speed
        self._stopped = threading.Event()
        self._last: Snapshot | None = None

    def start(self, on_snapshot: OnSnapshot, on_event: OnEvent | None = None) -> None:
        """Start playing; the first state is posted at once. A recording has no events."""
        self._on_snapshot = on_snapshot
        threading.Thread(target=self._run, name="replay", daemon=True).start()

    def stop(self) -> None:
        """Stop at once."""
        self._stopped.set()

    def refresh(self) -> None:
        """Post the present state again; a recording has nothing else to read."""
        if self._last is not None and not self._stopped.is_set():
            self._on_snapshot(self._last)

    def _run(self) -> None:
        while not self._stopped.is_set():
            for snapshot in self._recording.snapshots():
                if self._last is not None and self._stopped.wait(self._step(self._last, snapshot)):
                    return
                self._last = snapshot
                self._on_snapshot(snapshot)
            if not self._loop or len(self._recording) == 1:
                return

    def _step(self, last: Snapshot, following: Snapshot) -> float:
        """The seconds between two states; one second before the restart."""
        seconds = following.time - last.time
        return min(max(seconds, 0.0) or 1.0, 5.0) / self._speed
