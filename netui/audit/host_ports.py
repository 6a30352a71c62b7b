"""Every port of this machine that other machines or containers reach, and what answers there.

All ports are asked at once: a walk parts them where a rule, a translation or a listening socket tells them
apart. Nothing is sent, and nothing is guessed from what is published.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from netui.audit.exposure import Cell, Listed, State, by_family, widest
from netui.audit.origins import FAMILIES, WIDEST, Place, Places, Where
from netui.model import Family, Socket
from netui.net.addresses import parse_address, protocol_name, width
from netui.net.intervals import IntervalSet
from netui.traversal import EndpointError, PreparedHost, Step
from netui.traversal.branch import Branch
from netui.traversal.by_sender import Together, cells
from netui.traversal.host.listener import listening_socket
from netui.traversal.question.endpoints import parse_destination, parse_source
from netui.traversal.question.query import combined, walk
from netui.traversal.question.resolution import questions
from netui.traversal.result import Path
from netui.traversal.senders import Part, TooManyParts, partition
from netui.traversal.several import Several

#: More parts than this are not walked apart: one for each port that is published, and more where rules name senders.
_MOST_PARTS = 20_000
_ALL = IntervalSet([(1, 65535)])
_NONE = IntervalSet([])
_PROTOCOLS = ("tcp", "udp")
#: More ports than this that go to one place have one row.
_FEW = 1024
_SURE = {"open": 0, "refused": 1, "undecided": 2, "closed": 3}


@dataclass(frozen=True, slots=True)
class Answerer:
    """What answers: kind "container", "program", "elsewhere" (another machine), "nobody" or "unknown".

    address: one of its addresses; a container is the same one by each of them.
    """

    kind: str
    name: str = ""
    address: str = field(default="", compare=False)
    port: int | None = None


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of the host, or ports that are alike, and from where it is reached.

    answered_by: what answers. cells: for each place and address of the host, as of a container's port.
    """

    protocol: str
    ports: IntervalSet
    answered_by: Answerer
    cells: tuple[Cell, ...]

    def states(self, where: Where) -> dict[Family, list[Cell]]:
        """Return the cells of a kind of place, by family."""
        return by_family(self.cells, where)

    @property
    def widest(self) -> Where | None:
        """The widest place from which it is open, None if it is from nowhere."""
        return widest(self.cells)

    @property
    def deciding(self) -> Cell | None:
        """The cell that tells most: of other machines before containers, what is open before what is not."""
        told = [cell for cell in self.cells if cell.step is not None]
        return min(told, key=lambda cell: (cell.place.where == "networks", _SURE[cell.state]), default=None)


@dataclass(frozen=True, slots=True)
class HostPorts:
    """The ports of the host. unknown: why not all can be told, in sentences."""

    ports: tuple[HostPort, ...]
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class _Answer:
    """What becomes of some ports' packets from some senders. step_of: the deciding step of a port."""

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
        found = self.path.deciding
        for fan, step in zip(self.together.fans, chosen, strict=True):
            if found is fan:
                return step
        return found

    def listed(self, bits: int, port: int) -> Iterator[Listed]:
        """The senders, by the rule that lets them in or keeps them out."""
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
class _Asked:
    """All ports of one address and protocol, asked from one place."""

    place: Place
    address: str
    protocol: str
    answers: list[_Answer]
    _starts: list[int] = field(default_factory=list)
    _there: list[list[_Answer]] = field(default_factory=list)

    def __post_init__(self) -> None:
        edges = {1, 65536}
        for answer in self.answers:
            for low, high in answer.ports:
                edges |= {low, high + 1}
            # where a rule of its own decides
            for fan in answer.together.fans:
                for numbers, _step in fan.parts if fan.several is not answer.senders else ():
                    edges |= {edge for low, high in numbers for edge in (low, high + 1)}
        self._starts = sorted(edges)[:-1]
        opening: dict[int, list[_Answer]] = {}
        closing: dict[int, list[_Answer]] = {}
        for answer in self.answers:
            for low, high in answer.ports:
                opening.setdefault(low, []).append(answer)
                closing.setdefault(high + 1, []).append(answer)
        now: dict[int, _Answer] = {}
        for start in self._starts:
            for answer in closing.get(start, ()):
                now.pop(id(answer), None)
            now.update((id(answer), answer) for answer in opening.get(start, ()))
            self._there.append(list(now.values()))

    def at(self, port: int) -> list[_Answer]:
        """What becomes of a port's packets, by senders."""
        return self._there[bisect_right(self._starts, port) - 1]

    def ranges(self) -> Iterator[tuple[int, int, list[_Answer]]]:
        """Yield the ranges of ports that are alike."""
        ends = [*(start - 1 for start in self._starts[1:]), 65535]
        yield from zip(self._starts, ends, self._there, strict=True)

    def cell(self, port: int, by: Answerer) -> Cell:
        """The cell of a port: the state is everyone else's, the largest part's; the others are listed."""
        bits = width(self.place.family)
        shown = f"[{self.address}]" if ":" in self.address else self.address
        here = sorted(self.at(port), key=_many, reverse=True)
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
            self.place, state, "host", f"{shown}:{port}/{self.protocol}", reason, most.step(port), unknown,
            most.path.condition, named,
        )  # fmt: skip


def host_ports(host: PreparedHost) -> HostPorts:
    """Return every port of the host that something else reaches, the widest open ones first."""
    asked: list[_Asked] = []
    unknown: dict[str, None] = {}
    if host.namespace.sockets is None:
        unknown["the host's sockets were not read: who listens on a port is not known"] = None
    every = Several(_ALL)
    for place in _places(host):
        for address in _addresses(host, place):
            for protocol in _PROTOCOLS:
                try:
                    answers = _ask(host, place, address, protocol, every)
                except EndpointError:
                    # no question that this place can ask
                    continue
                except TooManyParts:
                    unknown[f"the rules tell more apart from {place.name} than netui walks"] = None
                    continue
                asked.append(_Asked(place, address, protocol, answers))
    order = {where: rank for rank, where in enumerate(WIDEST)}
    rows = sorted(
        _rows(asked),
        key=lambda row: (
            row.answered_by.kind == "nobody", order.get(row.widest or "own", 9) if row.widest else 9, row.protocol,
            row.ports.lows[0],
        ),
    )  # fmt: skip
    return HostPorts(tuple(rows), tuple(unknown))


# --- who asks what ------------------------------------------------------------------------------


def _places(host: PreparedHost) -> Iterator[Place]:
    """The world, each link, and a container of each network, by family."""
    places = Places.of(host)
    yield from places.outer
    for network_id, members in places.members.items():
        network = places.network(network_id)
        if network is None or not network.bridge:
            continue
        for family in FAMILIES:
            for container, endpoint in members:
                if endpoint.ipv4 if family == "ip" else endpoint.ipv6:
                    gateway = endpoint.gateway4 if family == "ip" else endpoint.gateway6
                    source = f"{container.id}@{endpoint.network_name}"
                    yield Place("networks", endpoint.network_name, family, source, gateway)
                    break


def _addresses(host: PreparedHost, place: Place) -> Iterator[str]:
    """The host's own addresses to be asked for: of its links, of the bridge in question, of single sockets."""
    found: dict[str, None] = {place.address: None} if place.address else {}
    for interface in host.links(place.family):
        found.update((a.address, None) for a in interface.addresses if a.family == place.family and a.scope == "global")
    own = {a.address for i in host.namespace.interfaces.values() for a in i.addresses if a.family == place.family}
    bound = {socket.address for socket in host.namespace.sockets or ()}
    bound |= {one.host_ip for container in host.containers if container.running for one in container.bound}
    found.update((address, None) for address in sorted(bound & own) if not _loopback(address))
    fib = host.namespace.fibs[place.family]
    for address in found:
        parsed = parse_address(address)
        if parsed is not None and parsed[0] == place.family and fib.is_local(parsed[1]):
            yield address


def _loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _ask(host: PreparedHost, place: Place, address: str, protocol: str, every: Several) -> list[_Answer]:
    shown = f"[{address}]" if ":" in address else address
    destination = parse_destination(f"{shown}:1/{protocol}")
    found: list[_Answer] = []
    for request in questions(host, parse_source(place.source), destination):
        of_all = replace(request, any_dport=every)
        for part in partition(host, of_all, lambda one, choices: walk(host, one, choices, True), _MOST_PARTS):
            found.append(_answer(host, part))
    return found


def _answer(host: PreparedHost, part: Part[Branch]) -> _Answer:
    assert part.ports is not None
    path = combined(host, part.request, part.explored, True)
    steps = [step for leg in (*path.legs, *(path.reply or ())) for step in leg.steps]
    state, by = _judge(host, path, part.explored.outcomes[0])
    return _Answer(part.ports.numbers, part.senders, state, by, path, Together(part.ports, steps, (), path.deciding))


def _judge(host: PreparedHost, path: Path, way: Branch) -> tuple[State, Answerer]:
    if path.verdict == "undecided":
        return "undecided", Answerer("unknown")
    if path.verdict != "delivered":
        return "closed", Answerer("nobody")
    to = path.delivered_to or path.one_of[0]
    protocol = protocol_name(way.last.seen.protocol)
    if to.kind == "host":
        sockets = host.namespace.sockets
        if sockets is None:
            return "undecided", Answerer("unknown")
        iif = way.last.seen.iif
        here = [socket for socket in sockets if socket.device in ("", iif)]
        socket = listening_socket(here, protocol, to.address, to.port or 0)
        return ("refused", Answerer("nobody")) if socket is None else ("open", _program(host, socket, to.address))
    if to.kind == "container":
        found = next((container for container in host.containers if container.name == to.name), None)
        listening = found.listening if found is not None else None
        at_port = [
            one for one in listening or () if one.port == to.port and one.protocol.startswith(protocol)
            and not _loopback(one.address)
        ]  # fmt: skip
        # a port that the kernel chooses of several cannot be told
        state: State = "refused" if listening is not None and not at_port and to.port is not None else "open"
        return state, Answerer("container", to.name, to.address, to.port)
    return "open", Answerer("elsewhere", to.address, to.address, to.port)


def _program(host: PreparedHost, socket: Socket, address: str) -> Answerer:
    """The program that listens, or the container of the host's network whose it is."""
    if socket.pid:
        for container in host.containers:
            if container.running and container.network_mode == "host" and container.pid == socket.pid:
                return Answerer("container", container.name, "", socket.port)
    return Answerer("program", socket.program, "", socket.port)


# --- rows ---------------------------------------------------------------------------------------


def _rows(asked: Sequence[_Asked]) -> Iterator[HostPort]:
    single: dict[tuple[str, int, Answerer], None] = {}
    for one in asked:
        for low, high, answers in one.ranges():
            for answer in answers:
                if answer.by.kind not in ("nobody", "unknown"):
                    for port in range(low, high + 1) if high - low < _FEW else ():
                        single[one.protocol, port, answer.by] = None
    for protocol, port, by in single:
        cells_of = tuple(one.cell(port, by) for one in asked if one.protocol == protocol)
        yield HostPort(protocol, IntervalSet([(port, port)]), by, _without_repeats(cells_of))
    alone: dict[tuple[str, Answerer], list[tuple[int, int]]] = {}
    for protocol, port, by in single:
        alone.setdefault((protocol, replace(by, port=None)), []).append((port, port))
    yield from _wide(asked, {key: IntervalSet(spans) for key, spans in alone.items()})


def _many(answer: _Answer) -> int:
    return answer.senders.numbers.size() if answer.senders is not None else 1


def _wide(asked: Sequence[_Asked], alone: Mapping[tuple[str, Answerer], IntervalSet]) -> Iterator[HostPort]:
    """The rows of many ports at once: nobody answers, it is not known, or all are passed on to one machine.

    alone: ports that have rows of their own, by protocol and answerer: what is many ports in one place may be few
    in another.
    """
    rows: dict[tuple[str, Answerer, tuple[tuple[int, int], ...]], list[Cell]] = {}
    for one in asked:
        alike: dict[tuple[Answerer, object], list[tuple[int, int]]] = {}
        for low, high, answers in one.ranges():
            # of those to whom the same answers, most are in the cell, and the others listed there
            most = {answer.by: answer for answer in sorted(answers, key=_many)}
            # ports of one row are alike to everyone else, too
            whole = tuple((a.state, replace(a.by, port=None), id(a.senders)) for a in sorted(answers, key=_many))
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
    for (protocol, by, spans_of), found in rows.items():
        yield HostPort(protocol, IntervalSet(spans_of), by, _without_repeats(found))


def _without_repeats(found: Iterable[Cell]) -> tuple[Cell, ...]:
    return tuple(dict.fromkeys(found))
