"""Whether the engine of a socket runs in the network namespace that netui reads.

A rootless engine has its own namespace, and netui may run in another namespace than any engine. Then the engine's
bridges and rules are not those that are read here, although it is the same machine.
"""

from __future__ import annotations

import os
import socket
import struct


def engine_is_here(path: str) -> bool | None:
    """Return whether the listener of a unix socket is in this network namespace; None where that is unknown.

    unix(7), SO_PEERCRED: for a listening socket, the process that called listen(2). Where systemd listens for
    dockerd, it is process 1, in the host's namespace as dockerd is. A process of another PID namespace is 0, and
    then, or without the right to inspect the process, the answer is unknown.
    """
    if not path or not hasattr(socket, "SO_PEERCRED"):
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(path)
            credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        pid = struct.unpack("3i", credentials)[0]
        if pid <= 0:
            return None
        return os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116
    except OSError:
        return None
