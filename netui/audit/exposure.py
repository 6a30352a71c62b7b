"""From where a container's ports are reached, found by walking packets, not by what is published.

Each origin tries all destinations of a port: the published ones, and the container's own address. One open
destination makes the origin's cell open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netui.audit.approaches import Approaches
from netui.audit.cells import Cell, Listed, Listening, State, by_family, widest
from netui.audit.container_ports import listening_state, partly_known, ports_of
from netui.audit.input_fate import InputFates
from netui.audit.origins import FAMILIES, Origin, Origins, Where
from netui.model import Container, Family, PublishedPort
from netui.net.addresses import protocol_name
from netui.process import collector_paused
from netui.traversal import EndpointError, PreparedHost, Step
from netui.traversal.answer import BriefPath, outcome
from netui.traversal.host.listener import listening_socket
from netui.traversal.question.endpoints import shared_namespace
from netui.traversal.stopped import stopped


@dataclass(frozen=True, slots=True)
class Exposure:
    """One port of one container, with a cell for each origin.

    how: any of "published", "exposed" and "listening". published: the host's addresses and ports.
    looks_protected: why ufw or INPUT seem to protect it, but do not.
    """

    container: str
    container_id: str
    port: int
    protocol: str
    how: tuple[str, ...]
    published: tuple[str, ...]
    listening: Listening
    cells: tuple[Cell, ...]
    looks_protected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def states(self, where: Where) -> dict[Family, list[Cell]]:
        """Return the cells of a kind of origin, by family."""
        return by_family(self.cells, where)

    @property
    def widest(self) -> Where | None:
        """The widest kind of origin from which it is open, None if there is none."""
        return widest(self.cells)

    @property
    def deciding(self) -> Cell | None:
        """The most important cell: why it is open to, or closed from, other machines; else the first cell."""
        outer = [cell for where in ("world", "lan") for cell in self.cells if cell.origin.where == where]
        ranked = [cell for state in ("open", "refused", "undecided") for cell in outer if cell.state == state]
        decided = [cell for cell in (*ranked, *outer, *self.cells) if cell.step is not None]
        return decided[0] if decided else None


def exposures(host: PreparedHost, *, containers: frozenset[str] | None = None) -> tuple[Exposure, ...]:
    """Return the exposure of every port of every running container (or of those with these IDs)."""
    origins = Origins.of(host)
    fates = InputFates(host)
    sharing: dict[str, list[Container]] = {}
    for container in host.containers:
        if container.running:
            sharing.setdefault(shared_namespace(host, container).id, []).append(container)
    exposures: list[Exposure] = []
    with collector_paused():
        for container in host.containers:
            if container.id in sharing and (containers is None or container.id in containers):
                together = sharing[container.id]
                for port, protocol in sorted(ports_of(host, container, together)):
                    exposures.append(_exposure(origins, fates, container, together, port, protocol))
    return tuple(exposures)


def unlisted_ports(host: PreparedHost) -> Iterator[Exposure]:
    """Yield, for each container with unknown ports, a port that :func:`exposures` lacks, as if a program listened."""
    origins = Origins.of(host)
    fates = InputFates(host)
    for container in partly_known(host):
        ports = ports_of(host, container, [container])
        port = next(number for number in range(1, 65536) if (number, "tcp") not in ports)
        yield _exposure(origins, fates, container, [container], port, "tcp")


# --- which ports there are --------------------------------------------------------------------


def _exposure(
    origins: Origins, fates: InputFates, container: Container, together: list[Container], port: int, protocol: str
) -> Exposure:
    host = origins.host
    bound = [b for b in container.bound_ports if b.container_port == port and b.protocol == protocol and b.host_port]
    asked = [b for b in container.requested_ports if b.container_port == port and b.protocol == protocol]
    listening: Listening = "unknown"
    if container.network_mode != "host":
        listening = listening_state(container, port, protocol)
    how = []
    how += ["published"] if bound or asked else []
    how += ["exposed"] if any((port, protocol) in sharing.exposed for sharing in together) else []
    how += ["listening"] if listening in ("yes", "loopback") or container.network_mode == "host" else []
    cells: list[Cell] = []
    known_ways = Approaches(host, container, bound, port, protocol)
    for family in FAMILIES:
        if not _has_family(container, family, bound):
            continue
        around = tuple(origins.around(container, family))
        batch = _told(host, around, known_ways)
        for origin in around:
            cell = _cell(host, origin, container, known_ways.of(origin), port, listening, batch)
            if cell is not None:
                cells.append(cell)
    notes: list[str] = []
    if container.network_mode == "host":
        notes.append("it uses the host's own network: its ports are the host's, behind INPUT")
    elif asked and not bound:
        notes.append("asked to be published, but the engine has not bound it")
    if listening == "no":
        notes.append("nothing listens on it in the container")
    elif listening == "loopback":
        notes.append("it listens on the container's own 127.0.0.1 only, so that nobody else is answered")
    shown = tuple(dict.fromkeys(_published_text(b) for b in bound))
    looks = tuple(_looks_protected(fates, cells))
    return Exposure(
        container.name, container.id, port, protocol, tuple(how), shown, listening, tuple(cells), looks, tuple(notes)
    )


def _has_family(container: Container, family: Family, bound: list[PublishedPort]) -> bool:
    if container.network_mode == "host":
        return True
    if any((e.ipv4 if family == "ip" else e.ipv6) for e in container.endpoints):
        return True
    return any((":" in b.host_ip) == (family == "ip6") for b in bound if b.host_ip)


def _published_text(bound: PublishedPort) -> str:
    if bound.host_ip in ("", "0.0.0.0", "::"):
        return f"{bound.host_port}"
    address = f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip
    return f"{address}:{bound.host_port}"


# --- walking ----------------------------------------------------------------------------------


#: Outcomes that are known without a walk, by destination and source.
Told = Mapping[str, Mapping[str, BriefPath]]


def _told(host: PreparedHost, around: Iterable[Origin], known_ways: Approaches) -> Told:
    """The outcomes of packets from other networks that rules stop, decided for all of them at once."""
    asked: dict[str, list[str]] = {}
    for origin in around:
        if origin.where == "networks":
            for _way, destination in known_ways.of(origin):
                asked.setdefault(destination, []).append(origin.source)
    return {destination: stopped(host, sources, destination) for destination, sources in asked.items()}


def _cell(
    host: PreparedHost,
    origin: Origin,
    container: Container,
    asked: Iterable[tuple[str, str]],
    port: int,
    listening: Listening,
    batch: Told,
) -> Cell | None:
    best: tuple[Judged, str, str] | None = None
    senders: tuple[Listed, ...] = ()
    for kind, destination in asked:
        batched = batch.get(destination, {}).get(origin.source)
        try:
            answer = batched or outcome(host, origin.source, destination, reply=True)
        except EndpointError:
            # the question does not apply to this origin (no address of the family, …)
            continue
        judged = _judge(host, container, answer, port, listening)
        state = judged[0]
        named = tuple(_named(host, container, answer, state, port, listening)) if answer.senders else ()
        if best is None or _tells_more(judged, named, best[0], senders):
            best, senders = (judged, kind, destination), named
        if state in ("open", "refused"):
            break
    if best is None:
        if origin.where != "world":
            return None
        reason = "it is not published, and no router of the internet carries packets for a private address"
        return Cell(origin, "closed", "none", "", reason, None)
    (state, reason, step, unknown, condition), kind, destination = best
    return Cell(origin, state, kind, destination, reason, step, unknown, condition, senders)


def _named(
    host: PreparedHost, container: Container, answer: BriefPath, state: State, port: int, listening: Listening
) -> Iterator[Listed]:
    """The senders with another outcome than everyone else."""
    judgements: dict[int, Judged] = {}
    for part in answer.senders:
        judged = judgements.get(id(part.outcome))
        if judged is None:
            judged = judgements[id(part.outcome)] = _judge(host, container, part.outcome, port, listening)
        if judged[0] != state:
            reason = part.reason if judged[1] == part.outcome.reason else judged[1]
            yield Listed(part.addresses, judged[0], part.decided_by, reason)


def _tells_more(judged: Judged, named: Iterable[Listed], best: Judged, best_named: Iterable[Listed]) -> bool:
    """Whether this destination's outcome is more important than the best one so far."""
    if judged[0] in ("open", "refused"):
        return True
    if judged[0] == "undecided" and best[0] == "closed":
        return True
    return any(part.state == "open" for part in named) and all(part.state != "open" for part in best_named)


#: State, reason, deciding step, unknowns, limits.
Judged = tuple[State, str, "Step | None", tuple[str, ...], str]


def _judge(host: PreparedHost, container: Container, answer: BriefPath, port: int, listening: Listening) -> Judged:
    state: State = "closed"
    reason = answer.reason
    if answer.verdict == "undecided":
        state = "undecided"
    elif answer.verdict == "delivered" and answer.one_of:
        # repeated connections reach each of them
        if any(to.kind == "container" and to.name == container.name and to.port == port for to in answer.one_of):
            state = "refused" if listening in ("no", "loopback") else "open"
    elif answer.verdict == "delivered" and answer.delivered_to is not None:
        to = answer.delivered_to
        if container.network_mode == "host":
            sockets = host.namespace.sockets
            there = to.kind == "host" and (
                sockets is None
                or listening_socket(sockets, protocol_name(answer.protocol), to.address, port) is not None
            )
            state = "open" if there else "closed"
        elif to.kind == "container" and to.name == container.name and to.port == port:
            state = "refused" if listening in ("no", "loopback") else "open"
        elif to.kind != "host":
            reason = f"{reason}, not {container.name}"
    step = answer.deciding
    unknown = tuple(f"{item.match}: {item.reason}" for item in answer.undecided) if state == "undecided" else ()
    return state, reason, step, unknown, answer.condition


def _looks_protected(fates: InputFates, cells: list[Cell]) -> Iterator[str]:
    texts: set[str] = set()
    for cell in cells:
        if cell.state == "open" and cell.way == "published" and cell.origin.where in ("world", "lan"):
            text = fates.besides(cell.origin.source, cell.destination, cell.step)
            if text and text not in texts:
                texts.add(text)
                yield text
