"""``netui explain``: the rules of a table, a chain or one rule, in plain words, as text or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netui.explain.names import Names
from netui.explain.native_measures import measure_lines, measures_json
from netui.explain.rule_sentence import explain_policy, explain_rule, whose_chain
from netui.model import Chain, Counters, Rule, RulesetKey, Snapshot
from netui.text.phrases import some
from netui.text.visible import printable


class NotThere(ValueError):
    """The host does not have this table, chain or rule; the message lists the existing ones."""


def chosen(snapshot: Snapshot, table: str = "", chain: str = "", number: int | None = None) -> list[Chain]:
    """Return the wanted chains of each family and variant, in the text's order.

    Raises NotThere where there is no such table, chain or rule.
    """
    everything = [candidate for ruleset in snapshot.rulesets.values() for candidate in ruleset.chains()]
    if not snapshot.rulesets and snapshot.nft_chains is None:
        errors = [state.error for state in snapshot.sources.values() if "tables" in state.name and state.error]
        raise NotThere(f"no rules were read{f': {errors[0]}' if errors else ''}")
    chains = [candidate for candidate in everything if not table or candidate.table == table]
    if not everything and not table:
        return []
    if not everything:
        raise NotThere(f"{_show(table)}: no such table: there are no rules at all")
    if not chains:
        raise NotThere(f"{_show(table)}: no such table here; there are {_some({c.table for c in everything})}")
    if chain:
        of_table = chains
        chains = [candidate for candidate in chains if candidate.name == chain]
        if not chains:
            raise NotThere(
                f"{_show(chain)}: table {_show(table)} has no such chain; it has {_some({c.name for c in of_table})}"
            )
    if number is not None:
        longest = max(len(candidate.rules) for candidate in chains)
        chains = [candidate for candidate in chains if number <= len(candidate.rules)]
        if not chains or number < 1:
            raise NotThere(f"{number}: chain {_show(chain)} has {longest} rules, counted from 1")
    return chains


def _show(text: str) -> str:
    return printable(text, 60) or "an empty name"


def _some(names: set[str]) -> str:
    return some(sorted(printable(name, 40) for name in names), 12)


def _rules(chain: Chain, number: int | None) -> Sequence[Rule]:
    return chain.rules if number is None else chain.rules[number - 1 : number]


def explain_json(snapshot: Snapshot, chains: Sequence[Chain], number: int | None = None) -> dict[str, Any]:
    """Return the chains with their rules, sentences and counters in JSON's form."""
    names = Names.of(snapshot)
    return {
        "chains": [
            {
                "family": chain.family,
                "backend": chain.backend,
                "table": chain.table,
                "chain": chain.name,
                "owner": whose_chain(chain)[0],
                "purpose": whose_chain(chain)[1],
                "policy": chain.policy if chain.base is not None else None,
                "rules": [_rule_json(names, snapshot, chain, rule) for rule in _rules(chain, number)],
            }
            for chain in chains
        ]
    }


def _rule_json(names: Names, snapshot: Snapshot, chain: Chain, rule: Rule) -> dict[str, Any]:
    entry = {"rule": rule.number, "text": rule.text, "sentence": explain_rule(names, chain, rule)}
    if rule.native is not None and rule.native.measures:
        return {**entry, "measures": measures_json(rule.native, _counters(snapshot, chain))}
    return entry


def _counters(snapshot: Snapshot, chain: Chain) -> Counters:
    return snapshot.counters.get(RulesetKey(chain.family, chain.backend), Counters())


def explain_text(snapshot: Snapshot, chains: Sequence[Chain], number: int | None = None) -> str:
    """Return the rules as lines: a heading for each chain, then number, sentence and the rule itself."""
    if not chains:
        return "there are no rules: no table was printed, so every packet passes as far as these rules go"
    names = Names.of(snapshot)
    lines: list[str] = []
    for chain in chains:
        lines += [*map(printable, _chain_lines(names, snapshot, chain, number)), ""]
    return "\n".join(lines[:-1])


def _chain_lines(names: Names, snapshot: Snapshot, chain: Chain, number: int | None) -> Iterator[str]:
    family = (
        {"ip": "IPv4", "ip6": "IPv6"}.get(chain.family, chain.family)
        if len({k.family for k in snapshot.rulesets}) > 1
        else ""
    )
    several = len({key.backend for key in snapshot.rulesets}) > 1
    words = [family, chain.backend if several else "", chain.table, chain.name]
    owner, purpose = whose_chain(chain)
    about = ": ".join(word for word in (f"{owner}'s" if owner else "", purpose) if word)
    whose = f"  ({about})" if about else ""
    yield " ".join(word for word in words if word) + whose
    for rule in _rules(chain, number):
        yield f"{rule.number:>5}  {explain_rule(names, chain, rule)}"
        yield f"       {rule.text}"
        for kind, stands in measure_lines(rule, _counters(snapshot, chain)):
            yield f"       its {kind} {stands}"
    if number is None and chain.base is not None:
        yield f"{'end':>5}  {explain_policy(chain)}"
    elif number is None and not chain.rules:
        yield "       (empty)"
