"""Real packets: one flow each, with a source port (or ICMP id) of its own, many at a time.

A socket belongs to the network namespace of the thread that made it, so one process sends from
every container and machine of a host: no process is started for a flow.
"""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .namespaces import call_in
from .packets import echo_request

# Source ports of judged flows; other programs of the host use 40000 and up (see hosts.py).
FIRST_PORT, LAST_PORT = 10000, 39999
PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "sctp": 132}
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
_REFUSED = {errno.ECONNREFUSED, errno.ECONNRESET}
_UNREACHABLE = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOPROTOOPT, errno.EPROTO}
_DENIED = {errno.EPERM, errno.EACCES}


@dataclass(frozen=True)
class Flow:
    """One first packet: who sends, to which address and port."""

    src: str
    dst: str
    port: int
    protocol: str = "tcp"
    source: str | None = None
    """The sender's address to use, where it has several."""

    @property
    def family(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.dst else 4

    @property
    def name(self) -> str:
        """For people: sender -> address:port/protocol."""
        address = f"[{self.dst}]" if self.family == 6 else self.dst
        return f"{self.src}->{address}:{self.port}/{self.protocol}"


@dataclass(frozen=True)
class Sent:
    """What the sender saw: `connected`, `ECONNREFUSED`, `timeout`, `answered`, `silent`, `unreachable`, `denied`."""

    flow: Flow
    sport: int
    outcome: str
    answer: bytes = b""
    error: str = ""


class Ports:
    """Source ports, each used once until all have been."""

    def __init__(self) -> None:
        self._next = FIRST_PORT

    def take(self) -> int:
        """The next port."""
        port = self._next
        self._next = FIRST_PORT if port == LAST_PORT else port + 1
        return port


class Attempt:
    """One flow on its way."""

    def __init__(self, flow: Flow, sport: int, deadline: float) -> None:
        self.flow = flow
        self.sport = sport
        self.deadline = deadline
        self.socket: socket.socket | None = None
        self.outcome = "timeout" if flow.protocol == "tcp" else "silent"
        self.answer = b""
        self.error = ""

    def start(self, sandbox: str) -> bool:
        """Send the first packet; whether an answer is still to be waited for."""
        try:
            self.socket = call_in(sandbox, self._open)
            return True
        except BlockingIOError:
            return True
        except OSError as error:
            self._fail(error)
            return False

    def _open(self) -> socket.socket:
        flow = self.flow
        family = socket.AF_INET6 if flow.family == 6 else socket.AF_INET
        if flow.protocol == "icmp":
            number = socket.IPPROTO_ICMPV6 if flow.family == 6 else socket.IPPROTO_ICMP
            made = socket.socket(family, socket.SOCK_RAW, number)
        else:
            kind = socket.SOCK_STREAM if flow.protocol == "tcp" else socket.SOCK_DGRAM
            made = socket.socket(family, kind)
        self.socket = made
        made.setblocking(False)
        anywhere = "::" if flow.family == 6 else "0.0.0.0"
        if flow.protocol == "icmp":
            if flow.source:
                made.bind((flow.source, 0))
            made.connect((flow.dst, 0))
            made.send(echo_request(self.sport, flow.family))
            return made
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Closing resets: no TIME_WAIT keeps the port, no FIN wanders about.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        made.bind((flow.source or anywhere, self.sport))
        made.connect((flow.dst, flow.port))
        if flow.protocol == "udp":
            made.send(b"netui lab")
        return made

    def ready(self) -> bool:
        """Something happened on the socket; whether the flow is finished."""
        assert self.socket is not None
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._fail(OSError(code, os.strerror(code)))
            return True
        try:
            if self.flow.protocol == "tcp":
                return self._tcp_ready()
            data = self.socket.recv(65536)
        except BlockingIOError:
            return False
        except OSError as error:
            self._fail(error)
            return True
        if self.flow.protocol == "icmp" and not _is_echo_reply(data, self.sport, self.flow.family):
            return False
        self.outcome, self.answer = "answered", data
        return True

    def _tcp_ready(self) -> bool:
        assert self.socket is not None
        if self.outcome != "connected":
            self.outcome = "connected"
            self.socket.send(REQUEST)
            return False
        try:
            self.answer = self.socket.recv(65536)
        except ConnectionError as error:  # Connected, then reset: a proxy whose target is closed.
            self.error = str(error)
        return True

    def _fail(self, error: OSError) -> None:
        self.error = error.strerror or str(error)
        if self.outcome == "connected":
            return
        if error.errno in _REFUSED:
            self.outcome = "ECONNREFUSED"
        elif error.errno in _UNREACHABLE:
            self.outcome = "unreachable"
        elif error.errno in _DENIED:
            self.outcome = "denied"
        else:
            raise error

    def close(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.close()

    def events(self) -> int:
        """What to wait for now: a connect becomes writable, an answer readable."""
        if self.flow.protocol == "tcp" and self.outcome != "connected":
            return selectors.EVENT_WRITE
        return selectors.EVENT_READ

    def sent(self) -> Sent:
        return Sent(self.flow, self.sport, self.outcome, self.answer, self.error)


def send(
    flows: Sequence[Flow],
    sandbox: Callable[[str], str],
    ports: Ports,
    *,
    timeout: float = 0.4,
    at_once: int = 48,
) -> list[Sent]:
    """Send each flow's first packet, many at once; what each sender saw, in order.

    `sandbox` gives the path of a sender's network namespace.
    """
    places = {name: sandbox(name) for name in {flow.src for flow in flows}}
    attempts: list[Attempt] = []
    waiting = deque(flows)
    with selectors.DefaultSelector() as selector:
        while waiting or selector.get_map():
            while waiting and len(selector.get_map()) < at_once:
                flow = waiting.popleft()
                attempt = Attempt(flow, ports.take(), time.monotonic() + timeout)
                attempts.append(attempt)
                if attempt.start(places[flow.src]) and attempt.socket is not None:
                    selector.register(attempt.socket, attempt.events(), attempt)
                else:
                    attempt.close()
            _step(selector, at_once)
    return [attempt.sent() for attempt in attempts]


def _step(selector: selectors.BaseSelector, limit: int) -> None:
    """Wait a little and finish the flows that are answered or late."""
    for key, _ in selector.select(0.02):
        attempt: Attempt = key.data
        if attempt.ready():
            selector.unregister(key.fileobj)
            attempt.close()
        else:
            selector.modify(key.fileobj, attempt.events(), attempt)
    now = time.monotonic()
    late: Iterable[selectors.SelectorKey] = list(selector.get_map().values())
    for key in late:
        if key.data.deadline < now:
            selector.unregister(key.fileobj)
            key.data.close()


def _is_echo_reply(data: bytes, number: int, family: int) -> bool:
    """Whether this is the answer to the echo request with this id."""
    if family == 4:
        data = data[(data[0] & 15) * 4 :]
    kind = 129 if family == 6 else 0
    return len(data) >= 6 and data[0] == kind and struct.unpack("!H", data[4:6])[0] == number
