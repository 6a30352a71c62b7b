"""Cures: changes as commands that an administrator can copy."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Cure
from netui.audit.doctor.native_words import in_nft_words
from netui.model import Rule, RulesetKey, split_words
from netui.traversal import Step

_PLAIN = re.compile(r"[\w@%+=:,./!\[\]-]+")


def quoted(words: Iterable[str]) -> str:
    """Return words quoted for a shell, so that a hostile comment is never run."""
    return " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in words)


def words_of(rule: Rule) -> tuple[str, ...]:
    """Return a rule's words after ``-A CHAIN``; () for a rule without iptables' words."""
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
    """Return advice with the commands of its changes, joined for a shell."""
    commands = " && ".join(command(view, change) for change in changes)
    return Cure(f"{lead}{commands}{end}", tuple(changes), otherwise)


def at_the_head(view: View, key: RulesetKey, lead: str, *rules: str) -> Cure:
    """Return a cure that inserts rules before all others: in DOCKER-USER, or in FORWARD where that does not help.

    The rules' words are in their final order.
    """

    def put(chain: str, otherwise: Cure | None = None) -> Cure:
        changes = [Change("insert", *key, "filter", chain, 1, tuple(text.split())) for text in reversed(rules)]
        return cure(view, lead, changes, otherwise=otherwise)

    last = put("FORWARD")
    has_user = any(chain.backend == key.backend for chain in view.chains(key.family, "filter", "DOCKER-USER"))
    return put("DOCKER-USER", last) if has_user else last


def at_the_head_of(view: View, step: Step, lead: str, *rules: str) -> Cure | None:
    """Return a cure that inserts rules before all others of a native chain; None for words without an nft form.

    rules: in iptables' words, in their final order.
    """
    statements = [in_nft_words(text.split()) for text in rules]
    if any(words is None for words in statements):
        return None
    changes = [
        Change("insert", step.family, "nftables", step.table, step.chain, 1, words)
        for words in reversed(statements)
        if words is not None
    ]
    return cure(view, lead, changes)


def deleted(located: ChainRule) -> Change:
    """Return the change that deletes a rule."""
    chain = located.chain
    return Change(
        "delete", chain.family, chain.backend, chain.table, chain.name, located.rule.number, words_of(located.rule)
    )


def replaced(located: ChainRule, words: Sequence[str]) -> Change:
    """Return the change that replaces a rule."""
    chain = located.chain
    return Change("replace", chain.family, chain.backend, chain.table, chain.name, located.rule.number, tuple(words))
