"""The network namespaces of processes, by the numbers that ``ip link`` prints (link-netnsid).

They come over netlink (RTM_GETNSID, NETNSA_PID of include/uapi/linux/net_namespace.h); the request does not create a
number. ``lsns -n -t net -o NETNSID,PID`` prints the same.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterable, Mapping

from netui.sources.live import netlink

FILE = "netns.txt"
_NETLINK_ROUTE = 0
_GET, _NEW, _REQUEST = 90, 88, 1
_NSID, _PID = 1, 2
_LINE = re.compile(r"\s*(\d{1,10}|unassigned)\s+(\d{1,10})\s*")


def read_netns(pids: Iterable[int]) -> dict[int, int]:
    """Return the number of each process's namespace, where this namespace has one for it."""
    numbers: dict[int, int] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_ROUTE) as netlink_socket:
            netlink_socket.settimeout(1.0)
            netlink_socket.bind((0, 0))
            for pid in pids:
                body = struct.pack("=B3xHHI", 0, 8, _PID, pid)
                netlink_socket.send(struct.pack("=IHHII", 16 + len(body), _GET, _REQUEST, 1, 0) + body)
                for kind, _flags, payload in netlink.messages(netlink_socket.recv(4096)):
                    number = dict(netlink.attributes(payload[4:])).get(_NSID, b"") if kind == _NEW else b""
                    if len(number) == 4 and (value := struct.unpack("=i", number)[0]) >= 0:
                        numbers[pid] = value
    except OSError:
        # the kernel does not support the request
        return numbers
    return numbers


def as_lsns(numbers: Mapping[int, int]) -> str:
    """Print the numbers as lsns does."""
    return "".join(f"{number:>10} {pid}\n" for pid, number in sorted(numbers.items()))


def netns(text: str) -> dict[int, int]:
    """Parse the output of lsns; other lines are skipped."""
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {int(line[2]): int(line[1]) for line in matches if line is not None and line[1] != "unassigned"}
