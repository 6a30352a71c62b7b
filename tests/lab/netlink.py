"""The kernel's own trace, read from netlink: which rule of which chain a packet met.

`nft monitor trace` prints these messages; read raw they carry the packet's headers, so flows are
joined by port without parsing text, and no version of nft is asked to print another's rules.
Layout: linux/netfilter/nf_tables.h (NFTA_TRACE_*), nfnetlink_log.h (NFULA_*).
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .namespaces import call_in

NETLINK_NETFILTER = 12
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1
SO_RCVBUFFORCE = 33
GROUP_NFTRACE = 9
TRACE_MESSAGE = (10 << 8) | 17
FAMILIES = {1: "inet", 2: "ip", 10: "ip6", 7: "bridge"}
VERDICTS = {0: "drop", 1: "accept", 2: "stolen", 3: "queue", -1: "continue", -2: "break", -5: "return"}


@dataclass(frozen=True)
class Header:
    """The packet as a base chain saw it."""

    iif: int
    oif: int
    src: str
    dst: str
    protocol: int
    sport: int
    """Source port, or the id of an ICMP echo."""
    dport: int
    ident: int

    @property
    def key(self) -> tuple[int, int]:
        """What joins a flow's lines: protocol and source port."""
        return (1 if self.protocol == 58 else self.protocol, self.sport)


@dataclass(frozen=True)
class Event:
    """One message: a rule that matched or a policy that decided."""

    trace_id: int
    family: str
    table: str
    chain: str
    handle: int | None
    verdict: str
    header: Header | None


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split netlink attributes."""
    at = 0
    while at + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        if length < 16:
            return
        yield kind, data[at + 16 : at + length]
        at += (length + 3) & ~3


def parse_header(network: bytes, transport: bytes, iif: int, oif: int) -> Header | None:
    """The fields that tell flows apart."""
    if len(network) >= 40 and network[0] >> 4 == 6:
        src = socket.inet_ntop(socket.AF_INET6, network[8:24])
        dst = socket.inet_ntop(socket.AF_INET6, network[24:40])
        protocol, ident = network[6], 0
    elif len(network) >= 20 and network[0] >> 4 == 4:
        src, dst = socket.inet_ntoa(network[12:16]), socket.inet_ntoa(network[16:20])
        protocol, ident = network[9], struct.unpack("!H", network[4:6])[0]
    else:
        return None
    sport = dport = 0
    if protocol in (1, 58) and len(transport) >= 6:
        sport = struct.unpack("!H", transport[4:6])[0]
    elif protocol in (6, 17, 132, 136) and len(transport) >= 4:
        sport, dport = struct.unpack("!HH", transport[:4])
    return Header(iif, oif, src, dst, protocol, sport, dport, ident)


def _verdict(data: bytes) -> str:
    fields = dict(attributes(data))
    code = struct.unpack("!i", fields[1])[0]
    target = fields.get(2, b"").rstrip(b"\0").decode()
    if code in (-3, -4):
        return f"{'jump' if code == -3 else 'goto'} {target}"
    return VERDICTS.get(code if code < 0 else code & 0xFF, str(code))


def parse_trace(family: int, data: bytes) -> Event | None:
    """One NFT_MSG_TRACE; None for those that tell nothing (a chain's end)."""
    fields = dict(attributes(data))
    number = {key: int.from_bytes(value, "big") for key, value in fields.items() if len(value) <= 8}
    kind = number.get(4, 0)
    header = None
    if 8 in fields:
        header = parse_header(fields[8], fields.get(9, b""), number.get(10, 0), number.get(12, 0))
    if kind == 1:
        handle, verdict = None, f"policy {VERDICTS.get(number.get(16, 1), '?')}"
    elif 3 in fields:
        handle, verdict = number[3], _verdict(fields[5])
    else:
        handle, verdict = None, "end"
    name = {key: fields.get(key, b"").rstrip(b"\0").decode() for key in (1, 2)}
    return Event(number.get(6, 0), FAMILIES.get(family, str(family)), name[1], name[2], handle, verdict, header)


class TraceSocket:
    """Listens to the nftables trace of one network namespace, from the moment it is made."""

    def __init__(self, sandbox: str) -> None:
        self._socket = call_in(sandbox, self._open)

    @staticmethod
    def _open() -> socket.socket:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        made.bind((0, 0))
        made.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, GROUP_NFTRACE)
        made.setblocking(False)
        return made

    def drain(self) -> list[Event]:
        """All events so far. The kernel queues them while the packet is on its way."""
        events = []
        with contextlib.suppress(BlockingIOError):
            while True:
                for kind, body in _messages(self._socket.recv(1 << 20)):
                    if kind == TRACE_MESSAGE:
                        event = parse_trace(body[0], body[4:])
                        if event is not None:
                            events.append(event)
        return events

    def close(self) -> None:
        self._socket.close()
