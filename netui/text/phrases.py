"""Phrases for sentences: lists, ports and protocols."""

from __future__ import annotations

from collections.abc import Sequence

from netui.text.visible import printable

_PROTOCOLS = {
    "tcp": "TCP",
    "udp": "UDP",
    "sctp": "SCTP",
    "icmp": "ICMP",
    "ipv6-icmp": "ICMPv6",
    "icmpv6": "ICMPv6",
    "gre": "GRE",
    "esp": "ESP",
    "ah": "AH",
    "igmp": "IGMP",
    "dccp": "DCCP",
    "udplite": "UDP-Lite",
}


def either(words: Sequence[str], joint: str = "or") -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    if len(words) < 2:
        return words[0] if words else ""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}"


def protocol(name: str) -> str:
    """Return a protocol as people write it: TCP, UDP, ICMP, else ``protocol NAME``."""
    return _PROTOCOLS.get(name.lower(), f"protocol {printable(name)}")


def ports(text: str) -> str:
    """Return ``port 80``, ``ports 80 to 90`` or ``ports 22, 80 or 1000 to 2000``."""
    parts = text.split(",")
    spans = [port_range(part) for part in parts]
    return f"port{'s' if len(parts) > 1 or ':' in text else ''} {either(spans)}"


def port_range(text: str) -> str:
    """Return ``80`` or ``80 to 90``; open ends are written out."""
    low, colon, high = text.partition(":")
    return f"{printable(low) or '0'} to {printable(high) or '65535'}" if colon else printable(text)


def plural(number: int, one: str, many: str = "") -> str:
    """Return ``1 port`` or ``2 ports``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def some(words: Sequence[str], limit: int = 4) -> str:
    """Return at most ``limit`` of the words, and the number of the others."""
    if len(words) <= limit:
        return ", ".join(words)
    return f"{', '.join(words[:limit])} and {len(words) - limit} more"
