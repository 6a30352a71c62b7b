"""Counters over time: rates, history, recent changes, and a baseline.

A frame has one snapshot's counters and their rulesets. A rule is found in an older frame by its text, not by its
number, so it keeps its history when other rules come and go. Only visible lines are looked up, so a frame costs
only its memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netui.model import Chain, Counter, Counters, Rule, Ruleset, RulesetKey, Snapshot

#: (table, chain, text, occurrence) of a rule; (table, chain, "", 0) of a chain's policy.
Identity = tuple[str, str, str, int]

#: The number of frames until the mark of a changed counter has faded.
FADE = 3
#: The most different rulesets of a history, because each needs an index.
_DISTINCT = 6
#: A frame is kept complete where more than one in so many counters changed.
_THIN = 8
_ZERO = Counter(0, 0)


@dataclass(frozen=True, slots=True)
class Thinned:
    """Counters as differences from earlier ones of a ruleset: a minute of 50,000 counters takes a frame's memory."""

    base: Counters
    moved: Mapping[int, Counter]

    def __getitem__(self, index: int) -> Counter:
        """Return the counter of a rule's or chain's ``index``."""
        return self.moved.get(index) or self.base[index]

    def __len__(self) -> int:
        return len(self.base)


@dataclass(frozen=True, slots=True)
class Frame:
    """The counters of one snapshot."""

    time: float
    rulesets: Mapping[RulesetKey, Ruleset]
    counters: Mapping[RulesetKey, Counters | Thinned]


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of a rule's counter, since the baseline if there is one, else since the rule was made.

    rate: packets a second since the previous frame. moved: frames since its last change, 0 for "just now", None
    where it did not change recently. counted: False for a rule without a counter (a native rule without the
    statement), or whose counter was not printed.
    """

    packets: int
    bytes: int
    rate: float = 0.0
    byte_rate: float = 0.0
    moved: int | None = None
    counted: bool = True


class CounterIndex:
    """The index in the counters of each rule of a ruleset, by the rule's identity.

    A chain is indexed on first use. The index has only a number for each text, because a host may have 50,000
    rules.
    """

    def __init__(self, ruleset: Ruleset) -> None:
        self._chains = {(table.name, chain.name): chain for table in ruleset.tables for chain in table.chains}
        self._numbers: dict[tuple[str, str], dict[str, int | list[int]]] = {}

    def _of(self, chain: Chain) -> dict[str, int | list[int]]:
        """Return the number of each text of a chain; all numbers for repeated texts."""
        numbers = self._numbers.get((chain.table, chain.name))
        if numbers is None:
            numbers = {}
            for rule in chain.rules:
                before = numbers.setdefault(rule.text, rule.number)
                if before != rule.number:
                    numbers[rule.text] = [*before, rule.number] if isinstance(before, list) else [before, rule.number]
            self._numbers[chain.table, chain.name] = numbers
        return numbers

    def number(self, identity: Identity) -> int | None:
        """Return a rule's number in its chain, 0 for a chain's policy; None where there is no such rule."""
        table, name, text, occurrence = identity
        chain = self._chains.get((table, name))
        if chain is None or not text:
            return None if chain is None else 0
        numbers = self._of(chain).get(text)
        if isinstance(numbers, list):
            return numbers[occurrence] if occurrence < len(numbers) else None
        return numbers if occurrence == 0 else None

    def index(self, identity: Identity) -> int | None:
        """Return the counter's index of a rule or policy; None where there is no such rule."""
        number = self.number(identity)
        if number is None:
            return None
        chain = self._chains[identity[0], identity[1]]
        return chain.rules[number - 1].index if number else chain.index

    def __contains__(self, identity: Identity) -> bool:
        return self.number(identity) is not None

    def of_rule(self, chain: Chain, rule: Rule) -> Identity:
        """Return the identity of a rule of a chain of this ruleset."""
        numbers = self._of(chain)[rule.text]
        return (chain.table, chain.name, rule.text, numbers.index(rule.number) if isinstance(numbers, list) else 0)

    def at(self, table: str, chain: str, number: int) -> Identity | None:
        """Return a rule's identity by its number, from 1; None where there is none."""
        where = self._chains.get((table, chain))
        if where is None or not 1 <= number <= len(where.rules):
            return None
        return self.of_rule(where, where.rules[number - 1])

    def identities(self) -> Iterator[Identity]:
        """Yield the identities of all rules."""
        for chain in self._chains.values():
            for text, numbers in self._of(chain).items():
                for occurrence in range(len(numbers) if isinstance(numbers, list) else 1):
                    yield (chain.table, chain.name, text, occurrence)


#: By id, with the ruleset itself, so that the id is not reused.
_places: dict[int, tuple[Ruleset, CounterIndex]] = {}


def counter_index(ruleset: Ruleset) -> CounterIndex:
    """Return the ruleset's counter index, made once for each of the last few rulesets."""
    cached = _places.get(id(ruleset))
    if cached is not None and cached[0] is ruleset:
        return cached[1]
    index = CounterIndex(ruleset)
    if len(_places) >= 32:
        del _places[next(iter(_places))]
    _places[id(ruleset)] = (ruleset, index)
    return index


def identity_of(chain: Chain, rule: Rule, ruleset: Ruleset) -> Identity:
    """Return a rule's identity in its ruleset."""
    return counter_index(ruleset).of_rule(chain, rule)


class CounterTrack:
    """The frames of the last minute, and the baseline that the user set."""

    def __init__(self, length: int = 61) -> None:
        self.frames: deque[Frame] = deque(maxlen=length)
        self.baseline: Frame | None = None
        self._bases: dict[RulesetKey, tuple[Ruleset, Counters]] = {}

    def copy(self) -> CounterTrack:
        """Return a copy of the track (for a frozen table)."""
        track = CounterTrack(self.frames.maxlen or 61)
        track.frames.extend(self.frames)
        track.baseline = self.baseline
        return track

    def add(self, snapshot: Snapshot) -> None:
        """Add a snapshot's counters; a restarted recording starts a new history."""
        if self.frames and snapshot.time < self.frames[-1].time:
            self.frames.clear()
            self.baseline = None
        self.frames.append(Frame(snapshot.time, snapshot.rulesets, snapshot.counters))
        if len(self.frames) > FADE + 1:
            self.frames[-FADE - 2] = self._thinned(self.frames[-FADE - 2])

    def _thinned(self, frame: Frame) -> Frame:
        """Return a frame for the history only, with just the changed counters."""
        thin: dict[RulesetKey, Counters | Thinned] = {}
        for key, counters in frame.counters.items():
            thin[key] = counters
            ruleset, base = frame.rulesets.get(key), self._bases.get(key)
            if isinstance(counters, Thinned) or ruleset is None:
                continue
            if base is not None and base[0] is ruleset and len(base[1]) == len(counters):
                before = base[1].packets
                moved = [i for i, packets in enumerate(counters.packets) if packets != before[i]]
                if len(moved) * _THIN <= len(counters):
                    thin[key] = Thinned(base[1], {i: counters[i] for i in moved})
                    continue
            self._bases[key] = (ruleset, counters)
        return Frame(frame.time, frame.rulesets, thin)

    def set_baseline(self, *, on: bool = True) -> None:
        """Count from now on (nothing is zeroed on the host), or from the beginning again."""
        self.baseline = self.frames[-1] if on and self.frames else None

    def reading(self, key: RulesetKey, identity: Identity) -> Reading:
        """Return the present values of a counter."""
        if not self.frames:
            return Reading(0, 0)
        newest = self.frames[-1]
        if _index(newest, key, identity) == -1:
            return Reading(0, 0, counted=False)
        now = _at(newest, key, identity) or _ZERO
        moved: int | None = None
        rate = byte_rate = 0.0
        later: tuple[Frame, Counter | None] = (newest, now)
        for age in range(min(FADE, len(self.frames) - 1)):
            frame = self.frames[-2 - age]
            counter = _at(frame, key, identity)
            if counter is not None and later[1] is not None:
                step = later[1].packets - counter.packets
                if step < 0:
                    step = later[1].packets
                if age == 0:
                    seconds = max(0.001, newest.time - frame.time)
                    rate = step / seconds
                    byte_rate = max(0, now.bytes - counter.bytes) / seconds
                if step > 0 and moved is None:
                    moved = age
            later = (frame, counter)
            if moved is not None:
                break
        packets, amount = now
        if self.baseline is not None:
            base = _at(self.baseline, key, identity)
            if base is not None and base.packets <= packets:
                packets, amount = packets - base.packets, max(0, amount - base.bytes)
        return Reading(packets, amount, rate, byte_rate, moved)

    def history(self, key: RulesetKey, identity: Identity) -> list[int]:
        """Return the numbers of packets between frames, oldest first."""
        values: list[int] = []
        before: Counter | None = None
        for frame in self._recent(key):
            counter = _at(frame, key, identity)
            if before is not None:
                if counter is None:
                    values.append(0)
                else:
                    step = counter.packets - before.packets
                    values.append(step if step >= 0 else counter.packets)
            before = counter if counter is not None else before
        return values

    def _recent(self, key: RulesetKey) -> list[Frame]:
        """Return the frames of the history, fewer on a host whose rules always change."""
        frames: list[Frame] = []
        rulesets: set[int] = set()
        for frame in reversed(self.frames):
            rulesets.add(id(frame.rulesets.get(key)))
            if len(rulesets) > _DISTINCT:
                break
            frames.append(frame)
        frames.reverse()
        return frames

    def since(self, frame: Frame, key: RulesetKey, identity: Identity) -> int:
        """Return the packets since an older frame."""
        if not self.frames:
            return 0
        now = _at(self.frames[-1], key, identity)
        then = _at(frame, key, identity)
        if now is None:
            return 0
        return max(0, now.packets - then.packets) if then is not None else now.packets


def _at(frame: Frame, key: RulesetKey, identity: Identity) -> Counter | None:
    """Return a rule's counter in a frame, None where the rule did not exist or had none."""
    counters = frame.counters.get(key)
    index = _index(frame, key, identity)
    if counters is None or index is None or not 0 <= index < len(counters):
        return None
    return counters[index]


def _index(frame: Frame, key: RulesetKey, identity: Identity) -> int | None:
    """Return the index of a rule's counter in a frame: -1 without a counter, None where the rule did not exist."""
    ruleset = frame.rulesets.get(key)
    return counter_index(ruleset).index(identity) if ruleset is not None else None
