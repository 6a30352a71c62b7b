"""``ss -Hltunp`` text and /proc/PID/net/{tcp,tcp6,udp,udp6} → sockets that take new packets."""

from __future__ import annotations

import ipaddress
import re

from netui.model import Socket
from netui.sources.errors import SourceError, quoted

#: The first process that holds a socket; a program's name can hold anything.
_USER = re.compile(r'users:\(\("(.*?)",pid=(\d{1,10})')
_STATES = ("LISTEN", "UNCONN")
#: include/net/tcp_states.h: TCP_LISTEN; an unconnected UDP socket shows TCP_CLOSE.
_TCP_LISTEN, _UDP_UNCONNECTED = "0A", "07"


def ss_sockets(text: str) -> tuple[Socket, ...]:
    """Parse ``ss -Hltunp`` (a header line is skipped); other protocols are left out.

    Raises SourceError at a line of another shape.
    """
    found: dict[Socket, None] = {}
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
        found[Socket(protocol, address, int(port), program, pid, device)] = None
    return tuple(found)


def proc_sockets(text: str) -> tuple[Socket, ...]:
    """Parse /proc/PID/net/tcp, tcp6, udp and udp6, one after the other in any order.

    Each begins with its own header, and only UDP's ends in "ref pointer drops".
    Addresses are in the memory order of a little-endian machine. ``::`` takes
    IPv4 as well unless another socket of the port does (net.ipv6.bindv6only is
    0 everywhere, and two sockets for one address would be an error): "*" then.

    Raises SourceError at a line of another shape.
    """
    found: dict[tuple[str, str, int], None] = {}
    protocol = ""
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words:
            continue
        if words[0] == "sl":
            protocol = "udp" if words[-1] == "drops" else "tcp"
            continue
        if not protocol or len(words) < 4:
            raise SourceError(f"line {number} is none of /proc/PID/net/tcp and udp: {quoted(line)}")
        if words[3] != (_TCP_LISTEN if protocol == "tcp" else _UDP_UNCONNECTED):
            continue
        address, _, port = words[1].partition(":")
        try:
            found[protocol, _address(address), int(port, 16)] = None
        except ValueError:
            raise SourceError(f"line {number}: {quoted(words[1])} is no address and port") from None
    return tuple(
        Socket(protocol, "*" if address == "::" and (protocol, "0.0.0.0", port) not in found else address, port)
        for protocol, address, port in found
    )


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
