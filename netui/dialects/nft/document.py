"""``nft -j list …`` → rulesets of native tables, one a family, and their counters.

Source: libnftables-json(5). A document may hold a whole ruleset or some of its tables.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args

from netui.dialects.nft import words
from netui.dialects.nft.expressions import Expressions
from netui.dialects.nft.measures import Named, measures_of, uses
from netui.dialects.nft.spec import spec_of
from netui.dialects.nft.statements import statements_of, with_lost_family
from netui.dialects.nft.tables import OpenTable, names_in, open_tables
from netui.model import (
    BaseHook,
    Chain,
    ChainType,
    Counters,
    Hook,
    NativeRule,
    Rule,
    Ruleset,
    RulesetKey,
    Table,
    TableFamily,
)
from netui.text.json_fields import items, number, obj, text

#: A counter's numbers in the text: of a rule, an element or a named counter.
COUNTER = re.compile(r'"packets": ?(\d{1,20}), ?"bytes": ?(\d{1,20})')
#: What changes in the text while the rules stay: counters, used bytes of quotas, the expiry of elements.
MOVING = re.compile(
    r'"packets": ?\d{1,20}, ?"bytes": ?\d{1,20}|"used": ?\d{1,20}(?:, ?"used_unit": ?"[a-z]{1,10}")?|'
    r'"expires": ?\d{1,20}'
)
#: The key for a rule's family, added to its entry where the kernel tells the family and nft may omit it.
FAMILY_TOLD = "family told"
_NOTHING: Mapping[int, int] = {}
_NO_NAMES: Mapping[str, int] = {}
_FAMILIES = get_args(TableFamily)
_HOOKS = get_args(Hook)
_TYPES = get_args(ChainType)


@dataclass(slots=True)
class _Numbers:
    """Numbers the counters of a family, in the order of the document."""

    packets: list[int] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    of_rule: dict[int, int] = field(default_factory=dict)
    #: of named counters, by (table, name)
    named: dict[tuple[str, str], int] = field(default_factory=dict)
    #: the used bytes of quotas, and the index of each by its object's identity
    used: list[int] = field(default_factory=list)
    of_quota: dict[int, int] = field(default_factory=dict)
    skeleton: list[str] = field(default_factory=list)

    def take(self, kind: str, given: dict[str, Any], entry: object) -> None:
        """Number the counters in an entry; the first one of a rule, its own or a named one, is the rule's."""
        printed = json.dumps(entry)
        self.skeleton.append(MOVING.sub("", printed))
        for quota, amount in uses(given) if '"used"' in printed else ():
            self.of_quota[quota] = len(self.used)
            self.used.append(amount)
        table = text(given.get("table"))
        if kind == "counter" and "packets" in given:
            self.named[table, text(given.get("name"))] = len(self.packets)
            self._add(given)
        if kind not in ("rule", "set", "map"):
            return
        if kind == "rule" and self.named:
            named = (text(obj(statement).get("counter")) for statement in items(given.get("expr")))
            counters = [self.named[table, name] for name in named if name and (table, name) in self.named]
            if counters:
                self.of_rule[id(given)] = counters[0]
        for counter in _counters(given):
            if kind == "rule":
                self.of_rule.setdefault(id(given), len(self.packets))
            self._add(counter)

    def _add(self, counter: Mapping[str, Any]) -> None:
        self.packets.append(number(counter.get("packets")))
        self.bytes.append(number(counter.get("bytes")))


def _counters(entry: object) -> Iterator[dict[str, Any]]:
    if isinstance(entry, dict):
        for name, value in entry.items():
            if name == "counter" and isinstance(value, dict):
                yield value
            else:
                yield from _counters(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from _counters(value)


def read_entries(
    entries: Iterable[object], wanted: Callable[[str, str], bool]
) -> dict[RulesetKey, tuple[Ruleset, Counters]]:
    """Return the wanted tables of a document's ``nftables`` list as rulesets by family, with their counters.

    wanted: asked for (family, table).
    """
    numbers: dict[str, _Numbers] = {}

    def each(family: str, kind: str, given: dict[str, Any], entry: object) -> None:
        numbers.setdefault(family, _Numbers()).take(kind, given, entry)

    tables = open_tables(entries, lambda family, name: family in _FAMILIES and wanted(family, name), each)
    rulesets: dict[RulesetKey, tuple[Ruleset, Counters]] = {}
    for family, counted in numbers.items():
        key = RulesetKey(cast("TableFamily", family), "nftables")
        built = tuple(
            _table(key.family, name, table, counted) for (owner, name), table in tables.items() if owner == family
        )
        counters = Counters(tuple(counted.packets), tuple(counted.bytes), tuple(counted.used))
        rulesets[key] = Ruleset(key.family, "nftables", built, "\n".join(counted.skeleton)), counters
    return rulesets


def _table(family: TableFamily, name: str, table: OpenTable, numbers: _Numbers) -> Table:
    expressions = table.expressions(family)
    dormant = "dormant" in table.flags
    chains = tuple(
        _chain(family, name, entry, table.rules.get(chain, []), expressions, table.named, numbers, dormant)
        for chain, entry in table.chains.items()
    )
    return Table(family, "nftables", name, chains, table.sets())


def _chain(
    family: TableFamily,
    table: str,
    entry: dict[str, Any],
    rules: list[dict[str, Any]],
    expressions: Expressions,
    named: Named,
    numbers: _Numbers,
    dormant: bool,
) -> Chain:
    hook, policy, kind = (text(entry.get(name)) for name in ("hook", "policy", "type"))
    base = None
    devices = names_in(entry.get("dev"))
    # an ingress or egress chain without devices sees no packet
    gone = hook in ("ingress", "egress") and "dev" in entry and not devices
    # without a number its order is unknown: such a chain counts as unread (see ruleset.py)
    placed = isinstance(entry.get("prio"), int)
    if hook in _HOOKS and not dormant and not gone and placed:
        base = BaseHook(
            cast("Hook", hook), number(entry.get("prio")), cast("ChainType", kind if kind in _TYPES else "filter")
        )
    counters = {counter: index for (of, counter), index in numbers.named.items() if of == table}
    native_rules = tuple(
        native_rule(position, rule, expressions, named, numbers.of_rule.get(id(rule), -1), numbers.of_quota, counters)
        for position, rule in enumerate(rules, 1)
    )
    shown = (policy or "accept").upper() if hook else None
    return Chain(family, "nftables", table, text(entry.get("name")), shown, base, -1, native_rules, devices=devices)


def native_rule(
    position: int,
    rule: dict[str, Any],
    expressions: Expressions,
    named: Named,
    index: int,
    used: Mapping[int, int] = _NOTHING,
    counters: Mapping[str, int] = _NO_NAMES,
) -> Rule:
    """Return one rule of a chain; position: counted from 1. named, used, counters: as in measures_of."""
    printed = items(rule.get("expr"))
    comment = text(rule.get("comment"))
    statements = statements_of(printed, expressions, named)
    if not rule.get(FAMILY_TOLD):
        statements = with_lost_family(statements, expressions.family)
    native = NativeRule(
        number(rule.get("handle")),
        statements,
        spec_of(text(rule.get("chain")), statements, printed, comment),
        comment,
        measures_of(printed, named, used, counters),
    )
    return Rule(position, words.rule(printed, comment), index, native)
