"""Chains prepared for walking: rules are compiled when a packet first meets them, and indexed by a condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from netui.model import (
    Chain,
    Family,
    Hook,
    Rule,
    Table,
)
from netui.model.statements import Text, Verdict
from netui.net.conditions import ADDRESSES
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change, Step, Undecided
from netui.traversal.rules.compile_target import compile_target
from netui.traversal.rules.index import ChainIndex, build_index, rewrites
from netui.traversal.rules.matches import compile_match
from netui.traversal.rules.native.evaluate import TableSets
from netui.traversal.rules.native.program import Program
from netui.traversal.rules.native.reading import KeyContext
from netui.traversal.rules.predicates import CompiledMatch, MatchContext, Predicate
from netui.traversal.rules.target_action import Action
from netui.traversal.several import Asked

#: Chains with fewer rules have no index: asking each rule is faster.
_FEW = 8
#: The keys of matches that compare addresses.
_OF_SEVERAL = (*ADDRESSES, "set")
#: A native rule's action is what its program says.
_RUNS = Action("continue", Verdict("continue"))


@dataclass(frozen=True, slots=True)
class Around:
    """What the rules of a table need: the packets' family, and the contexts of iptables' and of native matches."""

    family: Family
    surroundings: MatchContext
    context: KeyContext


@dataclass(frozen=True, slots=True)
class AsksFor:
    """The addresses or ports of a rule's one plain match (None where there is no such match), and its other predicates.

    simple: the others compare only interfaces, the protocol, the destination port and the connection's state.
    """

    whom: Asked | None
    others: list[Predicate]
    simple: bool


@dataclass(slots=True)
class PreparedRule:
    """A rule with its predicates and action."""

    rule: Rule
    predicates: list[CompiledMatch]
    action: Action
    #: the chain to which it jumps or goes, set by the first packet that does
    inner: PreparedChain | None = None
    #: cache of its steps: by hook, or by hook and changes
    steps: dict[Hook | tuple[Hook, tuple[Change, ...]], Step] = field(default_factory=dict)
    #: a native rule's statements, used instead of predicates and action
    program: Program | None = None
    #: cache: the rule's one plain match, by the field of the packet that stands for many (see runs)
    asks: dict[str, AsksFor] = field(default_factory=dict)
    _named: dict[Hook, Undecided] = field(default_factory=dict)

    def named(self, hook: Hook, chain: Chain) -> Undecided:
        """Return the Undecided that names this rule where its target's effect cannot be known."""
        undecided = self._named.get(hook)
        if undecided is None:
            target = self.rule.spec.target
            undecided = self._named[hook] = Undecided(
                target.name if target else "",
                "",
                hook,
                chain.family,
                chain.backend,
                chain.table,
                chain.name,
                self.rule.number,
                self.rule.text,
            )
        return undecided

    @property
    def does(self) -> tuple[str, str]:
        """The kind of its action, and the chain to which it jumps or goes."""
        if self.program is not None:
            outcome = self.program.verdict()
            return outcome.kind, outcome.verdict.chain
        return self.action.kind, self.action.verdict.chain

    def usual_step(self, hook: Hook, chain: Chain) -> Step:
        """Return its step where it changes nothing."""
        if self.program is None:
            return self.steps.get(hook) or self.step(hook, chain, ())
        step = self.steps.get(hook)
        if step is None:
            step = self.steps[hook] = self.program.step(hook, self.program.verdict())
        return step

    def step(self, hook: Hook, chain: Chain, changes: tuple[Change, ...]) -> Step:
        """Return the step of this rule of a chain."""
        key = (hook, changes) if changes else hook
        step = self.steps.get(key)
        if step is not None:
            return step
        step = Step(
            hook=hook,
            family=chain.family,
            backend=chain.backend,
            table=chain.table,
            chain=chain.name,
            rule=self.rule.number,
            text=self.rule.text,
            verdict=self.action.verdict,
            index=self.rule.index,
            changes=changes,
        )
        self.steps[key] = step
        return step


class PreparedChain:
    """A chain whose rules are compiled when a packet first comes to them."""

    def __init__(self, chain: Chain, table: PreparedTable, around: Around) -> None:
        self.chain = chain
        self.table = table
        self._around = around
        self.compiled: list[PreparedRule | None] = [None] * len(chain.rules)
        #: made by the first packet; None for short chains
        self.index: ChainIndex | None = None
        self._all = range(len(chain.rules))
        self._few = len(chain.rules) < _FEW or table.rewrites
        self._left: dict[Hook, Step] = {}
        #: ways through it as a base chain (see remembered)
        self.passages: dict[tuple[object, ...], list[Any]] = {}
        #: whether a packet's walk through it and the chains that it jumps to was given up
        self.endless = False

    def rule(self, position: int) -> PreparedRule:
        """Return the compiled rule at a position counted from 0."""
        prepared = self.compiled[position]
        if prepared is None:
            rule = self.chain.rules[position]
            if rule.native is not None:
                program = Program(rule, self.chain, rule.native.statements, self._around.context, self.table.sets)
                prepared = PreparedRule(rule, [], _RUNS, program=program)
                self.compiled[position] = prepared
                return prepared
            spec = rule.spec
            predicates: list[CompiledMatch] = []
            for match in spec.matches:
                predicates.extend(compile_match(match, self._around.family, self._around.surroundings))
            # matches of many addresses come last: most often another match fails first
            predicates.sort(key=lambda match: match.key in _OF_SEVERAL)
            action = compile_target(spec.target, self.table.names, self._around.family)
            prepared = PreparedRule(rule, predicates, action)
            self.compiled[position] = prepared
        return prepared

    def inner(self, rule: PreparedRule) -> PreparedChain:
        """Return the chain to which a rule of this one jumps or goes."""
        rule.inner = self.table.chain(rule.action.verdict.chain)
        return rule.inner

    def candidates(self, packet: PacketState) -> Sequence[int]:
        """Return the positions of the rules that could match, in order.

        Without an index, these are all rules. The index only leaves out rules whose source, destination,
        interface or port cannot be the packet's.
        """
        if self._few:
            return self._all
        if self.index is None:
            self.index = build_index(self.chain)
        return self.index.candidates(packet)

    def let_go(self) -> None:
        """Forget its rules and what was made of them. A packet that came here now would raise, not meet no rule."""
        del self.chain, self.compiled, self.index, self._left
        self.passages.clear()

    def left_by_policy(self, hook: Hook) -> Step:
        """Return the step of a base chain's policy."""
        step = self._left.get(hook)
        if step is None:
            chain = self.chain
            policy = chain.policy or "ACCEPT"
            step = self._left[hook] = Step(
                hook=hook,
                family=chain.family,
                backend=chain.backend,
                table=chain.table,
                chain=chain.name,
                rule=None,
                text=f"policy {policy.lower()}" if chain.backend == "nftables" else f"-P {chain.name} {policy}",
                verdict=Verdict(policy.lower()),
                index=chain.index,
            )
        return step


class PreparedTable:
    """A table's chains by name."""

    def __init__(self, table: Table, around: Around) -> None:
        self.table = table
        self.sets = TableSets(table.sets)
        self.names = frozenset(chain.name for chain in table.chains)
        self._around = around
        self._by_name = {chain.name: chain for chain in table.chains}
        #: whether rules of the table may change a packet's addresses or ports
        self.rewrites = rewrites(table)
        self._prepared: dict[str, PreparedChain] = {}

    def words(self) -> Iterator[str]:
        """Yield the words of the table's rules and the names in its sets, each prefix with ``*``."""
        for chain in self.table.chains:
            for rule in chain.rules:
                yield from (word.strip('"') for word in rule.text.replace(",", " ").split())
        for nft_set in self.table.sets.values():
            for element in nft_set.elements or ():
                for part in element.parts:
                    if isinstance(part, Text):
                        yield part.text + ("*" if part.prefix else "")

    def chain(self, name: str) -> PreparedChain:
        """Return a chain of the table, prepared."""
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = PreparedChain(self._by_name[name], self, self._around)
            self._prepared[name] = prepared
        return prepared

    def let_go(self) -> None:
        """Forget its chains and what was made of them.

        Chains and table hold each other, and so do the answers that several keep of a chain (see runs).
        """
        for chain in self._prepared.values():
            chain.let_go()
        self._prepared = {}
        del self._by_name, self.table
