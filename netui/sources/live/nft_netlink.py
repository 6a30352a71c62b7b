"""The kernel's nf_tables data over netlink: dormant tables, base chains, and the expressions of rules.

This works without the program ``nft``, which may be too old for the rules. The requests are dumps and the ruleset's
generation (NFT_MSG_GET…), which change nothing. The caller must ensure that nf_tables is loaded, because a request
would load it. Source: include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from netui.sources.live import netlink
from netui.sources.machine.own_container import needs_root
from netui.text.errors import SourceError, plain

_NETLINK_NETFILTER = 12
_SUBSYSTEM = 10 << 8
_GET_TABLE, _GET_CHAIN, _GET_RULE, _GET_GENERATION = 1, 4, 7, 16
#: NFT_TABLE_F_DORMANT.
_DORMANT = 1
_REQUEST, _DUMP, _INTERRUPTED = 0x1, 0x300, 0x10
_ERROR, _DONE = 2, 3
#: NFPROTO_*.
_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_IP_HOOKS = ("prerouting", "input", "forward", "output", "postrouting", "ingress")
_HOOKS = {"arp": ("input", "output"), "netdev": ("ingress", "egress")}
_TIMEOUT = 5.0
_TRIES = 5


@dataclass(frozen=True, slots=True)
class BaseChain:
    """A base chain in the kernel; policy: ``accept`` or ``drop``.

    devices: of a chain at ingress or egress; a name that ends in ``*`` is a prefix.
    """

    family: str
    table: str
    name: str
    hook: str
    priority: int
    type: str
    policy: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleMake:
    """A rule's position, and the name of each of its expressions with its distinguishing attributes."""

    family: str
    table: str
    chain: str
    handle: int
    expressions: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class TableState:
    """The kernel's data of a table.

    dormant: its base chains are not registered; ``nft -j`` of 1.0.6 omits this. handle: a newer table has a greater
    one.
    """

    dormant: bool
    handle: int


def generation() -> int:
    """Return the ruleset's generation, which increases at each change of tables, chains, rules or sets.

    It stays the same when counters change or packets add elements. Raises SourceError where access is denied.
    """
    for _family, attributes in _asked(_GET_GENERATION, _REQUEST) or ():
        return _be32(dict(netlink.attributes(attributes)).get(1, b""))
    raise SourceError("the kernel does not tell the generation of its rules")


def tables() -> dict[tuple[str, str], TableState]:
    """Return all tables by (family, name); raise SourceError where access is denied."""
    states: dict[tuple[str, str], TableState] = {}
    for family, attributes in _dump(_GET_TABLE):
        table = dict(netlink.attributes(attributes))
        dormant = bool(_be32(table.get(2, b"")) & _DORMANT)
        states[family, _text(table.get(1, b""))] = TableState(dormant, int.from_bytes(table.get(4, b""), "big"))
    return states


def base_chains() -> tuple[BaseChain, ...]:
    """Return all base chains in this network namespace; raise SourceError where access is denied."""
    chains: list[BaseChain] = []
    for family, attributes in _dump(_GET_CHAIN):
        chain = dict(netlink.attributes(attributes))
        hook = dict(netlink.attributes(chain.get(4, b"")))
        if not hook:
            continue
        hooks = _HOOKS.get(family, _IP_HOOKS)
        number = _be32(hook.get(1, b""))
        chains.append(
            BaseChain(
                family,
                _text(chain.get(1, b"")),
                _text(chain.get(3, b"")),
                hooks[number] if number < len(hooks) else str(number),
                _be32(hook.get(2, b""), signed=True),
                _text(chain.get(7, b"filter")),
                "accept" if _be32(chain.get(5, b"\0\0\0\1")) else "drop",
                tuple(_devices(hook)),
            )
        )
    return tuple(chains)


def _devices(hook: dict[int, bytes]) -> Iterator[str]:
    """Yield the names in NFTA_HOOK_DEVS, or NFTA_HOOK_DEV of older kernels; NFTA_DEVICE_PREFIX is a prefix."""
    if 4 in hook:
        for kind, name in netlink.attributes(hook[4]):
            yield _text(name) + ("*" if kind == 2 else "")
    elif 3 in hook:
        yield _text(hook[3])


def rule_makes() -> Iterator[RuleMake]:
    """Yield the expressions of each rule, chain by chain, in order; raise SourceError where access is denied."""
    for family, attributes in _dump(_GET_RULE):
        rule = dict(netlink.attributes(attributes))
        yield RuleMake(
            family,
            _text(rule.get(1, b"")),
            _text(rule.get(2, b"")),
            int.from_bytes(rule.get(3, b""), "big"),
            tuple(_expression(element) for _kind, element in netlink.attributes(rule.get(4, b""))),
        )


def _expression(element: bytes) -> tuple[str, tuple[int, ...]]:
    parts = dict(netlink.attributes(element))
    name = _text(parts.get(1, b""))
    data = parts.get(2, b"")
    if name == "meta":
        return name, (_be32(dict(netlink.attributes(data)).get(2, b"")),)
    if name == "payload":
        fields = dict(netlink.attributes(data))
        return name, tuple(_be32(fields.get(attribute, b"")) for attribute in (2, 3, 4))
    if name == "cmp":
        fields = dict(netlink.attributes(data))
        value = dict(netlink.attributes(fields.get(3, b""))).get(1, b"")
        return name, (_be32(fields.get(2, b"")), *value[:1])
    return name, ()


def _dump(message: int) -> list[tuple[str, bytes]]:
    """Return (family, attributes) of each object; repeats the dump where the ruleset changed during it."""
    for _ in range(_TRIES):
        objects = _dump_once(message)
        if objects is not None:
            return objects
    raise SourceError("the rules change faster than the kernel can list them")


def _dump_once(message: int) -> list[tuple[str, bytes]] | None:
    return _asked(message, _REQUEST | _DUMP)


def _asked(message: int, flags: int) -> list[tuple[str, bytes]] | None:
    """Send one request; return all messages of a dump (None where it was interrupted), else the one answer."""
    objects: list[tuple[str, bytes]] = []
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
        ) as netlink_socket:
            netlink_socket.settimeout(_TIMEOUT)
            netlink_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            netlink_socket.bind((0, 0))
            body = struct.pack("=BBH", 0, 0, 0)
            netlink_socket.send(struct.pack("=IHHII", 16 + len(body), _SUBSYSTEM | message, flags, 1, 0) + body)
            interrupted = False
            while True:
                data = netlink_socket.recv(1 << 17)
                for kind, marked, payload in netlink.messages(data):
                    interrupted = interrupted or bool(marked & _INTERRUPTED)
                    if kind == _ERROR:
                        _refuse(payload)
                    if kind == _DONE:
                        return None if interrupted else objects
                    if kind >> 8 == _SUBSYSTEM >> 8 and len(payload) >= 4:
                        family = _FAMILIES.get(payload[0])
                        if not flags & _DUMP:
                            return [("", payload[4:])]
                        if family is not None:
                            objects.append((family, payload[4:]))
    except OSError as error:
        raise SourceError(f"the kernel does not list nf_tables: {plain(error.strerror or error)}") from None


def _refuse(payload: bytes) -> None:
    number = -struct.unpack_from("=i", payload)[0]
    if number in (1, 13):
        raise SourceError(needs_root())
    raise SourceError(f"the kernel does not list nf_tables: error {number}")


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _be32(data: bytes, *, signed: bool = False) -> int:
    return int.from_bytes(data[:4], "big", signed=signed)
