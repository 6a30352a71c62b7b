"""What a sender reaches: every port of every container, found by walking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netui.audit.container_ports import listening_state
from netui.model import Container, Endpoint, PublishedPort
from netui.traversal import EndpointError, Path, PreparedHost
from netui.traversal.answer import path
from netui.traversal.question.endpoints import find_container, parse_source, shared_namespace

#: The port of a machine outside for the outbound flow.
_OUTSIDE = "outside:443/tcp"


@dataclass(frozen=True, slots=True)
class Reach:
    """One destination from SRC.

    to: a container's name, "host" or "outside". label: the destination as text. way: "direct", "published" or
    "outbound". answered: whether a program listens there ("yes", "no", "loopback", "unknown").
    """

    to: str
    network: str
    label: str
    destination: str
    way: str
    answered: str
    path: Path

    @property
    def word(self) -> str:
        """The outcome in one word: reached, refused, or the path's verdict."""
        if self.path.verdict == "delivered":
            return "refused" if self.answered in ("no", "loopback") else "reached"
        return self.path.verdict


def reach(host: PreparedHost, source: str) -> tuple[Reach, ...]:
    """Return what ``source`` (as SRC of a path) reaches; raises EndpointError for an invalid source."""
    written = parse_source(source)
    sender = shared_namespace(host, find_container(host, written.name)) if written.kind == "container" else None
    destinations: list[Reach] = []
    for to, network, label, destination, kind, answered in _destinations(host, sender):
        try:
            answer = path(host, source, destination, reply=True)
        except EndpointError:
            # the question does not apply to this source (no address of the family, …)
            continue
        destinations.append(Reach(to, network, label, destination, kind, answered, answer))
    if not destinations:
        # raise the error: the source itself is invalid
        path(host, source, _OUTSIDE)
    return tuple(destinations)


def _destinations(host: PreparedHost, sender: Container | None) -> Iterator[tuple[str, str, str, str, str, str]]:
    for container in host.containers:
        if not container.running or shared_namespace(host, container) is not container or container is sender:
            continue
        ports = known_ports(container)
        for endpoint in container.endpoints:
            for address in (endpoint.ipv4, endpoint.ipv6):
                if address:
                    yield from _direct(container, endpoint, address, ports)
    for container in host.containers:
        if container.running:
            yield from _published(container)
    yield "outside", "", "443/tcp", _OUTSIDE, "outbound", "unknown"


def known_ports(container: Container) -> list[tuple[int, str]]:
    """Return the known ports of a container: published, exposed by its image, or with a listener."""
    ports = {(bound.container_port, bound.protocol) for bound in (*container.bound_ports, *container.requested_ports)}
    ports.update(container.exposed)
    ports.update((s.port, s.protocol.removesuffix("6")) for s in container.listening or () if s.address != "127.0.0.11")
    return sorted(ports)


def _direct(
    container: Container, endpoint: Endpoint, address: str, ports: list[tuple[int, str]]
) -> Iterator[tuple[str, str, str, str, str, str]]:
    at = f"[{address}]" if ":" in address else address
    for port, protocol in ports:
        label = f"{at}:{port}/{protocol}"
        answered = listening_state(container, port, protocol)
        yield container.name, endpoint.network_name, label, label, "direct", answered
    if not ports:
        yield container.name, endpoint.network_name, f"{at}/icmp", f"{at}/icmp", "direct", "unknown"


def published_at(container: Container, port: int, protocol: str) -> Iterator[str]:
    """Yield the published sides of a container's port, as DST of a path."""
    for bound in container.bound_ports:
        if (bound.container_port, bound.protocol) == (port, protocol) and (destination := _published_as(bound)):
            yield destination


def _published_as(bound: PublishedPort) -> str:
    host_side = _host_side(bound)
    return f"{host_side}:{bound.host_port}/{bound.protocol}" if bound.host_port and host_side else ""


def _published(container: Container) -> Iterator[tuple[str, str, str, str, str, str]]:
    seen: set[str] = set()
    for bound in container.bound_ports:
        destination = _published_as(bound)
        if destination and destination not in seen:
            seen.add(destination)
            answered = listening_state(container, bound.container_port, bound.protocol)
            yield container.name, "", destination, destination, "published", answered


def _host_side(bound: PublishedPort) -> str:
    if bound.host_ip in ("", "0.0.0.0"):
        return "host"
    if bound.host_ip == "::":
        return ""
    return f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip
