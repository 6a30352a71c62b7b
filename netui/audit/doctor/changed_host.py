"""A copy of a host with changed rules, sysctls and policy rules; the real host is not touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netui.audit.doctor.finding import Change
from netui.audit.doctor.native_words import native_rule
from netui.audit.doctor.remedy import words_of
from netui.model import (
    BUILT_IN,
    NAT_PRIORITIES,
    PRIORITIES,
    BaseHook,
    Chain,
    Hook,
    PolicyRule,
    Rule,
    Ruleset,
    RulesetKey,
    Snapshot,
    Table,
    packet_family,
)


def changed(snapshot: Snapshot, changes: Iterable[Change]) -> Snapshot | None:
    """Return the host with the changes, None where one of them is not possible."""
    for change in changes:
        after = _one(snapshot, change)
        if after is None:
            return None
        snapshot = after
    return snapshot


def _one(snapshot: Snapshot, change: Change) -> Snapshot | None:
    if change.op == "sysctl":
        return _with_sysctl(snapshot, change)
    if change.op == "ip-rule":
        return _with_policy_rule(snapshot, change)
    key = RulesetKey(change.family, change.backend)
    ruleset = snapshot.rulesets.get(key)
    if ruleset is None:
        return None
    tables = ruleset.tables
    if ruleset.table(change.table) is None:
        tables = (*tables, _new_table(ruleset, change.table))
    applied = False
    changed_tables: list[Table] = []
    for table in tables:
        chains = list(table.chains)
        for position, chain in enumerate(chains):
            if table.name == change.table and change.op == "flush":
                applied = True
                chains[position] = replace(chain, rules=())
            elif table.name == change.table and chain.name == change.chain and change.op == "policy":
                applied = True
                chains[position] = replace(chain, policy=change.words[0])
            elif table.name == change.table and chain.name == change.chain:
                rules = _rules(chain, change)
                if rules is None:
                    return None
                applied = True
                chains[position] = replace(chain, rules=rules)
        changed_tables.append(replace(table, chains=tuple(chains)))
    if not applied:
        return None
    return replace(snapshot, rulesets={**snapshot.rulesets, key: replace(ruleset, tables=tuple(changed_tables))})


def _rules(chain: Chain, change: Change) -> tuple[Rule, ...] | None:
    rules = list(chain.rules)
    at = change.number - 1
    if chain.backend == "nftables":
        native = native_rule(chain, change.words) if change.op == "insert" else None
        return None if native is None else _numbered([native, *rules])
    if not change.words and change.op != "delete":
        return None
    new = Rule(0, f"-A {chain.name} {_as_printed(change.words)}", -1)
    match change.op:
        case "append":
            rules.append(new)
        case "insert" if 0 <= at <= len(rules):
            rules.insert(at, new)
        case "replace" if 0 <= at < len(rules):
            rules[at] = new
        case "delete" if change.words:
            # -D deletes the first equal rule
            same = next((i for i, rule in enumerate(rules) if words_of(rule) == change.words), None)
            if same is None:
                return None
            del rules[same]
        case "delete" if 0 <= at < len(rules):
            del rules[at]
        case _:
            return None
    return _numbered(rules)


def _numbered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    # the rules before the change stay the same objects: there may be 50,000
    numbered = enumerate(rules, start=1)
    return tuple(rule if rule.number == number else replace(rule, number=number) for number, rule in numbered)


def _as_printed(words: Iterable[str]) -> str:
    """Return words as iptables-save prints them: in double quotes if they have blanks."""

    def one(word: str) -> str:
        if word and not any(letter in word for letter in ' \t"\\'):
            return word
        escaped = word.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    return " ".join(one(word) for word in words)


_HOOKS: dict[str, Hook] = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}


def _new_table(ruleset: Ruleset, name: str) -> Table:
    """An empty table, as iptables makes it for the first rule."""
    chains: list[Chain] = []
    for chain in BUILT_IN.get(name, ()):
        hook = _HOOKS[chain]
        if name == "nat":
            base = BaseHook(hook, NAT_PRIORITIES[hook], "nat")
        else:
            kind = "route" if (name, chain) == ("mangle", "OUTPUT") else "filter"
            base = BaseHook(hook, PRIORITIES[ruleset.backend][name], kind)  # type: ignore[arg-type]
        chains.append(Chain(ruleset.family, ruleset.backend, name, chain, "ACCEPT", base, -1, ()))
    return Table(ruleset.family, ruleset.backend, name, tuple(chains))


def _with_sysctl(snapshot: Snapshot, change: Change) -> Snapshot | None:
    if snapshot.sysctls is None:
        return None
    value = " ".join(change.words)
    values = {**snapshot.sysctls, change.chain: value}
    if change.chain in ("net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding"):
        # the kernel also sets every interface's own value
        stem = "net.ipv6.conf." if "ipv6" in change.chain else "net.ipv4.conf."
        for name in values:
            if name.startswith(stem) and name.endswith(".forwarding"):
                values[name] = value
        if stem == "net.ipv4.conf.":
            values["net.ipv4.ip_forward"] = value
    return replace(snapshot, sysctls=values)


def _with_policy_rule(snapshot: Snapshot, change: Change) -> Snapshot | None:
    family = packet_family(change.family)
    present = snapshot.policy_rules.get(family)
    if present is None:
        return None
    words = dict(zip(change.words[::2], change.words[1::2], strict=False))
    mark, _, mask = words.get("fwmark", "").partition("/")
    rule = PolicyRule(
        family,
        int(words["priority"]),
        words.get("lookup", ""),
        src=words.get("from", ""),
        dst=words.get("to", ""),
        iif=words.get("iif", ""),
        fwmark=int(mark, 0) if mark else None,
        fwmask=int(mask, 0) if mask else 0xFFFFFFFF,
    )
    rules = tuple(sorted((*present, rule), key=lambda one: one.priority))
    return replace(snapshot, policy_rules={**snapshot.policy_rules, family: rules})
