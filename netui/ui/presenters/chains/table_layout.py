"""The lines of the chain table: tables and chains, or a flow's steps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from netui.model import Backend, Chain, Family, Rule, Ruleset, RulesetKey, Snapshot, Table, TableFamily
from netui.traversal.result import Flow, Step
from netui.ui.presenters.chains.counters import Identity, counter_index
from netui.ui.presenters.chains.native_sets import maps_unread, reached, searched
from netui.ui.presenters.chains.virtual_lines import Block, Line, LineList, Lines
from netui.ui.presenters.details.flows import why

#: The shown names of families; native ones have nft's words.
FAMILIES: Mapping[str, str] = {
    "ip": "IPv4",
    "ip6": "IPv6",
    "inet": "inet",
    "bridge": "bridge",
    "netdev": "netdev",
    "arp": "arp",
}


def ruleset_words(key: RulesetKey) -> str:
    """Return the name of a ruleset: ``IPv4 nft``; for native tables with nft's word for the family, ``nftables ip``."""
    return f"nftables {key.family}" if key.backend == "nftables" else f"{FAMILIES[key.family]} {key.backend}"


#: The order in which a packet meets the tables at a hook.
_ORDER = {"raw": 0, "mangle": 1, "nat": 2, "filter": 3, "security": 4}
_SOURCES: Mapping[RulesetKey, str] = {
    RulesetKey("ip", "nft"): "iptables-nft",
    RulesetKey("ip6", "nft"): "ip6tables-nft",
    RulesetKey("ip", "legacy"): "iptables-legacy",
    RulesetKey("ip6", "legacy"): "ip6tables-legacy",
}

#: Native tables come after iptables' own.
_NATIVE = tuple(RulesetKey(family, "nftables") for family in get_args(TableFamily))

Fold = tuple[RulesetKey, str, str]


@dataclass(frozen=True, slots=True)
class TableView:
    """The view of the rulesets: what to show, and how.

    families, backends: empty means all. folded: chains of which only the header is shown. wanted: the filter for a
    rule's text. alive: whether a rule's counter ever changed. new: whether a rule is new since netui's start. flat: the
    sort key by rate, highest first, without headers.
    """

    families: tuple[Family, ...] = ()
    backends: tuple[Backend, ...] = ()
    folded: frozenset[Fold] = frozenset()
    wanted: Callable[[str], bool] | None = None
    alive: Callable[[RulesetKey, Rule], bool] | None = None
    new: Callable[[RulesetKey, Identity], bool] | None = None
    flat: Callable[[RulesetKey, Identity], float] | None = None
    flow: Flow | None = None


def build_lines(snapshot: Snapshot, view: TableView) -> Lines:
    """Lay out the rulesets of a snapshot for a view."""
    if view.flow is not None:
        return _steps(snapshot, view.flow)
    parts: list[Line | Block] = []
    shown = total = 0
    for key, ruleset in shown_rulesets(snapshot, view):
        native = key.backend == "nftables"
        for table in sorted(ruleset.tables, key=lambda each: 9 if native else _ORDER.get(each.name, 9)):
            part, few, many = _table(key, ruleset, table, view)
            parts.extend(part)
            shown += few
            total += many
    if view.flat is not None:
        rate = view.flat
        rules = [line for part in parts if isinstance(part, Block) for line in part.lines()]
        rules.sort(key=lambda line: -rate(line.ruleset, line.identity) if line.identity else 0.0)
        parts = list(rules)
    elif view.wanted is None and view.new is None:
        parts.extend(_notes(snapshot, view))
    if not parts:
        parts.append(_nothing(snapshot, view, total))
    return Lines(LineList(parts), shown, total)


def shown_rulesets(snapshot: Snapshot, view: TableView) -> Iterator[tuple[RulesetKey, Ruleset]]:
    """Yield the rulesets of a view, IPv4 before IPv6, nft before legacy, native tables last."""
    for key in (*_SOURCES, *_NATIVE):
        ruleset = snapshot.rulesets.get(key)
        if ruleset is None or not ruleset.tables:
            continue
        if view.families and key.family not in view.families and key.family in ("ip", "ip6"):
            continue
        if view.backends and key.backend not in view.backends:
            continue
        yield key, ruleset


def _table(key: RulesetKey, ruleset: Ruleset, table: Table, view: TableView) -> tuple[list[Line | Block], int, int]:
    index = counter_index(ruleset)
    parts: list[Line | Block] = [Line("table", key, table.name)]
    shown = total = 0
    narrowed = view.wanted is not None or view.alive is not None or view.new is not None
    for chain in table.chains:
        total += len(chain.rules)
        rules: Sequence[Rule] = chain.rules
        if view.wanted is not None:
            rules = [rule for rule in rules if view.wanted(searched(rule, table.sets))]
        if view.alive is not None:
            rules = [rule for rule in rules if view.alive(key, rule)]
        if view.new is not None:
            rules = [rule for rule in rules if view.new(key, index.of_rule(chain, rule))]
        if narrowed and not rules:
            continue
        shown += len(rules)
        folded = (key, table.name, chain.name) in view.folded and view.wanted is None
        policy = (table.name, chain.name, "", 0)
        parts.append(Line("chain", key, table.name, chain, None, policy, number=len(rules), folded=folded))
        if rules and (not folded or view.flat is not None):
            parts.append(Block(key, chain, rules, index))
    return parts if len(parts) > 1 else [], shown, total


def _notes(snapshot: Snapshot, view: TableView) -> Iterator[Line]:
    """Yield notes about what is missing: sources and native tables that were not read."""
    for key, source in _SOURCES.items():
        state = snapshot.sources.get(source)
        if state is not None and not state.read and state.error and key not in snapshot.rulesets:
            yield Line("note", key, text=f"{FAMILIES[key.family]} {key.backend}: not read: {state.error}")
    for reason in dict.fromkeys(chain.why for chain in snapshot.nft_chains or ()):
        yield Line("note", RulesetKey("ip", "nftables"), text=f"nftables: not read: {reason}")


def _nothing(snapshot: Snapshot, view: TableView, total: int) -> Line:
    key = RulesetKey("ip", "nft")
    if total:
        what = "no rule has moved yet" if view.new is None else "no rule is new since netui started"
        what = "no rule matches the filter" if view.wanted is not None else what
        return Line("note", key, text=f"{what} (of {total})")
    if not snapshot.rulesets:
        return Line("note", key, text="no iptables rules were read: see the sources of the host (tree, first line)")
    return Line("note", key, text="no rules of this family and variant")


def _steps(snapshot: Snapshot, flow: Flow) -> Lines:
    """Lay out a flow's steps in order, each leg under a heading."""
    lines: list[Line] = []
    number = 0
    for index, leg in enumerate(flow.path.telling_legs):
        packet = leg.packet
        answer = "the answer: " if index >= len(flow.path.legs) else ""
        where = f" in {leg.where}" if leg.where else ""
        head = f"{answer}{packet.protocol} {_end(packet.src, packet.sport)} → {_end(packet.dst, packet.dport)}{where}"
        lines.append(Line("note", RulesetKey(packet.family, "nft"), text=head, number=-1 - index))
        for step in leg.steps:
            number += 1
            lines.append(step_line(snapshot, step, number, bool(leg.where)))
    key = lines[0].ruleset if lines else RulesetKey("ip", "nft")
    lines.append(Line("verdict", key, text=flow.path.verdict))
    for index, (text, _) in enumerate(why(flow.path)):
        lines.append(Line("note", key, text=text, number=-101 - index))
    return Lines(LineList(lines), number, number)


def step_identities(snapshot: Snapshot, flow: Flow | None) -> dict[tuple[RulesetKey, Identity], tuple[int, ...]]:
    """Return the step numbers of a flow by rule, as a rule may be met twice."""
    steps: dict[tuple[RulesetKey, Identity], tuple[int, ...]] = {}
    for line in _steps(snapshot, flow).lines if flow is not None else ():
        if line.identity is not None:
            key = (line.ruleset, line.identity)
            steps[key] = (*steps.get(key, ()), line.number)
    return steps


def step_line(snapshot: Snapshot, step: Step, number: int, elsewhere: bool) -> Line:
    """Return the line of a step, with its chain and rule where the snapshot still has them."""
    key = RulesetKey(step.family, step.backend)
    ruleset = None if elsewhere else snapshot.rulesets.get(key)
    table = ruleset.table(step.table) if ruleset else None
    chain = table.chain(step.chain) if table else None
    rule, identity = None, None
    if ruleset is not None and chain is not None:
        if step.rule is None:
            identity = (step.table, step.chain, "", 0)
        elif step.rule <= len(chain.rules) and chain.rules[step.rule - 1].text == step.text:
            rule = chain.rules[step.rule - 1]
            identity = counter_index(ruleset).of_rule(chain, rule)
    return Line("step", key, step.table, chain, rule, identity, step.text, step, number)


def _end(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


_JUMP = re.compile(r" -[jg] (\S+)")


class References:
    """The jumps to each chain of a ruleset, including those of verdict maps; found in one pass on first use."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._from: dict[tuple[str, str], list[tuple[Chain, Rule]]] = {}
        #: tables with a verdict map that was not read
        self._unread: set[str] = set()
        for table in ruleset.tables:
            names = {chain.name for chain in table.chains}
            for chain in table.chains:
                for rule in chain.rules:
                    if rule.native is not None:
                        for name in reached(rule.native, table.sets):
                            self._from.setdefault((table.name, name), []).append((chain, rule))
                        if maps_unread(rule.native, table.sets):
                            self._unread.add(table.name)
                        continue
                    match = _JUMP.search(rule.text)
                    if match is not None and match[1] in names:
                        self._from.setdefault((table.name, match[1]), []).append((chain, rule))

    def to(self, table: str, chain: str) -> list[tuple[Chain, Rule]]:
        """Return the rules with a jump or goto to a chain."""
        return [
            (where, rule)
            for where, rule in self._from.get((table, chain), [])
            if rule.native is not None or ((target := rule.spec.target) is not None and target.name == chain)
        ]

    def count(self, table: str, chain: str) -> int | None:
        """Return the number of rules that jump to it, as in ``iptables -L`` ("2 references"); None: unknown."""
        return len(self._from.get((table, chain), [])) or (None if table in self._unread else 0)


_references: dict[int, tuple[Ruleset, References]] = {}


def references(ruleset: Ruleset) -> References:
    """Return the references of a ruleset, made once for each of the last few."""
    cached = _references.get(id(ruleset))
    if cached is not None and cached[0] is ruleset:
        return cached[1]
    counted = References(ruleset)
    if len(_references) >= 8:
        del _references[next(iter(_references))]
    _references[id(ruleset)] = (ruleset, counted)
    return counted
