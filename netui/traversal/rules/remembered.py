"""A cache of ways through a base chain: similar packets mostly meet the same rules.

The exposure of a host asks for each container from each network. A passage has the predicates that were asked of one
packet, their answers, and the outcome. Another packet with the same answers goes the same way. Rules that change a
packet, count, or are unknown have no passage; only the first translation of a nat chain may end one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from netui.model import Hook
from netui.net.conditions import DESTINATION, DPORT, IIF, OIF, PROTOCOL, SOURCE, SPORT
from netui.traversal.host.prepared_chain import PreparedChain, PreparedRule
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Fate, Step
from netui.traversal.rules.predicates import CompiledMatch, Predicate

#: The keys of matches whose answer is the same for all packets of a passage through FORWARD …
_COMMON = frozenset({IIF, OIF, *SOURCE, PROTOCOL})
#: … and of other matches without side effects: these keys, and those of connections.
_ASKED = frozenset({*DESTINATION, SPORT, DPORT, "th port", "tcp flags", "sctp", "meta mark", "addrtype"})
_ENDS: dict[str, Fate] = {"accept": "accept", "drop": "drop", "reject": "reject"}
#: The number of passages after which the cache of a chain is given up.
_MOST = 4
#: A passage of more work than this is walked, so that it counts for the walk's budget (see walk.MOST_WORK).
_MOST_WORK = 20_000
_DEEPEST = 16
#: The cost of a jump.
JUMP = 200


class NotPlain(Exception):
    """A rule does more than pass or stop, or its match is unknown."""


@dataclass(slots=True)
class Passage:
    """One way through a base chain: its conditions and its outcome.

    asked: predicates with their answers. lookups: in chains' indexes, with their results. fate: None where the
    chain's policy decides. translation: the rule that translates, which ends the passage.
    """

    asked: list[tuple[Predicate, bool]] = field(default_factory=list)
    lookups: list[tuple[Callable[[PacketState], object], object]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    fate: Fate | None = None
    translation: PreparedRule | None = None
    work: int = 0

    def fits(self, packet: PacketState) -> bool:
        """Whether a packet goes this way; the fields that no predicate read must be the same already."""
        for look_up, there in self.lookups:
            if look_up(packet) != there:
                return False
        return all(predicate(packet) is answer for predicate, answer in self.asked)


def through(chain: PreparedChain, hook: Hook, packet: PacketState, common: frozenset[str] = frozenset()) -> Passage:
    """Return a packet's passage through a base chain; raises NotPlain where it must be walked.

    common: the keys of matches whose answer is the same for all packets of the passage.
    """
    passage = Passage()
    passage.fate = _follow(passage, chain, hook, packet, common, 0)
    return passage


def forwarded(chain: PreparedChain, hook: Hook, packet: PacketState) -> Passage | None:
    """Return the passage of a packet through a base chain, shared by packets of its sender; None: walk it."""
    if (
        packet.any_src is not None
        or packet.any_dst is not None
        or packet.any_dport is not None
        or packet.any_sport is not None
    ):
        return None
    key = (hook, packet.iif, packet.oif, packet.src, packet.protocol)
    passages: list[Passage] | None = chain.passages.get(key)
    if passages is None:
        passages = chain.passages[key] = []
    for one in passages:
        if one.fits(packet):
            return one
    if len(passages) >= _MOST:
        return None
    try:
        passage = through(chain, hook, packet, _COMMON)
    except NotPlain:
        # it is not tried again
        passages += [_NOBODYS] * (_MOST - len(passages))
        return None
    passages.append(passage)
    return passage


def _never(_packet: PacketState) -> None:
    return None


_NOBODYS = Passage([(_never, True)])


def _follow(
    passage: Passage, prepared: PreparedChain, hook: Hook, packet: PacketState, common: frozenset[str], depth: int
) -> Fate | None:
    candidates: Sequence[int] = prepared.candidates(packet)
    index = prepared.index
    if index is not None and not common:
        passage.lookups.append((index.candidates, candidates))
    elif index is not None and (index.by_dst or index.by_dport):
        passage.lookups.append((index.of_destination, index.of_destination(packet)))
    passage.work += len(candidates)
    if passage.work > _MOST_WORK or depth > _DEEPEST:
        raise NotPlain
    for position in candidates:
        rule = prepared.compiled[position] or prepared.rule(position)
        if rule.program is not None:
            raise NotPlain
        if not all(_holds(passage, match, packet, common) for match in rule.predicates):
            continue
        action = rule.action
        if action.kind == "nat" and not common:
            passage.translation = rule
            return "accept"
        if action.effect is not None:
            raise NotPlain
        if action.kind in _ENDS:
            passage.steps.append(rule.usual_step(hook, prepared.chain))
            return _ENDS[action.kind]
        if action.kind not in ("continue", "jump", "goto", "return"):
            raise NotPlain
        passage.steps.append(rule.usual_step(hook, prepared.chain))
        if action.kind == "return":
            return None
        if action.kind == "continue":
            continue
        inner = rule.inner or prepared.inner(rule)
        if inner.endless:
            raise NotPlain
        passage.work += JUMP
        fate = _follow(passage, inner, hook, packet, common, depth + 1)
        if fate is not None or action.kind == "goto":
            return fate
    return None


def _holds(passage: Passage, match: CompiledMatch, packet: PacketState, common: frozenset[str]) -> bool:
    key = match.key
    asked = key not in common
    if asked and key not in _ASKED and key not in _COMMON and not key.startswith("ct "):
        raise NotPlain
    answer = match.predicate(packet)
    if answer is None:
        raise NotPlain
    if asked:
        passage.asked.append((match.predicate, answer))
    return answer
