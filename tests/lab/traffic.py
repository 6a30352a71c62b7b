"""A little real traffic on a lab host, bounded, so that counters on a screen move."""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType

from .hosts import HOST, Host
from .namespaces import call_in


class Traffic:
    """Requests from outside to 80 and 443, and from blog to openresty, on a thread of its own."""

    def __init__(self, host: Host, seconds: float, interval: float = 0.4) -> None:
        self._host = host
        self._seconds = seconds
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def _run(self) -> None:
        outside = self._host.sandbox("outside")
        deadline = time.monotonic() + self._seconds
        flows = [(outside, HOST, 443), (outside, HOST, 80), (outside, HOST, 443)]
        try:
            networks = self._host.engine.client.networks.get("hehe").attrs["Containers"].values()
            address = {end["Name"]: end["IPv4Address"].partition("/")[0] for end in networks}
            flows.append((self._host.sandbox("blog"), address["openresty"], 80))
            flows.append((self._host.sandbox("blog"), "198.51.100.2", 9))
        except Exception:  # A host without these, or an engine just killed: the rest goes on.
            pass
        while not self._stop.is_set() and time.monotonic() < deadline:
            request(*flows[self.sent % len(flows)])
            self.sent += 1
            self._stop.wait(self._interval)

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()


def request(sandbox: str, address: str, port: int, timeout: float = 1.0) -> bytes | None:
    """One HTTP request from a network namespace: the answer, or None when there is none."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with call_in(sandbox, lambda: socket.socket(family, socket.SOCK_STREAM)) as client:
            client.settimeout(timeout)
            client.connect((address, port))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while part := client.recv(65536):
                answer += part
            return answer
    except OSError:
        return None
