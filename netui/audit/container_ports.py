"""The ports of containers, and the containers with unknown ports."""

from __future__ import annotations

from netui.audit.cells import Listening
from netui.model import Container
from netui.traversal import PreparedHost


def partly_known(host: PreparedHost) -> tuple[Container, ...]:
    """Return the running containers that may have unknown ports, because their sockets were not read."""
    return tuple(
        container
        for container in host.containers
        if container.running
        and container.network_mode != "none"
        and (host.namespace.sockets if container.network_mode == "host" else container.listening) is None
    )


def ports_of(host: PreparedHost, container: Container, together: list[Container]) -> set[tuple[int, str]]:
    """Return a container's ports with their protocols; together: the containers that share its network namespace."""
    ports = {(bound.container_port, bound.protocol) for bound in (*container.bound_ports, *container.requested_ports)}
    for sharing in together:
        ports.update(sharing.exposed)
    if container.network_mode == "host":
        ports = set(container.exposed)
        ports.update((s.port, _protocol(s.protocol)) for s in host.namespace.sockets or () if s.pid == container.pid)
        return ports
    for socket in container.listening or ():
        if socket.address != "127.0.0.11":
            ports.add((socket.port, _protocol(socket.protocol)))
    return ports


def _protocol(name: str) -> str:
    return name.removesuffix("6")


def listening_state(container: Container, port: int, protocol: str) -> Listening:
    """Return whether a program listens on the port in the container, and on which addresses."""
    if container.listening is None:
        return "unknown"
    at_port = [s for s in container.listening if s.port == port and _protocol(s.protocol) == protocol]
    at_port = [s for s in at_port if s.address != "127.0.0.11"]
    if not at_port:
        return "no"
    loopback = all(s.address == "::1" or s.address.startswith("127.") for s in at_port)
    return "loopback" if loopback else "yes"
