"""Native rules in iptables' own tables: found by their expressions, and replaced by unknown rules if unreadable."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise

from netui.model import BUILT_IN, NativeRule, Rule, Ruleset
from netui.model.statements import Strange
from netui.model.words import Match, Option, RuleSpec
from netui.sources.live import nft_netlink

TableKey = tuple[str, str]
#: The expressions that iptables-nft uses (iptables/nft.c, nft-shared.c of 1.8.0 to 1.8.11). "range" is for ports.
_OWN = frozenset(
    {"meta", "payload", "cmp", "bitwise", "counter", "immediate", "match", "target", "limit", "log", "range", "last"}
)


#: NFT_META_MARK, IIFNAME, OIFNAME, L4PROTO.
_OWN_META = frozenset({3, 6, 7, 16})
_NETWORK, _TRANSPORT = 1, 2
#: Offset and length in the header: protocol, fragment, source, destination (any prefix of it).
_OWN_NETWORK = {
    "ip": ((9, 1), (6, 2), (12, 4), (16, 4)),
    "ip6": ((6, 1), (8, 16), (24, 16)),
}


_OWN_TRANSPORT = ((0, 2), (2, 2), (0, 4), (13, 1), (0, 1), (1, 1))
#: NFT_META_NFPROTO, NFT_META_PROTOCOL, and the first byte of the value.
_FAMILY_VALUES = {15: {2: "ipv4", 10: "ipv6"}, 1: {0x08: "ipv4", 0x86: "ipv6"}}


def family_of(rule: nft_netlink.RuleMake) -> str:
    """Return ``ipv4`` or ``ipv6`` where a rule matches that family, "" where it matches none."""
    for (name, details), (after, compared) in pairwise(rule.expressions):
        if name == "meta" and after == "cmp" and compared[:1] == (0,) and len(compared) == 2:
            family = _FAMILY_VALUES.get(details[0], {}).get(compared[1])
            if family:
                return family
    return ""


def is_iptables(chain: nft_netlink.BaseChain, by_iptables: Collection[TableKey]) -> bool:
    """Whether iptables made a base chain, by its name and its table."""
    return (chain.family, chain.table) in by_iptables and chain.name in BUILT_IN.get(chain.table, ())


def could_be_iptables(rule: nft_netlink.RuleMake) -> bool:
    """Return whether iptables-nft may have written a rule; a range could also be one of addresses."""
    for name, details in rule.expressions:
        if name not in _OWN or name == "range":
            return False
        if name == "meta" and details[0] not in _OWN_META:
            return False
        if name == "payload" and not _own_payload(rule.family, details):
            return False
    return True


def _own_payload(family: str, details: tuple[int, ...]) -> bool:
    base, offset, length = details
    if base == _NETWORK:
        return any(offset == first and length <= size for first, size in _OWN_NETWORK.get(family, ()))
    return base == _TRANSPORT and (offset, length) in _OWN_TRANSPORT


def touched(ruleset: Ruleset, places: dict[tuple[str, str, str], set[int]]) -> bool:
    """Whether a ruleset has a chain with such a rule."""
    return any((ruleset.family, c.table, c.name) in places for c in ruleset.chains())


def hidden(ruleset: Ruleset, places: dict[tuple[str, str, str], set[int]]) -> Ruleset:
    """Return the ruleset with unknown rules in place of its native ones."""
    tables = []
    for table in ruleset.tables:
        chains = []
        for chain in table.chains:
            numbers = places.get((ruleset.family, table.name, chain.name), set())
            rules = tuple(_unknown(rule) if rule.number in numbers else rule for rule in chain.rules)
            chains.append(replace(chain, rules=rules) if numbers else chain)
        tables.append(replace(table, chains=tuple(chains)))
    return Ruleset(ruleset.family, ruleset.backend, tuple(tables), ruleset.skeleton)


def _unknown(rule: Rule) -> Rule:
    words = "native nft syntax, which iptables-nft-save prints wrong and nft did not list"
    spec = RuleSpec(rule.spec.chain, (Match("nft", (Option(words),)),), rule.spec.target)
    return replace(rule, native=NativeRule(0, (Strange(words),), spec))
