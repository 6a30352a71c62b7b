"""``nft -j list ruleset`` → native tables, and the rules that iptables' own tables hold in native syntax."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from netui.dialects.nft.document import read_entries
from netui.dialects.nft.misprinted import corrected
from netui.model import BUILT_IN, Chain, Counters, NativeChain, Ruleset, RulesetKey, Table
from netui.model.references import targets_of
from netui.sources import json_text as js
from netui.sources.errors import SourceError

_TableKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class NativeRules:
    """What nft told.

    rules: native tables by family, with their counters. unread: base chains whose rules are not known, each with
    the reason. corrected: iptables-nft rulesets that hold native syntax: (as the save program printed it, as it is).
    """

    rules: Mapping[RulesetKey, tuple[Ruleset, Counters]] = field(default_factory=dict)
    unread: tuple[NativeChain, ...] = ()
    corrected: Mapping[RulesetKey, tuple[Ruleset, Ruleset]] = field(default_factory=dict)


def parse_document(text: str) -> list[object]:
    """Parse the text of ``nft -j list …``; return its entries. Raises SourceError where it is no such text."""
    document = js.parse(text)
    entries = document.get("nftables") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise SourceError("is not nft -j list ruleset output; capture it again")
    return entries


def native_rules(entries: Iterable[object], saves: Collection[Ruleset]) -> NativeRules:
    """Build the native tables of a document.

    saves: what the iptables-nft save programs printed; their tables are iptables' own. A base chain in one of
    them is native if it has no built-in chain's name.
    """
    entries = list(entries)
    made = {(ruleset.family, table.name) for ruleset in saves for table in ruleset.tables}
    rules = read_entries(entries, lambda family, name: (family, name) not in made)
    for key, (ruleset, counters) in read_entries(entries, lambda family, name: (family, name) in made).items():
        added = tuple(part for table in ruleset.tables if (part := _native_part(table)) is not None)
        if added:
            rules[key] = _joined(rules.get(key), Ruleset(key.family, key.backend, added, ruleset.shape), counters)
    fixed = {ruleset.key: (ruleset, found) for ruleset in saves if (found := corrected(ruleset, entries)) is not None}
    return NativeRules(rules, (), fixed)


def _native_part(table: Table) -> Table | None:
    """Return an iptables table's native base chains with all that they reach; None where it has none."""
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
    """Put tables behind those of a ruleset; their counters stand behind its own."""
    if before is None:
        return added, counters
    ruleset, own = before
    offset = len(own)
    moved = tuple(
        replace(
            table,
            chains=tuple(
                replace(
                    chain,
                    rules=tuple(
                        replace(rule, index=rule.index + offset) if rule.index >= 0 else rule for rule in chain.rules
                    ),
                )
                for chain in table.chains
            ),
        )
        for table in added.tables
    )
    return (
        Ruleset(ruleset.family, ruleset.backend, (*ruleset.tables, *moved), f"{ruleset.shape}\n{added.shape}"),
        Counters((*own.packets, *counters.packets), (*own.bytes, *counters.bytes)),
    )
