"""Who reaches whom: for each pair of containers, the verdict for the main port of the second.

Machines beyond the default route and on the host's links are senders, too.

A host with 300 containers has 90,000 such questions. Only the verdicts are kept; a path is walked again when the user
selects it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from netui.audit.container_ports import listening_state
from netui.audit.origins import FAMILIES
from netui.audit.reach import known_ports, published_at
from netui.traversal import EndpointError, Path, PreparedHost
from netui.traversal.answer import outcome, path
from netui.traversal.question.endpoints import shared_namespace

Answer = TypeVar("Answer")

#: Machines beyond the default route, and on the links of the host's interfaces, as SRC of a path.
WORLD, LAN = "outside", "lan"


@dataclass(frozen=True, slots=True)
class Asked:
    """A container as sender and receiver, or machines outside as senders.

    id: as SRC of a path. networks: their names. label: the port ("8080/tcp", "icmp"). destination: the port as DST of
    a path, "" for machines. published: the published port as DST, for machines outside.
    """

    id: str
    name: str
    networks: tuple[str, ...] = ()
    label: str = ""
    destination: str = ""
    published: str = ""


def asked(host: PreparedHost) -> tuple[Asked, ...]:
    """Return the running containers with a network of their own; those of a network are adjacent."""
    members: list[Asked] = []
    for container in host.containers:
        if not container.running or shared_namespace(host, container) is not container or not container.endpoints:
            continue
        ports = known_ports(container)
        ports = [port for port in ports if listening_state(container, *port) in ("yes", "unknown")] or ports
        label = f"{ports[0][0]}/{ports[0][1]}" if ports else "icmp"
        destination = f"{container.id}:{label}" if ports else f"{container.id}/icmp"
        networks = tuple(endpoint.network_name for endpoint in container.endpoints)
        published = next((binding for port in ports for binding in published_at(container, *port)), "")
        members.append(Asked(container.id, container.name, networks, label, destination, published))
    boxes = sorted(members, key=lambda each: (each.networks[0], each.name, each.id))
    return (*boxes, *_machines(host)) if boxes else ()


def _machines(host: PreparedHost) -> Iterator[Asked]:
    """The senders outside, where there is an uplink."""
    if any(host.outer(family) is not None for family in FAMILIES):
        yield Asked(WORLD, "the world")
    if any(host.link(family, interface.name) is not None for family in FAMILIES for interface in host.links(family)):
        yield Asked(LAN, "LAN")


def asked_for(source: Asked, target: Asked) -> str:
    """Return the second one as DST of a path from the first one; "" where that is not possible."""
    if source.id == WORLD:
        # the world cannot send to the private addresses of containers
        return target.published
    return (target.published if source.id == LAN else "") or target.destination


def way(host: PreparedHost, source: Asked, target: Asked) -> Path | None:
    """Return the path from one to the other, by the address that it would use; None where there is no question."""
    return _answer(partial(path, reply=True), host, source, target)


def verdicts(host: PreparedHost, source: Asked, targets: Sequence[Asked]) -> tuple[str, ...]:
    """Return each target's verdict, "" where there is no question."""
    answers = (_answer(partial(outcome, reply=True), host, source, target) for target in targets)
    return tuple(answer.verdict if answer is not None else "" for answer in answers)


def _answer(
    ask: Callable[[PreparedHost, str, str], Answer], host: PreparedHost, source: Asked, target: Asked
) -> Answer | None:
    destination = asked_for(source, target)
    if source.id == target.id or not destination:
        return None
    try:
        return ask(host, source.id, destination)
    except EndpointError:
        return None
