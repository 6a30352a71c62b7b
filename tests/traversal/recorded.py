"""The recorded hosts, and a flow's question as people write it."""

from __future__ import annotations

from typing import Any

HOSTS = ("engine-20.10", "engine-29", "engine-29.7-nft")


def question(flow: dict[str, Any]) -> tuple[str, str]:
    """Write a case's flow as SRC and DST."""
    dst, source = flow["dst"], flow["src"]
    bracketed = f"[{dst}]" if ":" in dst else dst
    if source == "outside":
        source = "outside:2001:db8:1::2" if ":" in dst else "outside:198.51.100.2"
    if flow["proto"] == "icmp":
        return source, f"{dst}/icmp"
    protocol = "tcp" if flow["proto"] == "rawsyn" else flow["proto"]
    return source, f"{bracketed}:{flow['port']}/{protocol}"
