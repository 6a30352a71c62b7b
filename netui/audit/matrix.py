"""Who reaches whom, container by container: each asks each other one at its best known port.

A host with 300 containers has 90,000 such questions: what is kept of each is its verdict, and
the path is walked again for the one that somebody looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from netui.audit.exposure import listening_state
from netui.audit.reach import known_ports
from netui.traversal import EndpointError, Path, PreparedHost
from netui.traversal.answer import outcome, path
from netui.traversal.question.endpoints import shared_namespace

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Asked:
    """A container that asks and is asked.

    networks: their names. label: what it is asked for ("8080/tcp", "icmp"). destination: the
    same as DST of a path.
    """

    id: str
    name: str
    networks: tuple[str, ...]
    label: str
    destination: str


def asked(host: PreparedHost) -> tuple[Asked, ...]:
    """Return the running containers with a network of their own, neighbours beside each other."""
    found: list[Asked] = []
    for container in host.containers:
        if not container.running or shared_namespace(host, container) is not container or not container.endpoints:
            continue
        ports = known_ports(container)
        ports = [port for port in ports if listening_state(container, *port) in ("yes", "unknown")] or ports
        label = f"{ports[0][0]}/{ports[0][1]}" if ports else "icmp"
        destination = f"{container.id}:{label}" if ports else f"{container.id}/icmp"
        networks = tuple(endpoint.network_name for endpoint in container.endpoints)
        found.append(Asked(container.id, container.name, networks, label, destination))
    return tuple(sorted(found, key=lambda each: (each.networks[0], each.name, each.id)))


def way(host: PreparedHost, source: Asked, target: Asked) -> Path | None:
    """Return the path from one to the other by the address that it would use; None where it cannot be asked."""
    return _answer(partial(path, reply=True), host, source, target)


def verdicts(host: PreparedHost, source: Asked, targets: Sequence[Asked]) -> tuple[str, ...]:
    """Return each target's verdict, "" where it cannot be asked."""
    found = (_answer(partial(outcome, reply=True), host, source, target) for target in targets)
    return tuple(each.verdict if each is not None else "" for each in found)


def _answer(
    ask: Callable[[PreparedHost, str, str], Answer], host: PreparedHost, source: Asked, target: Asked
) -> Answer | None:
    if source.id == target.id:
        return None
    try:
        return ask(host, source.id, target.destination)
    except EndpointError:
        return None
