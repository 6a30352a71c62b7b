"""The details of a rule and of a chain."""

from __future__ import annotations

from collections.abc import Iterator

from netui.model import Counters, NativeRule, Rule, RulesetKey, Snapshot, Table, packet_family
from netui.model.statements import Note
from netui.text.visible import escape
from netui.ui.presenters.chains.counters import identity_of
from netui.ui.presenters.chains.native import with_names
from netui.ui.presenters.chains.native_sets import leads, maps_unread, set_lines
from netui.ui.presenters.chains.rules import brief, rule_cells
from netui.ui.presenters.chains.table_layout import references, ruleset_words
from netui.ui.presenters.details.parts import DetailInput, DetailLine, field, gone
from netui.ui.presenters.names import Names
from netui.ui.presenters.numbers import exactly, plural, rate, size, sparkline
from netui.ui.presenters.selection import ChainItem, RuleItem, find_rule

#: The most chains, and jumps to a chain, that are listed.
_MOST = 20


def rule_lines(item: RuleItem, given: DetailInput) -> Iterator[DetailLine]:
    """Yield a rule's details: exact text, meaning, names, counters, and the jumps to its chain."""
    chain_and_rule = find_rule(given.snapshot, item)
    if chain_and_rule is None:
        yield gone("rule")
        yield field("was", item.identity[2], "dim")
        return
    # the explanations are imported with the first rule
    from netui.explain.rule_sentence import explain_rule

    chain, rule = chain_and_rule
    cells = rule_cells(rule, given.names, packet_family(item.ruleset.family))
    where = f"{ruleset_words(item.ruleset)}, {chain.table} {chain.name}"
    position = f"{where}, rule {rule.number} of {len(chain.rules)}"
    yield field("text", rule.text, "strong")
    yield field("means", explain_rule(given.words(), chain, rule))
    if rule.native is None:
        yield field("in short", f"{brief(cells) or 'any packet'} → {cells.target or 'only counts'}")
    elif cells.extra_named != cells.extra:
        yield field("with names", with_names(rule.text, given.names)[0])
    yield field("place", position, "dim", ChainItem(item.ruleset, chain.table, chain.name))
    if cells.who:
        yield DetailLine("who", [("names       ", "key"), (", ".join(cells.who), "name")])
    reading = given.track.reading(item.ruleset, item.identity)
    unit = "connection" if chain.table == "nat" else "packet"
    speed = f", {rate(reading.rate)}" if reading.rate else ""
    if reading.counted:
        yield field("counted", f"{exactly(reading.packets, unit)}, {size(reading.bytes, exact=True)} bytes{speed}")
    else:
        yield field("counted", _uncounted(rule), "dim")
    from netui.explain.native_measures import measure_lines

    for kind, stands in measure_lines(rule, given.snapshot.counters.get(item.ruleset, Counters())):
        yield field(kind, stands)
    history = given.track.history(item.ruleset, item.identity)
    if len(history) > 1:
        yield DetailLine(
            "history", [("last minute ", "key"), (sparkline(history, 60), "number"), (f" max {max(history)}", "dim")]
        )
    ruleset = given.snapshot.rulesets[item.ruleset]
    table = ruleset.table(chain.table)
    if rule.native is not None and table is not None:
        for name, elements in set_lines(rule.native, table.sets, _MOST):
            yield field("elements", f"@{name}: {with_names(elements, given.names)[0]}")
        yield from _leads(item.ruleset, table, rule.native, given.names)
        yield from _jumped_from(item.ruleset, chain.table, chain.name, given.snapshot)
        return
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


def _leads(key: RulesetKey, table: Table, native: NativeRule, names: Names) -> Iterator[DetailLine]:
    """Yield the chains to which a native rule may jump, for a verdict map with their elements."""
    chains = leads(native, table.sets)
    for lead in chains[:_MOST]:
        jumped = table.chain(lead.chain)
        if jumped is not None:
            element = f"{with_names(lead.key, names)[0]} → " if lead.key else ""
            text = f"{element}{lead.chain} ({plural(len(jumped.rules), 'rule')})"
            yield field("jumps to", text, "target", ChainItem(key, table.name, lead.chain))
    if len(chains) > _MOST:
        yield field("", f"and {len(chains) - _MOST} more", "dim")
    if maps_unread(native, table.sets):
        yield field("jumps to", "not known: its map was not read", "dim")


def _uncounted(rule: Rule) -> str:
    """Return why there are no numbers."""
    if rule.native is None:
        return "not known: its counter was not read"
    written = next((s.words for s in rule.native.statements if isinstance(s, Note) and s.kind == "counter"), None)
    if written is None:
        return "no: the rule has no counter statement"
    return f"not known: {written} was not read"


def chain_lines(item: ChainItem, given: DetailInput) -> Iterator[DetailLine]:
    """Yield a chain's details: hook and policy, or the jumps to it."""
    ruleset = given.snapshot.rulesets.get(item.ruleset)
    table = ruleset.table(item.table) if ruleset else None
    chain = table.chain(item.chain) if table else None
    if chain is None:
        yield gone("chain")
        return
    from netui.explain.rule_sentence import explain_policy, whose_chain

    owner, purpose = whose_chain(chain)
    whose = f", {owner}'s" if owner else ""
    yield field("place", f"{ruleset_words(item.ruleset)}, table {item.table}{whose}")
    if purpose:
        yield field("for", purpose)
    if chain.base is not None:
        yield field("hook", f"{chain.base.hook}, priority {chain.base.priority}, type {chain.base.type}")
        reading = given.track.reading(item.ruleset, (item.table, item.chain, "", 0))
        left = f"{exactly(reading.packets, 'packet')} left by it" if reading.counted else "nothing counts what it meets"
        yield field("policy", f"{chain.policy}: {left}")
    yield field("at the end", explain_policy(chain))
    yield field("rules", str(len(chain.rules)))
    if chain.base is None:
        yield from _jumped_from(item.ruleset, item.table, item.chain, given.snapshot)


def _jumped_from(key: RulesetKey, table: str, chain: str, snapshot: Snapshot) -> Iterator[DetailLine]:
    ruleset = snapshot.rulesets[key]
    jumps = references(ruleset).to(table, chain)
    for where, rule in jumps[:_MOST]:
        item = RuleItem(key, identity_of(where, rule, ruleset))
        line = field("from", f"{where.name} {rule.number}", "target", item)
        yield DetailLine(("from", item), [*line.spans, (escape(f"  {rule.text}"), "dim")], item)
    if len(jumps) > _MOST:
        yield field("", f"and {len(jumps) - _MOST} more", "dim")
