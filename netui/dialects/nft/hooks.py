"""``nft list hooks`` text → what hangs on each hook, in the kernel's order (nft(8), "list hooks")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from netui.text.errors import SourceError, quoted

_FAMILY = re.compile(r"family (\S+) \{")
_HOOK = re.compile(r"hook (\S+)(?: device (\S+))? \{")
#: ``-0000000300 chain ip raw PREROUTING [nf_tables]``, ``0000000000 br_nf_forward [br_netfilter]``.
_ENTRY = re.compile(r"([-+]?\d{1,10}) (?:chain (\S+) (\S+) (\S+)|(\S+))(?: \[\S+\])?")


#: Priority, and what hangs there.
_Entry = tuple[int, tuple[str, ...]]
#: The last version that prints entries of equal priority in another order than the kernel's: the first of them stays,
#: the others are turned round (basehook_list_add_tail of src/mnl.c; seen against the trace of 1.1.3 on Linux 6.12).
_TURNS_ROUND = (1, 1, 6)
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})")


def version_of(printed: str) -> tuple[int, ...]:
    """Return an nft's version, of ``nft --version`` or a document's "metainfo"; () where none stands in it."""
    found = _VERSION.search(printed)
    return tuple(map(int, found.groups())) if found else ()


def hooks(text: str, version: tuple[int, ...] = ()) -> Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]:
    """Return by (family, hook) what hangs there: (family, table, chain) of a base chain, or a function's (name,).

    What hangs on one device of several is left out: its order holds there alone. version: of the nft that printed
    it; of three and more of equal priority the order is told where it is known how that nft prints them.
    Raises SourceError at a line that ``nft list hooks`` does not print.
    """
    found: dict[tuple[str, str], list[_Entry]] = {}
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
            name = (entry[5],) if entry[5] else (entry[2], entry[3], entry[4])
            found[family, hook].append((int(entry[1]), name))
        else:
            raise SourceError(f"line {number} is no nft list hooks output: {quoted(line)}")
    return {place: tuple(_in_order(entries, version)) for place, entries in found.items() if " " not in place[1]}


def _in_order(entries: Iterable[_Entry], version: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    for _priority, group in groupby(entries, key=lambda entry: entry[0]):
        names = [name for _number, name in group]
        if len(names) < 3:
            yield from names
        elif version and version <= _TURNS_ROUND:
            yield from (names[0], *names[:0:-1])
