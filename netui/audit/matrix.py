"""Who reaches whom, container by container: each asks each other one at its best known port.

Machines beyond the default route and on the host's links ask, too, for the ports that they can ask for.

A host with 300 containers has 90,000 such questions: what is kept of each is its verdict, and
the path is walked again for the one that somebody looks at.
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
    """A container that asks and is asked, or machines outside, which only ask.

    id: as SRC of a path. networks: their names. label: what it is asked for ("8080/tcp", "icmp"). destination: the
    same as DST of a path, "" for machines. published: the same for machines, as the port is published.
    """

    id: str
    name: str
    networks: tuple[str, ...] = ()
    label: str = ""
    destination: str = ""
    published: str = ""


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
        published = next((one for port in ports for one in published_at(container, *port)), "")
        found.append(Asked(container.id, container.name, networks, label, destination, published))
    boxes = sorted(found, key=lambda each: (each.networks[0], each.name, each.id))
    return (*boxes, *_machines(host)) if boxes else ()


def _machines(host: PreparedHost) -> Iterator[Asked]:
    """Those who ask from outside, where there is a way in."""
    if any(host.outer(family) is not None for family in FAMILIES):
        yield Asked(WORLD, "the world")
    if any(host.link(family, one.name) is not None for family in FAMILIES for one in host.links(family)):
        yield Asked(LAN, "LAN")


def asked_for(source: Asked, target: Asked) -> str:
    """Return as what one asks for the other, as DST of a path; "" where it cannot."""
    if source.id == WORLD:
        # the containers' own addresses are private: nobody in the world asks for one
        return target.published
    return (target.published if source.id == LAN else "") or target.destination


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
    destination = asked_for(source, target)
    if source.id == target.id or not destination:
        return None
    try:
        return ask(host, source.id, destination)
    except EndpointError:
        return None
