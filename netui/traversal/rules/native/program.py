"""A native rule as a program: its statements from left to right, the first that does not hold ends it.

What stood before that statement has happened. Matches that follow one another are one block, so that
a certain no beats an unknown; an unknown block is decided, way by way, before the next effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, cast

from netui.model import Chain, Hook, Rule
from netui.model.statements import (
    Compare,
    Concat,
    Element,
    Interval,
    Key,
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
from netui.traversal.result import Step, Undecided
from netui.traversal.rules.marks import notrack
from netui.traversal.rules.native.elements import member
from netui.traversal.rules.native.evaluate import Evaluation, TableSets, UnknownMap
from netui.traversal.rules.native.keys import ABSENT, Place, PortSpan, Reading, Vague, reader
from netui.traversal.rules.native.translate import OtherFamily, translate
from netui.traversal.rules.predicates import Answer
from netui.traversal.rules.target_action import Kind, TargetContext, Unknowable
from netui.traversal.unknowns import Unknowns

#: Fields whose change no match that netui follows can see.
_UNSEEN = ("meta priority", "meta nftrace", "meta pkttype", "meta secmark", "ct label", "ct event", "ct helper",
           "ct secmark", "ip dscp", "ip6 dscp", "ip ecn", "ip6 ecn", "ip ttl", "ip6 hoplimit", "ip6 flowlabel",
           "tcp option", "tcp window", "ether ", "vlan pcp")  # fmt: skip
#: Of those, what steers a frame before a bridge or a device took it.
_STEERS = ("ether ", "vlan ", "meta pkttype")
_ORDER: Mapping[str, Callable[[int, int], bool]] = {
    "<": lambda left, right: left < right,
    ">": lambda left, right: left > right,
    "<=": lambda left, right: left <= right,
    ">=": lambda left, right: left >= right,
}
_ASSURED = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule that matched does. kind: how the walk goes on; verdict: what its step says; change: in short."""

    kind: Kind
    verdict: Verdict
    change: str = ""


@dataclass(slots=True)
class Program:
    """One native rule, ready to be run."""

    rule: Rule
    chain: Chain
    statements: Sequence[Statement]
    place: Place
    sets: TableSets
    #: what reads the key of its first comparison, and the comparison, where that alone may tell that it does not match
    _gate: tuple[Callable[[PacketState, Place], Reading], Compare] | None = None

    def __post_init__(self) -> None:
        first = self.statements[0] if self.statements else None
        plain = isinstance(first, Compare) and first.operator == "==" and first.left != _STATUS
        if plain and isinstance(first, Compare) and isinstance(first.left, Key):
            self._gate = reader(first.left.words), first

    def run(self, hook: Hook, packet: PacketState, choices: Unknowns) -> Outcome | None:
        """Run the rule for a packet; None where it does not match."""
        if self._gate is not None:
            read, first = self._gate
            reading = read(packet, self.place)
            if reading is ABSENT:
                return None
            if type(reading) is int or type(reading) is str:
                index = self.sets.index(first.right, packet)
                if index is not None and index.lacks(reading):
                    return None
        return _Run(self, hook, packet, choices).run()

    def matches(self, hook: Hook, packet: PacketState, choices: Unknowns) -> bool | None:
        """Return whether the matches hold, without what the rule does; None where that cannot be known."""
        return _Run(self, hook, packet, choices).matches()

    def verdict(self) -> Outcome:
        """Return what the verdict at its end makes of a packet that it matches."""
        last = self.statements[-1]
        assert isinstance(last, Verdict)
        return Outcome(cast(Kind, last.kind), last)

    def about(self, hook: Hook, match: str, reason: str) -> Undecided:
        """Name this rule where something cannot be known."""
        chain = self.chain
        return Undecided(
            match, reason, hook, chain.family, chain.backend, chain.table, chain.name, self.rule.number, self.rule.text
        )

    def step(self, hook: Hook, outcome: Outcome) -> Step:
        """Return the step of this rule."""
        chain, rule = self.chain, self.rule
        return Step(
            hook=hook,
            family=chain.family,
            backend=chain.backend,
            table=chain.table,
            chain=chain.name,
            rule=rule.number,
            text=rule.text,
            verdict=outcome.verdict,
            index=rule.index,
            change=outcome.change,
            handle=rule.native.handle if rule.native is not None else 0,
        )


_GOES_ON = Outcome("continue", Verdict("continue"))


class _Run:
    """One run of a program."""

    def __init__(self, program: Program, hook: Hook, packet: PacketState, choices: Unknowns) -> None:
        self.program = program
        self.hook: Hook = hook
        self.packet = packet
        self.choices = choices
        self.changes: list[str] = []
        self.evaluation = Evaluation(packet, program.place, program.sets, choices, self._about)
        #: the first match of the block that cannot be known, and what is likely of it
        self.pending: Opaque | None = None

    def _about(self, match: str, reason: str) -> Undecided:
        return self.program.about(self.hook, match, reason)

    def run(self) -> Outcome | None:
        outcome: Outcome | None = None
        for statement in self.program.statements:
            if isinstance(statement, Compare):
                answer = self._compare(statement)
                if answer is False:
                    return None
                if answer is None and (self.pending is None or self.pending.bound):
                    self.pending = Opaque(statement.words)
                continue
            if isinstance(statement, Opaque):
                # what cannot be known at all tells more than a limit
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
                return replace(outcome, change=", ".join(self.changes))
        if not self._settled(harmless=outcome is None):
            return None
        return outcome or Outcome("continue", Verdict("continue"), change=", ".join(self.changes))

    def matches(self) -> bool | None:
        """Whether all matches hold, and the verdict is one for this packet."""
        answer: bool | None = True
        for statement in self.program.statements:
            if isinstance(statement, Compare):
                one = self._compare(statement)
                if one is False:
                    return False
                answer = None if one is None else answer
            elif isinstance(statement, Opaque):
                answer = None
            elif isinstance(statement, Verdict) and statement.kind == "reject" and not self._can_be_told(statement.how):
                return False
        return answer

    def _settled(self, *, harmless: bool = False) -> bool:
        """Decide an unknown block: whether this way takes it to hold. harmless: nothing follows but a note."""
        if self.pending is None:
            return True
        asked, self.pending = self.pending, None
        told = "what it has counted" if asked.bound else "whether this matches"
        about = replace(self._about(asked.words, asked.reason or f"a snapshot cannot tell {told}"), bound=asked.bound)
        if harmless:
            self.choices.pick(1, about)
            return bool(asked.likely)
        return bool(self.choices.pick(2, about, int(bool(asked.likely))))

    # --- matches ------------------------------------------------------------------------

    def _compare(self, statement: Compare) -> Answer:
        readings = self.evaluation.readings(statement.left)
        if readings[0] is ABSENT:
            return False
        if statement.operator in ("==", "!="):
            answer = member(self.program.sets.index(statement.right, self.packet), readings)
            if statement.left == _STATUS and answer is not None and self._doubtful(statement):
                return None
            return answer if answer is None or statement.operator == "==" else not answer
        value = _single(statement)
        reading = readings[0]
        if isinstance(reading, Vague) and value is not None and statement.operator in _ORDER:
            return _compared(statement.operator, reading, value.low)
        if isinstance(reading, PortSpan) and value is not None and statement.operator in _ORDER:
            ends = {_ORDER[statement.operator](end, value.low) for end in (reading.low, reading.high)}
            return ends.pop() if len(ends) == 1 else None
        if value is None or not isinstance(reading, int) or isinstance(statement.left, Concat):
            return None
        if statement.operator in ("in", "!"):
            if statement.left == _STATUS and self._doubtful(statement) and not reading & value.low & ~_ASSURED:
                return None
            return bool(reading & value.low) == (statement.operator == "in")
        return _ORDER[statement.operator](reading, value.low)

    def _doubtful(self, statement: Compare) -> bool:
        """Whether a connection is assured cannot be told of one that is not new."""
        connection = self.packet.connection
        value = _single(statement)
        if connection is None or connection.new:
            return False
        return value is None or bool(value.low & _ASSURED)

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
            change = notrack(self.packet, self._scene())
            if change:
                self.changes.append(change)
        elif isinstance(statement, Strange):
            self._strange(statement)
        return _GOES_ON

    def _scene(self) -> TargetContext:
        fib = self.program.place.fibs[self.packet.family]
        return TargetContext(self.hook, fib, self.choices, self._about("nat", ""))

    def _can_be_told(self, how: str) -> bool:
        """Whether a reject's answer is one for this packet; nft prints it without the match that it implies."""
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
                taken = self.choices.pick(2, self._about("queue", "a program decides"))
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
            change = translate(statement, packet, self._scene(), self.evaluation)
        except OtherFamily:
            return _GOES_ON
        except UnknownMap as error:
            raise Unknowable(self._about(statement.words, str(error))) from None
        if change is None:
            return None
        if change:
            self.changes.append(change)
        to = change.partition(" ")[2] if statement.kind in ("snat", "dnat") else ""
        return Outcome("nat", Verdict(statement.kind, how=to))

    def _set(self, statement: SetField) -> Outcome | None:
        """Set a mark; a value that the packet does not have (a map without its key) ends the rule."""
        packet, key = self.packet, statement.key
        if packet.layer and key.startswith(_STEERS):
            raise Unknowable(
                self._about(statement.words, f"netui does not follow where a frame goes whose {key} is set")
            )
        if key.startswith("ct ") and packet.connection is None and key != "ct zone":
            # nft_ct_set_eval: nothing is set, and the rule goes on
            return None if self._value(statement) is ABSENT else _GOES_ON
        if key.startswith(_UNSEEN):
            return None if reader(key)(packet, self.program.place) is ABSENT else _GOES_ON
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
            self.changes.append("mark unknown" if number is None else f"mark {number:#x}")
        elif packet.connection is not None:
            packet.connection.mark = number
            self.changes.append("connmark unknown" if number is None else f"connmark {number:#x}")
        return _GOES_ON

    def _value(self, statement: SetField) -> Reading:
        try:
            return self.evaluation.reading(statement.value)
        except UnknownMap:
            return None

    def _strange(self, statement: Strange) -> NoReturn:
        raise Unknowable(self._about(statement.words, f"netui does not know the statement ({statement.words})"))


def _compared(operator: str, vague: Vague, number: int) -> Answer:
    """Whether all of several are below or above a number."""
    if operator in ("<", "<="):
        low, high = 0, number - (operator == "<")
    else:
        low, high = number + (operator == ">"), (1 << vague.bits) - 1
    return vague.who.within_range(low, high, vague.bits) if low <= high else False


_STATUS = Key("ct status", "ct_status")


def _single(statement: Compare) -> Interval | None:
    """Return the one number that a match compares with."""
    elements = statement.right.elements
    if statement.right.name or len(elements) != 1 or len(elements[0].parts) != 1:
        return None
    value = elements[0].parts[0]
    return value if isinstance(value, Interval) and value.low == value.high else None
