"""The details of a container and of a published port."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len

from netui.model import Container, PublishedPort, Socket, packet_family
from netui.text.visible import escape
from netui.ui.presenters.cells import joined
from netui.ui.presenters.chains.counters import identity_of
from netui.ui.presenters.chains.native_sets import ports_named
from netui.ui.presenters.details.flows import flow_spans, same_flow, why
from netui.ui.presenters.details.item_flows import flows_of
from netui.ui.presenters.details.parts import DetailInput, DetailLine, field, heading
from netui.ui.presenters.selection import ContainerItem, PortItem, RuleItem, concern_of, network_of, ports_asked
from netui.ui.presenters.spans import Spans
from netui.ui.presenters.tree import port_spans, published, state_sign


def container_lines(container: Container, given: DetailInput) -> Iterator[DetailLine]:
    """Yield a container's details: flows, state and addresses, ports and listening sockets."""
    if container.running:
        yield from flow_lines(given, container, ContainerItem(container.id))
    else:
        yield field("flows", f"none: the container is {container.state}", "dim")
    state = container.state + (f", {container.health}" if container.health else "")
    about: Spans = [("state       ", "key"), *state_sign(container), (escape(state), "")]
    for endpoint in container.endpoints:
        if endpoint.ipv4 or endpoint.ipv6:
            addresses = " ".join(filter(None, (endpoint.ipv4, endpoint.ipv6)))
            about.append((escape(f"  {addresses} on {endpoint.network_name}"), "name"))
            network = network_of(given.snapshot, endpoint.network_id)
            if network and network.bridge:
                about.append((f" {escape(network.bridge)}", "dim"))
    about.append((f"  {escape(container.image)}", "dim"))
    project = " / ".join(part for part in (container.project, container.service) if part)
    if project:
        about.append((f"  {escape(project)} (compose)", "dim"))
    yield DetailLine("state", about)
    if container.network_mode.startswith("container:"):
        yield field("network", f"shares that of {container.network_mode[10:22]}")
    elif container.network_mode == "host":
        yield field("network", "the host's own: INPUT and OUTPUT see its packets, FORWARD does not", "warn")
    yield _ports(container)


def flow_lines(given: DetailInput, container: Container, item: ContainerItem | PortItem) -> Iterator[DetailLine]:
    """Yield a container's flows with verdict and deciding rule; of one port where given."""
    if given.flows_problem:
        yield field("", given.flows_problem, "warn")
        return
    if given.flows is None:
        yield DetailLine("flows", [("working them out…", "dim")])
        return
    shown = flows_of(item, container, given.flows)
    if not shown:
        yield field("", "none", "dim")
    # in a narrow pane the question matters more than the rule, which the opened flow shows
    longest = max(20, given.width - (34 if given.width >= 70 else 17))
    width = max((min(longest, cell_len(escape(flow.label))) for flow in shown), default=0)
    for number, flow in enumerate(shown):
        key = ("flow", flow.kind, flow.label, number)
        yield DetailLine(key, flow_spans(flow, width), flow)
        if given.opened is not None and same_flow(flow, given.opened):
            for index, (text, role) in enumerate(why(flow.path, notes=not given.followed)):
                yield DetailLine((key, index), [("     ", "key"), (text, role)])


def asked_lines(given: DetailInput) -> Iterator[DetailLine]:
    """Yield the flow of a typed question, with its reason and notes."""
    flow = given.opened
    if flow is None:
        yield field("", "nothing is open: ask again with :", "dim")
        return
    yield DetailLine(("flow", flow.label), flow_spans(flow, cell_len(escape(flow.label))), flow)
    for index, (text, role) in enumerate(why(flow.path)):
        yield DetailLine(("why", index), [("     ", "key"), (text, role)])


def _ports(container: Container) -> DetailLine:
    """One line each: published ports, requested ports that are not bound, and listeners."""
    spans: Spans = [("ports       ", "key")]
    bound = {(p.container_port, p.protocol) for p in container.bound_ports if p.host_port}
    for port in published(container) if container.running else ():
        spans += [*port_spans(port), ("  ", "")]
    for port in container.requested_ports:
        if (port.container_port, port.protocol) not in bound:
            asked = f"{port.host_ip or '*'}:{port.host_port or 'any'} → {port.container_port}/{port.protocol}"
            spans.append((f"{escape(asked)}, not bound  ", "warn"))
    if container.listening is None:
        return DetailLine("ports", [*spans, ("listening: not known", "dim")])
    heard = joined([socket_text(each) for each in container.listening], "  ", 8)
    return DetailLine("ports", [*spans, ("listening: ", "key"), (heard or "on nothing", "" if heard else "dim")])


def socket_text(socket: Socket) -> str:
    """Return ``80/tcp`` or ``127.0.0.11:53/udp``."""
    where = "" if socket.address in ("0.0.0.0", "::", "*") else f"{socket.address}:"
    return f"{where}{socket.port}/{socket.protocol}"


def port_lines(container: Container, port: PublishedPort, given: DetailInput, item: PortItem) -> Iterator[DetailLine]:
    """Yield a published port's details: its flows, its data, and the rules that name it."""
    yield from flow_lines(given, container, item)
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
    yield heading("Rules that name it")
    concern = concern_of(given.snapshot, item)
    numbers = (port.host_port, port.container_port)
    for key, ruleset in given.snapshot.rulesets.items():
        for table, chain in ((each, chain) for each in ruleset.tables for chain in each.chains):
            for rule in chain.rules:
                if rule.native is not None:
                    named = any(number in numbers for number, _ in ports_named(rule.native, table.sets))
                else:
                    family = packet_family(chain.family)
                    said = any(str(number) in rule.text for number in numbers)
                    named = said and not ports_asked(rule.text, family).isdisjoint(numbers)
                if named and concern.of_rule(rule, table.sets, packet_family(chain.family)) == "address":
                    target = RuleItem(key, identity_of(chain, rule, ruleset))
                    spans: Spans = [
                        (escape(f"{chain.table} {chain.name} {rule.number}"), "target"),
                        (escape(f"  {rule.text}"), "dim"),
                    ]
                    yield DetailLine(target, spans, target)
