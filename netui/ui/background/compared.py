"""The base of a comparison: the first reading, a moment that the user marked, or a capture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from netui.model import Snapshot
from netui.ui.presenters.answers.answer import Answer
from netui.ui.presenters.times import clock, date

if TYPE_CHECKING:
    from netui.traversal import PreparedHost


class Compared:
    """The base of the comparison by ``=``.

    capture: reads the capture of the command line on first use.
    """

    def __init__(self, capture: Callable[[], Snapshot] | None = None) -> None:
        self._capture = capture
        self._first: Snapshot | None = None
        self._marked: Snapshot | None = None
        self._ready: tuple[Snapshot, PreparedHost] | None = None

    def note(self, snapshot: Snapshot) -> None:
        """Keep the first reading."""
        if self._first is None:
            self._first = snapshot

    def mark(self, snapshot: Snapshot) -> bool:
        """Compare with this moment from now on, or again with the previous base; True where it is marked."""
        self._marked = snapshot if self._marked is None else None
        return self._marked is not None

    def solve(self, snapshot: Snapshot) -> Iterator[Answer]:
        """Compute the differences."""
        from netui.audit.differences import differences, not_compared
        from netui.traversal import prepare
        from netui.ui.background.prepared import prepared
        from netui.ui.presenters.answers.changes import ChangesAnswer

        base, since = self._base(snapshot)
        if self._ready is None or self._ready[0] is not base:
            self._ready = (base, prepare(base))
        before, after = self._ready[1], prepared(snapshot)
        yield ChangesAnswer.of(snapshot, differences(before, after), not_compared(before, after), since)

    def _base(self, snapshot: Snapshot) -> tuple[Snapshot, str]:
        if self._marked is not None:
            return self._marked, f"the moment marked at {clock(self._marked.time)}"
        if self._capture is not None:
            base = self._capture()
            return base, f"the capture of {date(base.time)}"
        base = self._first or snapshot
        return base, f"netui's first reading at {clock(base.time)}"
