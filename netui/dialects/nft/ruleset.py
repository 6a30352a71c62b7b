"""``nft -j list ruleset`` → native tables, and the native rules in iptables' own tables."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netui.dialects.nft.document import FAMILY_TOLD, read_entries
from netui.dialects.nft.hooks import version_of
from netui.dialects.nft.misprinted import corrected
from netui.dialects.nft.tables import names_in
from netui.model import BUILT_IN, Chain, Counters, NativeChain, Rule, Ruleset, RulesetKey, Table
from netui.model.references import targets_of
from netui.text import json_text as js
from netui.text.errors import SourceError

_TableKey = tuple[str, str]
#: The flags of a table that nft prints; 1.0.6 prints freed memory instead.
_FLAGS = frozenset({"dormant", "owner", "persist"})
_UNKNOWN = frozenset({"unknown"})
_TELLS_FAMILY = re.compile(r'"protocol": "(?:ip6?|icmp|icmpv6|ether)"|"key": "(?:nfproto|protocol)"|"family": "ip')


@dataclass(frozen=True, slots=True)
class NativeRules:
    """The content of nft's output.

    rules: native tables by family, with their counters. unread: base chains whose rules are not known, each with
    the reason. corrected: iptables-nft rulesets with native rules: (as the save program printed it, corrected).
    order, handles: as in Snapshot.hook_order and table_handles.
    """

    rules: Mapping[RulesetKey, tuple[Ruleset, Counters]] = field(default_factory=dict)
    unread: tuple[NativeChain, ...] = ()
    corrected: Mapping[RulesetKey, tuple[Ruleset, Ruleset]] = field(default_factory=dict)
    order: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    handles: Mapping[_TableKey, int] = field(default_factory=dict)

    @property
    def differing(self) -> tuple[str, ...]:
        """The chains with another number of rules in nft's output than in the save: ``filter DOCKER-USER``."""
        return tuple(
            f"{table.name} {chain.name}"
            for saved, printed in self.corrected.values()
            for table, other in zip(saved.tables, printed.tables, strict=True)
            for chain, own in zip(table.chains, other.chains, strict=True)
            if len(chain.rules) != len(own.rules)
        )


def parse_document(text: str) -> list[object]:
    """Parse the text of ``nft -j list …``; return its entries. Raises SourceError where it is no such text."""
    document = js.parse(text)
    entries = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise SourceError("is not nft -j list ruleset output; capture it again")
    return entries


def printed_by(entries: Iterable[object]) -> tuple[int, ...]:
    """Return the version of the nft that printed a document, () where it is not printed."""
    metainfos = (js.obj(js.obj(entry).get("metainfo")) for entry in entries)
    return version_of(next((js.text(info.get("version")) for info in metainfos if info), ""))


@dataclass(frozen=True, slots=True)
class Unprinted:
    """What older versions of ``nft -j`` omit.

    dormant: tables (family, name) whose base chains are not registered. devices: of the base chains (family, table,
    name) at ingress and egress. families: of rules (family, table, handle) that end in ``reject with tcp reset``:
    ``ipv4`` or ``ipv6``, "" for both.
    """

    dormant: frozenset[_TableKey] = frozenset()
    devices: Mapping[tuple[str, str, str], tuple[str, ...]] = field(default_factory=dict)
    families: Mapping[tuple[str, str, int], str] = field(default_factory=dict)

    def complete(self, entries: Iterable[object]) -> list[object]:
        """Return a document's entries with what nft omitted, and the true flags of tables."""
        return [self._completed(entry) for entry in entries]

    def _completed(self, entry: object) -> object:
        for kind, value in js.obj(entry).items():
            given = js.obj(value)
            family, name = js.text(given.get("family")), js.text(given.get("name"))
            if kind == "table":
                return {kind: {**given, "flags": ["dormant"] if (family, name) in self.dormant else []}}
            key = (family, js.text(given.get("table")), name)
            if kind == "chain" and key in self.devices:
                return {kind: {**given, "dev": list(self.devices[key])}}
            if kind == "rule" and self.families:
                alone = self.families.get((family, key[1], js.number(given.get("handle"))))
                return entry if alone is None else {kind: _of_family(given, alone)}
        return entry


def _of_family(rule: dict[str, Any], alone: str) -> dict[str, Any]:
    """Return a rule with the match for its family, where nft omitted it."""
    if _TELLS_FAMILY.search(json.dumps(rule.get("expr"))):
        return rule
    family_match = {"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": alone}}
    return {**rule, "expr": [*([family_match] if alone else []), *js.items(rule.get("expr"))], FAMILY_TOLD: True}


def unprinted(entries: Iterable[object]) -> Unprinted:
    """Return the dormant tables and devices in a document."""
    dormant: set[_TableKey] = set()
    devices: dict[tuple[str, str, str], tuple[str, ...]] = {}
    for entry in entries:
        for kind, value in js.obj(entry).items():
            given = js.obj(value)
            family, name = js.text(given.get("family")), js.text(given.get("name"))
            if kind == "table" and "dormant" in names_in(given.get("flags")):
                dormant.add((family, name))
            elif kind == "chain" and "dev" in given:
                devices[family, js.text(given.get("table")), name] = names_in(given["dev"])
    return Unprinted(frozenset(dormant), devices)


def asleep(
    saves: Iterable[Ruleset], dormant: Collection[_TableKey], fixed: Mapping[RulesetKey, tuple[Ruleset, Ruleset]]
) -> dict[RulesetKey, tuple[Ruleset, Ruleset]]:
    """Return the corrected rulesets of iptables, where dormant tables have no registered chain."""
    rulesets = dict(fixed)
    for printed in saves:
        if any((printed.family, table.name) in dormant for table in printed.tables):
            true = fixed.get(printed.key, (printed, printed))[1]
            tables = tuple(
                replace(table, chains=tuple(replace(chain, base=None) for chain in table.chains))
                if (table.family, table.name) in dormant
                else table
                for table in true.tables
            )
            rulesets[printed.key] = printed, Ruleset(true.family, true.backend, tables, true.skeleton)
    return rulesets


def native_rules(entries: Iterable[object], saves: Collection[Ruleset], *, correct: bool = True) -> NativeRules:
    """Build the native tables of a document.

    correct: whether it is complete for iptables' own rules; nft's text is not, as it omits their extensions.
    saves: the rulesets of the iptables-nft save programs; their tables are iptables' own. A base chain in one of
    them is native if it has no name of a built-in chain.
    """
    entries = list(entries)
    by_iptables = {(ruleset.family, table.name) for ruleset in saves for table in ruleset.tables}
    rules = read_entries(entries, lambda family, name: (family, name) not in by_iptables)
    shared = _shared(entries, by_iptables)
    for key, (ruleset, counters) in read_entries(entries, lambda family, name: (family, name) in shared).items():
        added = tuple(part for table in ruleset.tables if (part := _native_part(table)) is not None)
        if added:
            rules[key] = _joined(rules.get(key), Ruleset(key.family, key.backend, added, ruleset.skeleton), counters)
    checked = saves if correct else ()
    fixed = {ruleset.key: (ruleset, true) for ruleset in checked if (true := corrected(ruleset, entries)) is not None}
    sleeping = asleep(saves, unprinted(entries).dormant, fixed)
    return NativeRules(rules, tuple(_doubtful(entries)), sleeping, handles=dict(_handles(entries)))


def _shared(entries: Iterable[object], by_iptables: Collection[_TableKey]) -> set[_TableKey]:
    """Return the tables of iptables that hold a foreign base chain; only their rules are needed."""
    chains = [js.obj(js.obj(entry).get("chain")) for entry in entries]
    tables = [(js.text(chain.get("family")), js.text(chain.get("table"))) for chain in chains]
    return {
        table
        for table, chain in zip(tables, chains, strict=True)
        if table in by_iptables and "hook" in chain and js.text(chain.get("name")) not in BUILT_IN.get(table[1], ())
    }


def _handles(entries: Iterable[object]) -> Iterator[tuple[_TableKey, int]]:
    """Yield each table with its handle, where it was printed."""
    for entry in entries:
        table = js.obj(js.obj(entry).get("table"))
        if handle := js.number(table.get("handle")):
            yield (js.text(table.get("family")), js.text(table.get("name"))), handle


def _doubtful(entries: Iterable[object]) -> Iterator[NativeChain]:
    """Yield the base chains whose order or state is unknown.

    They are those of tables whose flags nft 1.0.6 misprints, as these may be dormant, and those whose priority is
    not a number.
    """
    strange: set[_TableKey] = set()
    for entry in entries:
        for kind, value in js.obj(entry).items():
            given = js.obj(value)
            family = js.text(given.get("family"))
            if kind == "table" and not _FLAGS.issuperset(names_in(given.get("flags"))):
                strange.add((family, js.text(given.get("name"))))
            table = js.text(given.get("table"))
            placed = isinstance(given.get("prio"), int)
            if kind == "chain" and "hook" in given and ((family, table) in strange or not placed):
                why = (
                    f"nft's JSON does not tell whether table {family} {table} is dormant: "
                    "put nft list ruleset beside it, as nft-ruleset.txt"
                    if placed
                    else f"the priority of its chain {js.text(given.get('name'))} is no number"
                )
                words = [js.text(given.get(name)) for name in ("name", "hook", "type", "policy")]
                name, hook, type_, policy = words
                priority, devices = js.number(given.get("prio")), names_in(given.get("dev"))
                yield NativeChain(family, table, name, hook, priority, type_, policy, _UNKNOWN, why, devices)


def _native_part(table: Table) -> Table | None:
    """Return an iptables table's native base chains with all chains to which they jump; None where it has none."""
    by_name = {chain.name: chain for chain in table.chains}
    waiting = [c for c in table.chains if c.base is not None and c.name not in BUILT_IN.get(table.name, ())]
    kept: dict[str, Chain] = {}
    while waiting:
        chain = waiting.pop()
        if chain.name in kept:
            continue
        kept[chain.name] = chain
        for rule in chain.rules:
            targets = targets_of(rule.native.statements, table.sets) if rule.native is not None else ()
            waiting += [by_name[name] for name in targets if name in by_name]
    if not kept:
        return None
    return replace(table, chains=tuple(chain for chain in table.chains if chain.name in kept))


def _joined(before: tuple[Ruleset, Counters] | None, added: Ruleset, counters: Counters) -> tuple[Ruleset, Counters]:
    """Append tables to a ruleset, and their counters to its counters."""
    if before is None:
        return added, counters
    ruleset, own = before
    moved = tuple(
        replace(
            table,
            chains=tuple(
                replace(chain, rules=tuple(_behind(rule, len(own), len(own.used)) for rule in chain.rules))
                for chain in table.chains
            ),
        )
        for table in added.tables
    )
    return (
        Ruleset(ruleset.family, ruleset.backend, (*ruleset.tables, *moved), f"{ruleset.skeleton}\n{added.skeleton}"),
        Counters((*own.packets, *counters.packets), (*own.bytes, *counters.bytes), (*own.used, *counters.used)),
    )


def _behind(rule: Rule, counters: int, used: int) -> Rule:
    """Return a rule with its counter indexes moved by so many."""
    native = rule.native
    if native is not None and native.measures:
        measures = tuple(
            replace(measure, index=measure.index + (used if measure.kind == "quota" else counters))
            if measure.index >= 0
            else measure
            for measure in native.measures
        )
        rule = replace(rule, native=replace(native, measures=measures))
    return replace(rule, index=rule.index + counters) if rule.index >= 0 else rule
