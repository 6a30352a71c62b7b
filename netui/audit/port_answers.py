"""The outcomes for all ports of one address at once, by port and by sender."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from netui.audit.cells import Cell, Listed, State
from netui.audit.origins import Origin
from netui.net.addresses import width
from netui.net.intervals import IntervalSet
from netui.traversal import Step
from netui.traversal.by_sender import Together, cells
from netui.traversal.result import Path
from netui.traversal.several import Several


@dataclass(frozen=True, slots=True)
class Answerer:
    """The answerer: kind "container", "program", "elsewhere" (another machine), "nobody" or "unknown".

    address: one of its addresses; it does not matter for a container's identity.
    """

    kind: str
    name: str = ""
    address: str = field(default="", compare=False)
    port: int | None = None


@dataclass(slots=True)
class PortsAnswer:
    """The outcome of some ports for some senders."""

    ports: IntervalSet
    senders: Several | None
    state: State
    by: Answerer
    path: Path
    together: Together

    def step(self, port: int) -> Step | None:
        """The deciding step of a port, of the senders' first part."""
        chosen: list[Step] = []
        for fan in self.together.fans:
            own = fan.parts if fan.several is not self.senders else fan.parts[:1]
            chosen.append(next((step for numbers, step in own if port in numbers or len(own) == 1), fan.parts[0][1]))
        deciding = self.path.deciding
        for fan, step in zip(self.together.fans, chosen, strict=True):
            if deciding is fan:
                return step
        return deciding

    def listed(self, bits: int, port: int) -> Iterator[Listed]:
        """The senders, with the rule that lets them in or keeps them out."""
        if self.senders is None:
            return
        own = [fan for fan in self.together.fans if fan.several is self.senders]
        for cell in cells(self.senders, own):
            step = self.step(port)
            for fan, met in zip(own, cell.steps, strict=True):
                step = met if self.path.deciding is fan else step
            if self.path.deciding not in own and cell.steps:
                step = cell.steps[0]
            yield Listed(cell.texts(bits), self.state, step, self.path.reason)


@dataclass(slots=True)
class PortsAsked:
    """All ports of one address and protocol, for one origin."""

    origin: Origin
    address: str
    protocol: str
    answers: list[PortsAnswer]
    _starts: list[int] = field(default_factory=list)
    _there: list[list[PortsAnswer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        edges = {1, 65536}
        for answer in self.answers:
            for low, high in answer.ports:
                edges |= {low, high + 1}
            # where a rule for this port decides
            for fan in answer.together.fans:
                for numbers, _step in fan.parts if fan.several is not answer.senders else ():
                    edges |= {edge for low, high in numbers for edge in (low, high + 1)}
        self._starts = sorted(edges)[:-1]
        opening: dict[int, list[PortsAnswer]] = {}
        closing: dict[int, list[PortsAnswer]] = {}
        for answer in self.answers:
            for low, high in answer.ports:
                opening.setdefault(low, []).append(answer)
                closing.setdefault(high + 1, []).append(answer)
        now: dict[int, PortsAnswer] = {}
        for start in self._starts:
            for answer in closing.get(start, ()):
                now.pop(id(answer), None)
            now.update((id(answer), answer) for answer in opening.get(start, ()))
            self._there.append(list(now.values()))

    def at(self, port: int) -> list[PortsAnswer]:
        """The outcomes of a port, by senders."""
        return self._there[bisect_right(self._starts, port) - 1]

    def ranges(self) -> Iterator[tuple[int, int, list[PortsAnswer]]]:
        """Yield the ranges of ports with the same outcome."""
        ends = [*(start - 1 for start in self._starts[1:]), 65535]
        yield from zip(self._starts, ends, self._there, strict=True)

    def cell(self, port: int, by: Answerer) -> Cell:
        """The cell of a port: its state is that of everyone else, the largest part; the others are listed."""
        bits = width(self.origin.family)
        shown = f"[{self.address}]" if ":" in self.address else self.address
        here = sorted(self.at(port), key=senders_of, reverse=True)
        most = here[0]
        state: State = most.state if most.by == by or most.state not in ("open", "refused") else "closed"
        others = tuple(
            replace(listed, state=one.state if one.by == by or one.state == "undecided" else "closed")
            for one in here[1:]
            for listed in one.listed(bits, port)
        )
        named = tuple(listed for listed in others if listed.state != state)
        unknown = tuple(f"{item.match}: {item.reason}" for item in most.path.undecided) if state == "undecided" else ()
        reason = most.path.reason if state == most.state else f"{most.path.reason}, not {by.name}"
        return Cell(
            self.origin, state, "host", f"{shown}:{port}/{self.protocol}", reason, most.step(port), unknown,
            most.path.condition, named,
        )  # fmt: skip


def senders_of(answer: PortsAnswer) -> int:
    """Return the number of senders of an answer, 1 for a single one."""
    return answer.senders.numbers.size() if answer.senders is not None else 1
