"""The details of the host and of a network."""

from __future__ import annotations

from collections.abc import Iterator

from netui.model import SOURCES, Container, Endpoint, Network, Snapshot
from netui.text.visible import escape
from netui.ui.presenters.cells import joined
from netui.ui.presenters.chains.table_layout import ruleset_words
from netui.ui.presenters.details.parts import DetailLine, field, heading
from netui.ui.presenters.selection import ContainerItem
from netui.ui.presenters.spans import Role, Spans
from netui.ui.presenters.times import clock
from netui.ui.presenters.tree import state_sign


def host_lines(snapshot: Snapshot) -> Iterator[DetailLine]:
    """Yield the host's details: engine, rulesets, interfaces, and the state of each source."""
    engine = snapshot.engine
    if engine is not None:
        kind = f", firewall {engine.firewall}" if engine.firewall else ""
        proxy = {True: ", userland proxy on", False: ", userland proxy off", None: ""}[engine.userland_proxy]
        yield field("engine", f"Docker {engine.version} (API {engine.api_version}){kind}{proxy}")
        if not engine.local:
            yield field("", f"the engine at {engine.address} is another machine: its names are not joined", "warn")
        if not engine.here:
            kind = "rootless: its rules live in RootlessKit's own" if engine.rootless else "its rules are in another"
            yield field("", f"{kind} namespace, not here", "warn")
    for key, ruleset in snapshot.rulesets.items():
        where = ", ".join(f"{table.name} {sum(len(c.rules) for c in table.chains)}" for table in ruleset.tables)
        if where:
            yield field(ruleset_words(key), f"{ruleset.rule_count()} rules: {where}")
    for interface in snapshot.interfaces or ():
        if interface.kind == "veth" or interface.name == "lo":
            continue
        addresses = joined([f"{each.address}/{each.prefixlen}" for each in interface.addresses], " ", 3)
        if addresses:
            yield field(interface.name, addresses)
    yield heading("Sources")
    for name in SOURCES:
        state = snapshot.sources.get(name)
        if state is None:
            continue
        yield DetailLine(("source", name), _source(name, state.read, state.error, state.via, state.note, state.time))


def _source(name: str, read: bool, error: str, via: str, note: str, time: float | None) -> Spans:
    spans: Spans = [(f"{name:<17} ", "key")]
    if read and not error:
        spans.append(("✓ read", "good"))
    elif read:
        spans.append((f"⚠ old, of {clock(time)}: " if time else "⚠ old: ", "warn"))
    elif error:
        spans.append(("✗ ", "bad"))
    else:
        spans.append(("… has not answered yet", "dim"))
    if error:
        spans.append((escape(error), ""))
    if via:
        spans.append((f"  by {escape(via)}", "dim"))
    if note:
        spans.append((f"  {escape(note)}", "warn"))
    return spans


# A network.


def network_lines(snapshot: Snapshot, network: Network) -> Iterator[DetailLine]:
    """Yield a network's details: driver, bridge, subnets with routes, options, members with their names on it."""
    yield field("driver", f"{network.driver}, scope {network.scope}")
    if network.bridge:
        up = next((each for each in snapshot.interfaces or () if each.name == network.bridge), None)
        state = "" if snapshot.interfaces is None else (", up" if up and up.up else ", down" if up else ", missing")
        yield field("bridge", f"{network.bridge}{state}")
    if network.parent:
        yield field("parent", network.parent)
    for subnet in network.subnets:
        gateway = f", gateway {subnet.gateway}" if subnet.gateway else ""
        yield field("subnet", f"{subnet.subnet}{gateway}")
    yield from _routes(snapshot, network)
    flags = [
        word
        for word, on in (
            ("internal: no way out", network.internal),
            ("IPv6", network.ipv6),
            ("containers may not talk to each other (icc off)", network.driver == "bridge" and not network.icc),
            ("swarm ingress", network.ingress),
        )
        if on
    ]
    if flags:
        yield field("", "; ".join(flags), "warn")
    if network.driver in ("macvlan", "ipvlan"):
        yield field("", "its packets do not pass this host's iptables: no rule here sees them", "warn")
    if network.driver == "host":
        yield field("", "these containers are the host itself: INPUT and OUTPUT see their packets", "warn")
    for name, value in sorted(network.options.items()):
        yield field("option", f"{name.removeprefix('com.docker.network.')} = {value}", "dim")
    yield heading("Members")
    has_members = False
    for container in snapshot.containers or ():
        for endpoint in container.endpoints:
            if endpoint.network_id != network.id and endpoint.network_name != network.name:
                continue
            has_members = True
            also = _reached_as(container, endpoint, network)
            spans: Spans = [
                *state_sign(container),
                (escape(container.name), "name"),
                (f"  {escape(endpoint.ipv4 or '–')}", ""),
                (f" {escape(endpoint.ipv6)}" if endpoint.ipv6 else "", ""),
                (f"  {also}", "dim"),
            ]
            item = ContainerItem(container.id, network.id)
            yield DetailLine(item, spans, item)
    if not has_members:
        yield field("", "no containers", "dim")


def _routes(snapshot: Snapshot, network: Network) -> Iterator[DetailLine]:
    """Yield every route into the network, in all tables."""
    subnets = {subnet.subnet for subnet in network.subnets}
    for routes in snapshot.routes.values():
        for route in routes:
            if route.dst not in subnets and (not network.bridge or route.dev != network.bridge):
                continue
            kind = f"{route.type} " if route.type not in ("", "unicast") else ""
            via = f" via {route.gateway}" if route.gateway else ""
            where = f" dev {route.dev}" if route.dev else ""
            table = f", table {route.table}" if route.table not in ("", "main") else ""
            role: Role = "dim" if route.table == "local" else ""
            yield field("route", f"{kind}{route.dst}{via}{where}{table}", role)


def _reached_as(container: Container, endpoint: Endpoint, network: Network) -> str:
    """Return the names by which other members reach a container."""
    if network.options.get("com.docker.network.bridge.default_bridge") == "true":
        return "by address alone: the default bridge has no names"
    names = [name for name in dict.fromkeys((container.name, *endpoint.dns_names, *endpoint.aliases)) if name]
    return f"as {joined(names, ', ', 5)}" if len(names) > 1 else ""
