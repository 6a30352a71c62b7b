"""The walk through the base chains of a hook, as the kernel's nf_hook_slow does it.

An accept ends its own base chain only; a drop is final. nat chains see the first packet of a connection only, and the
first binding of a kind wins. The steps are the rules that matched and the policies that ended base chains.

Longer than 300 lines: the methods of one walker call each other rule by rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

from netui.model import Chain, Hook
from netui.traversal.host.namespace import BaseChain, Namespace
from netui.traversal.host.prepared_chain import PreparedChain, PreparedRule
from netui.traversal.packet_state import PacketState
from netui.traversal.result import BY_AGE, Change, Fate, Step, Undecided
from netui.traversal.rules.native.program import Program
from netui.traversal.rules.native.run import Outcome
from netui.traversal.rules.order import orders
from netui.traversal.rules.predicates import CompiledMatch, Unsure
from netui.traversal.rules.remembered import JUMP, forwarded
from netui.traversal.rules.runs import fan, run_from
from netui.traversal.rules.target_action import TargetContext, Unknowable
from netui.traversal.several import Fork, Split
from netui.traversal.unknowns import Unknowns

CONNTRACK = -200
_DEEPEST = 200
#: The most work of one packet's walk: each rule costs 1, a jump JUMP more. Without it, chains whose jumps double would
#: be walked forever. The longest chains of real hosts cost a hundredth of it.
MOST_WORK = 2_000_000
_ENDLESS = "the jumps come back to the same chains too often to be followed"
#: The fate of a packet by the action that ends its way through a hook; every other action drops it.
_FATES: dict[str, Fate] = {"accept": "accept", "nat": "accept", "reject": "reject"}
_UNTOLD = "a snapshot cannot tell whether this matches"


def same_way(_packet: PacketState) -> bool:
    """The route is unchanged."""
    return True


def _telling(unknown: tuple[CompiledMatch, ...]) -> CompiledMatch:
    """Of a rule's unknown matches, the one that decides.

    A match that usually fails decides, whatever the others answer. Where matches usually hold, the others decide.
    """
    counted = [one for one in unknown if isinstance(one.predicate, Unsure) and one.predicate.bound]
    fails = [one for one in counted if isinstance(one.predicate, Unsure) and not one.predicate.usual]
    rest = [one for one in unknown if one not in counted]
    plain = [one for one in rest if not (isinstance(one.predicate, Unsure) and one.predicate.chance)]
    return (fails or plain or rest or counted)[0]


@dataclass(slots=True)
class Walker:
    """Walks one packet through the hooks of one namespace, with one set of answers to what is unknown."""

    namespace: Namespace
    unknowns: Unknowns
    steps: list[Step] = field(default_factory=list)
    #: routes the packet again where OUTPUT changed it; False: there is no route, and it is dropped
    reroute: Callable[[PacketState], bool] = same_way
    #: the work so far
    work: int = 0
    _gave_up: bool = False

    def hook(self, hook: Hook, packet: PacketState) -> Fate:
        """Walk all base chains at a hook; return the packet's fate."""
        hook_chains = self.namespace.hook_chains(packet.family, hook)
        if hook_chains.unread:
            raise Unknowable(Undecided("the rules", hook_chains.unread, hook=hook, family=packet.family))
        tracks, nat, nat_at = hook_chains.tracks, hook_chains.nat, hook_chains.nat_at
        # FORWARD translates nothing
        nat_done = hook == "forward"
        for priority, others in hook_chains.groups:
            if tracks and priority > CONNTRACK and packet.connection is None:
                packet.track()
            if not nat_done and priority >= nat_at:
                nat_done = True
                fate = self._translate(hook, nat, packet)
                if fate != "accept":
                    return fate
            if others:
                fate = self.base(hook, others[0], packet) if len(others) == 1 else self._group(hook, others, packet)
                if fate != "accept":
                    return fate
        if tracks and packet.connection is None:
            packet.track()
        if not nat_done:
            return self._translate(hook, nat, packet)
        return "accept"

    def frame(self, hook: Hook, bases: Sequence[BaseChain], packet: PacketState) -> Fate:
        """Walk base chains of the netdev or bridge family, by priority: nothing is tracked or translated there."""
        return self._group(hook, bases, packet)

    def _translate(self, hook: Hook, nat: Sequence[BaseChain], packet: PacketState) -> Fate:
        """Bind (first packet) or apply (answers) the connection's translation at this hook."""
        connection = packet.connection
        if connection is None:
            return "accept"
        destination = hook in ("prerouting", "output")
        if not connection.new:
            if destination and connection.snat:
                packet.dst, packet.dport = connection.original.src, connection.original.sport
            elif not destination and connection.dnat:
                packet.src, packet.sport = connection.original.dst, connection.original.dport
                packet.any_sport = connection.any_dport
            return "accept"
        if connection.dst_done if destination else connection.src_done:
            return "accept"
        dst = packet.dst
        for order in nat if len(nat) == 1 else self._ordered(hook, nat, packet):
            fate = self.base(hook, order, packet)
            if hook == "output" and packet.dst != dst and fate == "accept" and not self.reroute(packet):
                # nf_nat_ipv4_local_fn: a new address changes the route, a new port does not
                return "drop"
            if fate != "accept":
                return fate
            if connection.dst_done if destination else connection.src_done:
                return "accept"
        if destination:
            connection.dst_done = True
        else:
            connection.src_done = True
        return "accept"

    def _group(self, hook: Hook, group: Sequence[BaseChain], packet: PacketState) -> Fate:
        for base in self._ordered(hook, group, packet):
            fate = self.base(hook, base, packet)
            if fate != "accept":
                return fate
        return "accept"

    def _ordered(self, hook: Hook, bases: Sequence[BaseChain], packet: PacketState) -> Sequence[BaseChain]:
        """Return the bases in the kernel's order, which is not defined at equal priority."""
        if len(bases) < 2:
            return bases
        ordered: list[BaseChain] = []
        for priority in sorted({base.priority for base in bases}):
            equal = [base for base in bases if base.priority == priority]
            busy = [base for base in equal if base.does_something]
            in_order = self.namespace.in_order(packet.layer or packet.family, hook, busy) if len(busy) > 1 else busy
            if in_order is not None:
                busy = in_order
            else:
                by_age = self.namespace.youngest_first(busy)
                translates = busy[0].type == "nat" and hook != "forward"

                def trial(base: BaseChain, copy: PacketState, unknowns: Unknowns) -> Fate:
                    return Walker(self.namespace, unknowns).base(hook, base, copy)

                tried = orders(by_age or busy, packet, trial, translates=translates)
                unknown = self._order_unknown(hook, busy, packet, by_age is not None)
                busy = list(tried[self.unknowns.branch(len(tried), unknown) if len(tried) > 1 else 0])
            ordered += busy + [base for base in equal if not base.does_something]
        return ordered

    def _order_unknown(self, hook: Hook, bases: Sequence[BaseChain], packet: PacketState, aged: bool) -> Undecided:
        names = " and ".join(dict.fromkeys(base.backend for base in bases))
        reason = f"the kernel does not define which of the {names} chains at {hook} runs first"
        if aged:
            tables = " and ".join(dict.fromkeys(f"table {base.place[0]} {base.place[1]}" for base in bases))
            reason = f"the chains of {tables} at {hook} have the same priority, and which runs first was not printed"
        return Undecided(BY_AGE if aged else "order", reason, hook=hook, family=packet.family)

    def base(self, hook: Hook, base: BaseChain, packet: PacketState) -> Fate:
        """Walk one base chain; its policy decides where no rule does."""
        if base.native is not None:
            return self._native(hook, base, packet)
        assert base.chain is not None
        if hook == "forward":
            passage = forwarded(base.chain, hook, packet)
            if passage is not None and self.work + passage.work < MOST_WORK:
                self.work += passage.work
                self.steps += passage.steps
                return passage.fate or self._policy(hook, base.chain)
        before = (packet.src, packet.dst, packet.mark) if base.type == "route" else None
        fate = self._chain(hook, base.chain, packet, 0)
        if fate is None:
            fate = self._policy(hook, base.chain)
        if before is None:
            return fate
        changed = before != (packet.src, packet.dst, packet.mark)
        if changed and fate == "accept" and not self.reroute(packet):
            # only mangle's OUTPUT routes again when a mark changed
            return "drop"
        return fate

    def _policy(self, hook: Hook, prepared: PreparedChain) -> Fate:
        self.steps.append(prepared.left_by_policy(hook))
        return "drop" if prepared.chain.policy == "DROP" else "accept"

    def _native(self, hook: Hook, base: BaseChain, packet: PacketState) -> Fate:
        """Walk a native chain of which only the effects are known: each effect may happen, or none."""
        native = base.native
        assert native is not None
        if native.type == "nat" and (packet.connection is None or not packet.connection.new):
            return "accept"
        unknown = Undecided(
            "nftables",
            native.why or f"the rules of table {native.family} {native.table} (native nftables) were not read",
            hook=hook,
            family=native.family,
            backend="native",
            table=native.table,
            chain=native.name,
        )
        if native.effects - {"drop", "reject"}:
            if self.unknowns.branch(2, unknown):
                raise Unknowable(unknown)
            return "accept"
        fates: list[Fate] = ["accept"]
        fates += ["drop"] if "drop" in native.effects else []
        fates += ["reject"] if "reject" in native.effects else []
        return fates[self.unknowns.branch(len(fates), unknown)]

    def _chain(self, hook: Hook, prepared: PreparedChain, packet: PacketState, depth: int) -> Fate | None:
        """Walk a chain; None where it returns to its caller."""
        chain, compiled = prepared.chain, prepared.compiled
        candidates = prepared.candidates(packet)
        self.work += len(candidates)
        position = 0
        while True:
            try:
                for position in candidates:
                    rule = compiled[position] or prepared.rule(position)
                    if rule.program is not None:
                        outcome = rule.program.run(hook, packet, self.unknowns)
                        if outcome is None:
                            continue
                        self.steps.append(rule.program.step(hook, outcome))
                        if outcome.kind == "continue":
                            continue
                        ruled = self._native_verdict(hook, prepared, rule.program, outcome, packet, depth)
                        if ruled == "next":
                            continue
                        return None if ruled == "return" else ruled
                    matched = True
                    unknown: tuple[CompiledMatch, ...] = ()
                    for asked in rule.predicates:
                        answer = asked.predicate(packet)
                        if answer is False:
                            matched = False
                            break
                        if answer is None:
                            unknown = (*unknown, asked)
                    if not matched or (unknown and not self._assumed(hook, chain, rule, unknown)):
                        continue
                    action = rule.action
                    changes: tuple[Change, ...] = ()
                    kind = action.kind
                    if kind == "unknown":
                        kind = self._unknown_target(hook, prepared, rule)
                    elif kind == "queue":
                        kind = (
                            "drop"
                            if self.unknowns.branch(2, self._about(hook, prepared, rule, "a program decides"))
                            else "accept"
                        )
                    if action.effect is not None:
                        fib = self.namespace.fibs[packet.family]
                        context = TargetContext(hook, fib, self.unknowns, rule.named(hook, chain))
                        changes = action.effect(packet, context)
                    # most steps are in the cache
                    self.steps.append((not changes and rule.steps.get(hook)) or rule.step(hook, chain, changes))
                    match kind:
                        case "continue":
                            continue
                        case "jump" | "goto":
                            inner = rule.inner or prepared.inner(rule)
                            fate = self._jump(hook, inner, packet, depth, partial(self._about, hook, prepared, rule))
                            # goto: an end or RETURN there goes back to the caller of the last jump
                            if fate is not None or kind == "goto":
                                return fate
                        case "return":
                            return None
                        case ending:
                            return _FATES.get(ending, "drop")
            except Split as split:
                candidates = candidates[candidates.index(position) :]
                ruled_at_once = self._at_once(hook, prepared, candidates, split, packet, depth)
                if ruled_at_once == "next":
                    candidates = candidates[1:]
                    continue
                return ruled_at_once
            return None

    def _at_once(
        self,
        hook: Hook,
        prepared: PreparedChain,
        candidates: Sequence[int],
        split: Split,
        packet: PacketState,
        depth: int,
    ) -> Fate | Literal["next"] | None:
        """Walk a run of rules that divides the senders; raises Fork or Split.

        Returns "next" where the first rule matches none of them.
        """
        several = split.several
        run = run_from(prepared, candidates, hook, packet, several)
        if run is None:
            raise split
        parts = run.parts()
        if len(parts) > 1:
            raise Fork(several, parts) from None
        if not run.groups:
            return "next"
        (group,) = run.groups
        if len(group.rules) == 1:
            # it matches all of them; its action divides them
            raise split
        self.steps.append(fan(prepared, group, hook))
        first = prepared.rule(group.rules[0][0])
        kind, target = first.does
        if kind not in ("jump", "goto"):
            return None if kind == "return" else _FATES.get(kind, "drop")
        about = partial(self._about, hook, prepared, first)
        if first.program is not None:
            about = partial(first.program.about, hook, kind)
        fate = self._jump(hook, prepared.table.chain(target), packet, depth, about)
        if fate is None and kind == "jump":
            # they return to the rules after theirs
            raise Fork(several, several.cut(("apart", run), lambda: [met for _position, met in group.rules]))
        return fate

    def _jump(
        self, hook: Hook, inner: PreparedChain, packet: PacketState, depth: int, about: Callable[[str], Undecided]
    ) -> Fate | None:
        """Walk a chain to which a rule jumps, within the limits; about: returns the Undecided that names the rule."""
        if depth >= _DEEPEST:
            raise Unknowable(about("the jumps are too deep"))
        before = self.work
        self.work += JUMP
        if inner.endless or before > MOST_WORK:
            raise Unknowable(about(_ENDLESS))
        try:
            return self._chain(hook, inner, packet, depth + 1)
        except Unknowable:
            if self.work > MOST_WORK and not self._gave_up and self.work - before > MOST_WORK // 2:
                # the work is in this chain: other packets need not try it
                self._gave_up = inner.endless = True
            raise

    def _native_verdict(
        self,
        hook: Hook,
        prepared: PreparedChain,
        program: Program,
        outcome: Outcome,
        packet: PacketState,
        depth: int,
    ) -> Fate | Literal["next", "return"]:
        """Apply a native rule's verdict: the packet's fate, the next rule, or the return to the caller."""
        match outcome.kind:
            case "jump" | "goto":
                if outcome.verdict.chain not in prepared.table.names:
                    reason = f"the table has no chain {outcome.verdict.chain}"
                    raise Unknowable(program.about(hook, outcome.verdict.text, reason))
                inner = prepared.table.chain(outcome.verdict.chain)
                fate = self._jump(hook, inner, packet, depth, partial(program.about, hook, outcome.verdict.text))
                if fate is not None:
                    return fate
                return "next" if outcome.kind == "jump" else "return"
            case "return":
                return "return"
            case ending:
                return _FATES.get(ending, "drop")

    def _assumed(self, hook: Hook, chain: Chain, rule: PreparedRule, unknown: tuple[CompiledMatch, ...]) -> bool:
        """Whether this walk assumes that the unknown matches hold."""
        predicate, words, _key = _telling(unknown)
        why, bound, chance, likely = "", "", False, False
        if isinstance(predicate, Unsure):
            why, bound, chance, likely = predicate.why, predicate.bound, predicate.chance, predicate.usual
        about = Undecided(
            words,
            why or ("a snapshot cannot tell what it has counted" if bound else _UNTOLD),
            hook,
            chain.family,
            chain.backend,
            chain.table,
            chain.name,
            rule.rule.number,
            rule.rule.text,
            bound,
            chance,
        )
        if rule.action.kind == "continue" and rule.action.effect is None:
            # a limited LOG: the packet goes on in both cases, so no branch is needed
            self.unknowns.branch(1, about)
            return likely
        return bool(self.unknowns.branch(2, about, int(likely)))

    def _unknown_target(
        self, hook: Hook, prepared: PreparedChain, rule: PreparedRule
    ) -> Literal["continue", "accept", "drop"]:
        about = self._about(hook, prepared, rule, f"netui does not know the target ({rule.action.verdict.text})")
        if prepared.chain.table == "nat":
            raise Unknowable(about)
        fates: tuple[Literal["continue", "accept", "drop"], ...] = ("continue", "accept", "drop")
        return fates[self.unknowns.branch(3, about)]

    @staticmethod
    def _about(hook: Hook, prepared: PreparedChain, rule: PreparedRule, reason: str) -> Undecided:
        return replace(rule.named(hook, prepared.chain), reason=reason)
