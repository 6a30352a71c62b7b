"""Whether a packet is in an ``ipset``, by the entries of ``ipset save``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from socket import AF_INET, inet_pton

from netui.model import Family, IpSet
from netui.net.addresses import TCP, UDP, Net, parse_net, parse_ports, protocol_number, width
from netui.net.intervals import IntervalSet
from netui.traversal.packet_state import PacketState

#: The element types that netui understands; a set of another type gives "unknown".
_PARTS = frozenset({"ip", "net", "port", "iface"})


@lru_cache(maxsize=1024)
def _entries(ipset: IpSet) -> tuple[tuple[bool, tuple[object, ...]], ...] | None:
    """Parse a set's entries: (nomatch, parts); None if an entry is not understood."""
    kinds = ipset.type.partition(":")[2].split(",")
    if not set(kinds) <= _PARTS:
        return None
    entries: list[tuple[bool, tuple[object, ...]]] = []
    for text in ipset.entries:
        words = text.split()
        if not words:
            continue
        parts: list[object] = []
        values = words[0].split(",")
        if len(values) != len(kinds):
            return None
        for kind, value in zip(kinds, values, strict=True):
            parsed = _part(kind, value, ipset.family)
            if parsed is None:
                return None
            parts.append(parsed)
        entries.append(("nomatch" in words[1:], tuple(parts)))
    return tuple(entries)


def _part(kind: str, value: str, family: Family) -> object | None:
    if kind in ("ip", "net"):
        first, dash, last = value.partition("-")
        low = parse_net(first, family)
        if low is None or not dash:
            return low
        high = parse_net(last, family)
        return None if high is None else _in_order(low.value, high.value)
    if kind == "port":
        protocol_text, colon, port_text = value.rpartition(":")
        ports = parse_ports(port_text.replace("-", ":"))
        number = protocol_number(protocol_text) if colon else None
        if ports is None or (colon and number is None):
            return None
        return number, _in_order(*ports)
    return value


def _in_order(first: int, last: int) -> tuple[int, int]:
    """A range as the kernel adds it to a set: it swaps ends that are in the wrong order (ip_set_hash_ip.c)."""
    return min(first, last), max(first, last)


#: Cache of sets' addresses: building those of 100,000 entries takes long, and comparing by identity is fast.
_ADDRESSES: dict[int, tuple[IpSet, IntervalSet | None]] = {}
_MOST_SETS = 256


def addresses(ipset: IpSet) -> IntervalSet | None:
    """Return all addresses of a set whose entries are addresses alone; None for a set of another kind.

    The most specific entry decides, so ``nomatch`` excludes a part of a wider entry.
    """
    cached = _ADDRESSES.get(id(ipset))
    if cached is None:
        if len(_ADDRESSES) >= _MOST_SETS:
            _ADDRESSES.clear()
        cached = _ADDRESSES[id(ipset)] = (ipset, _single_addresses(ipset) or _addresses(ipset))
    return cached[1]


def _single_addresses(ipset: IpSet) -> IntervalSet | None:
    """The same, fast, for a set of single IPv4 addresses, as most long ones are; None for other entries."""
    if ipset.family != "ip" or ipset.type.partition(":")[2] not in ("ip", "net"):
        return None
    try:
        numbers = [int.from_bytes(inet_pton(AF_INET, text), "big") for text in ipset.entries]
    except OSError:
        return None
    return IntervalSet(zip(numbers, numbers, strict=True))


def _addresses(ipset: IpSet) -> IntervalSet | None:
    entries = _entries(ipset)
    if entries is None or ipset.type.partition(":")[2] not in ("ip", "net"):
        return None
    full = (1 << width(ipset.family)) - 1
    by_size: dict[int, tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {}
    for nomatch, (part,) in entries:
        if isinstance(part, Net):
            free = full ^ part.mask
            if free & (free + 1):
                return None
            size, span = part.mask.bit_count(), (part.value, part.value | free)
        else:
            assert isinstance(part, tuple)
            size, span = 0, (part[0], part[1])
        by_size.setdefault(size, ([], []))[nomatch].append(span)
    whole = IntervalSet()
    for _size, (given, taken) in sorted(by_size.items()):
        whole = (whole | IntervalSet(given)) - IntervalSet(taken)
    return whole


def in_set(
    sets: Mapping[str, IpSet] | None, name: str, directions: tuple[str, ...], packet: PacketState, depth: int = 0
) -> bool | None:
    """Return whether the packet is in the set; None where it cannot be known.

    directions: ``src`` or ``dst`` for each part. Source: ipset(8); a list:set holds the
    names of other sets.
    """
    ipset = sets.get(name) if sets is not None else None
    if ipset is None or depth > 4 or name in packet.touched:
        return None
    if ipset.type == "list:set":
        answers = [
            in_set(sets, entry.split()[0], directions, packet, depth + 1) for entry in ipset.entries if entry.split()
        ]
        if any(answer is True for answer in answers):
            return True
        return None if any(answer is None for answer in answers) else False
    kinds = ipset.type.partition(":")[2].split(",")
    if set(kinds) <= _PARTS and kinds != ["port"] and ipset.family != packet.family:
        return False
    alone = addresses(ipset) if len(kinds) == 1 and directions and directions[0] in ("src", "dst") else None
    if alone is not None:
        source = directions[0] == "src"
        vague = packet.any_src if source else packet.any_dst
        if vague is not None:
            return vague.within_set(alone)
        return (packet.src if source else packet.dst) in alone
    entries = _entries(ipset)
    if entries is None or len(directions) < len(kinds):
        return None
    verdict: bool | None = False
    longest = -1
    for nomatch, parts in entries:
        answer = _matches(kinds, parts, directions, packet)
        if answer is None:
            verdict = None if verdict is False else verdict
        elif answer:
            size = sum(part.mask.bit_count() for part in parts if isinstance(part, Net))
            if size >= longest:
                longest = size
                verdict = not nomatch
    return verdict


def _matches(
    kinds: list[str], parts: tuple[object, ...], directions: tuple[str, ...], packet: PacketState
) -> bool | None:
    unknown = False
    for kind, part, direction in zip(kinds, parts, directions, strict=False):
        source = direction == "src"
        answer: bool | None
        if kind in ("ip", "net"):
            answer = _address(part, packet, source)
        elif kind == "port":
            answer = _port(part, packet, source)
        else:
            answer = part == (packet.iif if source else packet.oif)
        if answer is False:
            return False
        unknown = unknown or answer is None
    return None if unknown else True


def _address(part: object, packet: PacketState, source: bool) -> bool | None:
    if isinstance(part, Net):
        return packet.address_in(part, source=source)
    assert isinstance(part, tuple)
    vague = packet.any_src if source else packet.any_dst
    if vague is not None:
        return vague.within_range(part[0], part[1], width(packet.family))
    return bool(part[0] <= (packet.src if source else packet.dst) <= part[1])


def _port(part: object, packet: PacketState, source: bool) -> bool | None:
    assert isinstance(part, tuple)
    if part[0] is None and packet.protocol not in (TCP, UDP):
        # bitmap:port has no other protocols (ip_set_get_ip_port)
        return False
    protocol, (low, high) = part
    if protocol is not None and protocol != packet.protocol:
        return False
    if packet.is_echo:
        return None
    if not source:
        return packet.dport_in((low, high))
    if packet.any_sport is not None:
        return packet.any_sport.within(low, high)
    return None if packet.sport is None else bool(low <= packet.sport <= high)
