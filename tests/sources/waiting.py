"""Waiting for a condition, for the tests of sources."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path


def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.005)


def _stale(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
