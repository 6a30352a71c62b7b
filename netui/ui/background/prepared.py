"""A cache of the newest snapshot, prepared for walking packets on first use.

The traversal is imported with the first question, not with the screen.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING

from netui.model import Snapshot

if TYPE_CHECKING:
    from netui.traversal import PreparedHost

#: Seconds without a question after which the host is freed: at 50,000 rules its index takes 20 MB (measured), and
#: the next reading needs a new one in any case.
_REST = 3.0


class _Last:
    """The last host: cached for a while, and also as long as another thread uses it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._host: PreparedHost | None = None
        self._found: weakref.ref[PreparedHost] | None = None
        self._asked = 0.0

    def prepared(self, snapshot: Snapshot) -> PreparedHost:
        from netui.traversal import prepare

        with self._lock:
            host = self._found() if self._found is not None else None
            if host is None or host.snapshot is not snapshot:
                host = prepare(snapshot)
                self._found = weakref.ref(host)
            self._host, self._asked = host, time.monotonic()
            return host

    def let_go(self) -> None:
        if not self._lock.acquire(blocking=False):
            # another thread asks at this moment
            return
        try:
            if time.monotonic() - self._asked >= _REST:
                self._host = None
            if self._found is not None and self._found() is None:
                # no thread uses it any more
                from netui.net import addresses

                self._found = None
                addresses.forget()
        finally:
            self._lock.release()


_last = _Last()


def prepared(snapshot: Snapshot) -> PreparedHost:
    """Return the snapshot made ready; the last one stays so while questions come."""
    return _last.prepared(snapshot)


def let_go() -> None:
    """Free the last host after some time without a question; threads that use it keep it."""
    _last.let_go()
