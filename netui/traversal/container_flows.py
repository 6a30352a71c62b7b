"""The flows of a container: the usual questions about it, each walked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netui.model import Container, Endpoint, PublishedPort
from netui.traversal.answer import path
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.question.endpoints import EndpointError, shared_namespace
from netui.traversal.result import Flow

#: The destination port of a container's outbound flow where no other port is known.
_WEB = "443/tcp"
#: At most so many of the host's own ports; for others there is ``netui path``.
_MOST_SERVED = 8


@dataclass(frozen=True, slots=True)
class Question:
    """A flow before it is walked."""

    kind: str
    label: str
    source: str
    destination: str


def flows(host: PreparedHost, container_id: str) -> tuple[Flow, ...]:
    """Return the container's flows, each with its path; () for one that does not run.

    Raises KeyError for an ID that the snapshot does not hold.
    """
    container = host.by_id[container_id]
    flows: list[Flow] = []
    for question in questions(host, container):
        try:
            # a connection without its answer is no connection
            answer = path(host, question.source, question.destination, reply=True)
        except EndpointError:
            # the question does not apply to this host (no default route, no IPv6, …)
            continue
        flows.append(Flow(question.kind, question.label, question.source, question.destination, answer))
    return tuple(flows)


def questions(host: PreparedHost, container: Container) -> Iterator[Question]:
    """Yield the questions about a container, the most common first."""
    if not container.running:
        return
    own = shared_namespace(host, container)
    if own.network_mode == "host":
        yield from _of_host_network(own)
        return
    me = own.id
    yield from _published(host, own)
    yield from _direct(host, own)
    if own.endpoints:
        yield Question("outbound", f"{own.name} → outside {_WEB}", me, f"outside:{_WEB}")
    yield from _to_host(host, own)
    yield from _host_to(host, own)
    yield from _neighbours(host, own)
    yield from _cross(host, own)
    if any(_is_user_defined(host, endpoint) for endpoint in own.endpoints):
        yield Question("dns", f"{own.name} → 127.0.0.11 53/udp (DNS)", me, "127.0.0.11:53/udp")


def _of_host_network(container: Container) -> Iterator[Question]:
    for port, protocol in container.exposed:
        yield Question("published", f"outside → host {port}/{protocol}", "outside", f"host:{port}/{protocol}")
    yield Question("outbound", f"{container.name} → outside {_WEB}", "host", f"outside:{_WEB}")


def _bound_once(container: Container) -> list[PublishedPort]:
    seen: dict[tuple[int, int, str, bool, str], PublishedPort] = {}
    for bound in container.bound_ports:
        if bound.host_port:
            wild = bound.host_ip in ("", "0.0.0.0", "::")
            six = ":" in bound.host_ip
            key = (bound.host_port, bound.container_port, bound.protocol, six, "" if wild else bound.host_ip)
            seen.setdefault(key, bound)
    return list(seen.values())


def _host_side(host: PreparedHost, bound: PublishedPort) -> str:
    """The address of the host for a published port, as DST is written."""
    if bound.host_ip == "::":
        outer = host.outer("ip6")
        for address in host.namespace.fibs["ip6"].addresses(outer.interface) if outer else ():
            if address.scope == "global":
                return f"[{address.address}]"
        return ""
    if bound.host_ip in ("", "0.0.0.0") or bound.host_ip.startswith("127."):
        return "host"
    return f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip


def _published(host: PreparedHost, container: Container) -> Iterator[Question]:
    for bound in _bound_once(container):
        side = _host_side(host, bound)
        if side:
            port = f"{bound.host_port}/{bound.protocol}"
            shown = "" if side == "host" else f"{side} "
            yield Question("published", f"outside → {shown}{port}", "outside", f"{side}:{port}")
    for bound in _bound_once(container):
        side = _host_side(host, bound)
        # a container without IPv6 sends nothing over it
        if side and (not side.startswith("[") or any(endpoint.ipv6 for endpoint in container.endpoints)):
            port = f"{bound.host_port}/{bound.protocol}"
            shown = "host" if side == "host" else side
            yield Question("hairpin", f"{container.name} → {shown} {port} (its own)", container.id, f"{side}:{port}")


def service_port(container: Container) -> str:
    """Return the ``PORT/PROTO`` of a container's main service, or "icmp" where no port is known.

    Of the ports that others can reach: TCP first, then published or exposed ports, then the lowest.
    The order of the kernel's list of sockets means nothing.
    """
    ports = [(port.container_port, port.protocol) for port in (*container.bound_ports, *container.requested_ports)]
    ports += container.exposed
    listening = [
        (socket.port, socket.protocol.removesuffix("6"))
        for socket in container.listening or ()
        if socket.address not in ("127.0.0.1", "::1", "127.0.0.11")
    ]
    ranked = sorted(listening, key=lambda port: (port[1] != "tcp", port not in ports, port))
    if ranked and (ranked[0][1] == "tcp" or not ports):
        return "{}/{}".format(*ranked[0])
    return "{}/{}".format(*ports[0]) if ports else "icmp"


def _target(address: str, port: str) -> str:
    if port == "icmp":
        return f"{address}/icmp"
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _addresses(container: Container) -> Iterator[tuple[Endpoint, str]]:
    for endpoint in container.endpoints:
        if endpoint.ipv4:
            yield endpoint, endpoint.ipv4
        if endpoint.ipv6:
            yield endpoint, endpoint.ipv6


def _direct(host: PreparedHost, container: Container) -> Iterator[Question]:
    port = service_port(container)
    for _endpoint, address in _addresses(container):
        if host.outer("ip6" if ":" in address else "ip") is not None:
            yield Question("direct", f"outside → {address} {port}", "outside", _target(address, port))


def _host_to(host: PreparedHost, container: Container) -> Iterator[Question]:
    port = service_port(container)
    for _endpoint, address in _addresses(container):
        yield Question("host", f"host → {address} {port}", "host", _target(address, port))
    for bound in _bound_once(container):
        side = _host_side(host, bound)
        published = f"{bound.host_port}/{bound.protocol}"
        if side:
            shown = "its own address" if side == "host" else side
            yield Question("host", f"host → {shown} {published}", "host", f"{side}:{published}")
        loopback = "[::1]" if ":" in bound.host_ip else "127.0.0.1"
        yield Question("host", f"host → {loopback} {published}", "host", f"{loopback}:{published}")


def _to_host(host: PreparedHost, container: Container) -> Iterator[Question]:
    """From the container to the programs on the host itself: INPUT decides, not FORWARD."""
    served: dict[tuple[int, str], None] = {}
    for socket in host.namespace.sockets or ():
        protocol = socket.protocol[:3]
        if socket.program != "docker-proxy" and ":" not in socket.address and not socket.address.startswith("127."):
            served.setdefault((socket.port, protocol))
    for port, protocol in sorted(served)[:_MOST_SERVED]:
        label = f"{container.name} → host {port}/{protocol}"
        yield Question("host", label, container.id, f"host:{port}/{protocol}")


def _neighbours(host: PreparedHost, container: Container) -> Iterator[Question]:
    mine = {endpoint.network_id for endpoint in container.endpoints}
    for other in host.containers:
        if other.id == container.id or not other.running:
            continue
        for endpoint in other.endpoints:
            if endpoint.network_id not in mine or not (endpoint.ipv4 or endpoint.ipv6):
                continue
            yield from _both_ways("neighbour", container, other, endpoint, endpoint.network_id)


def _cross(host: PreparedHost, container: Container) -> Iterator[Question]:
    """To and from one container of every other network."""
    mine = {endpoint.network_id for endpoint in container.endpoints}
    seen = set(mine)
    for other in host.containers:
        if other.id == container.id or not other.running:
            continue
        if any(endpoint.network_id in mine for endpoint in other.endpoints):
            continue
        for endpoint in other.endpoints:
            if endpoint.network_id in seen or not (endpoint.ipv4 or endpoint.ipv6):
                continue
            seen.add(endpoint.network_id)
            yield from _both_ways("cross", container, other, endpoint, None)


def _both_ways(
    kind: str, container: Container, other: Container, endpoint: Endpoint, network: str | None
) -> Iterator[Question]:
    address = endpoint.ipv4 or endpoint.ipv6
    port = service_port(other)
    shown = f"{other.name} ({endpoint.network_name})"
    yield Question(kind, f"{container.name} → {shown} {port}", container.id, _target(address, port))
    for mine in container.endpoints:
        back = mine.ipv4 if endpoint.ipv4 else mine.ipv6
        if back and (network is None or mine.network_id == network):
            port = service_port(container)
            yield Question(kind, f"{shown} → {container.name} {port}", other.id, _target(back, port))
            break


def _is_user_defined(host: PreparedHost, endpoint: Endpoint) -> bool:
    network = host.network_of(endpoint)
    return network is not None and network.driver in ("bridge", "overlay") and network.name != "bridge"
