"""The detail pane as lines: what is known about the thing under the cursor."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime

from netui.model import SOURCES, Container, Network, PublishedPort, Rule, RulesetKey, Snapshot, Socket
from netui.traversal.path import Flow
from netui.ui.escape import escape, joined
from netui.ui.presenters.counters import CounterTrack, identity_of
from netui.ui.presenters.flows import flow_spans
from netui.ui.presenters.lines import FAMILIES, references
from netui.ui.presenters.names import Names
from netui.ui.presenters.numbers import count, rate, size, sparkline
from netui.ui.presenters.rules import brief, rule_cells
from netui.ui.presenters.selection import (
    ChainItem,
    ContainerItem,
    GroupItem,
    HostItem,
    Item,
    NetworkItem,
    NoteItem,
    PortItem,
    RuleItem,
    concern_of,
    container_of,
    find_rule,
    network_of,
)
from netui.ui.presenters.spans import Role, Spans
from netui.ui.presenters.tree import port_spans, published, state_sign


@dataclass(frozen=True, slots=True)
class DetailLine:
    """One line; ``action`` is what Enter does on it: go to an item, or open a flow."""

    key: Hashable
    spans: Spans
    action: Item | Flow | None = None


@dataclass(frozen=True, slots=True)
class DetailInput:
    """What the detail is made from. flows: None while they are being worked out."""

    snapshot: Snapshot
    names: Names
    track: CounterTrack
    flows: tuple[Flow, ...] | None = ()
    flows_problem: str = ""
    meaning: Callable[[Snapshot, RulesetKey, Rule], str] | None = None


_LABEL = 11


def field(label: str, text: str, role: Role = "", action: Item | Flow | None = None) -> DetailLine:
    """Return one line of "label  text"; the text is escaped here."""
    return DetailLine((label, text), [(f"{label:<{_LABEL}} ", "key"), (escape(text), role)], action)


def heading(text: str) -> DetailLine:
    """Return a heading within the pane."""
    return DetailLine(("heading", text), [(escape(text), "title")])


def title_of(snapshot: Snapshot, item: Item) -> str:
    """Return what the pane's border says, not yet escaped."""
    match item:
        case HostItem():
            return f"Host {snapshot.hostname}".strip()
        case NetworkItem(network_id):
            network = network_of(snapshot, network_id)
            return f"Network {network.name}" if network else "Network (gone)"
        case ContainerItem(container_id):
            container = container_of(snapshot, container_id)
            return f"Container {container.name}" if container else "Container (gone)"
        case PortItem(container_id, port):
            container = container_of(snapshot, container_id)
            return f"Port {port.host_port} → {container.name if container else '(gone)'}:{port.container_port}"
        case RuleItem(_, identity):
            return f"Rule of {identity[0]} {identity[1]}"
        case ChainItem(_, table, chain):
            return f"Chain {table} {chain}"
        case GroupItem(name):
            return name.capitalize()
        case NoteItem():
            return "Note"


def build_detail(item: Item, given: DetailInput) -> list[DetailLine]:
    """Lay out the details of an item."""
    match item:
        case HostItem():
            return list(_host(given.snapshot))
        case NetworkItem(network_id):
            network = network_of(given.snapshot, network_id)
            return list(_network(given.snapshot, network)) if network else [_gone("network")]
        case ContainerItem(container_id):
            container = container_of(given.snapshot, container_id)
            return list(_container(container, given)) if container else [_gone("container")]
        case PortItem(container_id, port):
            container = container_of(given.snapshot, container_id)
            return list(_port(container, port, given, item)) if container else [_gone("container")]
        case RuleItem():
            return list(_rule(item, given))
        case ChainItem():
            return list(_chain(item, given))
        case NoteItem(text):
            return [DetailLine("note", [(escape(text), "")])]
        case GroupItem():
            return [field("", "containers whose network is not the engine's to know, or that are stopped")]


def _gone(what: str) -> DetailLine:
    return field("", f"this {what} is gone", "warn")


def clock(seconds: float) -> str:
    """Return the time of day."""
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")


# The host.


def _host(snapshot: Snapshot) -> Iterator[DetailLine]:
    engine = snapshot.engine
    if engine is not None:
        kind = f", firewall {engine.firewall}" if engine.firewall else ""
        proxy = {True: ", userland proxy on", False: ", userland proxy off", None: ""}[engine.userland_proxy]
        yield field("engine", f"Docker {engine.version} (API {engine.api_version}){kind}{proxy}")
        if not engine.local:
            yield field("", f"the engine at {engine.address} is another machine: its names are not joined", "warn")
        if engine.rootless:
            yield field("", "rootless: its rules live in RootlessKit's own namespace, not here", "warn")
    for key, ruleset in snapshot.rulesets.items():
        where = ", ".join(f"{table.name} {sum(len(c.rules) for c in table.chains)}" for table in ruleset.tables)
        if where:
            yield field(f"{FAMILIES[key.family]} {key.backend}", f"{ruleset.rule_count()} rules: {where}")
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
    else:
        spans.append(("✗ ", "bad"))
    if error:
        spans.append((escape(error), ""))
    if via:
        spans.append((f"  by {escape(via)}", "dim"))
    if note:
        spans.append((f"  {escape(note)}", "warn"))
    return spans


# A network.


def _network(snapshot: Snapshot, network: Network) -> Iterator[DetailLine]:
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
        for routes in snapshot.routes.values():
            for route in routes:
                if route.dst == subnet.subnet and route.table == "main":
                    yield field(
                        "route", f"{route.dst} dev {route.dev}" + (f" via {route.gateway}" if route.gateway else "")
                    )
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
    found = False
    for container in snapshot.containers or ():
        for endpoint in container.endpoints:
            if endpoint.network_id != network.id and endpoint.network_name != network.name:
                continue
            found = True
            names = [name for name in dict.fromkeys((*endpoint.dns_names, *endpoint.aliases)) if name != container.name]
            also = f"  also {joined(names, ' ', 4)}" if names else ""
            spans: Spans = [
                *state_sign(container),
                (escape(container.name), "name"),
                (f"  {escape(endpoint.ipv4 or '–')}", ""),
                (f" {escape(endpoint.ipv6)}" if endpoint.ipv6 else "", ""),
                (also, "dim"),
            ]
            item = ContainerItem(container.id, network.id)
            yield DetailLine(item, spans, item)
    if not found:
        yield field("", "no containers", "dim")


# A container and its ports.


def _container(container: Container, given: DetailInput) -> Iterator[DetailLine]:
    state = container.state + (f", {container.health}" if container.health else "")
    yield DetailLine(
        "state",
        [("state       ", "key"), *state_sign(container), (escape(state), ""), (f"  {escape(container.image)}", "dim")],
    )
    project = " / ".join(part for part in (container.project, container.service) if part)
    if project:
        yield field("compose", project)
    if container.network_mode.startswith("container:"):
        yield field("network", f"shares that of {container.network_mode[10:22]}")
    elif container.network_mode == "host":
        yield field("network", "the host's own: INPUT and OUTPUT see its packets, FORWARD does not", "warn")
    for endpoint in container.endpoints:
        if endpoint.ipv4 or endpoint.ipv6:
            addresses = " ".join(filter(None, (endpoint.ipv4, endpoint.ipv6)))
            network = network_of(given.snapshot, endpoint.network_id)
            bridge = f"  {network.bridge}" if network and network.bridge else ""
            target = NetworkItem(endpoint.network_id)
            yield field("address", f"{addresses} on {endpoint.network_name}{bridge}", action=target)
    yield from _ports(container)
    yield _listening(container)
    if not container.running:
        yield field("flows", f"none: the container is {container.state}", "dim")
        return
    yield heading("Flows")
    yield from flow_lines(given)


def flow_lines(
    given: DetailInput, port: PublishedPort | None = None, addresses: tuple[str, ...] = ()
) -> Iterator[DetailLine]:
    """Yield a container's flows with verdict and deciding rule; of one port where given."""
    if given.flows_problem:
        yield field("", given.flows_problem, "warn")
        return
    if given.flows is None:
        yield DetailLine("flows", [("working them out…", "dim")])
        return
    shown = [flow for flow in given.flows if port is None or _of_port(flow, port, addresses)]
    if not shown:
        yield field("", "none", "dim")
    width = max((min(40, len(escape(flow.label))) for flow in shown), default=0)
    for number, flow in enumerate(shown):
        yield DetailLine(("flow", flow.kind, flow.label, number), flow_spans(flow, width), flow)


def _of_port(flow: Flow, port: PublishedPort, addresses: tuple[str, ...]) -> bool:
    """Whether the flow goes to this port: the host's side of it, or the container's own."""
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


def _ports(container: Container) -> Iterator[DetailLine]:
    bound = {(p.container_port, p.protocol) for p in container.bound if p.host_port}
    for port in published(container) if container.running else ():
        yield DetailLine(("port", port), [("published   ", "key"), *port_spans(port)], PortItem(container.id, port))
    for port in container.asked:
        if (port.container_port, port.protocol) not in bound:
            asked = f"{port.host_ip or '*'}:{port.host_port or 'any'} → {port.container_port}/{port.protocol}"
            yield field("asked for", f"{asked}, not bound", "warn")


def _listening(container: Container) -> DetailLine:
    if container.listening is None:
        return field("listening", "not known", "dim")
    if not container.listening:
        return field("listening", "on nothing", "dim")
    return field("listening", joined([socket_text(each) for each in container.listening], "  ", 8))


def socket_text(socket: Socket) -> str:
    """Return ``80/tcp`` or ``127.0.0.11:53/udp``."""
    where = "" if socket.address in ("0.0.0.0", "::", "*") else f"{socket.address}:"
    return f"{where}{socket.port}/{socket.protocol}"


def _port(container: Container, port: PublishedPort, given: DetailInput, item: PortItem) -> Iterator[DetailLine]:
    yield DetailLine("port", [("published   ", "key"), *port_spans(port, bound=container.running)])
    yield field("container", container.name, "name", ContainerItem(container.id, item.network_id))
    if container.listening is not None:
        heard = any(s.port == port.container_port and s.protocol[:3] == port.protocol[:3] for s in container.listening)
        text = (
            f"a program listens on {port.container_port}"
            if heard
            else f"nothing listens on {port.container_port} in it"
        )
        yield field("listening", text, "" if heard else "warn")
    addresses = tuple(
        text
        for endpoint in container.endpoints
        for text in (f"{endpoint.ipv4}:" if endpoint.ipv4 else "", f"[{endpoint.ipv6}]:" if endpoint.ipv6 else "")
        if text
    )
    yield heading("Who can reach it")
    yield from flow_lines(given, port, addresses)
    yield heading("Rules that name it")
    concern = concern_of(given.snapshot, item)
    port_words = (f"--dport {port.host_port} ", f"--dport {port.container_port} ")
    for key, ruleset in given.snapshot.rulesets.items():
        for chain in ruleset.chains():
            for rule in chain.rules:
                if any(word in f"{rule.text} " for word in port_words) and concern(rule.text) == "address":
                    target = RuleItem(key, identity_of(chain, rule, ruleset))
                    spans: Spans = [
                        (escape(f"{chain.table} {chain.name} {rule.number}"), "target"),
                        (escape(f"  {rule.text}"), "dim"),
                    ]
                    yield DetailLine(target, spans, target)


# Rules and chains.


def _rule(item: RuleItem, given: DetailInput) -> Iterator[DetailLine]:
    found = find_rule(given.snapshot, item)
    if found is None:
        yield _gone("rule")
        yield field("was", item.identity[2], "dim")
        return
    chain, rule = found
    cells = rule_cells(rule, given.names, item.ruleset.family)
    where = f"{FAMILIES[item.ruleset.family]} {item.ruleset.backend}, {chain.table} {chain.name}"
    place = f"{where}, rule {rule.number} of {len(chain.rules)}"
    yield field("text", rule.text, "strong")
    if given.meaning is not None:
        meaning = given.meaning(given.snapshot, item.ruleset, rule)
        if meaning:
            yield field("means", meaning)
    yield field("in short", f"{brief(cells)} → {cells.target or 'only counts'}")
    yield field("place", place, "dim", ChainItem(item.ruleset, chain.table, chain.name))
    if cells.who:
        yield DetailLine("who", [("names       ", "key"), (", ".join(cells.who), "name")])
    reading = given.track.reading(item.ruleset, item.identity)
    unit = "connections" if chain.table == "nat" else "packets"
    speed = f", {rate(reading.rate)}" if reading.rate else ""
    counted = f"{count(reading.packets, exact=True)} {unit}, {size(reading.bytes, exact=True)} bytes{speed}"
    yield field("counted", counted)
    history = given.track.history(item.ruleset, item.identity)
    if len(history) > 1:
        yield DetailLine(
            "history", [("last minute ", "key"), (sparkline(history, 60), "number"), (f" max {max(history)}", "dim")]
        )
    ruleset = given.snapshot.rulesets[item.ruleset]
    table = ruleset.table(chain.table)
    target = rule.spec.target
    if target is not None and table is not None and (jumped := table.chain(target.name)) is not None:
        word = "goes to" if target.goto else "jumps to"
        yield field(
            word,
            f"{target.name} ({len(jumped.rules)} rules)",
            "target",
            ChainItem(item.ruleset, chain.table, target.name),
        )
    yield from _jumped_from(item.ruleset, chain.table, chain.name, given.snapshot)


def _chain(item: ChainItem, given: DetailInput) -> Iterator[DetailLine]:
    ruleset = given.snapshot.rulesets.get(item.ruleset)
    table = ruleset.table(item.table) if ruleset else None
    chain = table.chain(item.chain) if table else None
    if chain is None:
        yield _gone("chain")
        return
    yield field("place", f"{FAMILIES[item.ruleset.family]} {item.ruleset.backend}, table {item.table}")
    if chain.base is not None:
        yield field("hook", f"{chain.base.hook}, priority {chain.base.priority}, type {chain.base.type}")
        reading = given.track.reading(item.ruleset, (item.table, item.chain, "", 0))
        yield field("policy", f"{chain.policy}: {count(reading.packets, exact=True)} packets left by it")
    yield field("rules", str(len(chain.rules)))
    if chain.base is None:
        yield from _jumped_from(item.ruleset, item.table, item.chain, given.snapshot)


def _jumped_from(key: RulesetKey, table: str, chain: str, snapshot: Snapshot) -> Iterator[DetailLine]:
    ruleset = snapshot.rulesets[key]
    found = references(ruleset).to(table, chain)
    for where, rule in found[:20]:
        item = RuleItem(key, identity_of(where, rule, ruleset))
        line = field("from", f"{where.name} {rule.number}", "target", item)
        yield DetailLine(("from", item), [*line.spans, (escape(f"  {rule.text}"), "dim")], item)
    if len(found) > 20:
        yield field("", f"and {len(found) - 20} more", "dim")
