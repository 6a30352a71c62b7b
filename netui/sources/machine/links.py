"""``ls -l /proc/*/fd`` → the processes of sockets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FOLDER = re.compile(r"/proc/(\d+)/fd:")
#: No ">" comes before the name; the name of an opened file can contain anything.
_LINK = re.compile(r"l\S+ [^>]* (?:/proc/(\d+)/fd/)?(\d+) -> socket:\[(\d+)\]")


def holders(text: str) -> Iterator[tuple[int, int, str]]:
    """``ls -l /proc/*/fd`` → (inode, process, file) of each socket."""
    process = 0
    for line in text.split("\n"):
        if line.endswith("/fd:"):
            folder = _FOLDER.fullmatch(line)
            process = int(folder[1]) if folder else 0
        elif (link := _LINK.fullmatch(line)) and (holder := int(link[1]) if link[1] else process):
            yield int(link[3]), holder, link[2]


def first_holders(text: str, wanted: Iterable[int]) -> dict[int, tuple[int, str]]:
    """Return for each inode the process with the lowest ID that has it open, and the file."""
    first: dict[int, tuple[int, str]] = {}
    missing = set(wanted)
    for inode, process, file in holders(text):
        if inode in missing and (inode not in first or process < first[inode][0]):
            first[inode] = (process, file)
    return first
