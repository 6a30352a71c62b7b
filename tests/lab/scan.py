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
    errors = call_in(sandbox, lambda: _raw(src, _icmp(src)))
    head = struct.pack("!HHIIBBHHH", _SPORT, 0, 1, 0, 5 << 4, 2, 64240, 0, 0)
    base = _folded(_pseudo(src, dst, socket.IPPROTO_TCP, len(head)) + head)

    def segment(port: int) -> bytes:
        return struct.pack("!HHIIBBHHH", _SPORT, port, 1, 0, 5 << 4, 2, 64240, _checksum(base + port), 0)

    def answered(data: bytes, source: str) -> tuple[int, str] | None:
        sport, dport = struct.unpack("!HH", data[:4])
        if dport != _SPORT or source != dst:
            return None
        return sport, "open" if data[13] & 0x12 == 0x12 else "refused"

    return _scan(raw, errors, dst, ports, segment, answered)


def scan_udp(sandbox: str, src: str, dst: str, ports: Iterable[int]) -> dict[int, str]:
    """Send a datagram to each port: `open` (an answer), `refused` (port unreachable), `rejected` (other ICMP)."""

    def opened() -> socket.socket:
        made = socket.socket(_family(src), socket.SOCK_DGRAM)
        made.bind((src, _SPORT))
        return made

    raw = call_in(sandbox, lambda: _raw(src, socket.IPPROTO_UDP))
    errors = call_in(sandbox, lambda: _raw(src, _icmp(src)))
    keeper = call_in(sandbox, opened)
    text = b"netui "
    length = 8 + len(text)
    base = _folded(_pseudo(src, dst, socket.IPPROTO_UDP, length) + struct.pack("!HHHH", _SPORT, 0, length, 0) + text)

    def datagram(port: int) -> bytes:
        return struct.pack("!HHHH", _SPORT, port, length, _checksum(base + port) or 0xFFFF) + text

    def answered(data: bytes, _source: str) -> tuple[int, str] | None:
        sport, dport = struct.unpack("!HH", data[:4])
        # a program on all addresses answers by the one that its route has
        return (sport, "open") if dport == _SPORT else None

    try:
        return _scan(raw, errors, dst, ports, datagram, answered)
    finally:
        keeper.close()


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _icmp(address: str) -> int:
    return socket.IPPROTO_ICMPV6 if ":" in address else socket.IPPROTO_ICMP


def _pseudo(src: str, dst: str, protocol: int, length: int) -> bytes:
    """The pseudo header of a checksum; the sum of IPv6's is that of these fields, too."""
    return ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + struct.pack("!HH", protocol, length)


def _checksum(total: int) -> int:
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def _raw(src: str, protocol: int) -> socket.socket:
    made = socket.socket(_family(src), socket.SOCK_RAW, protocol)
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
    answered: Callable[[bytes, str], tuple[int, str] | None],
) -> dict[int, str]:
    found: dict[int, str] = {}
    six = ":" in dst

    def take(one: socket.socket) -> bool:
        try:
            packet, (source, *_port) = one.recvfrom(65536)
        except BlockingIOError:
            return False
        except OSError:
            return True
        # a raw socket of IPv4 has the IP header before the rest
        data = packet if six else packet[(packet[0] & 15) * 4 :]
        known = (_icmp6_error if six else _icmp_error)(data) if one is errors else answered(data, source)
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


def _icmp_error(data: bytes) -> tuple[int, str] | None:
    """The port that an ICMP error is about; port unreachable is how a host refuses, and how a rule rejects."""
    inner = data[8:]
    if data[0] != 3 or len(inner) < 28:
        return None
    at = (inner[0] & 15) * 4
    return _about(inner[at : at + 4], refused=data[1] == 3)


def _icmp6_error(data: bytes) -> tuple[int, str] | None:
    """The same of ICMPv6: destination unreachable, code 4 for a port."""
    return _about(data[48:52], refused=data[1] == 4) if data[0] == 1 and len(data) >= 52 else None


def _about(ports: bytes, *, refused: bool) -> tuple[int, str] | None:
    sport, dport = struct.unpack("!HH", ports)
    return (dport, "refused" if refused else "rejected") if sport == _SPORT else None


def _folded(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
