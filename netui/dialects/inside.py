"""The files of /proc/PID/net with a container's own devices and routes.

``route``, ``ipv6_route`` and ``igmp`` of net/ipv4/fib_trie.c, net/ipv6/route.c and net/ipv4/igmp.c; ``fib_trie``
tells only whether there are other tables than those of every namespace.
"""

from __future__ import annotations

import ipaddress
import re

from netui.model import Route
from netui.model.engine import Inside

#: The files in that folder, in the order of reading.
FILES = ("route", "ipv6_route", "igmp", "fib_trie")
_ROUTE_HEADER = re.compile(r"Iface\s+Destination\s+Gateway\b")
_ROUTE = re.compile(
    r"(\S+)\s+([0-9A-F]{8})\s+([0-9A-F]{8})\s+([0-9A-F]{4})\s+\d+\s+\d+\s+(\d+)\s+([0-9A-F]{8})\s+\d+\s+\d+\s+\d+\s*"
)
_ROUTE6 = re.compile(
    r"([0-9a-f]{32}) ([0-9a-f]{2}) [0-9a-f]{32} [0-9a-f]{2} ([0-9a-f]{32}) ([0-9a-f]{8}) [0-9a-f]{8} [0-9a-f]{8} "
    r"([0-9a-f]{8})\s+(\S+)\s*"
)
_IGMP_HEADER = re.compile(r"Idx\s+Device\s*:")
_IGMP = re.compile(r"(\d+)\t(\S+)\s*:.*")
_TABLE = re.compile(r"Id \d+:")
#: include/uapi/linux/route.h and ipv6_route.h.
_REJECT, _ANYCAST, _CACHE, _LOCAL = 0x200, 0x0010_0000, 0x0100_0000, 0x8000_0000


def split(text: str) -> tuple[str, str]:
    """Split a text of several files: the lines of these files, and all others (those of sockets)."""
    mine: list[str] = []
    others: list[str] = []
    lines = others
    for line in text.split("\n"):
        words = line.lstrip()
        if _ROUTE_HEADER.match(words) or _IGMP_HEADER.match(words) or words in ("Main:", "Local:"):
            lines = mine
        elif words.startswith(("sl ", "ENDPT ")):
            lines = others
        elif _ROUTE6.fullmatch(line):
            lines = mine
        lines.append(line)
    return "\n".join(mine), "\n".join(others)


def read_inside(text: str) -> Inside | None:
    """Return a container's devices and routes; None where the text has none of these files."""
    routes: list[Route] = []
    devices: dict[str, int] = {}
    more = has_header = False
    for line in text.split("\n"):
        if _ROUTE_HEADER.match(line) or _IGMP_HEADER.match(line):
            has_header = True
        elif route := _ROUTE.fullmatch(line):
            routes.append(_route4(*route.groups()))
        elif route := _ROUTE6.fullmatch(line):
            has_header = True
            routes += _route6(*route.groups())
        elif device := _IGMP.fullmatch(line):
            devices[device[2]] = int(device[1])
        elif _TABLE.match(line):
            more = True
    return Inside(tuple(routes), devices, more) if has_header else None


def _route4(device: str, dst: str, gateway: str, flags: str, metric: str, mask: str) -> Route:
    """Parse a line of ``route``; its numbers are in the byte order of a little-endian machine."""
    address, via, bits = (ipaddress.IPv4Address(bytes.fromhex(word)[::-1]) for word in (dst, gateway, mask))
    refused = device == "*" or bool(int(flags, 16) & _REJECT)
    return Route(
        "ip",
        f"{address}/{int(bits).bit_count()}",
        type="unreachable" if refused else "unicast",
        dev="" if refused else device,
        gateway=str(via) if int(via) else "",
        metric=int(metric),
    )


def _route6(dst: str, length: str, gateway: str, metric: str, flags: str, device: str) -> list[Route]:
    if int(flags, 16) & (_ANYCAST | _CACHE | _LOCAL) or dst.startswith("ff"):
        return []
    refused = bool(int(flags, 16) & _REJECT)
    if refused and metric == "ffffffff":
        # the null entry of every namespace
        return []
    via = ipaddress.IPv6Address(bytes.fromhex(gateway))
    return [
        Route(
            "ip6",
            f"{ipaddress.IPv6Address(bytes.fromhex(dst))}/{int(length, 16)}",
            type="unreachable" if refused else "unicast",
            dev="" if refused else device,
            gateway=str(via) if int(via) else "",
            metric=int(metric, 16),
        )
    ]
