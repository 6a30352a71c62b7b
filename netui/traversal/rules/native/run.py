"""Executes a native rule: its statements run from left to right, and the first match that fails ends it.

The effects before that match have happened. Consecutive matches are one block, in which a certain no beats an
unknown. A walk branches at an unknown block before the next effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

from netui.model import Hook
from netui.model.statements import (
    Compare,
    Element,
    Nat,
    Note,
    Opaque,
    SetField,
    SetUpdate,
    Statement,
    Strange,
    Untrack,
    Verdict,
    VerdictMap,
)
from netui.net.addresses import TCP
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change, Undecided
from netui.traversal.rules.marks import notrack
from netui.traversal.rules.native.compare import compare
from netui.traversal.rules.native.evaluate import Evaluation, UnknownMap
from netui.traversal.rules.native.keys import reader
from netui.traversal.rules.native.reading import ABSENT, Reading
from netui.traversal.rules.native.translate import OtherFamily, translate
from netui.traversal.rules.target_action import Kind, TargetContext, Unknowable
from netui.traversal.unknowns import Unknowns

if TYPE_CHECKING:
    from netui.traversal.rules.native.program import Program

#: Fields that no match that netui follows reads.
_UNSEEN = ("meta priority", "meta nftrace", "meta pkttype", "meta secmark", "ct label", "ct event", "ct helper",
           "ct secmark", "ip dscp", "ip6 dscp", "ip ecn", "ip6 ecn", "ip ttl", "ip6 hoplimit", "ip6 flowlabel",
           "tcp option", "tcp window", "ether ", "vlan pcp")  # fmt: skip
#: Of those, the fields that direct a frame before a bridge or device took it.
_STEERS = ("ether ", "vlan ", "meta pkttype")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule that matched does. kind: how the walk goes on; verdict: its step's; changes: its step's."""

    kind: Kind
    verdict: Verdict
    changes: tuple[Change, ...] = ()


_GOES_ON = Outcome("continue", Verdict("continue"))


class Run:
    """One execution of a program."""

    def __init__(self, program: Program, hook: Hook, packet: PacketState, unknowns: Unknowns) -> None:
        self.program = program
        self.hook: Hook = hook
        self.packet = packet
        self.unknowns = unknowns
        self.changes: list[Change] = []
        self.evaluation = Evaluation(packet, program.context, program.sets, unknowns, self._about)
        #: the first unknown match of the block
        self.pending: Opaque | None = None

    def _about(self, match: str, reason: str) -> Undecided:
        return self.program.about(self.hook, match, reason)

    def run(self) -> Outcome | None:
        """Execute it; None where the rule does not match."""
        outcome: Outcome | None = None
        for statement in self.program.statements:
            if isinstance(statement, Compare):
                answer = compare(statement, self.evaluation)
                if answer is False:
                    return None
                if answer is None and (self.pending is None or self.pending.bound):
                    self.pending = Opaque(statement.words, reason=self._unprinted(statement))
                continue
            if isinstance(statement, Opaque):
                # a match without any likely answer is named before a limit
                if self.pending is None or (self.pending.bound and not statement.bound):
                    self.pending = statement
                continue
            if isinstance(statement, Note):
                continue
            if not self._settled():
                return None
            outcome = self._effect(statement)
            if outcome is None:
                return None
            if outcome.kind != "continue":
                return replace(outcome, changes=tuple(self.changes))
        if not self._settled(harmless=outcome is None):
            return None
        return outcome or Outcome("continue", Verdict("continue"), changes=tuple(self.changes))

    def matches(self) -> bool | None:
        """Whether all matches hold, and the verdict is one for this packet."""
        answer: bool | None = True
        for statement in self.program.statements:
            if isinstance(statement, Compare):
                one = compare(statement, self.evaluation)
                if one is False:
                    return False
                answer = None if one is None else answer
            elif isinstance(statement, Opaque):
                answer = None
            elif isinstance(statement, Verdict) and statement.kind == "reject" and not self._can_be_told(statement.how):
                return False
        return answer

    def _unprinted(self, statement: Compare) -> str:
        """Why a comparison with a set is unknown, where its elements are missing; "" for other reasons."""
        name = statement.right.name
        nft_set = self.program.sets.sets.get(name) if name else None
        if not name or (nft_set is not None and nft_set.elements is not None):
            return ""
        return (
            f"the elements of @{name} were not printed (nft -t leaves them out)"
            if nft_set
            else f"there is no set @{name}"
        )

    def _settled(self, *, harmless: bool = False) -> bool:
        """Branch at an unknown block: whether this walk assumes that it holds. harmless: no effect follows."""
        if self.pending is None:
            return True
        asked, self.pending = self.pending, None
        what = "what it has counted" if asked.bound else "whether this matches"
        about = replace(self._about(asked.words, asked.reason or f"a snapshot cannot tell {what}"), bound=asked.bound)
        if harmless:
            self.unknowns.branch(1, about)
            return bool(asked.likely)
        return bool(self.unknowns.branch(2, about, int(bool(asked.likely))))

    # --- effects ------------------------------------------------------------------------

    def _effect(self, statement: Statement) -> Outcome | None:
        if isinstance(statement, Verdict):
            return self._verdict(statement)
        if isinstance(statement, VerdictMap):
            return self._mapped(statement)
        if isinstance(statement, Nat):
            return self._translated(statement)
        if isinstance(statement, SetField):
            return self._set(statement)
        if isinstance(statement, SetUpdate):
            if statement.key is not None and self.evaluation.readings(statement.key)[0] is ABSENT:
                return None
            self.packet.touched.add(statement.name)
        elif isinstance(statement, Untrack):
            self.changes += notrack(self.packet, self._context())
        elif isinstance(statement, Strange):
            self._strange(statement)
        return _GOES_ON

    def _context(self) -> TargetContext:
        fib = self.program.context.fibs[self.packet.family]
        return TargetContext(self.hook, fib, self.unknowns, self._about("nat", ""))

    def _can_be_told(self, how: str) -> bool:
        """Whether a reject's answer suits this packet; nft omits the match that the answer implies."""
        if how.startswith("tcp"):
            return self.packet.protocol == TCP
        kind = how.partition(" ")[0]
        return self.packet.family == {"icmp": "ip", "icmpv6": "ip6"}.get(kind, self.packet.family)

    def _verdict(self, statement: Verdict) -> Outcome | None:
        match statement.kind:
            case "jump" | "goto" as kind:
                return Outcome("jump" if kind == "jump" else "goto", statement)
            case "reject":
                return Outcome("reject", statement) if self._can_be_told(statement.how) else None
            case "queue":
                taken = self.unknowns.branch(2, self._about("queue", "a program decides"))
                return Outcome("drop" if taken else "accept", statement)
            case "accept":
                return Outcome("accept", statement)
            case "drop":
                return Outcome("drop", statement)
            case "return":
                return Outcome("return", statement)
            case _:
                return Outcome("continue", statement)

    def _mapped(self, statement: VerdictMap) -> Outcome | None:
        try:
            element: Element | None = self.evaluation.element(statement.key, statement.elements, statement.words)
        except UnknownMap as error:
            raise Unknowable(self._about(statement.words, str(error))) from None
        if element is None:
            return None
        if not isinstance(element.data, Verdict):
            raise Unknowable(self._about(statement.words, "netui does not understand an element of this map"))
        return self._verdict(element.data)

    def _translated(self, statement: Nat) -> Outcome | None:
        packet = self.packet
        try:
            changes = translate(statement, packet, self._context(), self.evaluation)
        except OtherFamily:
            return _GOES_ON
        except UnknownMap as error:
            raise Unknowable(self._about(statement.words, str(error))) from None
        if changes is None:
            return None
        self.changes += changes
        to = str(changes[0].value) if changes and statement.kind in ("snat", "dnat") else ""
        return Outcome("nat", Verdict(statement.kind, how=to))

    def _set(self, statement: SetField) -> Outcome | None:
        """Set a mark; a value that is absent (a map without the key) ends the rule."""
        packet, key = self.packet, statement.key
        if packet.layer and key.startswith(_STEERS):
            raise Unknowable(
                self._about(statement.words, f"netui does not follow where a frame goes whose {key} is set")
            )
        if key.startswith("ct ") and packet.connection is None and key != "ct zone":
            # nft_ct_set_eval: sets nothing, and the rule goes on
            return None if self._value(statement) is ABSENT else _GOES_ON
        if key.startswith(_UNSEEN):
            return None if reader(key)(packet, self.program.context) is ABSENT else _GOES_ON
        if key not in ("meta mark", "ct mark"):
            raise Unknowable(self._about(statement.words, f"netui does not follow what {key} set changes"))
        value = self._value(statement)
        if value is ABSENT:
            return None
        number = value if isinstance(value, int) else None
        if number is not None:
            number &= 0xFFFFFFFF
        if key == "meta mark":
            packet.mark = number
            self.changes.append(Change("mark", number))
        elif packet.connection is not None:
            packet.connection.mark = number
            self.changes.append(Change("ct mark", number))
        return _GOES_ON

    def _value(self, statement: SetField) -> Reading:
        try:
            return self.evaluation.reading(statement.value)
        except UnknownMap:
            return None

    def _strange(self, statement: Strange) -> NoReturn:
        raise Unknowable(self._about(statement.words, f"netui does not know the statement ({statement.words})"))
