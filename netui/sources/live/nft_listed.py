"""Another machine's native nftables tables, by ``nft`` only, as netlink is not available over ssh.

Each reading lists only the native tables, with their counters. The whole ruleset is listed when the iptables rules or
the names of the tables changed, and periodically: for native rules in iptables' own tables, and for what nft's JSON
omits.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from netui.dialects.nft import hooks as nft_hooks
from netui.dialects.nft.ruleset import NativeRules, Unprinted, native_rules, parse_document, printed_by, unprinted
from netui.model import BUILT_IN, Ruleset
from netui.sources.live.nft import TableTexts
from netui.sources.machine import Ask, Loaded, Machine, Run
from netui.sources.reading import Reading, failed
from netui.text import json_text as js
from netui.text.errors import SourceError

_TableKey = tuple[str, str]
_TABLES = ("nft", "list", "tables")
_JSON, _TEXT = ("nft", "-j", "list", "ruleset"), ("nft", "list", "ruleset")
_HOOKS, _HOOKS_MODULE = ("nft", "list", "hooks"), "nfnetlink_hook"
_WHOLE_ASKS: tuple[Ask, ...] = (Run(_JSON), Run(_TEXT), Loaded(_HOOKS_MODULE), Run(_HOOKS))
#: Seconds between two listings of the whole ruleset: at least this, and so many times the duration of a listing.
_WHOLE, _REST = 30.0, 100.0


class ListedNative:
    """Reads another machine's native tables repeatedly; unchanged values are the same objects."""

    def __init__(self) -> None:
        self._texts = TableTexts()
        #: the iptables rulesets and the table names at the last whole listing, and its time
        self._key: tuple[tuple[int, ...], tuple[_TableKey, ...]] | None = None
        self._when, self._rest = 0.0, _WHOLE
        self._native: tuple[_TableKey, ...] = ()
        self._known = NativeRules()
        self._unprinted = Unprinted()

    def asks(self) -> tuple[Ask, ...]:
        """Return what is going to be asked, as far as that can be told."""
        # nothing is run where nft is not installed
        whole = _WHOLE_ASKS if self._is_old() else ()
        return (Run(_TABLES), *whole, *(Run(_listing(table)) for table in self._native))

    def _is_old(self) -> bool:
        return self._key is None or time.monotonic() - self._when > self._rest

    def read(self, machine: Machine, rulesets: Iterable[Ruleset]) -> Reading:
        """Read all native tables; rulesets: iptables' own as they were just read."""
        now = time.time()
        if not machine.loaded("nf_tables"):
            return Reading({"native": NativeRules()}, via="no nf_tables loaded", time=now)
        if machine.find("nft") is None:
            return Reading(
                error="nft is not installed there, so native tables are not known: install the package nftables"
            )
        saves = [ruleset for ruleset in rulesets if ruleset.backend == "nft"]
        try:
            key = (tuple(map(id, saves)), _tables(machine.run(_TABLES)))
            if key != self._key or self._is_old():
                began = time.monotonic()
                self._look(machine, saves)
                self._key, self._when = key, time.monotonic()
                # 10,000 rules take a second
                self._rest = max(_WHOLE, _REST * (self._when - began))
            machine = machine.fetch([Run(_listing(table)) for table in self._native])
            texts = {table: machine.run(_listing(table)) for table in self._native}
            by_iptables = {(ruleset.family, table.name) for ruleset in saves for table in ruleset.tables}
            rules = self._texts.rules(texts, saves, by_iptables, self._unprinted)
        except SourceError as error:
            return failed(error, "" if error.disconnected or str(error).startswith("nft") else "nft: ")
        native = replace(self._known, rules=rules.rules)
        return Reading({"native": native}, via="nft", time=now)

    def _look(self, machine: Machine, saves: list[Ruleset]) -> None:
        """List the whole ruleset, and cache what a normal reading does not list."""
        from netui.sources.capture.pasted import nft_text

        machine = machine.fetch(_WHOLE_ASKS)
        self._unprinted = unprinted(nft_text(without_rules(machine.run(_TEXT))))
        entries = self._unprinted.complete(parse_document(machine.run(_JSON)))
        self._known = replace(native_rules(entries, saves), order=_order(machine, entries))
        by_iptables: set[_TableKey] = {(ruleset.family, table.name) for ruleset in saves for table in ruleset.tables}
        chains = [js.obj(js.obj(entry).get("chain")) for entry in entries]
        native = [
            (js.text(chain.get("family")), js.text(chain.get("table")))
            for chain in chains
            if "hook" in chain and not _is_iptables(chain, by_iptables)
        ]
        self._native = tuple(dict.fromkeys(native))


def without_rules(text: str) -> str:
    """Return only the tables with their flags, and the chains with their hooks, of ``nft list ruleset``."""
    kept: list[str] = []
    inside = ""
    for line in text.splitlines():
        words = line.strip()
        if line.startswith("table ") or line == "}":
            kept.append(line)
        elif line.startswith("\t") and not line.startswith("\t\t"):
            if words.endswith("{"):
                inside = words.split(" ", 1)[0]
            if inside in ("", "chain"):
                kept.append(line)
            if words == "}":
                inside = ""
        elif inside == "chain" and words.startswith("type ") and " hook " in words:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _order(machine: Machine, entries: Iterable[object]) -> Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]:
    """Return the order of base chains, where one depends on it and the kernel tells it; else {}."""
    chains = [js.obj(js.obj(entry).get("chain")) for entry in entries]
    places = [(js.text(chain.get("hook")), js.number(chain.get("prio"))) for chain in chains if "hook" in chain]
    if len(set(places)) == len(places) or not machine.loaded(_HOOKS_MODULE):
        return {}
    try:
        return nft_hooks.hooks(machine.run(_HOOKS), printed_by(entries))
    except SourceError:
        return {}


def _listing(table: _TableKey) -> tuple[str, ...]:
    return ("nft", "-j", "list", "table", *table)


def _tables(text: str) -> tuple[_TableKey, ...]:
    """``table ip filter`` lines → (family, name)."""
    words = [line.split() for line in text.splitlines()]
    return tuple((entry[1], entry[2]) for entry in words if len(entry) == 3 and entry[0] == "table")


def _is_iptables(chain: dict[str, object], by_iptables: set[_TableKey]) -> bool:
    table = (js.text(chain.get("family")), js.text(chain.get("table")))
    return table in by_iptables and js.text(chain.get("name")) in BUILT_IN.get(table[1], ())
