"""UDP servers in containers: each datagram goes back to where it came from.

Debian's static busybox serves no UDP, so the sockets live in the containers' network namespaces
and this process answers.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading

from .namespaces import call_in


class UdpEcho:
    """Answers datagrams on all the sockets that were added, on one thread."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def add(self, sandbox: str, port: int) -> None:
        """Serve a port, IPv4 and IPv6, in the network namespace of this path."""

        def opened() -> socket.socket:
            made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            made.bind(("::", port))
            return made

        served = call_in(sandbox, opened)
        served.setblocking(False)
        self._selector.register(served, selectors.EVENT_READ)
        self._wake.send(b"+")

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    if not self._woken.recv(64).strip(b"+"):
                        continue
                    for other in list(self._selector.get_map().values()):
                        other.fileobj.close()  # type: ignore[union-attr]
                    self._selector.close()
                    return
                with contextlib.suppress(OSError):
                    data, sender = key.fileobj.recvfrom(65536)  # type: ignore[union-attr]
                    key.fileobj.sendto(data, sender)  # type: ignore[union-attr]

    def close(self) -> None:
        """Close all sockets."""
        self._wake.send(b"-")
        self._thread.join()
        self._wake.close()
