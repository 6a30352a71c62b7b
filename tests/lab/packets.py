"""Packets made by hand: any source, any destination, with right checksums."""

from __future__ import annotations

import socket
import struct

from .namespaces import call_in

NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}


def checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def crc32c(data: bytes) -> int:
    """SCTP's checksum (RFC 4960, appendix B)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def echo_request(number: int, family: int) -> bytes:
    """An ICMP or ICMPv6 echo request with this id (the kernel fills ICMPv6's checksum)."""
    body = struct.pack("!HH", number, 1) + b"netuilab"
    if family == 6:
        return struct.pack("!BBH", 128, 0, 0) + body
    return struct.pack("!BBH", 8, 0, checksum(struct.pack("!BBH", 8, 0, 0) + body)) + body


def sctp_init(sport: int, dport: int) -> bytes:
    """An SCTP packet with one INIT chunk."""
    chunk = struct.pack("!BBHIIHHI", 1, 0, 20, 0x1234, 65536, 1, 1, 1)
    head = struct.pack("!HHI", sport, dport, 0)
    return head + struct.pack("<I", crc32c(head + b"\0\0\0\0" + chunk)) + chunk


def transport(protocol: str, sport: int, dport: int, src: str, dst: str) -> tuple[int, bytes]:
    """Protocol number and transport header of a flow's first packet."""
    family = socket.AF_INET6 if ":" in dst else socket.AF_INET
    addresses = socket.inet_pton(family, src) + socket.inet_pton(family, dst)
    if protocol == "sctp":
        return 132, sctp_init(sport, dport)
    if protocol == "tcp":
        number, body = 6, struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, 2, 64240, 0, 0)
        at = 16
    elif protocol == "udp":
        number, body = 17, struct.pack("!HHHH", sport, dport, 17, 0) + b"netui lab"
        at = 6
    else:
        number, body = (58 if family == socket.AF_INET6 else 1), echo_request(sport, 6 if ":" in dst else 4)
        at = 2
        if number == 1:
            return number, body
    pseudo = addresses + struct.pack("!IHBB", len(body), 0, 0, number)
    total = checksum(pseudo + body) or 0xFFFF
    return number, body[:at] + struct.pack("!H", total) + body[at + 2 :]


def first_packet(protocol: str, src: str, dst: str, sport: int, dport: int) -> bytes:
    """An IP packet with a flow's first segment, datagram, chunk or echo request."""
    number, body = transport(protocol, sport, dport, src, dst)
    if ":" in dst:
        head = struct.pack("!IHBB", 6 << 28, len(body), number, 64)
        return head + socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + body
    addresses = socket.inet_aton(src) + socket.inet_aton(dst)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), sport, 0, 64, number, 0)
    return head[:10] + struct.pack("!H", checksum(head + addresses)) + addresses + body


class Wire:
    """An interface of a network namespace, to put frames on past the sender's own routing.

    Kept open: closing a packet socket waits for the kernel's grace period, 10 ms each time.
    """

    def __init__(self, sandbox: str, interface: str) -> None:
        self._socket = call_in(sandbox, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
        self._socket.bind((interface, 0))
        self._own: bytes = self._socket.getsockname()[4]

    def put(self, target_mac: str, packet: bytes) -> None:
        """Send one IP packet to a machine on the link."""
        kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
        self._socket.send(bytes.fromhex(target_mac.replace(":", "")) + self._own + struct.pack("!H", kind) + packet)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
