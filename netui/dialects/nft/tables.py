"""The entries of ``nft -j list …``, grouped by table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netui.dialects.nft.expressions import Expressions, type_of
from netui.dialects.nft.values import elements_of
from netui.model.statements import NftSet
from netui.text.json_fields import items, obj, text


@dataclass(slots=True)
class OpenTable:
    """A table's entries as printed: chains by name, rules by chain, sets and maps.

    named: its limits, quotas and counters by (kind, name).
    """

    chains: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    printed_sets: list[dict[str, Any]] = field(default_factory=list)
    named: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    comment: str = ""

    def take(self, kind: str, given: dict[str, Any]) -> None:
        """Take one entry of the table."""
        if kind == "table":
            self.flags = names_in(given.get("flags"))
            self.comment = text(given.get("comment"))
        elif kind == "chain":
            self.chains.setdefault(text(given.get("name")), given)
        elif kind == "rule":
            self.rules.setdefault(text(given.get("chain")), []).append(given)
        elif kind in ("set", "map"):
            self.printed_sets.append(given)
        elif kind in ("limit", "quota", "counter"):
            self.named[kind, text(given.get("name"))] = given

    def expressions(self, family: str) -> Expressions:
        """Return the parser of the table's expressions."""
        return Expressions(family, self._keys(), self._data())

    def sets(self) -> Mapping[str, NftSet]:
        """Return the table's sets and maps by name."""
        keys, data = self._keys(), self._data()
        return {text(entry.get("name")): _set(entry, keys, data) for entry in self.printed_sets}

    def _keys(self) -> dict[str, tuple[str, ...]]:
        return {text(entry.get("name")): types_in(entry.get("type")) for entry in self.printed_sets}

    def _data(self) -> dict[str, tuple[str, ...]]:
        return {text(entry.get("name")): types_in(entry.get("map")) for entry in self.printed_sets if "map" in entry}


def open_tables(
    entries: Iterable[object],
    wanted: Callable[[str, str], bool],
    each: Callable[[str, str, dict[str, Any], object], None] | None = None,
) -> dict[tuple[str, str], OpenTable]:
    """Return the wanted tables by (family, name), in the order printed.

    wanted: called with (family, name). each: called for every entry of a wanted table with the family, the kind, the
    entry's object, and the entry.
    """
    tables: dict[tuple[str, str], OpenTable] = {}
    for entry in entries:
        for kind, value in obj(entry).items():
            given = obj(value)
            name = text(given.get("name")) if kind == "table" else text(given.get("table"))
            family = text(given.get("family"))
            if not name or not wanted(family, name):
                continue
            tables.setdefault((family, name), OpenTable()).take(kind, given)
            if each is not None:
                each(family, kind, given, entry)
    return tables


def names_in(printed: object) -> tuple[str, ...]:
    """Return the names of a list, or of a single name."""
    return tuple(text(name) for name in (items(printed) or [printed]) if name)


def types_in(printed: object) -> tuple[str, ...]:
    """Return a set's types; for ``typeof``, newer nft prints the expression."""
    entry = obj(printed).get("typeof", printed)
    if isinstance(entry, str):
        # nft 1.0.6 prints a map's data types as one word: "ipv4_addr . inet_service"
        return tuple(entry.split(" . "))
    parts = items(obj(entry).get("concat")) or items(entry) or [entry]
    return tuple(part if isinstance(part, str) else type_of(Expressions("", {}, {}).read(part)) for part in parts)


def _set(entry: dict[str, Any], keys: Mapping[str, tuple[str, ...]], data: Mapping[str, tuple[str, ...]]) -> NftSet:
    name = text(entry.get("name"))
    kinds = keys[name]
    flags = names_in(entry.get("flags"))
    data_kinds = data.get(name)
    if data_kinds == ("verdict",):
        data_kinds = ()
    return NftSet(
        name,
        kinds,
        None if "elem" in entry and entry["elem"] is None else elements_of(kinds, entry.get("elem", []), data_kinds),
        name in data,
        "dynamic" in flags or "timeout" in flags or "timeout" in entry,
        flags,
        text(entry.get("comment")),
    )
