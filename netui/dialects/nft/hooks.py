"""``nft list hooks`` text → the functions at each hook, in the kernel's order (nft(8), "list hooks")."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from netui.text.errors import SourceError, quoted

_FAMILY = re.compile(r"family (\S+) \{")
_HOOK = re.compile(r"hook (\S+)(?: device (\S+))? \{")
#: ``-0000000300 chain ip raw PREROUTING [nf_tables]``, ``0000000000 br_nf_forward [br_netfilter]``.
_ENTRY = re.compile(r"([-+]?\d{1,10}) (?:chain (\S+) (\S+) (\S+)|(\S+))(?: \[\S+\])?")


#: Priority, and the function or chain.
_Entry = tuple[int, tuple[str, ...]]
#: The last version that prints entries of equal priority not in the kernel's order: the first is in place, the others
#: are reversed (basehook_list_add_tail of src/mnl.c; compared with the trace, for 1.1.3 on Linux 6.12).
_TURNS_ROUND = (1, 1, 6)
_VERSION = re.compile(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})")


def version_of(printed: str) -> tuple[int, ...]:
    """Return the version in ``nft --version`` or in a document's "metainfo"; () where there is none."""
    match = _VERSION.search(printed)
    return tuple(map(int, match.groups())) if match else ()


def hooks(text: str, version: tuple[int, ...] = ()) -> Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]:
    """Return by (family, hook) the base chains (family, table, chain) and functions (name,).

    Entries of single devices are omitted: their order holds for that device only. version: of the nft that printed the
    text; the order of three or more entries of equal priority is known only for known versions.
    Raises SourceError at a line that ``nft list hooks`` does not print.
    """
    entries_of: dict[tuple[str, str], list[_Entry]] = {}
    family = hook = ""
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if not words or words.startswith("#"):
            continue
        if opens := _FAMILY.fullmatch(words):
            family, hook = opens[1], ""
        elif (opens := _HOOK.fullmatch(words)) and family:
            hook = f"{opens[1]} {opens[2]}" if opens[2] else opens[1]
            entries_of.setdefault((family, hook), [])
        elif words == "}" and family:
            family, hook = (family, "") if hook else ("", "")
        elif (entry := _ENTRY.fullmatch(words)) and hook:
            name = (entry[5],) if entry[5] else (entry[2], entry[3], entry[4])
            entries_of[family, hook].append((int(entry[1]), name))
        else:
            raise SourceError(f"line {number} is no nft list hooks output: {quoted(line)}")
    return {at: tuple(_in_order(entries, version)) for at, entries in entries_of.items() if " " not in at[1]}


def _in_order(entries: Iterable[_Entry], version: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    for _priority, group in groupby(entries, key=lambda entry: entry[0]):
        names = [name for _number, name in group]
        if len(names) < 3:
            yield from names
        elif version and version <= _TURNS_ROUND:
            yield from (names[0], *names[:0:-1])
