"""Whether the engine answers at all: one small question on a connection of its own, with a deadline of its own.

A daemon that is stopped or stuck still takes connections, for the kernel does; only an answer tells.
"""

from __future__ import annotations

import socket
import time

_QUESTION = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"


def answers(path: str, seconds: float) -> bool:
    """Return whether who listens on a unix socket says anything within some seconds."""
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
