"""Addresses, networks, ports and protocols as numbers, parsed once and cached."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import NamedTuple

from netui.model import Family

#: IANA numbers of the protocols that ``iptables-save`` prints by name.
PROTOCOLS: dict[str, int] = {
    "icmp": 1,
    "igmp": 2,
    "ipip": 4,
    "ipencap": 4,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ipv6-icmp": 58,
    "ospf": 89,
    "sctp": 132,
    "mh": 135,
    "ipv6-mh": 135,
    "udplite": 136,
}
TCP, UDP, SCTP, ICMP, ICMP6 = 6, 17, 132, 1, 58
WITH_PORTS = frozenset({TCP, UDP, SCTP, 33, 136})
_NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}


class Net(NamedTuple):
    """A network as numbers: ``address & mask == value``. width: 32 or 128 bits."""

    value: int
    mask: int
    width: int

    def __contains__(self, address: object) -> bool:
        return isinstance(address, int) and address & self.mask == self.value

    @property
    def whole(self) -> bool:
        """Whether every address of the family is in it."""
        return self.mask == 0

    @property
    def single(self) -> bool:
        """Whether it is one address."""
        return self.mask == (1 << self.width) - 1


def width(family: Family) -> int:
    """Return the number of bits in an address of the family."""
    return 32 if family == "ip" else 128


@lru_cache(maxsize=4096)
def parse_address(text: str) -> tuple[Family, int] | None:
    """Parse an address; None for anything else."""
    try:
        # accepts the same as ipaddress for IPv4, in a fifth of the time
        return "ip", int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, ValueError):
        pass
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return ("ip" if address.version == 4 else "ip6"), int(address)


@lru_cache(maxsize=4096)
def address_text(family: Family, value: int) -> str:
    """Return an address as iptables prints it."""
    if family == "ip":
        return str(ipaddress.IPv4Address(value))
    return str(ipaddress.IPv6Address(value))


@lru_cache(maxsize=4096)
def parse_net(text: str, family: Family) -> Net | None:
    """Parse ``A``, ``A/len`` or ``A/mask`` (any mask, as iptables allows); None if it is none."""
    address, _, mask_text = text.partition("/")
    parsed = parse_address(address)
    if parsed is None or parsed[0] != family:
        return None
    bits = width(family)
    full = (1 << bits) - 1
    if not mask_text:
        mask = full
    elif mask_text.isdigit():
        length = int(mask_text)
        if length > bits:
            return None
        mask = full ^ ((1 << (bits - length)) - 1)
    else:
        given = parse_address(mask_text)
        if given is None or given[0] != family:
            return None
        mask = given[1]
    return Net(parsed[1] & mask, mask, bits)


@lru_cache(maxsize=4096)
def parse_ports(text: str) -> tuple[int, int] | None:
    """Parse ``80``, ``80:90``, ``:90`` or ``80:``; None if it is none (a service name, say)."""
    low, colon, high = text.partition(":")
    try:
        first = int(low, 0) if low else 0
        last = (int(high, 0) if high else 65535) if colon else first
    except ValueError:
        return None
    return first, last


def forget() -> None:
    """Clear the caches: those of a big ruleset take 5 MB, and keep other memory from being freed."""
    for remembered in (parse_address, address_text, parse_net, parse_ports):
        remembered.cache_clear()


def ip_version(family: Family) -> str:
    """Return the family as people write it: ``IPv4``, ``IPv6``."""
    return "IPv4" if family == "ip" else "IPv6"


def protocol_number(text: str) -> int | None:
    """Return the protocol's number; None for a name that is not known. ``all`` is 0."""
    lowered = text.lower()
    if lowered == "all":
        return 0
    if lowered.isdigit():
        return int(lowered)
    return PROTOCOLS.get(lowered)


def protocol_name(number: int) -> str:
    """Return the name that the contract uses, or the number as text."""
    return _NAMES.get(number, str(number))


def parse_number(text: str) -> int | None:
    """Parse a decimal or 0x number; None if it is none."""
    try:
        return int(text, 0)
    except ValueError:
        return None


def parse_masked(text: str) -> tuple[int, int] | None:
    """Parse ``value[/mask]`` of marks; the mask is all ones where it is not given."""
    value_text, slash, mask_text = text.partition("/")
    value = parse_number(value_text)
    mask = parse_number(mask_text) if slash else 0xFFFFFFFF
    if value is None or mask is None:
        return None
    return value, mask


#: A rule for at most so many ports is about single connections.
_SINGLED_OUT = 1024


def client_port_in(limits: tuple[int, int], chosen_from: tuple[int, int]) -> bool | None:
    """Return whether the port of an unnamed client is within limits; None where only some of its ports are.

    Like "any machine outside", it stands for a port that no rule names: a rule for a few ports is not about it.
    """
    if limits[0] <= chosen_from[0] and chosen_from[1] <= limits[1]:
        return True
    inside = min(limits[1], chosen_from[1]) - max(limits[0], chosen_from[0]) + 1
    return False if inside <= _SINGLED_OUT else None


def host_port(address: str, port: int | None) -> str:
    """Return address and port as text, IPv6 in brackets."""
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
