"""Findings about answers that leave by another interface: VPN exit nodes, second uplinks, policy rules."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Cure, Evidence, Finding
from netui.audit.doctor.forwarding import one_of_each
from netui.audit.doctor.publishing import shown
from netui.audit.doctor.remedy import cure
from netui.model import Container, Family, Network, PolicyRule, PublishedPort, Route
from netui.net.addresses import address_text, parse_address
from netui.traversal import EndpointError, path
from netui.traversal.host.route_table import Lookup, RoutingUnknown


def answers_elsewhere(view: View) -> Iterator[Finding]:
    """Answers leave by another interface than the connection came in: a VPN's exit node, a second uplink."""
    if not view.walked or not view.host.namespace.fibs["ip"].known:
        return
    published = [(c, b) for c, b in view.published() if b.host_ip in ("", "0.0.0.0")]
    if not published:
        return
    # one port stands for all: the route back does not depend on the port
    container, bound = next((pair for pair in published if pair[1].protocol == "tcp"), published[0])
    for origin in view.origins.outer:
        if origin.where != "lan" or origin.family != "ip":
            continue
        link = view.host.link("ip", origin.name)
        clients = [address_text("ip", link.representative)] if link is not None else []
        back = _default_by(view, origin.name)
        clients += ["203.0.113.99"] if back is not None else []
        for client in clients:
            destination = f"{origin.address}:{bound.host_port}/{bound.protocol}"
            finding = _elsewhere(view, container, bound, origin.name, client, destination, back)
            if finding is not None:
                yield finding
                break


def networks_elsewhere(view: View) -> Iterator[Finding]:
    """A policy rule routes packets for a Docker network elsewhere: a VPN's table before main."""
    fib = view.host.namespace.fibs["ip"]
    outer = view.host.outer("ip")
    if not view.walked or not fib.known or outer is None or not view.host.snapshot.policy_rules.get("ip"):
        return
    for container, endpoint, network in one_of_each(view, "ip"):
        address = parse_address(endpoint.ipv4)
        subnet = next((s.subnet for s in network.subnets if ":" not in s.subnet), "")
        try:
            route = fib.lookup(Lookup(address[1], iif=outer.interface)) if address is not None else None
        except RoutingUnknown:
            continue
        if route is None or route.type != "unicast" or not subnet or route.table in ("main", "254", "local"):
            continue
        device = fib.devices(route)[0]
        if device == network.bridge:
            continue
        rule = _policy_rule(view, route)
        back = Change("ip-rule", "ip", words=("to", subnet, "lookup", "main", "priority", _before(view)))
        yield Finding(
            "answers-elsewhere",
            "high",
            f"Packets for containers of network {network.name} ({subnet}) leave by {device}: answers to them and "
            "connections to their published ports do not arrive.",
            f"Table {route.table} is asked before the main one, where {network.bridge}'s own route is; "
            f"{container.name} and who asks it wait until they time out.",
            _route_evidence(route, device, rule),
            (cure(view, "Ask the main table first for that network: ", (back,)),),
            (network.name,),
        )


def _before(view: View) -> str:
    """A priority before all policy rules except that of the local table."""
    priorities = [rule.priority for rule in view.host.snapshot.policy_rules.get("ip", ()) if rule.priority]
    return str(max(1, min([*priorities, 32766]) - 10))


def _route_evidence(route: Route, device: str, rule: PolicyRule | None) -> tuple[Evidence, ...]:
    via = f" via {route.gateway}" if route.gateway else ""
    shown_rule = (Evidence("route", f"ip rule {rule.priority}: lookup {rule.table}"),) if rule is not None else ()
    return (Evidence("route", f"{route.dst}{via} dev {device} table {route.table}"), *shown_rule)


def _elsewhere(
    view: View,
    container: Container,
    bound: PublishedPort,
    interface: str,
    client: str,
    destination: str,
    back: Route | None,
) -> Finding | None:
    try:
        answer = path(view.host, f"outside:{client}", destination, reply=True, iif=interface)
        there = path(view.host, f"outside:{client}", destination, iif=interface)
    except EndpointError:
        return None
    to = there.delivered_to
    if there.verdict != "delivered" or to is None or to.kind != "container":
        return None
    network = next((n for c, _, n in view.bridged() if c.name == to.name), None)
    ask = parse_address(client), parse_address(to.address)
    if network is None or ask[0] is None or ask[1] is None:
        return None
    fib = view.host.namespace.fibs["ip"]
    try:
        route = fib.lookup(Lookup(ask[0][1], ask[1][1], iif=network.bridge))
    except RoutingUnknown:
        return None
    if route is None or route.type != "unicast":
        return None
    leaves = fib.devices(route)[0]
    if answer.reply:
        # only the walk knows the marks
        if any(leg.steps and leg.steps[-1].verdict.stops for leg in answer.reply):
            return None
        leaves = answer.reply[-1].packet.oif
    elif answer.verdict != "undecided" or any(item.match != "route" for item in answer.undecided):
        return None
    if not leaves or leaves == interface or leaves in view.host.bridges.values():
        return None
    rule = _policy_rule(view, route)
    beyond = back is not None and client == "203.0.113.99"
    who = f"machines {'beyond' if beyond else 'on the link of'} {interface}"
    return Finding(
        "answers-elsewhere",
        "high",
        f"Answers to {who} leave by {leaves}, not by {interface}, by which their connections come in: published ports "
        f"({shown(bound)} of {container.name}, say) are not reached by {interface}.",
        f"The way back is looked up anew, and table {route.table} sends it to {leaves}. Behind a tunnel or at another "
        "provider nobody takes such an answer, and the client waits until it times out.",
        _route_evidence(route, leaves, rule),
        (
            *_kept_together(view, interface, network, back),
            f"See the two ways: ip route get {client} from {to.address} iif {network.bridge}",
        ),
        (container.name,),
    )


def _kept_together(view: View, interface: str, network: Network, back: Route | None) -> Iterator[Cure]:
    """Answers leave by the interface of their connection: by a mark, or by the network's own policy rule."""
    key = view.key("ip")
    table = back.table if back is not None else "main"
    mark = "0x100/0x100"
    subnet = next((s.subnet for s in network.subnets if ":" not in s.subnet), "")
    before = _before(view)
    save = f"-i {interface} -m conntrack --ctstate NEW -j CONNMARK --set-xmark {mark}"
    restore = f"! -i {interface} -m connmark --mark {mark} -j CONNMARK --restore-mark --nfmask 0x100 --ctmask 0x100"
    simple = cure(
        view,
        f"Send what {network.name} sends by {interface}, its own connections too: ",
        (Change("ip-rule", "ip", words=("from", subnet, "lookup", table, "priority", before)),),
    )
    yield cure(
        view,
        "Let answers leave by the interface of their connection, by a mark: ",
        (
            Change("insert", *key, "mangle", "PREROUTING", 1, tuple(restore.split())),
            Change("insert", *key, "mangle", "PREROUTING", 1, tuple(save.split())),
            Change("ip-rule", "ip", words=("fwmark", mark, "lookup", table, "priority", before)),
        ),
        otherwise=simple if subnet else None,
    )


def _default_by(view: View, interface: str) -> Route | None:
    """The default route by an interface, in any table."""
    for route in view.host.snapshot.routes.get("ip", ()):
        if route.dst == "0.0.0.0/0" and route.type == "unicast" and route.dev == interface:
            return route
    return None


def _policy_rule(view: View, route: Route) -> PolicyRule | None:
    family: Family = "ip"
    for rule in sorted(view.host.snapshot.policy_rules.get(family, ()), key=lambda one: one.priority):
        if rule.table == route.table:
            return rule
    return None
