"""``nft list hooks`` text → what hangs on each hook, in the kernel's order (nft(8), "list hooks")."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netui.text.errors import SourceError, quoted

_FAMILY = re.compile(r"family (\S+) \{")
_HOOK = re.compile(r"hook (\S+)(?: device (\S+))? \{")
#: ``-0000000300 chain ip raw PREROUTING [nf_tables]``, ``0000000000 br_nf_forward [br_netfilter]``.
_ENTRY = re.compile(r"[-+]?\d{1,10} (?:chain (\S+) (\S+) (\S+)|(\S+))(?: \[\S+\])?")


def hooks(text: str) -> Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]:
    """Return by (family, hook) what hangs there: (family, table, chain) of a base chain, or a function's (name,).

    What hangs on one device of several is left out: its order holds there alone. Raises SourceError at a line that
    ``nft list hooks`` does not print.
    """
    found: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    family = hook = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if opens := _FAMILY.fullmatch(words):
            family, hook = opens[1], ""
        elif (opens := _HOOK.fullmatch(words)) and family:
            hook = f"{opens[1]} {opens[2]}" if opens[2] else opens[1]
            found.setdefault((family, hook), [])
        elif words == "}" and family:
            family, hook = (family, "") if hook else ("", "")
        elif (entry := _ENTRY.fullmatch(words)) and hook:
            found[family, hook].append((entry[4],) if entry[4] else (entry[1], entry[2], entry[3]))
        else:
            raise SourceError(f"line {number} is no nft list hooks output: {quoted(line)}")
    return {place: tuple(entries) for place, entries in found.items() if " " not in place[1]}
