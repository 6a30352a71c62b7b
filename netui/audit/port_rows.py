"""The ports of a host as rows: ports with the same outcomes and answerer are one row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from netui.audit.cells import Cell, by_family, widest
from netui.audit.origins import Where
from netui.audit.port_answers import Answerer, PortsAsked, senders_of
from netui.model import Family
from netui.net.intervals import IntervalSet

_NONE = IntervalSet([])
#: More ports than this with the same answerer share a row.
_FEW = 1024
_SURE = {"open": 0, "refused": 1, "undecided": 2, "closed": 3}


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the host, or ports with the same outcomes.

    answered_by: the answerer. cells: for each origin and address of the host.
    """

    protocol: str
    ports: IntervalSet
    answered_by: Answerer
    cells: tuple[Cell, ...]

    def states(self, where: Where) -> dict[Family, list[Cell]]:
        """Return the cells of a kind of origin, by family."""
        return by_family(self.cells, where)

    @property
    def widest(self) -> Where | None:
        """The widest kind of origin from which it is open, None if there is none."""
        return widest(self.cells)

    @property
    def deciding(self) -> Cell | None:
        """The most important cell: other machines before containers, open cells before others."""
        decided = [cell for cell in self.cells if cell.step is not None]
        return min(decided, key=lambda cell: (cell.origin.where == "networks", _SURE[cell.state]), default=None)


def rows_of(asked: Sequence[PortsAsked]) -> Iterator[HostPort]:
    """Yield the rows of all answers: single ports, with equal ones, then the ranges."""
    single: dict[tuple[str, int, Answerer], None] = {}
    for one in asked:
        for low, high, answers in one.ranges():
            for answer in answers:
                if answer.by.kind not in ("nobody", "unknown"):
                    for port in range(low, high + 1) if high - low < _FEW else ():
                        single[one.protocol, port, answer.by] = None
    alike: dict[tuple[str, Answerer, tuple[Cell, ...]], list[tuple[int, Answerer, tuple[Cell, ...]]]] = {}
    alone: dict[tuple[str, Answerer], list[tuple[int, int]]] = {}
    for protocol, port, by in single:
        cells = _without_repeats(one.cell(port, by) for one in asked if one.protocol == protocol)
        # a program is identified by its name; for a container or another machine, its port counts, too
        who = replace(by, port=None) if by.kind == "program" else by
        wherever = tuple(replace(cell, destination=_address(cell)) for cell in cells)
        alike.setdefault((protocol, who, wherever), []).append((port, by, cells))
        alone.setdefault((protocol, replace(by, port=None)), []).append((port, port))
    for (protocol, who, _wherever), equal in alike.items():
        _port, by, cells = min(equal, key=lambda one: one[0])
        ports = IntervalSet((port, port) for port, _by, _cells in equal)
        yield HostPort(protocol, ports, by if len(equal) == 1 else who, cells)
    yield from _ranges(asked, {key: IntervalSet(spans) for key, spans in alone.items()})


def _address(cell: Cell) -> str:
    return cell.destination.rpartition(":")[0]


def _ranges(asked: Sequence[PortsAsked], alone: Mapping[tuple[str, Answerer], IntervalSet]) -> Iterator[HostPort]:
    """The rows of ranges of ports: nobody answers, it is unknown, or all are forwarded to one machine.

    alone: ports with rows of their own, by protocol and answerer, because a range for one origin may be single ports
    for another.
    """
    rows: dict[tuple[str, Answerer, tuple[tuple[int, int], ...]], list[Cell]] = {}
    for one in asked:
        alike: dict[tuple[Answerer, object], list[tuple[int, int]]] = {}
        for low, high, answers in one.ranges():
            # of the senders with the same answerer, the largest part is the cell, and the others are listed in it
            most = {answer.by: answer for answer in sorted(answers, key=senders_of)}
            # ports of one row also have the same outcome for everyone else
            whole = tuple((a.state, replace(a.by, port=None), id(a.senders)) for a in sorted(answers, key=senders_of))
            for by, answer in most.items():
                if by.kind in ("nobody", "unknown"):
                    if all(other.state == "closed" for other in answers if other.by == by):
                        continue
                elif high - low < _FEW:
                    continue
                step = answer.step(low)
                decided = step and (step.family, step.table, step.chain, step.rule)
                alike.setdefault((replace(by, port=None), (answer.state, decided, whole)), []).append((low, high))
        for (by, _decided), spans in alike.items():
            ports = IntervalSet(spans) - alone.get((one.protocol, by), _NONE)
            if not ports:
                continue
            there = next(a.by for a in one.at(ports.lows[0]) if replace(a.by, port=None) == by)
            rows.setdefault((one.protocol, by, tuple(ports)), []).append(one.cell(ports.lows[0], there))
    for (protocol, by, spans_of), cells in rows.items():
        yield HostPort(protocol, IntervalSet(spans_of), by, _without_repeats(cells))


def _without_repeats(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    return tuple(dict.fromkeys(cells))
