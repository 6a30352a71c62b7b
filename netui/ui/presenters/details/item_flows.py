"""The flows of a container or of a published port, and the most important one."""

from __future__ import annotations

from collections.abc import Sequence

from netui.model import Container, PublishedPort
from netui.traversal.result import Flow
from netui.ui.presenters.selection import ContainerItem, PortItem


def flows_of(item: ContainerItem | PortItem, container: Container, flows: Sequence[Flow]) -> list[Flow]:
    """Return a container's flows, or for a port the flows to it."""
    if isinstance(item, ContainerItem):
        return list(flows)
    addresses = tuple(
        text
        for endpoint in container.endpoints
        for text in (f"{endpoint.ipv4}:" if endpoint.ipv4 else "", f"[{endpoint.ipv6}]:" if endpoint.ipv6 else "")
        if text
    )
    return [flow for flow in flows if _of_port(flow, item.port, addresses)]


def first_flow(flows: Sequence[Flow]) -> Flow | None:
    """Return the most important flow: outside to a published port, else the container to the outside."""
    for kind in ("published", "outbound"):
        for flow in flows:
            if flow.kind == kind:
                return flow
    return flows[0] if flows else None


def _of_port(flow: Flow, port: PublishedPort, addresses: tuple[str, ...]) -> bool:
    """Whether the flow goes to this port, on the host's or the container's side."""
    if flow.kind == "outbound":
        return False
    number, _, protocol = flow.destination.rpartition(":")[2].partition("/")
    if (protocol or "tcp") != port.protocol:
        return False
    if flow.kind in ("published", "hairpin"):
        return number == str(port.host_port)
    to = flow.path.delivered_to
    own = to is not None and to.kind == "container" and to.port == port.container_port
    if flow.kind == "host" and not flow.destination.startswith(addresses):
        return number == str(port.host_port)
    return own or (number == str(port.container_port) and flow.destination.startswith(addresses))
