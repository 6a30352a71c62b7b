"""A scan as an attacker makes it: a SYN or a datagram to each port of a machine, and what comes back.

Raw segments by the ten thousand from one socket: a connection for each port would take minutes.
"""

from __future__ import annotations

import ipaddress
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable

from .namespaces import call_in

#: As linux/socket.h has it; Python names it not.
_SO_RCVBUFFORCE = 33
_BUFFER = 64 << 20
_QUIET = 0.6
_SPORT = 61234


def scan_tcp(sandbox: str, src: str, dst: str, ports: Iterable[int]) -> dict[int, str]:
    """Send a SYN to each port: `open` (SYN and ACK), `refused` (RST), `rejected` (ICMP); what is silent is left out."""
    raw = call_in(sandbox, lambda: _raw(src, socket.IPPROTO_TCP))
    errors = call_in(sandbox, lambda: _raw(src, socket.IPPROTO_ICMP))
    base = _folded(
        ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + struct.pack("!HH", 6, 20)
        + struct.pack("!HHIIBBHHH", _SPORT, 0, 1, 0, 5 << 4, 2, 64240, 0, 0)
    )  # fmt: skip

    def segment(port: int) -> bytes:
        total = base + port
        total = (total & 0xFFFF) + (total >> 16)
        check = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        return struct.pack("!HHIIBBHHH", _SPORT, port, 1, 0, 5 << 4, 2, 64240, check, 0)

    source = ipaddress.ip_address(dst).packed

    def answered(packet: bytes) -> tuple[int, str] | None:
        header = (packet[0] & 15) * 4
        sport, dport = struct.unpack("!HH", packet[header : header + 4])
        if dport != _SPORT or packet[12:16] != source:
            return None
        flags = packet[header + 13]
        return sport, "open" if flags & 0x12 == 0x12 else "refused"

    return _scan(raw, errors, dst, ports, segment, answered)


def scan_udp(sandbox: str, src: str, dst: str, ports: Iterable[int]) -> dict[int, str]:
    """Send a datagram to each port: `open` (an answer), `refused` (port unreachable), `rejected` (other ICMP)."""

    def opened() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((src, _SPORT))
        return made

    raw = call_in(sandbox, lambda: _raw(src, socket.IPPROTO_UDP))
    errors = call_in(sandbox, lambda: _raw(src, socket.IPPROTO_ICMP))
    keeper = call_in(sandbox, opened)

    def answered(packet: bytes) -> tuple[int, str] | None:
        header = (packet[0] & 15) * 4
        sport, dport = struct.unpack("!HH", packet[header : header + 4])
        # a program on all addresses answers by the one that its route has
        return (sport, "open") if dport == _SPORT else None

    try:
        return _scan(
            raw, errors, dst, ports, lambda port: struct.pack("!HHHH", _SPORT, port, 13, 0) + b"netui", answered
        )
    finally:
        keeper.close()


def _raw(src: str, protocol: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    made.bind((src, 0))
    made.setblocking(False)
    return made


def _scan(
    raw: socket.socket,
    errors: socket.socket,
    dst: str,
    ports: Iterable[int],
    segment: Callable[[int], bytes],
    answered: Callable[[bytes], tuple[int, str] | None],
) -> dict[int, str]:
    found: dict[int, str] = {}

    def take(one: socket.socket) -> bool:
        try:
            packet = one.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            return True
        known = _icmp_error(packet) if one is errors else answered(packet)
        if known is not None:
            found.setdefault(*known)
        return True

    with raw, errors, selectors.DefaultSelector() as selector:
        for one in (raw, errors):
            selector.register(one, selectors.EVENT_READ)
        for number, port in enumerate(ports):
            while True:
                try:
                    raw.sendto(segment(port), (dst, 0))
                    break
                except BlockingIOError:
                    selector.select(0.01)
                except PermissionError:
                    break
            if number % 64 == 0:
                for one in (raw, errors):
                    while take(one):
                        pass
        quiet = time.monotonic() + _QUIET
        while time.monotonic() < quiet:
            for key, _ in selector.select(0.05):
                while take(key.fileobj):  # type: ignore[arg-type]
                    quiet = time.monotonic() + _QUIET
    return found


def _icmp_error(packet: bytes) -> tuple[int, str] | None:
    """The port that an ICMP error is about; port unreachable is how a host refuses, and how a rule rejects."""
    header = (packet[0] & 15) * 4
    kind, code = packet[header], packet[header + 1]
    inner = packet[header + 8 :]
    if kind != 3 or len(inner) < 28:
        return None
    at = (inner[0] & 15) * 4
    sport, dport = struct.unpack("!HH", inner[at : at + 4])
    return (dport, "refused" if code == 3 else "rejected") if sport == _SPORT else None


def _folded(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
