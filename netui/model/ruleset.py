"""Families, tables, chains, rules with their matches and targets, and counters.

A :class:`Ruleset` is the output of one ``iptables-…-save`` without the counters. The counters are
in a :class:`Counters`, in the order of the text. So after a refresh in which only counters
changed, the ruleset is the same object, and nothing is parsed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from netui.model.statements import NftSet, Statement
from netui.model.words import RuleSpec, parse_rule

Family = Literal["ip", "ip6"]
#: A native nftables table's family: packets are of a :data:`Family`.
TableFamily = Literal["ip", "ip6", "inet", "arp", "bridge", "netdev"]
#: "nft" and "legacy" are iptables' two variants; "nftables" are native tables, which iptables did not make.
Backend = Literal["nft", "legacy", "nftables"]
Hook = Literal["prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"]
ChainType = Literal["filter", "nat", "route"]

HOOKS: tuple[Hook, ...] = ("prerouting", "input", "forward", "output", "postrouting")

#: Priorities of iptables' tables at each hook (linux/netfilter_ipv4.h); nat is
#: -100 where destinations change and 100 where sources do. iptables-nft registers its security
#: table at 150 (iptables/nft.c, seen in ``nft -j list ruleset``), so after nat INPUT.
PRIORITIES: Mapping[Backend, Mapping[str, int]] = {
    "nft": {"raw": -300, "mangle": -150, "filter": 0, "security": 150},
    "legacy": {"raw": -300, "mangle": -150, "filter": 0, "security": 50},
}
NAT_PRIORITIES: Mapping[Hook, int] = {"prerouting": -100, "input": 100, "output": -100, "postrouting": 100}
#: Which built-in chains each table has.
BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}


def packet_family(family: TableFamily) -> Family:
    """Return the family of a table's addresses: IPv4 for all tables but ip6's."""
    return "ip6" if family == "ip6" else "ip"


class RulesetKey(NamedTuple):
    """The key of one of a host's rulesets: iptables' by family and variant, native tables by their family."""

    family: TableFamily
    backend: Backend


class Counter(NamedTuple):
    """Packets (nat chains: connections) and bytes since the rule was made."""

    packets: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Counters:
    """All counters of one ruleset, in the order in which its text prints them.

    used: bytes that native quotas have used, in the same order.
    """

    packets: tuple[int, ...] = ()
    bytes: tuple[int, ...] = ()
    used: tuple[int, ...] = ()

    def __getitem__(self, index: int) -> Counter:
        """Return the counter of a rule's or chain's ``index`` (zero for -1)."""
        if index < 0:
            return Counter(0, 0)
        return Counter(self.packets[index], self.bytes[index])

    def __len__(self) -> int:
        return len(self.packets)


@dataclass(frozen=True, slots=True)
class BaseHook:
    """The hook, priority and type of a base chain."""

    hook: Hook
    priority: int
    type: ChainType


@dataclass(frozen=True, slots=True)
class Measure:
    """A quota, a limit or a named counter of a native rule.

    kind: ``quota``, ``limit`` or ``counter``. name: "" for an anonymous one. words: nft's, without kind and
    name. index: of a quota in ``Counters.used``, of a counter in :class:`Counters`; -1: no number was printed.
    amount: of a quota, in bytes.
    """

    kind: str
    name: str
    words: str
    index: int
    amount: int = 0


@dataclass(frozen=True, slots=True)
class NativeRule:
    """A native rule's handle, its statements in order, and its form in iptables' words as far as there is one."""

    handle: int
    statements: tuple[Statement, ...]
    spec: RuleSpec
    comment: str = ""
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as printed.

    number: from 1 in its chain, as ``iptables -L --line-numbers`` counts.
    text: ``-A CHAIN …`` exactly as printed, without the counter; a native rule's in nft's words.
    index: of its counter in the ruleset's :class:`Counters`; -1: none printed.
    native: the content of nft's JSON for a native rule, None for iptables' own.
    """

    number: int
    text: str
    index: int
    native: NativeRule | None = None

    @property
    def spec(self) -> RuleSpec:
        """Matches and target, parsed once for each text; of a native rule as far as iptables has words for them."""
        return parse_rule(self.text) if self.native is None else self.native.spec


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain; ``base`` and ``policy`` are None for a regular chain, to which rules jump.

    devices: the interfaces of a native chain at ingress or egress (``eth*``: a prefix); () there: not printed.
    """

    family: TableFamily
    backend: Backend
    table: str
    name: str
    policy: str | None
    base: BaseHook | None
    index: int
    rules: tuple[Rule, ...]
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its chains in the order of the text, and the sets and maps of a native table by name."""

    family: TableFamily
    backend: Backend
    name: str
    chains: tuple[Chain, ...]
    sets: Mapping[str, NftSet] = field(default_factory=dict)

    def chain(self, name: str) -> Chain | None:
        """Return the chain of that name, or None."""
        for chain in self.chains:
            if chain.name == name:
                return chain
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Ruleset:
    """One family's rules in one variant; compared by identity (see the module's docstring).

    skeleton: the text with ``[]`` for each counter and ``#`` for the tool's comment lines. Equal skeletons
    mean equal rules.
    """

    family: TableFamily
    backend: Backend
    tables: tuple[Table, ...]
    skeleton: str = field(repr=False)

    @property
    def key(self) -> RulesetKey:
        """The key under which a snapshot keeps it."""
        return RulesetKey(self.family, self.backend)

    def table(self, name: str) -> Table | None:
        """Return the table of that name, or None."""
        for table in self.tables:
            if table.name == name:
                return table
        return None

    def chains(self) -> Iterator[Chain]:
        """Yield all chains, table by table."""
        for table in self.tables:
            yield from table.chains

    def rule_count(self) -> int:
        """Return the number of rules in all chains."""
        return sum(len(chain.rules) for chain in self.chains())


@dataclass(frozen=True, slots=True)
class NativeChain:
    """A base chain of a native table whose rules were not read.

    effects: its possible effects on a packet: any of "drop", "reject", "nat", "mark", "queue", "unknown";
    empty: none that changes a verdict. why: why its rules are not known. devices: as in Chain.
    """

    family: str
    table: str
    name: str
    hook: str
    priority: int
    type: str
    policy: str
    effects: frozenset[str]
    why: str = ""
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IpSet:
    """A set of ``ipset save``: its type (``hash:net,iface``) and entries as printed.

    Its hash is the object's own: a set can have 100,000 entries.
    """

    name: str
    type: str
    family: Family
    entries: tuple[str, ...]

    __hash__ = object.__hash__
