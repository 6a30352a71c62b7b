"""Findings about answers: a connection's first packet passes, and what comes back is stopped or leaves elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netui.explain.doctor.finding import Change, Cure, Evidence, Finding
from netui.explain.doctor.forwarding import one_of_each
from netui.explain.doctor.publishing import shown
from netui.explain.doctor.remedy import at_the_head, at_the_head_of, cure
from netui.explain.doctor.stops import client_sees, does, only_new, owner, stopped, where
from netui.explain.doctor.view import View
from netui.explain.listing import some
from netui.model import Container, Family, Network, PolicyRule, PublishedPort, Route
from netui.traversal import EndpointError, Path, Step, path
from netui.traversal.address import parse_address
from netui.traversal.routing import Lookup, RoutingUnknown

#: A machine of the internet by its address (RFC 5737), where what stands for all of them cannot be decided.
_WEB = ("outside:443/tcp", "203.0.113.99:443/tcp")
#: A port from which clients ask, in every system's range: rules for services' ports do not mean answers.
_CLIENT_PORT = 50000
_ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


@dataclass(slots=True)
class _Lost:
    """A step that stops answers, and whose."""

    step: Step
    networks: dict[str, None] = field(default_factory=dict)
    containers: dict[str, None] = field(default_factory=dict)
    ports: dict[str, None] = field(default_factory=dict)
    clients: dict[str, None] = field(default_factory=dict)
    host: bool = False


def _stop_of_answer(view: View, source: str, destination: str, home: str | None = None) -> tuple[Path, Step] | None:
    """Return the way in and the step that stops the answer, None where it comes back or is not known.

    home: the interface by which the answer should leave ("" for this machine's own); None: by which it came in.
    What leaves elsewhere has findings of its own.
    """
    back = view.walk(source, destination, reply=True, sport=_CLIENT_PORT)
    for leg in back.reply or () if back is not None else ():
        if leg.steps and not leg.where and stopped(leg.steps[-1].verdict):
            there = view.walk(source, destination, sport=_CLIENT_PORT)
            if there is None or there.verdict != "delivered":
                return None
            expected = there.legs[0].packet.iif if home is None else home
            return (there, leg.steps[-1]) if leg.packet.oif in ("", expected) else None
    return None


def answers_dropped(view: View) -> Iterator[Finding]:
    """A rule, or a policy, stops answers: no connection comes about, though its first packet passes."""
    if not view.walked:
        return
    found: dict[tuple[object, ...], _Lost] = {}

    def note(step: Step) -> _Lost:
        key = (step.family, step.backend, step.table, step.chain, step.rule)
        return found.setdefault(key, _Lost(step))

    for container, _, network in one_of_each(view, "ip"):
        lost = _outwards(view, f"{container.id}@{network.name}", network.bridge)
        # answers to a network that is not masqueraded have a finding of their own
        if lost is not None and lost[1].table != "raw":
            note(lost[1]).networks[network.name] = None
    for container, bound, client, destination in _asked(view):
        lost = _stop_of_answer(view, client, destination)
        if lost is not None:
            one = note(lost[1])
            one.ports[shown(bound)] = one.containers[container.name] = None
            if client != "outside":
                one.clients[client.removeprefix("outside:")] = None
    for destination in _WEB:
        lost = _stop_of_answer(view, "host", destination, "")
        if lost is not None:
            note(lost[1]).host = True
            break
    for one in found.values():
        yield _finding(view, one)


def _outwards(view: View, source: str, home: str) -> tuple[Path, Step] | None:
    for destination in _WEB:
        lost = _stop_of_answer(view, source, destination, home)
        if lost is not None:
            return lost
    return None


def _asked(view: View) -> Iterator[tuple[Container, PublishedPort, str, str]]:
    """Yield published ports with who may ask for them: anybody, and each address that DOCKER-USER lets in."""
    clients = ["outside", *(f"outside:{address}" for address in _let_in(view))]
    for container, bound in view.published():
        address = view.outside_address(bound)
        for client in clients if address else ():
            if client == "outside" or not address.startswith("["):
                yield container, bound, client, f"{address}:{bound.host_port}/{bound.protocol}"


def _let_in(view: View) -> list[str]:
    found: dict[str, None] = {}
    for place in view.rules("ip", "filter", "DOCKER-USER"):
        spec = place.rule.spec
        source = spec.basic_option("-s")
        if spec.target is None or spec.target.name not in ("ACCEPT", "RETURN") or source is None or source.negated:
            continue
        address = source.value.partition("/")[0]
        parsed = parse_address(address)
        if source.value.endswith("/32") and parsed is not None and view.host.owner(*parsed) is None:
            found[address] = None
        if len(found) == 4:
            break
    return list(found)


def _finding(view: View, lost: _Lost) -> Finding:
    step = lost.step
    whose: list[str] = []
    if lost.networks:
        whose.append(f"connections that containers of network {some(list(lost.networks))} open")
    if lost.ports:
        by = f" from {some(list(lost.clients))}" if lost.clients else ""
        whose.append(f"connections to published port {some(list(lost.ports))}{by}")
    if lost.host:
        whose.append("connections that this machine opens")
    because = (
        "The first packet passes, and nothing lets the answers of open connections pass before the policy."
        if step.rule is None
        else "The first packet passes; the rule takes answers as it takes new connections."
    )
    words: Cure | None = at_the_head(view, view.key("ip", step), "Let answers pass first: ", _ESTABLISHED)
    if step.backend == "nftables":
        words = at_the_head_of(view, step, "Let answers pass first: ", _ESTABLISHED) if not owner(view, step) else None
    elif step.hook == "input":
        accept = Change("insert", *view.key("ip", step), "filter", "INPUT", 1, tuple(_ESTABLISHED.split()))
        words = cure(view, "Let answers pass first: ", (accept,))
    narrower = only_new(view, step, "ip")
    return Finding(
        "answers-dropped",
        "high",
        f"Answers are lost: {where(step)} {does(step)} those to {' and to '.join(whose)}.",
        f"{because} Who asked waits until it times out"
        + (f"; who answered {client_sees(step)}." if step.verdict.startswith("reject") else "."),
        (view.step_evidence(step),),
        (*filter(None, (words, narrower)), *_owners(view, step)),
        tuple(dict.fromkeys((*lost.networks, *lost.containers))),
    )


def _owners(view: View, step: Step) -> Iterator[str]:
    whose = owner(view, step)
    if whose:
        yield f"The rule is {whose}'s, which makes it anew when it starts: change it there."


# --- the way back -----------------------------------------------------------------------------


def answers_elsewhere(view: View) -> Iterator[Finding]:
    """Answers leave by another interface than the connection came in: a VPN's exit node, a second uplink."""
    if not view.walked or not view.host.namespace.fibs["ip"].known:
        return
    published = [(c, b) for c, b in view.published() if b.host_ip in ("", "0.0.0.0")]
    if not published:
        return
    container, bound = published[0]
    for place in view.places.outer:
        if place.where != "lan" or place.family != "ip":
            continue
        clients = [place.source.removeprefix("outside:")]
        back = _default_by(view, place.name)
        clients += ["203.0.113.99"] if back is not None else []
        for client in clients:
            destination = f"{place.address}:{bound.host_port}/{bound.protocol}"
            finding = _elsewhere(view, container, bound, place.name, client, destination, back)
            if finding is not None:
                yield finding
                break


def networks_elsewhere(view: View) -> Iterator[Finding]:
    """A policy rule takes packets for a network of Docker's elsewhere: a VPN's table that comes before main."""
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
            (
                cure(view, "Ask the main table first for that network: ", (back,)),
                "A policy rule set by ip is gone after a reboot: put it where the VPN is started.",
            ),
            (network.name,),
        )


def _before(view: View) -> str:
    """A priority ahead of all policy rules but the local table's."""
    known = [rule.priority for rule in view.host.snapshot.policy_rules.get("ip", ()) if rule.priority]
    return str(max(1, min([*known, 32766]) - 10))


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
        found = path(view.host, f"outside:{client}", destination, reply=True, iif=interface)
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
    if found.reply:
        # the walk knows of marks, which the routes alone do not
        if any(leg.steps and stopped(leg.steps[-1].verdict) for leg in found.reply):
            return None
        leaves = found.reply[-1].packet.oif
    elif found.verdict != "undecided" or any(item.match != "route" for item in found.undecided):
        return None
    if not leaves or leaves == interface or leaves in view.host.bridges.values():
        return None
    rule = _policy_rule(view, route)
    who = "machines on its link" if back is None or client != "203.0.113.99" else "machines beyond it"
    return Finding(
        "answers-elsewhere",
        "high",
        f"Answers to {who} leave by {leaves}, not by {interface}, by which the connections come in: published port "
        f"{shown(bound)} of {container.name} is not reached by {interface}.",
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
    """The default route by an interface, in whatever table."""
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
