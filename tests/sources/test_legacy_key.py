"""What tells a legacy rule from another one: its bytes, but for those that nobody wrote."""

from __future__ import annotations

import struct

import pytest

from netui.sources.legacy.tables import known_bytes

ENTRY = b"\x01" * 112


def extension(name: bytes, revision: int = 0, data: bytes = b"", behind: bytes = b"") -> bytes:
    """Build a match or a target; ``behind``: what stands after its name's NUL."""
    field = (name + b"\0" + behind).ljust(29, b"\0")[:29]
    return struct.pack("=H29sB", 32 + len(data), field, revision) + data


def key(match: bytes, target: bytes) -> bytes:
    """Return the known bytes of a rule of one match and a target."""
    return known_bytes(ENTRY + match + target, len(ENTRY), len(ENTRY) + len(match))


TCP, DROP = extension(b"tcp", data=b"\x50" * 16), extension(b"", data=b"\xff" * 8)


@pytest.mark.parametrize(
    ("match", "target", "same"),
    [
        pytest.param(extension(b"tcp", data=b"\x50" * 16, behind=b"rest of another"), DROP, True, id="match's name"),
        pytest.param(TCP, extension(b"", data=b"\xff" * 8, behind=b"DNAT"), True, id="target's name"),
        pytest.param(extension(b"udp", data=b"\x50" * 16), DROP, False, id="another match"),
        pytest.param(extension(b"tcp", data=b"\x51" * 16), DROP, False, id="other ports"),
        pytest.param(extension(b"tcp", revision=1, data=b"\x50" * 16), DROP, False, id="another revision"),
        pytest.param(TCP, extension(b"", data=b"\xfe" * 8), False, id="another verdict"),
        pytest.param(TCP, extension(b"LOG", data=b"\xff" * 8), False, id="another target"),
    ],
)
def test_only_what_was_written_counts(match: bytes, target: bytes, same: bool) -> None:
    """A rule read again is the same one, whatever the memory held behind a name."""
    assert (key(match, target) == key(TCP, DROP)) is same


def test_a_damaged_size_ends() -> None:
    """A match of size nothing does not hold the reading up."""
    assert known_bytes(ENTRY + bytes(64), 112, 144)
