"""``ss -Hltunp`` text and /proc/PID/net/{tcp,tcp6,udp,udp6} → sockets that accept new packets."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from netui.dialects import inside
from netui.model import Socket
from netui.text.errors import SourceError, quoted

#: The first process of a socket; a program's name can contain anything.
_USER = re.compile(r'users:\(\("(.*?)",pid=(\d{1,10})')
_STATES = ("LISTEN", "UNCONN")
#: include/net/tcp_states.h: TCP_LISTEN; an unconnected UDP socket shows TCP_CLOSE.
_TCP_LISTEN, _UDP_UNCONNECTED, _SCTP_LISTEN = "0A", "07", "10"


def ss_sockets(text: str) -> tuple[Socket, ...]:
    """Parse ``ss -Hltunp`` (a header line is skipped); other protocols are left out.

    Raises SourceError at a line of another shape.
    """
    sockets: dict[Socket, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split(None, 5)
        if not words or words[0] in ("Netid", "State"):
            continue
        if len(words) < 5:
            raise SourceError(f"line {number} is no ss -Hltunp output: {quoted(line)}")
        if words[0] not in ("tcp", "udp", "sctp", "dccp", "mptcp") or words[1] not in _STATES:
            continue
        address, device, port = _local(words[4])
        if not port.isdecimal() or len(port) > 5:
            if port == "*":
                continue
            raise SourceError(f"line {number}: port {quoted(port)} is no number; capture it again with ss -Hltunp")
        user = _USER.search(words[5]) if len(words) > 5 else None
        program, pid = (user[1], int(user[2])) if user else ("", 0)
        protocol = "tcp" if words[0] == "mptcp" else words[0]
        sockets[Socket(protocol, address, int(port), program, pid, device)] = None
    return tuple(sockets)


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A socket of /proc/net with its inode and its owner's user ID."""

    socket: Socket
    inode: int
    uid: int


def proc_sockets(text: str) -> tuple[Socket, ...]:
    """Parse /proc/PID/net/tcp, tcp6, udp and udp6, one after the other in any order; raise SourceError as below.

    Files with devices and routes (see dialects/inside.py) are skipped.
    """
    return tuple(dict.fromkeys(listener.socket for listener in open_sockets(inside.split(text)[1])))


def open_sockets(text: str) -> Iterator[OpenSocket]:
    """Yield the sockets of /proc/net/tcp, tcp6, udp, udp6, udplite and sctp/eps that accept new packets.

    Each file begins with its own header, and only UDP's ends in "ref pointer drops".
    Addresses are in the byte order of a little-endian machine. A socket on ``::`` also accepts IPv4 (address
    "*"), unless another socket of the port does: net.ipv6.bindv6only is 0 everywhere.

    Raises SourceError at a line of another shape.
    """
    listeners: list[tuple[str, str, int, int, int]] = []
    protocol = ""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words:
            continue
        if words[0] == "sl":
            protocol = "udp" if words[-1] == "drops" else "tcp"
            continue
        if words[0] == "ENDPT":
            protocol = "sctp"
            continue
        if protocol == "sctp":
            listeners += _endpoint(words, number, line)
            continue
        if not protocol or len(words) < 4:
            raise SourceError(f"line {number} is none of /proc/PID/net/tcp and udp: {quoted(line)}")
        if words[3] != (_TCP_LISTEN if protocol == "tcp" else _UDP_UNCONNECTED):
            continue
        address, _, port = words[1].partition(":")
        uid, inode = (words[7], words[9]) if len(words) > 9 else ("", "")
        try:
            owner = (int(inode) if inode.isdecimal() else 0, int(uid) if uid.isdecimal() else -1)
            listeners.append((protocol, _address(address), int(port, 16), *owner))
        except ValueError:
            raise SourceError(f"line {number}: {quoted(words[1])} is no address and port") from None
    taken = {listener[:3] for listener in listeners}
    for kind, at, own_port, own_inode, own_uid in listeners:
        both = at == "::" and (kind, "0.0.0.0", own_port) not in taken
        yield OpenSocket(Socket(kind, "*" if both else at, own_port), own_inode, own_uid)


def _endpoint(words: list[str], number: int, line: str) -> Iterator[tuple[str, str, int, int, int]]:
    """One line of /proc/net/sctp/eps: ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS; SST 10 listens."""
    if len(words) < 9 or not all(words[column].isdecimal() for column in (5, 6, 7)):
        raise SourceError(f"line {number} is none of /proc/net/sctp/eps: {quoted(line)}")
    if words[3] != _SCTP_LISTEN:
        return
    for address in words[8:]:
        try:
            text = str(ipaddress.ip_address(address))
        except ValueError:
            raise SourceError(f"line {number}: {quoted(address)} is no address") from None
        yield "sctp", text, int(words[5]), int(words[7]), int(words[6])


def _local(word: str) -> tuple[str, str, str]:
    """``[fe80::1]%eth0:546``, ``127.0.0.53%lo:53``, ``*:80`` → address, device, port."""
    address, _, port = word.rpartition(":")
    address, _, device = address.partition("%")
    return address.strip("[]"), device.strip("[]"), port


def _address(digits: str) -> str:
    raw = bytes.fromhex(digits)
    if len(raw) == 4:
        return str(ipaddress.IPv4Address(raw[::-1]))
    if len(raw) != 16:
        raise ValueError(digits)
    address = ipaddress.IPv6Address(b"".join(raw[start : start + 4][::-1] for start in range(0, 16, 4)))
    return str(address.ipv4_mapped or address)
