"""The way through a base chain, remembered: packets that are alike mostly meet the same rules.

A host's exposure asks each container from each network. A passage holds what rules asked of one packet, with the
answers, and what came of it; another packet that gives the same answers goes the same way. Rules that change a
packet, count, or cannot be known have no passage, but that the first translation of a nat chain may end one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from netui.model import Hook
from netui.traversal.host.prepared_chain import PreparedChain, PreparedRule
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Fate, Step
from netui.traversal.rules.predicates import Predicate

#: What begins the words of matches that ask for what the packets of a passage through FORWARD have in common …
_COMMON = ("-i ", "! -i ", "-o ", "! -o ", "-s ", "! -s ", "-p ", "! -p ", "comment ")
#: … and of those that ask for something else and do nothing by it.
_ASKED = ("-d ", "! -d ", "conntrack ", "state ", "tcp ", "udp ", "sctp ", "mark ", "addrtype ")
_ENDS: dict[str, Fate] = {"accept": "accept", "drop": "drop", "reject": "reject"}
#: So many passages of alike packets are tried before they are given up as each of its own kind.
_MOST = 4
#: A passage of more work than this is walked, so that the walk's budget counts (see walk.MOST_WORK).
_MOST_WORK = 20_000
_DEEPEST = 16
#: What a jump costs.
JUMP = 200


class NotPlain(Exception):
    """A rule does more than let pass or stop, or what it asks cannot be known."""


@dataclass(slots=True)
class Passage:
    """One way through a base chain: what it hangs on, and what came of it.

    asked: matches with their answers. found: what the index of a chain was asked for, with what it found. fate: None
    where the chain's policy decides. translation: the rule that translates, and ends the passage.
    """

    asked: list[tuple[Predicate, bool]] = field(default_factory=list)
    found: list[tuple[Callable[[PacketState], object], object]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    fate: Fate | None = None
    translation: PreparedRule | None = None
    work: int = 0

    def fits(self, packet: PacketState) -> bool:
        """Whether a packet, which has in common what was not asked, goes this way."""
        for look_up, there in self.found:
            if look_up(packet) != there:
                return False
        return all(predicate(packet) is answer for predicate, answer in self.asked)


def through(chain: PreparedChain, hook: Hook, packet: PacketState, common: tuple[str, ...] = ()) -> Passage:
    """Return a packet's passage through a base chain; raises NotPlain where it has to be walked.

    common: what begins the words of matches of which all packets of the passage know the answer.
    """
    made = Passage()
    made.fate = _follow(made, chain, hook, packet, common, 0)
    return made


def forwarded(chain: PreparedChain, hook: Hook, packet: PacketState) -> Passage | None:
    """Return the passage of a packet through a base chain, which others of its sender share; None: it is walked."""
    if (
        packet.any_src is not None
        or packet.any_dst is not None
        or packet.any_dport is not None
        or packet.any_sport is not None
    ):
        return None
    key = (hook, packet.iif, packet.oif, packet.src, packet.protocol)
    known: list[Passage] | None = chain.passages.get(key)
    if known is None:
        known = chain.passages[key] = []
    for one in known:
        if one.fits(packet):
            return one
    if len(known) >= _MOST:
        return None
    try:
        made = through(chain, hook, packet, _COMMON)
    except NotPlain:
        # nor is it tried again
        known += [_NOBODYS] * (_MOST - len(known))
        return None
    known.append(made)
    return made


def _never(_packet: PacketState) -> None:
    return None


_NOBODYS = Passage([(_never, True)])


def _follow(
    made: Passage, prepared: PreparedChain, hook: Hook, packet: PacketState, common: tuple[str, ...], depth: int
) -> Fate | None:
    candidates: Sequence[int] = prepared.candidates(packet)
    index = prepared.index
    if index is not None and not common:
        made.found.append((index.candidates, candidates))
    elif index is not None and (index.by_dst or index.by_dport):
        made.found.append((index.of_destination, index.of_destination(packet)))
    made.work += len(candidates)
    if made.work > _MOST_WORK or depth > _DEEPEST:
        raise NotPlain
    for position in candidates:
        rule = prepared.compiled[position] or prepared.rule(position)
        if rule.program is not None:
            raise NotPlain
        if not all(_holds(made, predicate, words, packet, common) for predicate, words in rule.predicates):
            continue
        action = rule.action
        if action.kind == "nat" and not common:
            made.translation = rule
            return "accept"
        if action.effect is not None:
            raise NotPlain
        if action.kind in _ENDS:
            made.steps.append(rule.usual_step(hook, prepared.chain))
            return _ENDS[action.kind]
        if action.kind not in ("continue", "jump", "goto", "return"):
            raise NotPlain
        made.steps.append(rule.usual_step(hook, prepared.chain))
        if action.kind == "return":
            return None
        if action.kind == "continue":
            continue
        inner = rule.inner or prepared.inner(rule)
        if inner.endless:
            raise NotPlain
        made.work += JUMP
        fate = _follow(made, inner, hook, packet, common, depth + 1)
        if fate is not None or action.kind == "goto":
            return fate
    return None


def _holds(made: Passage, predicate: Predicate, words: str, packet: PacketState, common: tuple[str, ...]) -> bool:
    asked = not words.startswith(common) if common else True
    if asked and not words.startswith(_ASKED if common else (*_ASKED, *_COMMON)):
        raise NotPlain
    answer = predicate(packet)
    if answer is None:
        raise NotPlain
    if asked:
        made.asked.append((predicate, answer))
    return answer
