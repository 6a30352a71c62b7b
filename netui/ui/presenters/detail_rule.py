"""What is known about a rule and about a chain."""

from __future__ import annotations

from collections.abc import Iterator

from netui.model import RulesetKey, Snapshot, packet_family
from netui.text.visible import escape
from netui.ui.presenters.counters import identity_of
from netui.ui.presenters.detail_parts import DetailInput, DetailLine, field, gone
from netui.ui.presenters.lines import FAMILIES, references
from netui.ui.presenters.numbers import exactly, plural, rate, size, sparkline
from netui.ui.presenters.rules import brief, rule_cells
from netui.ui.presenters.selection import ChainItem, RuleItem, find_rule


def rule_lines(item: RuleItem, given: DetailInput) -> Iterator[DetailLine]:
    """Yield a rule: its exact text, what it means, whom it concerns, its counters, where it is jumped from."""
    found = find_rule(given.snapshot, item)
    if found is None:
        yield gone("rule")
        yield field("was", item.identity[2], "dim")
        return
    # what explains comes with the first rule that is looked at
    from netui.explain.rule_sentence import explain_rule

    chain, rule = found
    cells = rule_cells(rule, given.names, packet_family(item.ruleset.family))
    where = f"{FAMILIES[item.ruleset.family]} {item.ruleset.backend}, {chain.table} {chain.name}"
    place = f"{where}, rule {rule.number} of {len(chain.rules)}"
    yield field("text", rule.text, "strong")
    yield field("means", explain_rule(given.words(), chain, rule))
    yield field("in short", f"{brief(cells) or 'any packet'} → {cells.target or 'only counts'}")
    yield field("place", place, "dim", ChainItem(item.ruleset, chain.table, chain.name))
    if cells.who:
        yield DetailLine("who", [("names       ", "key"), (", ".join(cells.who), "name")])
    reading = given.track.reading(item.ruleset, item.identity)
    unit = "connection" if chain.table == "nat" else "packet"
    speed = f", {rate(reading.rate)}" if reading.rate else ""
    counted = f"{exactly(reading.packets, unit)}, {size(reading.bytes, exact=True)} bytes{speed}"
    yield field("counted", counted)
    history = given.track.history(item.ruleset, item.identity)
    if len(history) > 1:
        yield DetailLine(
            "history", [("last minute ", "key"), (sparkline(history, 60), "number"), (f" max {max(history)}", "dim")]
        )
    ruleset = given.snapshot.rulesets[item.ruleset]
    table = ruleset.table(chain.table)
    target = rule.spec.target
    if target is not None and table is not None and (jumped := table.chain(target.name)) is not None:
        word = "goes to" if target.goto else "jumps to"
        yield field(
            word,
            f"{target.name} ({plural(len(jumped.rules), 'rule')})",
            "target",
            ChainItem(item.ruleset, chain.table, target.name),
        )
    yield from _jumped_from(item.ruleset, chain.table, chain.name, given.snapshot)


def chain_lines(item: ChainItem, given: DetailInput) -> Iterator[DetailLine]:
    """Yield a chain: its hook and policy, or where it is jumped to from."""
    ruleset = given.snapshot.rulesets.get(item.ruleset)
    table = ruleset.table(item.table) if ruleset else None
    chain = table.chain(item.chain) if table else None
    if chain is None:
        yield gone("chain")
        return
    from netui.explain.rule_sentence import explain_policy, owner_of

    owner = owner_of(item.chain)
    whose = f", {owner}'s" if owner else ""
    yield field("place", f"{FAMILIES[item.ruleset.family]} {item.ruleset.backend}, table {item.table}{whose}")
    if chain.base is not None:
        yield field("hook", f"{chain.base.hook}, priority {chain.base.priority}, type {chain.base.type}")
        reading = given.track.reading(item.ruleset, (item.table, item.chain, "", 0))
        yield field(
            "policy",
            f"{chain.policy}: {exactly(reading.packets, 'packet')} left by it",
        )
    yield field("at the end", explain_policy(chain))
    yield field("rules", str(len(chain.rules)))
    if chain.base is None:
        yield from _jumped_from(item.ruleset, item.table, item.chain, given.snapshot)


def _jumped_from(key: RulesetKey, table: str, chain: str, snapshot: Snapshot) -> Iterator[DetailLine]:
    ruleset = snapshot.rulesets[key]
    found = references(ruleset).to(table, chain)
    for where, rule in found[:20]:
        item = RuleItem(key, identity_of(where, rule, ruleset))
        line = field("from", f"{where.name} {rule.number}", "target", item)
        yield DetailLine(("from", item), [*line.spans, (escape(f"  {rule.text}"), "dim")], item)
    if len(found) > 20:
        yield field("", f"and {len(found) - 20} more", "dim")
