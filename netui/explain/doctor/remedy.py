"""Advice tried before it is given: a host with the advised change, on which the same check finds nothing more."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from netui.explain.doctor.finding import Change, Cure, Finding
from netui.explain.doctor.native_words import in_nft_words, native_rule
from netui.explain.doctor.view import Place, View
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
    split_words,
)
from netui.traversal import RulesError, Step, prepare

Check = Callable[[View], Iterator[Finding]]
#: So many hosts are tried at most: each is prepared and walked anew.
_MOST = 48
_PLAIN = re.compile(r"[\w@%+=:,./!\[\]-]+")


# --- commands -------------------------------------------------------------------------------


def quoted(words: Iterable[str]) -> str:
    """Write words so that a shell takes them as they are: a stranger's comment is never run."""
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in words)


def words_of(rule: Rule) -> tuple[str, ...]:
    """Return a rule's words behind ``-A CHAIN``; () for one that iptables has no words for."""
    return tuple(split_words(rule.text)[2:]) if rule.native is None else ()


def command(view: View, change: Change) -> str:
    """Return the command that makes the change."""
    if change.op == "sysctl":
        return f"sysctl -w {change.chain}={' '.join(change.words)}"
    if change.op == "ip-rule":
        return f"ip {'-6 ' if change.family == 'ip6' else ''}rule add {quoted(change.words)}"
    table = "" if change.table == "filter" else f"-t {change.table} "
    if change.backend == "nftables":
        return f"nft insert rule {change.family} {quoted((change.table, change.chain, *change.words))}"
    start = f"{view.command(change.family, change.backend)} {table}"
    if change.op == "flush":
        return f"{start}-F"
    by_number = change.op in ("insert", "replace") or (change.op == "delete" and not change.words)
    number = f"{change.number} " if by_number else ""
    letter = {"insert": "I", "replace": "R", "delete": "D", "append": "A", "policy": "P"}[change.op]
    return f"{start}-{letter} {quoted((change.chain,))} {number}{quoted(change.words)}".rstrip()


def cure(view: View, lead: str, changes: Sequence[Change], *, otherwise: Cure | None = None, end: str = "") -> Cure:
    """Return advice with the commands of its changes, joined so that a shell runs them in turn."""
    said = " && ".join(command(view, change) for change in changes)
    return Cure(f"{lead}{said}{end}", tuple(changes), otherwise)


def at_the_head(view: View, key: RulesetKey, lead: str, *rules: str) -> Cure:
    """Return a cure that puts rules before all others: in DOCKER-USER, or in FORWARD where that does not help.

    The rules' words come in the order in which they are to stand.
    """

    def put(chain: str, otherwise: Cure | None = None) -> Cure:
        made = [Change("insert", *key, "filter", chain, 1, tuple(text.split())) for text in reversed(rules)]
        return cure(view, lead, made, otherwise=otherwise)

    last = put("FORWARD")
    has_user = any(chain.backend == key.backend for chain in view.chains(key.family, "filter", "DOCKER-USER"))
    return put("DOCKER-USER", last) if has_user else last


def at_the_head_of(view: View, step: Step, lead: str, *rules: str) -> Cure | None:
    """Return a cure that puts rules before all others of a native chain; None for words that nft has not.

    rules: in iptables' words, in the order in which they are to stand.
    """
    said = [in_nft_words(text.split()) for text in rules]
    if any(words is None for words in said):
        return None
    made = [
        Change("insert", step.family, "nftables", step.table, step.chain, 1, words)
        for words in reversed(said)
        if words is not None
    ]
    return cure(view, lead, made)


def deleted(place: Place) -> Change:
    """Return the change that takes a rule away."""
    chain = place.chain
    return Change(
        "delete", chain.family, chain.backend, chain.table, chain.name, place.rule.number, words_of(place.rule)
    )


def replaced(place: Place, words: Sequence[str]) -> Change:
    """Return the change that puts another rule in a rule's place."""
    chain = place.chain
    return Change("replace", chain.family, chain.backend, chain.table, chain.name, place.rule.number, tuple(words))


# --- the changed host -------------------------------------------------------------------------


def changed(snapshot: Snapshot, changes: Iterable[Change]) -> Snapshot | None:
    """Return the host with the changes made, None where one of them cannot be made there."""
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
    found = False
    made: list[Table] = []
    for table in tables:
        chains = list(table.chains)
        for position, chain in enumerate(chains):
            if table.name == change.table and change.op == "flush":
                found = True
                chains[position] = replace(chain, rules=())
            elif table.name == change.table and chain.name == change.chain and change.op == "policy":
                found = True
                chains[position] = replace(chain, policy=change.words[0])
            elif table.name == change.table and chain.name == change.chain:
                rules = _rules(chain, change)
                if rules is None:
                    return None
                found = True
                chains[position] = replace(chain, rules=rules)
        made.append(replace(table, chains=tuple(chains)))
    if not found:
        return None
    return replace(snapshot, rulesets={**snapshot.rulesets, key: replace(ruleset, tables=tuple(made))})


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
            # -D takes the first that is so
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
    return tuple(replace(rule, number=number) for number, rule in enumerate(rules, start=1))


def _as_printed(words: Iterable[str]) -> str:
    """Write words as iptables-save does: in double quotes where they hold a blank."""

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
    """An empty table, as iptables makes it when the first rule is put in."""
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
        # the kernel sets every interface's own with it
        stem = "net.ipv6.conf." if "ipv6" in change.chain else "net.ipv4.conf."
        for name in values:
            if name.startswith(stem) and name.endswith(".forwarding"):
                values[name] = value
        if stem == "net.ipv4.conf.":
            values["net.ipv4.ip_forward"] = value
    return replace(snapshot, sysctls=values)


def _with_policy_rule(snapshot: Snapshot, change: Change) -> Snapshot | None:
    family = packet_family(change.family)
    known = snapshot.policy_rules.get(family)
    if known is None:
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
    rules = tuple(sorted((*known, rule), key=lambda one: one.priority))
    return replace(snapshot, policy_rules={**snapshot.policy_rules, family: rules})


# --- trying -----------------------------------------------------------------------------------


_Found = tuple[set[tuple[object, ...]] | None, set[tuple[object, ...]]]


@dataclass(slots=True)
class Trials:
    """Hosts with changes made, each prepared once."""

    view: View
    _hosts: dict[tuple[Change, ...], View | None] = field(default_factory=dict)
    _before: dict[Check, set[tuple[object, ...]]] = field(default_factory=dict)
    _checked: dict[tuple[Check, tuple[Change, ...]], _Found] = field(default_factory=dict)

    def host(self, changes: tuple[Change, ...]) -> View | None:
        """Return the host with the changes, None where they cannot be made or too many were tried."""
        if changes not in self._hosts:
            if len(self._hosts) >= _MOST:
                return None
            after = changed(self.view.host.snapshot, changes)
            try:
                self._hosts[changes] = None if after is None else View(prepare(after))
            except RulesError:
                self._hosts[changes] = None
        return self._hosts[changes]

    def proven(self, check: Check, finding: Finding, others: Sequence[Check] = ()) -> Finding:
        """Return the finding with the cures that help: each was tried, and the check finds it no more.

        others: checks that a cure must not give a new finding to.
        """
        advice: list[str] = []
        helped: list[Cure] = []
        for text in finding.advice:
            if not isinstance(text, Cure):
                advice.append(text)
                continue
            tried: Cure | None = text
            while tried is not None and not self._helps(check, finding, tried, others):
                tried = tried.otherwise
            if tried is not None:
                advice.append(tried)
                helped.append(tried)
        advice += self._kept(helped)
        return replace(finding, advice=tuple(advice))

    def _helps(self, check: Check, finding: Finding, tried: Cure, others: Sequence[Check]) -> bool:
        keys, _ = self._after(check, tried.changes)
        if keys is None or _key(finding) in keys:
            return False
        # the same as before of fewer networks is not new
        return all(self._after(each, tried.changes)[1] <= self._found(each) for each in dict.fromkeys((check, *others)))

    def _after(self, check: Check, changes: tuple[Change, ...]) -> _Found:
        """Return what a check finds on the changed host: the findings' keys (None: it was not tried) and kinds."""
        known = self._checked.get((check, changes))
        if known is None:
            after = self.host(changes)
            found = list(check(after)) if after is not None else []
            keys = {_key(one) for one in found} if after is not None else None
            known = self._checked[check, changes] = keys, {_kind(one) for one in found}
        return known

    def _found(self, check: Check) -> set[tuple[object, ...]]:
        if check not in self._before:
            self._before[check] = {_kind(one) for one in check(self.view)}
        return self._before[check]

    def _kept(self, helped: Sequence[Cure]) -> Iterator[str]:
        """Say what becomes of the changes after a reboot."""
        changes = [change for one in helped for change in one.changes]
        rules = [change for change in changes if change.op not in ("sysctl", "ip-rule")]
        added = [change for change in rules if change.op not in ("delete", "flush", "policy")]
        # what ufw and the like write themselves, they keep themselves
        added = [change for change in added if not change.chain.startswith("ufw") and change.chain != "FORWARD_direct"]
        if any(change.backend == "nftables" for change in added):
            yield "Keep it over a reboot: write it where the table is made, /etc/nftables.conf on most hosts."
            return
        if not added:
            return
        where = added[0].chain
        if where == "DOCKER-USER" and any(True for _ in self.view.chains("ip", "filter", "ufw-user-forward")):
            yield (
                "Keep it over a reboot: ufw loads /etc/ufw/after.rules, where it can stand under *filter behind the "
                "line :DOCKER-USER - [0:0]"
            )
        elif where in ("FORWARD", "DOCKER-USER"):
            again = "; the engine puts its own jumps before it when it restarts" if where == "FORWARD" else ""
            yield (
                f"A rule set by iptables is gone after a reboot{again}: let a systemd unit with After=docker.service "
                "run the command."
            )
        else:
            yield "A rule set by iptables is gone after a reboot: put the command where this host makes its rules."


def _kind(finding: Finding) -> tuple[object, ...]:
    return finding.id, finding.evidence[0].text if finding.evidence else ""


def _key(finding: Finding) -> tuple[object, ...]:
    """What makes two findings the same, though rules have moved."""
    shows = finding.evidence[0].text if finding.evidence else ""
    return finding.id, finding.about, shows
