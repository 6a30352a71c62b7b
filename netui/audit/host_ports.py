"""Every port of this machine that other machines or containers reach, and the answerer.

One walk is for all ports at once. It divides them where a rule, a translation or a listening socket distinguishes them.
netui sends nothing, and does not infer anything from published ports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from netui.audit.cells import State
from netui.audit.origins import FAMILIES, WIDEST, Origin, Origins
from netui.audit.port_answers import Answerer, PortsAnswer, PortsAsked
from netui.audit.port_rows import HostPort, rows_of
from netui.model import Socket
from netui.net.addresses import ip_version, parse_address, protocol_name
from netui.net.intervals import IntervalSet
from netui.traversal import EndpointError, PreparedHost
from netui.traversal.branch import Branch
from netui.traversal.by_sender import Together
from netui.traversal.host.listener import listening_socket
from netui.traversal.question.endpoints import parse_destination, parse_source
from netui.traversal.question.query import combined, walk
from netui.traversal.question.resolution import questions
from netui.traversal.result import Path
from netui.traversal.senders import Part, TooManyParts, partition
from netui.traversal.several import Several

#: The most parts: there is one for each published port, and more where rules name senders.
_MOST_PARTS = 20_000
_ALL = IntervalSet([(1, 65535)])
_PROTOCOLS = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class HostPorts:
    """The ports of the host. unknown: sentences about what is unknown."""

    ports: tuple[HostPort, ...]
    unknown: tuple[str, ...] = ()


def host_ports(host: PreparedHost) -> HostPorts:
    """Return every port of the host that others reach, the widest open ones first."""
    outcomes: list[PortsAsked] = []
    unknown: dict[str, None] = {}
    if host.namespace.sockets is None:
        unknown["the host's sockets were not read: who listens on a port is not known"] = None
    for family in FAMILIES:
        if (why := host.blind.get(family)) is not None:
            unknown[f"{ip_version(family)}: {why.reason}"] = None
    every = Several(_ALL)
    for origin in _places(host):
        if host.blind.get(origin.family) is not None:
            continue
        for address in _addresses(host, origin):
            for protocol in _PROTOCOLS:
                try:
                    answers = _ask(host, origin, address, protocol, every)
                except EndpointError:
                    # the question does not apply to this origin
                    continue
                except TooManyParts:
                    unknown[f"the rules tell more apart from {origin.name} than netui walks"] = None
                    continue
                outcomes.append(PortsAsked(origin, address, protocol, answers))
    order = {where: rank for rank, where in enumerate(WIDEST)}
    rows = sorted(
        rows_of(outcomes),
        key=lambda row: (
            row.answered_by.kind == "nobody", order.get(row.widest or "own", 9) if row.widest else 9, row.protocol,
            row.ports.lows[0],
        ),
    )  # fmt: skip
    return HostPorts(tuple(rows), tuple(unknown))


# --- who asks what ------------------------------------------------------------------------------


def _places(host: PreparedHost) -> Iterator[Origin]:
    """The origins by family: the world, each link, and a container of each network."""
    origins = Origins.of(host)
    yield from origins.outer
    for network_id, members in origins.members.items():
        network = origins.network(network_id)
        if network is None or not network.bridge:
            continue
        for family in FAMILIES:
            for container, endpoint in members:
                if endpoint.ipv4 if family == "ip" else endpoint.ipv6:
                    gateway = endpoint.gateway4 if family == "ip" else endpoint.gateway6
                    source = f"{container.id}@{endpoint.network_name}"
                    yield Origin("networks", endpoint.network_name, family, source, gateway)
                    break


def _addresses(host: PreparedHost, origin: Origin) -> Iterator[str]:
    """The host's own addresses to ask for: of its links, of the origin's bridge, and of sockets."""
    addresses: dict[str, None] = {origin.address: None} if origin.address else {}
    for interface in host.links(origin.family):
        addresses.update(
            (a.address, None) for a in interface.addresses if a.family == origin.family and a.scope == "global"
        )
    own = {a.address for i in host.namespace.interfaces.values() for a in i.addresses if a.family == origin.family}
    bound = {socket.address for socket in host.namespace.sockets or ()}
    bound |= {
        bound_port.host_ip for container in host.containers if container.running for bound_port in container.bound_ports
    }
    addresses.update((address, None) for address in sorted(bound & own) if not _loopback(address))
    fib = host.namespace.fibs[origin.family]
    for address in addresses:
        parsed = parse_address(address)
        if parsed is not None and parsed[0] == origin.family and fib.is_local(parsed[1]):
            yield address


def _loopback(address: str) -> bool:
    return address == "::1" or address.startswith("127.")


def _ask(host: PreparedHost, origin: Origin, address: str, protocol: str, every: Several) -> list[PortsAnswer]:
    shown = f"[{address}]" if ":" in address else address
    destination = parse_destination(f"{shown}:1/{protocol}")
    given: list[PortsAnswer] = []
    for query in questions(host, parse_source(origin.source), destination):
        of_all = replace(query, any_dport=every)
        for part in partition(host, of_all, lambda one, unknowns: walk(host, one, unknowns, True), _MOST_PARTS):
            given.append(_answer(host, part))
    return given


def _answer(host: PreparedHost, part: Part[Branch]) -> PortsAnswer:
    assert part.ports is not None
    path = combined(host, part.query, part.explored, True)
    steps = [step for leg in (*path.legs, *(path.reply or ())) for step in leg.steps]
    state, by = _judge(host, path, part.explored.outcomes[0])
    return PortsAnswer(
        part.ports.numbers, part.senders, state, by, path, Together(part.ports, steps, (), path.deciding)
    )


def _judge(host: PreparedHost, path: Path, branch: Branch) -> tuple[State, Answerer]:
    if path.verdict == "undecided":
        return "undecided", Answerer("unknown")
    if path.verdict != "delivered":
        return "closed", Answerer("nobody")
    to = path.delivered_to or path.one_of[0]
    protocol = protocol_name(branch.last.seen.protocol)
    if to.kind == "host":
        sockets = host.namespace.sockets
        if sockets is None:
            return "undecided", Answerer("unknown")
        iif = branch.last.seen.iif
        here = [socket for socket in sockets if socket.device in ("", iif)]
        socket = listening_socket(here, protocol, to.address, to.port or 0)
        return ("refused", Answerer("nobody")) if socket is None else ("open", _program(host, socket, to.address))
    if to.kind == "container":
        receiver = next((container for container in host.containers if container.name == to.name), None)
        listening = receiver.listening if receiver is not None else None
        at_port = [
            bound for bound in listening or () if bound.port == to.port and bound.protocol.startswith(protocol)
            and not _loopback(bound.address)
        ]  # fmt: skip
        # a port that the kernel chooses is unknown
        state: State = "refused" if listening is not None and not at_port and to.port is not None else "open"
        return state, Answerer("container", to.name, to.address, to.port)
    return "open", Answerer("elsewhere", to.address, to.address, to.port)


def _program(host: PreparedHost, socket: Socket, address: str) -> Answerer:
    """The listening program, or its container on the host's network."""
    if socket.pid:
        for container in host.containers:
            if container.running and container.network_mode == "host" and container.pid == socket.pid:
                return Answerer("container", container.name, "", socket.port)
    return Answerer("program", socket.program, "", socket.port)
