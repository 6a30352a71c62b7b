"""``ipset save`` text → sets with their entries as printed (ipset(8), "save")."""

from __future__ import annotations

from netui.model import Family, IpSet
from netui.text.errors import SourceError, quoted


def ipsets(text: str) -> dict[str, IpSet]:
    """Parse ``create NAME TYPE …`` and ``add NAME ENTRY …`` lines; no text means no sets.

    Raises SourceError at a line that ``ipset save`` does not print.
    """
    types: dict[str, tuple[str, Family]] = {}
    entries: dict[str, list[str]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split(" ", 2)
        if len(words) == 3 and words[0] == "create":
            kind, _, options = words[2].partition(" ")
            types[words[1]] = (kind, "ip6" if "family inet6" in options else "ip")
            entries[words[1]] = []
        elif len(words) == 3 and words[0] == "add" and words[1] in entries:
            entries[words[1]].append(words[2])
        elif line and not line.startswith("#"):
            raise SourceError(f"line {number} is no ipset save output: {quoted(line)}")
    return {name: IpSet(name, kind, family, tuple(entries[name])) for name, (kind, family) in types.items()}
