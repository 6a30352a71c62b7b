"""The kernel's trace of legacy tables, read from its packet log in one network namespace.

ip_tables logs each rule that a traced packet matches ("TRACE: filter:FORWARD:rule:4") to the
namespace's logger; bound to nfnetlink_log it comes here with the packet, in order and numbered.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass

from .namespaces import call_in
from .netlink import NETLINK_NETFILTER, SO_RCVBUFFORCE, Header, _messages, attributes, parse_header

CONFIG, PACKET = (4 << 8) | 1, (4 << 8) | 0
BIND, PF_BIND, PF_UNBIND = 1, 3, 4


@dataclass(frozen=True)
class LegacyEvent:
    """One place that a packet met in a legacy table.

    `kind` is the kernel's word: rule, return or policy. It says "return" and "policy" also for a
    real rule without matches, so only the number tells: past the last rule it is the chain's end.
    """

    family: str
    table: str
    chain: str
    kind: str
    number: int
    header: Header | None


class LogSocket:
    """Listens to the legacy trace of one network namespace."""

    def __init__(self, sandbox: str) -> None:
        self._sequence = 0
        self._socket = call_in(sandbox, self._open)

    def _open(self) -> socket.socket:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        made.bind((0, 0))
        made.settimeout(2)
        self._socket = made
        for family in (socket.AF_INET, socket.AF_INET6):
            self._configure(family, 1, bytes([PF_BIND]))
        self._configure(0, 1, bytes([BIND]))
        self._configure(0, 2, struct.pack("!IBx", 128, 2))  # copy the packet's first 128 bytes
        self._configure(0, 5, struct.pack("!I", 1))  # hand over each message at once
        made.setblocking(False)
        return made

    def _configure(self, family: int, kind: int, value: bytes) -> None:
        """One configuration message for group 0, and the kernel's answer."""
        self._sequence += 1
        attribute = struct.pack("=HH", 4 + len(value), kind) + value
        attribute += b"\0" * (-len(attribute) % 4)
        body = struct.pack("!BBH", family, 0, 0) + attribute
        head = struct.pack("=IHHII", 16 + len(body), CONFIG, 5, self._sequence, 0)
        self._socket.send(head + body)
        answer = self._socket.recv(65536)
        code = struct.unpack_from("=i", answer, 16)[0]
        if code:
            raise OSError(-code, f"nfnetlink_log configuration {kind}")

    def drain(self) -> list[LegacyEvent]:
        """All events so far."""
        events = []
        with contextlib.suppress(BlockingIOError):
            while True:
                for kind, body in _messages(self._socket.recv(1 << 20)):
                    if kind == PACKET:
                        event = _parse(body[4:])
                        if event is not None:
                            events.append(event)
        return events

    def close(self) -> None:
        self._socket.close()


def _parse(data: bytes) -> LegacyEvent | None:
    fields = dict(attributes(data))
    prefix = fields.get(10, b"").rstrip(b"\0").decode().strip()
    if not prefix.startswith("TRACE: "):
        return None
    # A chain's name may hold a colon; a table's and the two last parts cannot.
    table, _, rest = prefix.removeprefix("TRACE: ").partition(":")
    chain, kind, number = rest.rsplit(":", 2)
    payload = fields.get(9, b"")
    version = payload[0] >> 4 if payload else 0
    size = 40 if version == 6 else (payload[0] & 15) * 4 if payload else 0
    iif, oif = (int.from_bytes(fields.get(key, b""), "big") for key in (4, 5))
    header = parse_header(payload[:size], payload[size:], iif, oif)
    family = "ip6" if version == 6 else "ip"
    return LegacyEvent(family, table, chain, kind, int(number), header)
