"""The answer for SRC → DST: every way that the packet could go, put together as one path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from netui.model import Container, Endpoint, Family, Socket
from netui.traversal.address import (
    ICMP,
    ICMP6,
    SCTP,
    TCP,
    UDP,
    address_text,
    host_port,
    parse_address,
    parse_net,
    protocol_name,
)
from netui.traversal.choices import Choices, explore
from netui.traversal.dns import ask_own_resolver
from netui.traversal.endpoints import (
    EndpointError,
    Written,
    address_of,
    endpoint_on,
    find_container,
    parse_destination,
    parse_source,
    running,
    shared_namespace,
)
from netui.traversal.host import PreparedHost
from netui.traversal.journey import Arrival, Journey
from netui.traversal.path import DeliveredTo, Leg, Packet, Path, Step, Undecided, Verdict
from netui.traversal.reply import answer_legs
from netui.traversal.routing import Lookup, RoutingUnknown
from netui.traversal.transit import Anywhere, Transit

_NUMBERS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}


@dataclass(slots=True)
class Way:
    """One way that the packet could go."""

    verdict: Verdict
    reason: str
    delivered_to: DeliveredTo | None = None
    legs: list[Leg] = field(default_factory=list)
    reply: list[Leg] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    undecided: list[Undecided] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Request:
    """A resolved question: from whom, to which address, port and protocol.

    sender: the container (None: the host or outside). source: 0 where the route chooses.
    """

    source: Written
    destination: Written
    family: Family
    protocol: int
    dst: int
    dport: int | None
    sender: Container | None = None
    src: int = 0
    iif: str = ""
    any_src: Anywhere | None = None
    any_dst: Anywhere | None = None
    notes: tuple[str, ...] = ()
    sport: int | None = None


def path(host: PreparedHost, source: str, destination: str, *, reply: bool = False, sport: int | None = None) -> Path:
    """Say which rules the first packet of SRC → DST meets, and what becomes of it.

    sport: the source port, where it is known. Raises EndpointError where SRC or DST
    cannot be used, RulesError (from ``prepare``) where rules loop.
    """
    request = resolve(host, parse_source(source), parse_destination(destination))
    if sport is not None:
        request = replace(request, sport=sport)
    explored = explore(lambda choices: _walk(host, request, choices, reply))
    return _combine(host, request, explored.outcomes, explored.unknown, explored.complete, reply)


# --- resolving the question -----------------------------------------------------------------


def resolve(host: PreparedHost, source: Written, destination: Written) -> Request:
    """Resolve both ends: names to containers, "host" and "outside" to addresses."""
    sender = _sender(host, source)
    receiver = None
    if destination.kind == "container":
        receiver = shared_namespace(host, running(find_container(host, destination.name)))
    family = _family(host, source, destination, sender, receiver)
    notes: list[str] = []
    any_dst: Anywhere | None = None
    dst = 0
    match destination.kind:
        case "address":
            parsed = parse_address(destination.address)
            dst = parsed[1] if parsed else 0
        case "outside":
            if destination.address:
                parsed = parse_address(destination.address)
                dst = parsed[1] if parsed else 0
            else:
                outer = host.outer(family)
                if outer is None:
                    raise EndpointError(_no_outside(host, family, "the destination"))
                dst, any_dst = outer.representative, outer.anywhere
        case "container":
            assert receiver is not None
            if receiver.network_mode == "host":
                dst = _host_address(host, source, sender, family)
                notes.append(f"{receiver.name} uses the host's own network: its address is the host's")
            else:
                dst = _container_address(host, destination, receiver, sender, family)
        case "host":
            dst = _host_address(host, source, sender, family)
    if destination.protocol == "icmp":
        protocol = ICMP if family == "ip" else ICMP6
    else:
        protocol = _NUMBERS[destination.protocol]
    request = Request(source, destination, family, protocol, dst, destination.port, sender, any_dst=any_dst)
    request = _with_source(host, request, notes)
    return replace(request, notes=tuple(notes))


def _sender(host: PreparedHost, source: Written) -> Container | None:
    if source.kind == "container":
        return shared_namespace(host, running(find_container(host, source.name)))
    if source.kind == "address":
        parsed = parse_address(source.address)
        owner = host.owner(*parsed) if parsed else None
        return owner.container if owner is not None else None
    return None


def _family(
    host: PreparedHost, source: Written, destination: Written, sender: Container | None, receiver: Container | None
) -> Family:
    given: set[Family] = set()
    for written in (source, destination):
        parsed = parse_address(written.address) if written.address else None
        if parsed is not None:
            given.add(parsed[0])
    if len(given) == 2:
        raise EndpointError(f"{source.text} and {destination.text} are of different families (IPv4 and IPv6)")
    if given:
        return given.pop()
    for container, written in ((receiver, destination), (sender, source)):
        if container is None or container.network_mode == "host":
            continue
        endpoints = container.endpoints
        if written.network:
            endpoints = (endpoint_on(host, container, written.network),)
        if endpoints and not any(endpoint.ipv4 for endpoint in endpoints) and any(e.ipv6 for e in endpoints):
            return "ip6"
    return "ip"


def _container_address(
    host: PreparedHost, written: Written, receiver: Container, sender: Container | None, family: Family
) -> int:
    if written.network:
        endpoint: Endpoint | None = endpoint_on(host, receiver, written.network)
    else:
        endpoint = None
        usable = [e for e in receiver.endpoints if address_of(e, family)]
        if sender is not None:
            shared = {e.network_id for e in sender.endpoints}
            endpoint = next((e for e in usable if e.network_id in shared), None)
        endpoint = endpoint or host.gateway_endpoint(receiver, family) or (usable[0] if usable else None)
    text = address_of(endpoint, family) if endpoint is not None else ""
    parsed = parse_address(text) if text else None
    if parsed is None:
        if not receiver.endpoints:
            raise EndpointError(f"{receiver.name} is on no network ({receiver.network_mode}): it has no address")
        raise EndpointError(f"{receiver.name} has no {'IPv4' if family == 'ip' else 'IPv6'} address")
    return parsed[1]


def _host_address(host: PreparedHost, source: Written, sender: Container | None, family: Family) -> int:
    """The host's address on the way in question."""
    fib = host.namespace.fibs[family]
    devices: list[str] = []
    if sender is not None and sender.network_mode != "host":
        endpoint = host.gateway_endpoint(sender, family)
        if source.network:
            endpoint = endpoint_on(host, sender, source.network)
        if endpoint is None and sender.endpoints:
            endpoint = sender.endpoints[0]
        if endpoint is not None:
            gateway = parse_address(endpoint.gateway4 if family == "ip" else endpoint.gateway6)
            if gateway is not None and fib.is_local(gateway[1]):
                return gateway[1]
            devices.append(host.bridge_of(endpoint))
    if source.address and sender is None:
        parsed = parse_address(source.address)
        if parsed is not None and fib.known:
            try:
                route = fib.lookup(Lookup(parsed[1], iif="lo"))
            except RoutingUnknown:
                route = None
            if route is not None:
                devices.append(fib.devices(route)[0])
    outer = host.outer(family)
    if outer is not None:
        devices.append(outer.interface)
    devices += [interface.name for interface in host.namespace.interfaces.values() if interface.name != "lo"]
    for device in devices:
        for address in fib.addresses(device):
            parsed = parse_address(address.address)
            if parsed is not None and address.scope == "global":
                return parsed[1]
    if source.kind == "host":
        return 0x7F000001 if family == "ip" else 1
    kind = "IPv4" if family == "ip" else "IPv6"
    if host.snapshot.interfaces is None:
        raise EndpointError(f"host: the addresses of this host were not read; write an {kind} address instead of host")
    raise EndpointError(f"host: this host has no {kind} address that {source.text} could reach; write an address")


def _no_outside(host: PreparedHost, family: Family, what: str) -> str:
    if not host.namespace.fibs[family].known:
        return f"outside: the host's routes were not read: write an address for {what}, as in outside:198.51.100.2"
    return (
        f"outside: there is no default route to tell what is outside; name the address: outside:198.51.100.2 for {what}"
    )


def _with_source(host: PreparedHost, request: Request, notes: list[str]) -> Request:
    source, family = request.source, request.family
    fib = host.namespace.fibs[family]
    if request.sender is not None:
        if source.kind == "address":
            parsed = parse_address(source.address)
            return replace(request, src=parsed[1] if parsed else 0)
        if source.network:
            endpoint = endpoint_on(host, request.sender, source.network)
            parsed = parse_address(address_of(endpoint, family))
            if parsed is None:
                kind = "IPv4" if family == "ip" else "IPv6"
                raise EndpointError(f"{request.sender.name} has no {kind} address on {source.network}")
            return replace(request, src=parsed[1])
        return request
    if source.kind == "host":
        return request
    if source.address:
        parsed = parse_address(source.address)
        src = parsed[1] if parsed else 0
        if source.kind == "address" and fib.known and fib.is_local(src):
            return replace(request, src=src)
        iif = _interface_towards(host, family, src)
        return replace(request, src=src, iif=iif)
    outer = host.outer(family)
    if outer is None:
        if not fib.known:
            return request
        raise EndpointError(_no_outside(host, family, "the source"))
    notes.append(
        f"outside stands for any machine beyond {outer.interface} ({address_text(family, outer.representative)} here); "
        "outside:ADDRESS asks for one"
    )
    return replace(request, src=outer.representative, iif=outer.interface, any_src=outer.anywhere)


def _interface_towards(host: PreparedHost, family: Family, address: int) -> str:
    """The interface by which packets from an outside address come in: the way back to it.

    An address of one of Docker's own networks cannot be outside; such a packet is forged and
    comes in by the outer interface.
    """
    fib = host.namespace.fibs[family]
    if not fib.known:
        return ""
    try:
        route = fib.lookup(Lookup(address, iif="lo"))
    except RoutingUnknown:
        route = None
    ours = {network.bridge for network in host.networks.values()}
    if route is None or route.type != "unicast" or fib.devices(route)[0] in ours:
        outer = host.outer(family)
        return outer.interface if outer is not None else ""
    return fib.devices(route)[0]


# --- walking one way ------------------------------------------------------------------------


def _walk(host: PreparedHost, request: Request, choices: Choices, reply: bool) -> Way:
    arrivals = _arrivals(host, request, choices)
    last = arrivals[-1]
    way = Way(last.verdict, last.reason, last.delivered_to)
    for arrival in arrivals:
        way.legs.append(Leg(arrival.packet, arrival.steps, arrival.where))
        way.notes += [note for note in arrival.notes if note not in way.notes]
        if arrival.undecided is not None:
            way.undecided.append(arrival.undecided)
    if reply and last.verdict == "delivered":
        way.reply = answer_legs(host, arrivals, choices, way.notes)
    return way


def _new_transit(request: Request) -> Transit:
    echo = (8, 0) if request.protocol == ICMP else (128, 0) if request.protocol == ICMP6 else None
    return Transit(
        family=request.family,
        protocol=request.protocol,
        src=request.src,
        dst=request.dst,
        sport=request.sport,
        dport=request.dport,
        icmp=echo,
        iif=request.iif,
        any_src=request.any_src,
        any_dst=request.any_dst,
    )


def _arrivals(host: PreparedHost, request: Request, choices: Choices) -> list[Arrival]:
    packet = _new_transit(request)
    if request.sender is not None and request.sender.network_mode != "host":
        first = _from_container(host, request, packet, choices)
    elif request.source.kind == "host" or request.sender is not None or not request.iif:
        first = _from_host(host, request, packet, choices)
    else:
        first = _from_outside(host, request, packet, choices)
    arrivals = [first]
    if first.delivered_to is not None and first.delivered_to.kind == "host" and not packet.is_echo:
        following = _answered_on_host(host, first, packet, choices)
        if following is not None:
            arrivals.append(following)
    return arrivals


def _from_host(host: PreparedHost, request: Request, packet: Transit, choices: Choices) -> Arrival:
    if request.source.kind == "outside":
        why = Undecided("route", "the host's routes were not read", family=request.family)
        return Arrival("undecided", why.reason, packet.record(), (), undecided=why)
    packet.sport_range = _ephemeral(host)
    return Journey(host, choices).send(packet)


def _ephemeral(host: PreparedHost) -> tuple[int, int]:
    words = (host.namespace.sysctl("net.ipv4.ip_local_port_range") or "").split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return 1024, 65535


def _from_outside(host: PreparedHost, request: Request, packet: Transit, choices: Choices) -> Arrival:
    packet.link = True
    owner = host.owner(request.family, request.dst)
    off_bridge = owner is not None and owner.network is not None and owner.network.driver in ("macvlan", "ipvlan")
    if off_bridge and owner is not None and owner.network is not None and owner.network.parent == request.iif:
        # from the parent's own link: the frame goes to the endpoint, not to the host
        where = f"{owner.network.driver} {owner.network.name}"
        note = f"{owner.container.name} is on {where}: no rule of the host sees its packets"
        to = DeliveredTo("container", owner.container.name, address_text(request.family, request.dst), request.dport)
        return Arrival("delivered", note, packet.record(), (), to, notes=[note], transit=packet, owner=owner)
    return Journey(host, choices).receive(packet, towards=_same_bridge(host, request))


def _same_bridge(host: PreparedHost, request: Request) -> str:
    """The bridge on which an outside sender and the receiver sit side by side, "" for none."""
    bridge = host.namespace.interfaces.get(request.iif)
    fib = host.namespace.fibs[request.family]
    if bridge is None or bridge.kind != "bridge" or fib.is_local(request.dst) or request.any_src is not None:
        return ""
    try:
        ways = [fib.lookup(Lookup(address, iif="lo")) for address in (request.src, request.dst)]
    except RoutingUnknown:
        return ""
    on_link = all(way is not None and way.dev == bridge.name and not way.gateway for way in ways)
    return bridge.name if on_link else ""


def _from_container(host: PreparedHost, request: Request, packet: Transit, choices: Choices) -> Arrival:
    sender = request.sender
    assert sender is not None
    family, dst = request.family, request.dst
    text = address_text(family, dst)
    own = [parse_address(address_of(e, family)) for e in sender.endpoints]
    if family == "ip" and text == "127.0.0.11" and request.dport == 53:
        return ask_own_resolver(host, sender, packet, choices)
    if (family, dst) in own or (family == "ip" and dst >> 24 == 127) or (family == "ip6" and dst == 1):
        to = DeliveredTo("container", sender.name, text, request.dport)
        note = f"{text} is {sender.name} itself: the packet stays in its own namespace"
        return Arrival("delivered", note, packet.record(), (), to, notes=[note], transit=packet)
    if not sender.endpoints:
        return Arrival("unreachable", f"{sender.name} is on no network", packet.record(), ())
    found = container_route(host, sender, family, dst)
    if found is None:
        return Arrival(
            "unreachable",
            f"{sender.name} has no route to {text}: none of its networks has a gateway",
            packet.record(),
            (),
        )
    endpoint, on_link = found
    if packet.src == 0:
        parsed = parse_address(address_of(endpoint, family))
        packet.src = parsed[1] if parsed else 0
    network = host.network_of(endpoint)
    packet.mac, packet.link = endpoint.mac or None, True
    packet.sport_range = (1024, 65535)
    if network is None or not network.bridge:
        return _off_bridge(host, request, packet, endpoint, on_link)
    packet.iif = network.bridge
    fib = host.namespace.fibs[family]
    if on_link:
        if host.owner(family, dst, network.bridge) is not None:
            return Journey(host, choices).receive(packet, towards=network.bridge)
        if fib.known and not fib.is_local(dst):
            return Arrival("unreachable", f"nobody has {text} on {network.name}", packet.record(), ())
    else:
        gateway = parse_address(endpoint.gateway4 if family == "ip" else endpoint.gateway6)
        if gateway is not None and fib.known and not fib.is_local(gateway[1]):
            gateway_text = address_text(family, gateway[1])
            if host.owner(family, gateway[1], network.bridge) is None:
                reason = f"nobody has {gateway_text}, the gateway of {sender.name}"
                return Arrival("unreachable", reason, packet.record(), ())
            why = Undecided("route", f"{sender.name} sends through {gateway_text}, which is not this host")
            return Arrival("undecided", why.reason, packet.record(), (), undecided=why)
    return Journey(host, choices).receive(packet)


def container_route(host: PreparedHost, container: Container, family: Family, dst: int) -> tuple[Endpoint, bool] | None:
    """Return by which endpoint a container sends to an address, and whether it is on that link."""
    best: tuple[int, Endpoint] | None = None
    for endpoint in container.endpoints:
        address = address_of(endpoint, family)
        prefix = endpoint.ipv4_prefix if family == "ip" else endpoint.ipv6_prefix
        net = parse_net(f"{address}/{prefix}", family) if address and prefix else None
        if net is not None and dst in net and (best is None or prefix > best[0]):
            best = (prefix, endpoint)
    if best is not None:
        return best[1], True
    gateway = host.gateway_endpoint(container, family)
    return (gateway, False) if gateway is not None else None


def _off_bridge(host: PreparedHost, request: Request, packet: Transit, endpoint: Endpoint, on_link: bool) -> Arrival:
    """From an endpoint that is not on a bridge of this host: its packets meet no rule here."""
    sender = request.sender
    assert sender is not None
    network = host.network_of(endpoint)
    driver = network.driver if network is not None else "unknown"
    text = address_text(request.family, request.dst)
    note = f"{sender.name} leaves by {driver} {endpoint.network_name}: no rule of the host sees its packets"
    record = packet.record()
    fib = host.namespace.fibs[request.family]
    if driver not in ("macvlan", "ipvlan"):
        why = Undecided(
            "driver", f"netui cannot see what the {driver} network {endpoint.network_name} does", family=packet.family
        )
        return Arrival("undecided", why.reason, record, (), undecided=why, notes=[note])
    parent = network.parent if network is not None else ""
    if fib.known and fib.is_local(request.dst):
        on_parent = any(parse_address(a.address) == (request.family, request.dst) for a in fib.addresses(parent))
        if on_parent or on_link:
            reason = f"a {driver} endpoint cannot reach its own host ({parent})"
            return Arrival("unreachable", reason, record, (), notes=[note])
    owner = host.owner(request.family, request.dst)
    if on_link and owner is not None and network is not None and owner.endpoint.network_id == network.id:
        to = DeliveredTo("container", owner.container.name, text, request.dport)
        return Arrival("delivered", note, record, (), to, notes=[note], transit=packet, owner=owner)
    if on_link or request.any_dst is not None or (not (fib.known and fib.is_local(request.dst)) and owner is None):
        to = DeliveredTo("outside", text, text, request.dport)
        return Arrival("delivered", note, record, (), to, notes=[note], transit=packet)
    why = Undecided("route", f"the packet leaves by {parent} to another router, and whether it comes back is not known")
    return Arrival("undecided", why.reason, record, (), undecided=why, notes=[note])


# --- docker-proxy ---------------------------------------------------------------------------


def _answered_on_host(host: PreparedHost, first: Arrival, packet: Transit, choices: Choices) -> Arrival | None:
    """What takes the packet on the host: nobody, a program, or docker-proxy with a leg of its own."""
    protocol = protocol_name(packet.protocol)
    address = address_text(packet.family, packet.dst)
    where = f"{host_port(address, packet.dport)}/{protocol}"
    if packet.dport is None:
        return None
    published = host.published(protocol, address, packet.dport)
    if host.namespace.sockets is None:
        what = f"; {published[0].name} has it published" if published else ""
        first.notes.append(f"the host's sockets were not read: who listens on {where} is not known{what}")
        return None
    socket = listening_socket(host.namespace.sockets, protocol, address, packet.dport)
    if socket is None:
        first.reason = f"it reaches this machine, where nothing listens on {where}: the host refuses it"
        return None
    if socket.program not in ("docker-proxy", "") or (not socket.program and published is None):
        if socket.program == "dockerd":
            first.notes.append(f"dockerd itself only holds {where} and does not answer")
        elif socket.program:
            first.notes.append(f"{socket.program} answers on {where}")
        return None
    if published is None:
        first.notes.append(f"docker-proxy listens on {where}, but no running container has that port bound")
        return None
    container, bound = published
    target = _proxy_target(host, container, packet.family)
    if target is None:
        first.notes.append(f"docker-proxy listens on {where}; {container.name} has no address that it could connect to")
        return None
    family, dst = target
    second = Transit(family, packet.protocol, 0, dst, None, bound.container_port, uid=0)
    second.sport_range = _ephemeral(host)
    arrival = Journey(host, choices).send(second)
    gateway = address_text(family, second.src) if second.src else "the bridge's address"
    arrival.notes.insert(
        0,
        f"docker-proxy answers on {where} and opens a connection of its own: "
        f"{container.name} sees {gateway} as the client",
    )
    return arrival


def _proxy_target(host: PreparedHost, container: Container, family: Family) -> tuple[Family, int] | None:
    """The address that docker-proxy connects to: of the same family where the container has one."""
    families: tuple[Family, ...] = ("ip6", "ip") if family == "ip6" else ("ip",)
    for wanted in families:
        endpoint = host.gateway_endpoint(container, wanted)
        candidates = [endpoint] if endpoint is not None else list(container.endpoints)
        for found in candidates:
            parsed = parse_address(address_of(found, wanted)) if address_of(found, wanted) else None
            if parsed is not None:
                return wanted, parsed[1]
    return None


def listening_socket(sockets: Sequence[Socket], protocol: str, address: str, port: int) -> Socket | None:
    """Return the socket that takes a packet for an address and port: the most exact one."""
    six = ":" in address
    wild = ("::", "*") if six else ("0.0.0.0", "*")
    best: tuple[int, Socket] | None = None
    for socket in sockets:
        if socket.port != port or not socket.protocol.startswith(protocol):
            continue
        if socket.address == address:
            rank = 2
        elif socket.address in wild:
            rank = 1
        else:
            continue
        if best is None or rank > best[0]:
            best = (rank, socket)
    return best[1] if best else None


# --- putting the ways together --------------------------------------------------------------


def _combine(
    host: PreparedHost,
    request: Request,
    ways: list[Way],
    unknown: list[Undecided],
    complete: bool,
    reply: bool,
) -> Path:
    first = ways[0]
    notes = list(request.notes)
    for way in ways:
        notes += [note for note in way.notes if note not in notes]
    agreed = complete and all(way.verdict == first.verdict and way.delivered_to == first.delivered_to for way in ways)
    undecided = list(unknown)
    for way in ways:
        undecided += [item for item in way.undecided if item not in undecided]
    legs, answers = first.legs, first.reply
    verdict, reason, to = first.verdict, first.reason, first.delivered_to
    if agreed and verdict != "undecided":
        undecided = [item for item in undecided if item.rule is not None]
    else:
        verdict, to = "undecided", None
        legs = _common_legs([way.legs for way in ways])
        answers = []
        why = undecided[0] if undecided else Undecided("", "there are too many possibilities")
        reason = _undecided_reason(why)
        if not complete:
            notes.append(f"more than {len(ways)} ways were possible; not all were walked")
    return Path(
        source=request.source.text,
        destination=_destination_text(request),
        verdict=verdict,
        reason=reason,
        delivered_to=to,
        legs=tuple(legs),
        reply=tuple(answers) if reply else None,
        undecided=tuple(undecided),
        notes=tuple(notes + host_notes(host, request.family)),
        deciding=deciding_step(verdict, tuple(legs)),
    )


def _undecided_reason(why: Undecided) -> str:
    if why.rule is not None:
        return f"{why.reason}: {why.match} in rule {why.rule} of {why.table} {why.chain}"
    return why.reason


def _destination_text(request: Request) -> str:
    written = request.destination
    if written.protocol == "icmp" or f"/{written.protocol}" in written.text:
        return written.text
    return f"{written.text}/{written.protocol}"


def _common_legs(every: list[list[Leg]]) -> list[Leg]:
    """The steps that all ways have in common, from the beginning."""
    common: list[Leg] = []
    for legs in zip(*every, strict=False):
        steps: list[Step] = []
        for step in zip(*(leg.steps for leg in legs), strict=False):
            if any(other != step[0] for other in step):
                break
            steps.append(step[0])
        packet: Packet = legs[0].packet
        common.append(Leg(packet, tuple(steps), legs[0].where))
        if any(len(leg.steps) != len(steps) for leg in legs):
            break
    return common


def deciding_step(verdict: Verdict, legs: tuple[Leg, ...]) -> Step | None:
    """Return the step that decided: the drop, else the accept that let it in, else the translation."""
    steps = [step for leg in legs for step in leg.steps]
    if not steps:
        return None
    if verdict in ("dropped", "rejected"):
        last = steps[-1]
        return last if last.verdict in ("drop", "policy drop") or last.verdict.startswith("reject") else None
    if verdict != "delivered":
        return None
    for wanted in ("accept", "policy accept"):
        for step in reversed(steps):
            if step.table == "filter" and step.verdict == wanted and step.hook in ("forward", "input"):
                return step
    for step in reversed(steps):
        if step.change and step.table == "nat":
            return step
    return steps[-1]


def host_notes(host: PreparedHost, family: Family) -> list[str]:
    """What netui cannot see on this host and a reader of any path should know."""
    notes: list[str] = []
    stem = "iptables" if family == "ip" else "ip6tables"
    sources = host.snapshot.sources
    if sources:
        unread = [name for name in (f"{stem}-nft", f"{stem}-legacy") if name not in sources or not sources[name].read]
        if len(unread) == 1:
            notes.append(f"{unread[0]} rules were not read: if this host has any, they count too")
        if "nft" not in sources or not sources["nft"].read:
            notes.append("native nftables tables were not read: if this host has any, they count too")
    native = [c for c in host.snapshot.nft_chains or () if c.family in (family, "inet")]
    tables = sorted({f"{chain.family} {chain.table}" for chain in native})
    if tables:
        notes.append(f"native nftables tables exist ({', '.join(tables)}): netui does not walk them yet")
    engine = host.snapshot.engine
    if engine is not None and not engine.local:
        notes.append("the engine is on another machine: its containers are not joined with these rules")
    if engine is not None and engine.rootless:
        notes.append("the engine is rootless: its rules are in a namespace of its own, not here")
    return notes
