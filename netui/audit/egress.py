"""Egress: which machines and ports beyond the default route a sender reaches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from netui.net.addresses import width
from netui.net.intervals import IntervalSet
from netui.traversal import EndpointError, Path, PreparedHost
from netui.traversal.answer import untold
from netui.traversal.branch import Branch
from netui.traversal.by_sender import Cell, Together, cells
from netui.traversal.question.endpoints import parse_destination, parse_source
from netui.traversal.question.query import combined, walk
from netui.traversal.question.resolution import Query, questions
from netui.traversal.senders import Part, partition
from netui.traversal.several import Several

_MOST_PARTS = 20_000
EVERY_PORT = IntervalSet([(1, 65535)])
_PROTOCOLS = ("tcp", "udp", "icmp")


@dataclass(frozen=True, slots=True)
class EgressPart:
    """Machines and ports with the same outcome for SRC.

    addresses: None for everyone else, the largest part beyond the default route. ports: None for ICMP. path: that of a
    packet to one of them.
    """

    protocol: str
    ports: IntervalSet | None
    addresses: tuple[str, ...] | None
    path: Path


def ways_out(host: PreparedHost, source: str, *, reply: bool = False) -> tuple[EgressPart, ...]:
    """Return the egress of SRC by protocol, everyone else first; raises EndpointError and TooManyParts."""
    parts: list[EgressPart] = []
    for protocol in _PROTOCOLS:
        destination = "outside/icmp" if protocol == "icmp" else f"outside:1/{protocol}"
        for query in questions(host, parse_source(source), parse_destination(destination)):
            if query.any_src is not None:
                raise EndpointError(f"{source}: the way out is of one sender; write outside:ADDRESS for one")
            if (why := host.blind.get(query.family)) is not None:
                ports = None if protocol == "icmp" else EVERY_PORT
                parts.append(EgressPart(protocol, ports, None, untold(source, destination, why)))
                continue
            of_all = query if protocol == "icmp" else replace(query, any_dport=Several(EVERY_PORT))
            parts += _rows(protocol, list(_pieces(host, of_all, reply)), width(query.family))
    return tuple(parts)


@dataclass(slots=True)
class _Piece:
    addresses: IntervalSet
    ports: IntervalSet | None
    path: Path


def _pieces(host: PreparedHost, query: Query, reply: bool) -> Iterator[_Piece]:
    for part in partition(host, query, lambda one, unknowns: walk(host, one, unknowns, reply), _MOST_PARTS):
        yield from _apart(part, combined(host, part.query, part.explored, reply))


def _apart(part: Part[Branch], path: Path) -> Iterator[_Piece]:
    """Divide a part by the rules that its machines, and its ports, met."""
    steps = [step for leg in (*path.legs, *(path.reply or ())) for step in leg.steps]
    assert part.receivers is not None
    together = Together(part.receivers, steps, (), path.deciding, path)
    by_port = [fan for fan in together.fans if fan.several is part.ports]
    by_machine = [fan for fan in together.fans if fan.several is not part.ports]
    for machines in cells(part.receivers, by_machine):
        for ports in cells(part.ports, by_port) if part.ports is not None else [Cell(EVERY_PORT)]:
            own = {id(fan): step for fan, step in zip(by_machine, machines.steps, strict=True)}
            own |= {id(fan): step for fan, step in zip(by_port, ports.steps, strict=True)}
            whole = Cell(machines.numbers, tuple(own[id(fan)] for fan in together.fans))
            yield _Piece(machines.numbers, None if part.ports is None else ports.numbers, together.written(whole))


def _rows(protocol: str, pieces: Sequence[_Piece], bits: int) -> Iterator[EgressPart]:
    """Combine pieces: for each set of ports the machines with equal outcomes, everyone else first."""
    edges = sorted({edge for piece in pieces for low, high in piece.ports or EVERY_PORT for edge in (low, high + 1)})
    alike: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for low, behind in pairwise(edges):
        there = tuple(at for at, piece in enumerate(pieces) if piece.ports is None or low in piece.ports)
        alike.setdefault(there, []).append((low, behind - 1))
    merged: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    rows: dict[tuple[object, ...], list[tuple[IntervalSet, Path]]] = {}
    for there, spans in alike.items():
        by_path: dict[object, tuple[list[IntervalSet], Path]] = {}
        for at in there:
            piece = pieces[at]
            by_path.setdefault(_said(piece.path), ([], piece.path))[0].append(piece.addresses)
        joined = [(IntervalSet(span for numbers in sets for span in numbers), path) for sets, path in by_path.values()]
        joined.sort(key=lambda pair: -pair[0].size())
        key: tuple[object, ...] = tuple((addresses, _said(path)) for addresses, path in joined)
        merged.setdefault(key, []).extend(spans)
        rows.setdefault(key, joined)
    for key, spans in sorted(merged.items(), key=lambda item: -sum(high - low + 1 for low, high in item[1])):
        ports = None if protocol == "icmp" else IntervalSet(spans)
        for number, (addresses, path) in enumerate(rows[key]):
            yield EgressPart(protocol, ports, tuple(_texts(addresses, bits)) if number else None, path)


def _texts(addresses: IntervalSet, bits: int) -> tuple[str, ...]:
    return Cell(addresses).texts(bits)


def _said(path: Path) -> tuple[object, ...]:
    step = path.deciding
    decided = step and (step.family, step.table, step.chain, step.rule)
    return path.verdict, decided, path.condition, path.undecided
