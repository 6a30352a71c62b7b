"""A run of consecutive rules that each match one network of senders or one port, evaluated together.

An allow list is many such rules, one after the other. The senders of all rules with the same action go the same
way from there. They are walked together, and their step is a Fan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netui.dialects.conditions import first_asked
from netui.model import Family, Hook
from netui.model.statements import Compare, Nat, Note, Verdict
from netui.net.conditions import DPORT, IIF, OIF, PROTOCOL, STATE
from netui.net.intervals import IntervalSet
from netui.traversal.any_outside import Senders
from netui.traversal.host.prepared_chain import AsksFor, PreparedChain, PreparedRule
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Step
from netui.traversal.rules.predicates import Predicate
from netui.traversal.several import Asked, Fork, Several, Split
from netui.traversal.unknowns import Unknowns

#: The actions after which senders go the same way; after a jump, unless they return from it.
_ENDS = ("accept", "drop", "reject", "return", "jump", "goto")


@dataclass(frozen=True, slots=True)
class Fan(Step):
    """The step of many senders (or ports), of which each part met a rule of its own; its fields are the first part's.

    several: the senders. parts: each with its step.
    """

    several: Several | None = None
    parts: tuple[tuple[IntervalSet, Step], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Senders that go the same way after a run. rules: of each part, the position of its rule in the chain."""

    several: Several
    rules: tuple[tuple[int, IntervalSet], ...]


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run. rest: the senders that no rule of it matches, None where there are none."""

    groups: tuple[Group, ...]
    rest: Several | None

    def parts(self) -> list[Several]:
        """Return the senders of each way."""
        return [group.several for group in self.groups] + ([self.rest] if self.rest is not None else [])


def run_from(
    prepared: PreparedChain, positions: Sequence[int], hook: Hook, packet: PacketState, several: Several
) -> Run | None:
    """Return the run that begins with the rule at the first of these positions; None where it begins none.

    A run without groups: that rule matches none of the senders, although one of its matches divides them.
    """
    kind = _kind(packet, several)
    connection = packet.connection
    same = (
        prepared, tuple(positions), kind, packet.iif, packet.oif, packet.protocol, packet.dport, packet.any_dport,
        packet.untracked, connection and (connection.new, connection.dnat, connection.snat),
    )  # fmt: skip
    kept: Run | None = several.kept.get(same)
    if kept is not None:
        return kept
    matching: list[tuple[int, Asked]] = []
    keys: list[tuple[object, ...]] = []
    # whether the run is the same for all packets with the fields above
    simple = True
    passed = False
    for position in positions:
        rule = prepared.compiled[position] or prepared.rule(position)
        try:
            taken, key = _taken(rule, hook, packet, several, kind)
        except (Split, Fork):
            # another match of it divides the senders, too
            simple = False
            break
        simple = simple and rule.program is None and rule.asks[kind].simple
        if taken is False:
            passed = passed or not matching
            continue
        if not isinstance(taken, tuple) or not key:
            break
        matching.append((position, taken))
        keys.append((*key, position) if key[0] == "nat" else key)
    if not matching:
        return Run((), several) if passed else None
    name = (prepared, tuple(matching))
    run: Run | None = several.kept.get(name)
    if run is None:
        run = several.kept[name] = _grouped(several, matching, keys)
    if simple:
        several.kept[same] = run
    return run


def _kind(packet: PacketState, several: Several) -> str:
    """The key of the packet that stands for many; "" for others."""
    if packet.any_dport is several:
        return DPORT
    for side, vague in (("saddr", packet.any_src), ("daddr", packet.any_dst)):
        if isinstance(vague, Senders) and vague.several is several:
            return f"{packet.family} {side}"
    return ""


def _grouped(several: Several, matching: Sequence[tuple[int, Asked]], keys: Sequence[tuple[object, ...]]) -> Run:
    left = several.numbers
    by_key: dict[tuple[object, ...], list[tuple[int, IntervalSet]]] = {}
    for (position, (about, inside)), key in zip(matching, keys, strict=True):
        met = left & about if inside else left - about
        if met:
            by_key.setdefault(key, []).append((position, met))
            left -= met
    if len(by_key) == 1 and not left:
        return Run(tuple(Group(several, tuple(rules)) for rules in by_key.values()), None)
    groups = [Group(Several(_joined(rules)), tuple(rules)) for rules in by_key.values()]
    return Run(tuple(groups), Several(left) if left else None)


def _joined(rules: Sequence[tuple[int, IntervalSet]]) -> IntervalSet:
    return rules[0][1] if len(rules) == 1 else IntervalSet(span for _position, met in rules for span in met)


#: Whether a rule matches: none, all, or some of the senders; None where that is unknown.
Taken = Asked | bool | None


def _taken(
    rule: PreparedRule, hook: Hook, packet: PacketState, several: Several, kind: str
) -> tuple[Taken, tuple[object, ...]]:
    """Return which of the senders a rule matches, and the key of its action (() for an action that ends a run)."""
    if rule.program is not None:
        return _native(rule, hook, packet, several)
    action = rule.action
    key: tuple[object, ...] = ()
    if action.kind == "nat":
        key = ("nat",)
    elif action.effect is None and action.kind in _ENDS:
        key = (action.kind, action.verdict.chain)
    senders = rule.asks.get(kind)
    if senders is None:
        senders = rule.asks[kind] = _plain(rule, kind, packet.family)
    if senders.whom is None:
        return several.learn(lambda: _holds(senders.others, packet)), key
    answer = _holds(senders.others, packet)
    return (senders.whom if answer is True else answer), key


#: Keys whose predicates have the same answer for many packets (see AsksFor).
_SIMPLE = (IIF, OIF, PROTOCOL, STATE, DPORT)


def _plain(rule: PreparedRule, key: str, family: Family) -> AsksFor:
    """Return the values of a rule's one condition on a key, and the predicates of its other conditions."""
    asked = first_asked(rule.rule, family, key)
    values = asked.intervals() if asked is not None else None
    others = [match for match in rule.predicates if asked is None or match.words != asked.words]
    whom = (values, not asked.negated) if asked is not None and values is not None else None
    if whom is None or len(others) != len(rule.predicates) - 1:
        whom, others = None, rule.predicates
    simple = key not in ("", DPORT) and all(match.key in _SIMPLE for match in others)
    return AsksFor(whom, [match.predicate for match in others], simple)


def _holds(predicates: Sequence[Predicate], packet: PacketState) -> bool | None:
    answer: bool | None = True
    for predicate in predicates:
        one = predicate(packet)
        if one is False:
            return False
        answer = None if one is None else answer
    return answer


def _native(rule: PreparedRule, hook: Hook, packet: PacketState, several: Several) -> tuple[Taken, tuple[object, ...]]:
    program = rule.program
    assert program is not None
    statements = program.statements
    last = statements[-1] if statements else None
    if not isinstance(last, Verdict | Nat) or not all(isinstance(one, Compare | Note) for one in statements[:-1]):
        return None, ()
    unknowns = Unknowns()
    taken = several.learn(lambda: None if (met := program.matches(hook, packet, unknowns)) is None else met)
    if unknowns.taken:
        return None, ()
    if isinstance(last, Nat):
        return taken, ("nat",)
    return taken, (last.kind, last.chain) if last.kind in _ENDS else ()


def fan(prepared: PreparedChain, group: Group, hook: Hook) -> Step:
    """Return the step of a group of a run in a chain."""
    if len(group.rules) == 1:
        return prepared.rule(group.rules[0][0]).usual_step(hook, prepared.chain)
    key = ("fan", prepared, id(group), hook)
    kept: tuple[Group, Fan] | None = group.several.kept.get(key)
    if kept is None:
        steps = [prepared.rule(position).usual_step(hook, prepared.chain) for position, _met in group.rules]
        parts = tuple((met, step) for (_position, met), step in zip(group.rules, steps, strict=True))
        first = steps[0]
        fan_step = Fan(
            first.hook, first.family, first.backend, first.table, first.chain, first.rule, first.text, first.verdict,
            first.index, first.changes, first.handle, group.several, parts,
        )  # fmt: skip
        # the cached group must live as long as its id is a key
        kept = group.several.kept[key] = (group, fan_step)
    return kept[1]
