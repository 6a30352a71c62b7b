"""The lines of a table, with the rules of a chain as one block, whose lines are made on access.

A host may have 50,000 rules, of which forty are visible.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, Protocol, overload

from netui.model import Chain, Rule, RulesetKey
from netui.traversal.result import Step
from netui.ui.presenters.chains.counters import CounterIndex, Identity


class Line(NamedTuple):
    """One line of the chain table.

    identity: of the rule, or of the chain's policy. step: the flow's step of this line (steps view). text: of a
    note, or the chain's name in a flat list.
    """

    kind: Literal["note", "table", "chain", "rule", "step", "verdict"]
    ruleset: RulesetKey
    table: str = ""
    chain: Chain | None = None
    rule: Rule | None = None
    identity: Identity | None = None
    text: str = ""
    step: Step | None = None
    number: int = 0
    folded: bool = False

    @property
    def key(self) -> Hashable:
        """The identity of the line, independent of its position."""
        if self.kind == "rule":
            return self.ruleset, self.identity
        if self.kind == "chain":
            return self.ruleset, self.table, self.identity
        return self.kind, self.ruleset, self.table, self.text, self.number


class Keys(Protocol):
    """The keys of a pane's lines, and their positions."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Hashable: ...

    def place(self, key: Hashable) -> int | None:
        """Return the position of the line with that key, or None."""
        ...


class KeyList(list[Hashable]):
    """Keys of a few lines."""

    @cached_property
    def _places(self) -> dict[Hashable, int]:
        return {key: index for index, key in enumerate(self)}

    def place(self, key: Hashable) -> int | None:
        """Return the position of the line with that key, or None."""
        return self._places.get(key)


@dataclass(frozen=True, slots=True)
class Block:
    """Rules of one chain, in order, a line for each; counter_index: of their ruleset."""

    ruleset: RulesetKey
    chain: Chain
    rules: Sequence[Rule]
    counter_index: CounterIndex

    def line(self, position: int) -> Line:
        """Make the line of a rule, by its position among these."""
        rule = self.rules[position]
        return Line(
            "rule", self.ruleset, self.chain.table, self.chain, rule, self.counter_index.of_rule(self.chain, rule)
        )

    def lines(self) -> Iterator[Line]:
        """Make all lines."""
        return map(self.line, range(len(self.rules)))

    def position(self, identity: Identity) -> int | None:
        """Return the position of a rule, or None."""
        number = self.counter_index.number(identity)
        if not number:
            return None
        at = bisect_left(self.rules, number, key=lambda rule: rule.number)
        return at if at < len(self.rules) and self.rules[at].number == number else None


class LineList(Sequence[Line]):
    """Lines, with blocks of rules among them."""

    def __init__(self, parts: Sequence[Line | Block] = ()) -> None:
        self._parts = tuple(parts)
        self._starts: list[int] = []
        self._length = 0
        for part in self._parts:
            self._starts.append(self._length)
            self._length += len(part.rules) if isinstance(part, Block) else 1

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> Line: ...

    @overload
    def __getitem__(self, index: slice) -> list[Line]: ...

    def __getitem__(self, index: int | slice) -> Line | list[Line]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(self._length))]
        if index < 0:
            index += self._length
        if not 0 <= index < self._length:
            raise IndexError(index)
        at = bisect_right(self._starts, index) - 1
        part = self._parts[at]
        return part.line(index - self._starts[at]) if isinstance(part, Block) else part

    def __iter__(self) -> Iterator[Line]:
        for part in self._parts:
            if isinstance(part, Block):
                yield from part.lines()
            else:
                yield part

    def apart(self) -> Iterator[tuple[int, Line]]:
        """Yield the lines outside blocks, with their positions."""
        for start, part in zip(self._starts, self._parts, strict=True):
            if not isinstance(part, Block):
                yield start, part

    @property
    def keys(self) -> LineKeys:
        """The keys of the lines."""
        return LineKeys(self)

    @cached_property
    def _apart(self) -> dict[Hashable, int]:
        return {line.key: index for index, line in self.apart()}

    @cached_property
    def _blocks(self) -> dict[tuple[RulesetKey, str, str], tuple[int, Block]]:
        return {
            (part.ruleset, part.chain.table, part.chain.name): (start, part)
            for start, part in zip(self._starts, self._parts, strict=True)
            if isinstance(part, Block)
        }

    def place(self, key: Hashable) -> int | None:
        """Return the position of the line with that key, or None."""
        index = self._apart.get(key)
        if index is not None:
            return index
        match key:
            case (RulesetKey() as ruleset, (str() as table, str() as chain, str() as text, int() as occurrence)):
                start, block = self._blocks.get((ruleset, table, chain), (0, None))
                position = block.position((table, chain, text, occurrence)) if block is not None else None
                return None if position is None else start + position
        return None


@dataclass(frozen=True, slots=True)
class LineKeys:
    """The keys of lines, made on access."""

    lines: LineList

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int, /) -> Hashable:
        return self.lines[index].key

    def place(self, key: Hashable) -> int | None:
        """Return the position of the line with that key, or None."""
        return self.lines.place(key)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines, with the numbers of shown and of all rules."""

    lines: LineList = field(default_factory=LineList)
    shown: int = 0
    total: int = 0
