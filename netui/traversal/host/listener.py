"""Who receives a packet for the host: nobody, a program, or docker-proxy, which opens a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netui.model import Container, Family, Socket
from netui.net.addresses import address_text, host_port, parse_address, protocol_name
from netui.net.intervals import IntervalSet
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.journey.journey import Journey, LegResult
from netui.traversal.packet_state import PacketState
from netui.traversal.question.endpoints import address_of
from netui.traversal.question.sender import ephemeral_ports
from netui.traversal.result import Undecided
from netui.traversal.several import Fork, Several
from netui.traversal.unknowns import Unknowns


def answered_on_host(host: PreparedHost, first: LegResult, packet: PacketState, unknowns: Unknowns) -> LegResult | None:
    """Find who receives the packet: nobody, a program, or docker-proxy, whose second leg is returned."""
    protocol = protocol_name(packet.protocol)
    address = address_text(packet.family, packet.dst)
    where = f"{host_port(address, packet.dport)}/{protocol}"
    if packet.dport is None:
        return None
    if packet.any_dport is not None and packet.any_dport.numbers.size() > 1:
        _tell_apart(host, packet.any_dport, protocol, address)
        where = "that port"
    published = host.published(protocol, address, packet.dport)
    if host.namespace.sockets is None:
        first.notes.append(f"the host's sockets were not read: who listens on {where} is not known")
        if published is not None:
            state = host.snapshot.sources.get("sockets")
            why = f" ({state.error})" if state is not None and state.error else ""
            unknown = Undecided(
                "sockets",
                f"whether docker-proxy takes {where} to {published[0].name} is not known: the host's sockets were "
                f"not read{why}",
            )
            first.verdict, first.reason, first.delivered_to, first.undecided = (
                "undecided",
                unknown.reason,
                None,
                unknown,
            )
        return None
    # a socket bound to a device receives only what comes in by it
    sockets = [socket for socket in host.namespace.sockets if socket.device in ("", packet.iif)]
    socket = listening_socket(sockets, protocol, address, packet.dport)
    if socket is None:
        first.reason = f"it reaches this machine, where nothing listens on {where}: the host refuses it"
        if first.delivered_to is not None:
            first.delivered_to = replace(first.delivered_to, refuses=True)
        return None
    if socket.program not in ("docker-proxy", "") or (not socket.program and published is None):
        if socket.program == "dockerd":
            first.notes.append(f"dockerd itself only holds {where} and does not answer")
        elif socket.program:
            first.notes.append(f"{socket.program} answers on {where}")
        return None
    if published is None:
        first.notes.append(f"docker-proxy listens on {where}, but no running container has that port bound")
        return None
    container, bound = published
    target = _proxy_target(host, container, packet.family)
    if target is None:
        first.notes.append(f"docker-proxy listens on {where}; {container.name} has no address that it could connect to")
        return None
    family, dst = target
    second = PacketState(family, packet.protocol, 0, dst, None, bound.container_port, uid=0)
    second.sport_range = ephemeral_ports(host)
    arrival = Journey(host, unknowns).send(second)
    gateway = address_text(family, second.src) if second.src else "the bridge's address"
    arrival.notes.insert(
        0,
        f"docker-proxy answers on {where} and opens a connection of its own: "
        f"{container.name} sees {gateway} as the client",
    )
    return arrival


def _tell_apart(host: PreparedHost, several: Several, protocol: str, address: str) -> None:
    """Raise Fork where many ports are walked: each port that has a listener or is published is a part of its own."""
    wild = ("::", "*") if ":" in address else ("0.0.0.0", "*")

    def make() -> list[IntervalSet]:
        ports = {
            socket.port
            for socket in host.namespace.sockets or ()
            if socket.protocol.startswith(protocol) and socket.address in (address, *wild)
        }
        ports |= {port for port in host.published_ports(protocol) if host.published(protocol, address, port)}
        single = [IntervalSet([(port, port)]) for port in sorted(ports) if port in several.numbers]
        rest = several.numbers - IntervalSet((port, port) for port in ports)
        return [*single, rest] if rest else single

    parts = several.cut(("sockets", id(host.snapshot), protocol, address), make)
    if len(parts) > 1:
        raise Fork(several, parts)


def _proxy_target(host: PreparedHost, container: Container, family: Family) -> tuple[Family, int] | None:
    """The address to which docker-proxy connects: of the same family where the container has one."""
    families: tuple[Family, ...] = ("ip6", "ip") if family == "ip6" else ("ip",)
    for wanted in families:
        endpoint = host.gateway_endpoint(container, wanted)
        candidates = [endpoint] if endpoint is not None else list(container.endpoints)
        for candidate in candidates:
            parsed = parse_address(address_of(candidate, wanted)) if address_of(candidate, wanted) else None
            if parsed is not None:
                return wanted, parsed[1]
    return None


def listening_socket(sockets: Sequence[Socket], protocol: str, address: str, port: int) -> Socket | None:
    """Return the socket that receives a packet for an address and port: the most specific one."""
    six = ":" in address
    wild = ("::", "*") if six else ("0.0.0.0", "*")
    best: tuple[int, Socket] | None = None
    for socket in sockets:
        if socket.port != port or not socket.protocol.startswith(protocol):
            continue
        if socket.address == address:
            rank = 2
        elif socket.address in wild:
            rank = 1
        else:
            continue
        if best is None or rank > best[0]:
            best = (rank, socket)
    return best[1] if best else None
