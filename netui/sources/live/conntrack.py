"""The connections of conntrack: from /proc, else over netlink; both only read.

Netlink is used only where nf_conntrack_netlink is loaded (dockerd loads it), because a request would load it.
Sources: net/netfilter/nf_conntrack_standalone.c, include/uapi/linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

from netui.model.connection import Connection, Ends
from netui.model.ruleset import Family
from netui.sources.live.netlink import attributes, messages
from netui.sources.machine import permits
from netui.sources.machine.own_container import needs_root
from netui.text.errors import SourceError, plain

_PROC = Path("/proc/net/nf_conntrack")
#: The most connections that are read; a server may have a million.
MOST = 20_000
_FAMILIES: Mapping[str, Family] = {"ipv4": "ip", "ipv6": "ip6"}
_NUMBERS: Mapping[int, Family] = {2: "ip", 10: "ip6"}
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 47: "gre", 58: "icmpv6", 132: "sctp", 136: "udplite"}
#: enum tcp_conntrack.
_TCP = (
    "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
    "SYN_SENT2",
)  # fmt: skip
_NETLINK_NETFILTER = 12
#: NFNL_SUBSYS_CTNETLINK with IPCTNL_MSG_CT_GET.
_GET = 1 << 8 | 1
_REQUEST, _DUMP = 0x1, 0x300
_ERROR, _DONE = 2, 3
_SEEN_REPLY = 1 << 1
_TIMEOUT = 5.0


def read_connections() -> tuple[Connection, ...]:
    """Return at most MOST connections of this network namespace; raise SourceError where access is denied."""
    try:
        with _PROC.open(encoding="utf-8", errors="replace") as lines:
            return tuple(_first(parse_proc(lines)))
    except PermissionError:
        raise SourceError(needs_root()) from None
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SourceError(f"{_PROC} cannot be read: {plain(error.strerror or error)}") from None
    if not permits.loaded("nf_conntrack_netlink"):
        raise SourceError("the kernel does not tell: nf_conntrack_netlink is not loaded, and netui loads nothing")
    return tuple(_first(_over_netlink()))


def _first(connections: Iterator[Connection]) -> Iterator[Connection]:
    for number, connection in enumerate(connections):
        if number >= MOST:
            return
        yield connection


def parse_proc(lines: Iterator[str]) -> Iterator[Connection]:
    """Yield the connections in the lines of /proc/net/nf_conntrack; other lines are skipped."""
    for line in lines:
        words = line.split()
        family = _FAMILIES.get(words[0]) if words else None
        if family is None or len(words) < 6:
            continue
        state = words[5] if "=" not in words[5] and not words[5].startswith("[") else ""
        values: dict[str, list[str]] = {}
        for word in words[5:]:
            name, equals, value = word.partition("=")
            if equals:
                values.setdefault(name, []).append(value)
        try:
            original, reply = (_ends(values, direction) for direction in (0, 1))
        except (IndexError, ValueError):
            continue
        packets, amount = (_sum(values.get(name)) for name in ("packets", "bytes"))
        answered = "[UNREPLIED]" not in words
        protocol = words[2] if words[2] != "unknown" else words[3]
        yield Connection(family, protocol, state, original, reply, packets, amount, answered)


def _ends(values: Mapping[str, list[str]], direction: int) -> Ends:
    ports = [int(values[name][direction]) if name in values else 0 for name in ("sport", "dport")]
    return Ends(_address(values["src"][direction]), _address(values["dst"][direction]), *ports)


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _sum(values: list[str] | None) -> int | None:
    return sum(map(int, values)) if values else None


def _over_netlink() -> Iterator[Connection]:
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
        ) as netlink_socket:
            netlink_socket.settimeout(_TIMEOUT)
            netlink_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            netlink_socket.bind((0, 0))
            body = struct.pack("=BBH", 0, 0, 0)
            netlink_socket.send(struct.pack("=IHHII", 16 + len(body), _GET, _REQUEST | _DUMP, 1, 0) + body)
            while True:
                for kind, _flags, payload in messages(netlink_socket.recv(1 << 17)):
                    if kind == _ERROR:
                        number = -struct.unpack_from("=i", payload)[0]
                        what = needs_root() if number in (1, 13) else f"error {number}"
                        raise SourceError(f"the kernel does not list connections: {what}")
                    if kind == _DONE:
                        return
                    if kind >> 8 == _GET >> 8 and (connection := parse_message(payload)) is not None:
                        yield connection
    except OSError as error:
        raise SourceError(f"the kernel does not list connections: {plain(error.strerror or error)}") from None


def parse_message(payload: bytes) -> Connection | None:
    """Return the connection in a message's payload; None where there is none."""
    family = _NUMBERS.get(payload[0]) if payload else None
    fields = dict(attributes(payload[4:]))
    if family is None or 1 not in fields or 2 not in fields:
        return None
    try:
        (original, number), (reply, _) = _tuple(fields[1]), _tuple(fields[2])
    except (KeyError, ValueError, struct.error):
        return None
    state = ""
    if number == 6:
        code = dict(attributes(dict(attributes(fields.get(4, b""))).get(1, b""))).get(1, b"")
        state = _TCP[code[0]] if code and code[0] < len(_TCP) else ""
    counters = [dict(attributes(fields[attribute])) for attribute in (9, 10) if attribute in fields]
    packets, amount = (
        sum(int.from_bytes(counter.get(kind, b""), "big") for counter in counters) if counters else None
        for kind in (1, 2)
    )
    answered = bool(int.from_bytes(fields.get(3, b"\0\0\0\2"), "big") & _SEEN_REPLY)
    return Connection(family, _PROTOCOLS.get(number, str(number)), state, original, reply, packets, amount, answered)


def _tuple(data: bytes) -> tuple[Ends, int]:
    parts = dict(attributes(data))
    addresses, protocol = dict(attributes(parts[1])), dict(attributes(parts[2]))
    src, dst = (addresses[1], addresses[2]) if 1 in addresses else (addresses[3], addresses[4])
    ports = [int.from_bytes(protocol.get(kind, b""), "big") for kind in (2, 3)]
    texts = [str(ipaddress.ip_address(address)) for address in (src, dst)]
    return Ends(texts[0], texts[1], ports[0], ports[1]), protocol[1][0]
