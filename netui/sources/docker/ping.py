"""Whether the engine answers: a ping on its own connection, with its own deadline.

The kernel accepts connections even for a stopped or stuck daemon, so only an answer proves that it works.
"""

from __future__ import annotations

import socket
import time

_QUESTION = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


def answers(path: str, seconds: float) -> bool:
    """Return whether the listener of a unix socket answers within some seconds."""
    deadline = time.monotonic() + seconds
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(seconds)
            connection.connect(path)
            connection.sendall(_QUESTION)
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            return connection.recv(1) != b""
    except OSError:
        return False
