"""The newest snapshot made ready for walking packets: once, whoever asks first."""

from __future__ import annotations

import threading

from netui.model import Snapshot
from netui.traversal import PreparedHost, prepare

_lock = threading.Lock()
_last: list[tuple[Snapshot, PreparedHost]] = []


def prepared(snapshot: Snapshot) -> PreparedHost:
    """Return the snapshot made ready; the last one stays so."""
    with _lock:
        if not _last or _last[0][0] is not snapshot:
            _last[:] = [(snapshot, prepare(snapshot))]
        return _last[0][1]
