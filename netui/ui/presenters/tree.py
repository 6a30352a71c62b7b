"""The network tree as lines: host → networks → containers → published ports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netui.model import Container, Endpoint, Network, PublishedPort, Snapshot
from netui.text.visible import escape
from netui.ui.presenters.query import Query
from netui.ui.presenters.selection import ContainerItem, GroupItem, HostItem, Item, NetworkItem, PortItem
from netui.ui.presenters.spans import Spans, plain

_SHOWN_AS = {"bridge": "bridge", "host": "host", "null": "none"}
_ANY = ("", "0.0.0.0", "::")


class TreeLine(NamedTuple):
    """One line of the tree; folded: None for a line without children."""

    item: Item
    depth: int
    spans: Spans
    folded: bool | None = None
    dim: bool = False


def build_tree(snapshot: Snapshot, folded: frozenset[Item], query: Query | None = None) -> list[TreeLine]:
    """Lay out the tree; with a query, the matching lines and their parents."""
    lines = list(_host(snapshot, folded if query is None else frozenset()))
    return lines if query is None else _matching(lines, query)


def _matching(lines: list[TreeLine], query: Query) -> list[TreeLine]:
    keep: set[int] = set()
    parents: list[int] = []
    inside = -1
    for index, line in enumerate(lines):
        del parents[line.depth :]
        if 0 <= inside < line.depth:
            keep.add(index)
        else:
            inside = -1
            if query.on_text(plain(line.spans)):
                keep.update(parents, [index])
                inside = line.depth if not query.inverted else -1
        parents.append(index)
    return [line for index, line in enumerate(lines) if index in keep or index == 0]


def _host(snapshot: Snapshot, folded: frozenset[Item]) -> Iterator[TreeLine]:
    engine = snapshot.engine
    name = snapshot.hostname or "this host"
    host = HostItem()
    spans: Spans = [(escape(name), "strong")]
    if engine is not None:
        spans.append((f"  Docker {escape(engine.version)}", "dim"))
    yield TreeLine(host, 0, spans, host in folded)
    if host in folded:
        return
    if snapshot.networks is None and snapshot.containers is None:
        state = snapshot.sources.get("docker")
        why = state.error if state is not None and state.error else "Docker was not read"
        yield TreeLine(GroupItem("docker"), 1, [(escape(why), "warn")])
        return
    containers = snapshot.containers or ()
    placed: set[str] = set()
    for network in sorted(snapshot.networks or (), key=_network_order):
        members = [
            (container, endpoint)
            for container in containers
            for endpoint in container.endpoints
            if endpoint.network_id == network.id or (not endpoint.network_id and endpoint.network_name == network.name)
        ]
        placed |= {container.id for container, _ in members}
        yield from _network(snapshot, network, members, folded)
    rest = [container for container in containers if container.id not in placed]
    yield from _group("not on a network", rest, folded)


def _network_order(network: Network) -> tuple[int, str]:
    return (1 if network.driver in ("host", "null") else 0, network.name.lower())


def _network(
    snapshot: Snapshot, network: Network, members: list[tuple[Container, Endpoint]], folded: frozenset[Item]
) -> Iterator[TreeLine]:
    item = NetworkItem(network.id)
    foreign = [
        member for member in network.members if snapshot.containers is None or member.container_id.startswith("ep-")
    ]
    spans: Spans = [(escape(network.name), "name")]
    for subnet in network.subnets[:2]:
        spans.append((f"  {escape(subnet.subnet)}", ""))
    if network.bridge:
        spans.append((f"  {escape(network.bridge)}", "dim"))
    if network.driver in ("host", "null"):
        spans.append(("  no bridge, no rules of its own", "dim"))
    elif network.driver != "bridge":
        parent = f" on {escape(network.parent)}" if network.parent else ""
        spans.append((f"  {escape(network.driver)}{parent}", "warn"))
    else:
        spans.append(("  bridge", "dim"))
    if network.internal:
        spans.append(("  internal", "warn"))
    if network.driver == "bridge" and not network.icc:
        spans.append(("  icc off", "warn"))
    under = bool(members or foreign)
    is_folded = item in folded
    yield TreeLine(item, 1, spans, is_folded if under else None, dim=not under)
    if is_folded:
        return
    order = sorted(members, key=lambda each: (not each[0].running, each[0].project, each[0].name.lower()))
    for container, endpoint in order:
        yield from _container(container, endpoint, network, folded)
    for member in foreign:
        address = member.ipv4.partition("/")[0] or member.ipv6.partition("/")[0]
        member_item = ContainerItem(member.container_id, network.id)
        yield TreeLine(member_item, 2, [("● ", "good"), (escape(member.name), ""), (f"  {escape(address)}", "dim")])


def state_sign(container: Container) -> Spans:
    """Return the sign of a container's state: full for running, empty for stopped."""
    if container.state == "running":
        return [("● ", "good" if container.health != "unhealthy" else "warn")]
    if container.state in ("paused", "restarting"):
        return [("◐ ", "warn")]
    return [("○ ", "dim")]


def _container(
    container: Container, endpoint: Endpoint | None, network: Network | None, folded: frozenset[Item]
) -> Iterator[TreeLine]:
    item = ContainerItem(container.id, network.id if network else "")
    spans: Spans = [*state_sign(container), (escape(container.name), "" if container.running else "dim")]
    address = (endpoint.ipv4 or endpoint.ipv6) if endpoint is not None else ""
    if address:
        spans.append((f"  {escape(address)}", "dim"))
    if container.state != "running":
        spans.append((f"  {escape(container.state)}", "warn"))
    if container.health == "unhealthy":
        spans.append(("  unhealthy", "bad"))
    if container.project:
        spans.append((f"  [{escape(container.project)}]", "dim"))
    ports = published(container) if _publishes_here(container, network) else []
    is_folded = item in folded
    yield TreeLine(item, 2, spans, is_folded if ports else None, dim=not container.running)
    if is_folded:
        return
    for port in ports:
        port_item = PortItem(container.id, port, network.id if network else "")
        yield TreeLine(port_item, 3, port_spans(port, bound=container.running), dim=not container.running)


def _publishes_here(container: Container, network: Network | None) -> bool:
    """Whether the ports are shown under this network: the one to which the engine forwards."""
    if network is None or network.driver in ("host", "null"):
        return not any(endpoint.ipv4 for endpoint in container.endpoints)
    candidates = sorted(
        (endpoint for endpoint in container.endpoints if endpoint.gateway4 or endpoint.ipv4),
        key=lambda each: (not each.gateway4, -each.gw_priority, each.network_name),
    )
    if not candidates:
        return True
    return candidates[0].network_id == network.id or candidates[0].network_name == network.name


def published(container: Container) -> list[PublishedPort]:
    """Return the published ports (bound, else requested), with IPv4 and IPv6 of a port merged."""
    ports: dict[tuple[int, str, int, str], PublishedPort] = {}
    for port in container.bound_ports or container.requested_ports:
        if not port.host_port and container.running:
            continue
        host = "" if port.host_ip in _ANY else port.host_ip
        ports.setdefault((port.container_port, port.protocol, port.host_port, host), port)
    return [ports[key] for key in sorted(ports)]


def port_spans(port: PublishedPort, *, bound: bool = True) -> Spans:
    """Return ``80 → 80/tcp``, the host's side first, as a packet meets it."""
    host = escape(port.host_ip) if port.host_ip not in _ANY else ""
    if ":" in host:
        host = f"[{host}]"
    at = f"{host}:{port.host_port or '(any)'}" if host else str(port.host_port or "(any)")
    spans: Spans = [(at, "number" if bound else "dim"), (f" → {port.container_port}/{escape(port.protocol)}", "dim")]
    if not bound:
        spans.append(("  not bound", "dim"))
    return spans


def _group(name: str, containers: list[Container], folded: frozenset[Item]) -> Iterator[TreeLine]:
    """Yield containers without a network: stopped ones, and those that share another's namespace."""
    if not containers:
        return
    item = GroupItem(name)
    yield TreeLine(item, 1, [(name, "dim"), (f"  {len(containers)}", "dim")], item in folded)
    if item in folded:
        return
    for container in sorted(containers, key=lambda each: (not each.running, each.name.lower())):
        yield from _container(container, None, None, folded)
