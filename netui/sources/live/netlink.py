"""Parses netlink messages and attributes; invalid data raises nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

#: NLA_TYPE_MASK: the kind without its flags for nesting and byte order.
_NESTED_OR_ORDER: Final = 0x3FFF


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield each message's kind, flags and payload."""
    offset = 0
    while offset + 16 <= len(data):
        length, kind, flags = struct.unpack_from("=IHH", data, offset)
        if length < 16:
            return
        yield kind, flags, data[offset + 16 : offset + length]
        offset += (length + 3) & ~3


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each attribute's kind and payload."""
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield kind & _NESTED_OR_ORDER, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
