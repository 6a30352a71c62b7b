"""The first packet, from its sender: a container, the host, or a machine outside."""

from __future__ import annotations

from netui.model import Endpoint, Family
from netui.net.addresses import ICMP, ICMP6, address_text, parse_address
from netui.traversal.host.container_resolver import ask_own_resolver
from netui.traversal.host.own_routes import NextHop, OwnRouteUnknown, container_route, no_route
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.journey.journey import Journey, LegResult
from netui.traversal.packet_state import PacketState
from netui.traversal.question.endpoints import address_of
from netui.traversal.question.resolution import Query
from netui.traversal.result import DeliveredTo, Undecided
from netui.traversal.unknowns import Unknowns

#: 127.0.0.11, Docker's DNS server in each container's namespace.
RESOLVER = 0x7F00000B


def new_transit(query: Query) -> PacketState:
    """Return the packet of a question."""
    echo = (8, 0) if query.protocol == ICMP else (128, 0) if query.protocol == ICMP6 else None
    return PacketState(
        query.family,
        query.protocol,
        query.src,
        query.dst,
        query.sport,
        query.dport,
        echo,
        query.iif,
        any_src=query.any_src,
        any_dst=query.any_dst,
        any_dport=query.any_dport,
    )


def first_arrival(host: PreparedHost, query: Query, unknowns: Unknowns) -> tuple[LegResult, PacketState]:
    """Walk the first packet from its sender; return the outcome and the packet."""
    packet = new_transit(query)
    if query.sender is not None and query.sender.network_mode != "host":
        return _from_container(host, query, packet, unknowns), packet
    if query.source.kind == "host" or query.sender is not None or not query.iif:
        return _from_host(host, query, packet, unknowns), packet
    return _from_outside(host, query, packet, unknowns), packet


def _from_host(host: PreparedHost, query: Query, packet: PacketState, unknowns: Unknowns) -> LegResult:
    if query.source.kind == "outside":
        why = Undecided("route", "the host's routes were not read", family=query.family)
        return LegResult("undecided", why.reason, packet.seen(), (), undecided=why)
    packet.sport_range = ephemeral_ports(host)
    return Journey(host, unknowns).send(packet)


def ephemeral_ports(host: PreparedHost) -> tuple[int, int]:
    """Return the range from which the host chooses source ports."""
    words = (host.namespace.sysctl("net.ipv4.ip_local_port_range") or "").split()
    if len(words) == 2 and all(word.isdigit() for word in words):
        return int(words[0]), int(words[1])
    return 1024, 65535


def _from_outside(host: PreparedHost, query: Query, packet: PacketState, unknowns: Unknowns) -> LegResult:
    packet.link = True
    incoming = host.namespace.interfaces.get(query.iif)
    if incoming is not None and not incoming.carrier:
        reason = f"{query.iif} has no carrier: its cable is out, nothing comes in by it"
        return LegResult("unreachable", reason, packet.seen(), ())
    owner = host.owner(query.family, query.dst)
    off_bridge = owner is not None and owner.network is not None and owner.network.driver in ("macvlan", "ipvlan")
    if off_bridge and owner is not None and owner.network is not None and owner.network.parent == query.iif:
        # from the parent's own link: the frame goes to the endpoint, not to the host
        where = f"{owner.network.driver} {owner.network.name}"
        note = f"{owner.container.name} is on {where}: no rule of the host sees its packets"
        to = DeliveredTo("container", owner.container.name, address_text(query.family, query.dst), query.dport)
        return LegResult("delivered", note, packet.seen(), (), to, notes=[note], transit=packet, owner=owner)
    return Journey(host, unknowns).receive(packet, towards=_same_bridge(host, query))


def _same_bridge(host: PreparedHost, query: Query) -> str:
    """The bridge that an outside sender shares with the receiver, "" for none."""
    bridge = host.namespace.interfaces.get(query.iif)
    fib = host.namespace.fibs[query.family]
    if bridge is None or bridge.kind != "bridge" or fib.is_local(query.dst) or query.any_src is not None:
        return ""
    try:
        routes = [fib.lookup(Lookup(address, iif="lo")) for address in (query.src, query.dst)]
    except RoutingUnknown:
        return ""
    on_link = all(hop is not None and hop.dev == bridge.name and not hop.gateway for hop in routes)
    return bridge.name if on_link else ""


def _from_container(host: PreparedHost, query: Query, packet: PacketState, unknowns: Unknowns) -> LegResult:
    sender = query.sender
    assert sender is not None
    family, dst = query.family, query.dst
    text = address_text(family, dst)
    side = host.sender(sender, family)
    if dst == RESOLVER and family == "ip" and query.dport == 53:
        return ask_own_resolver(host, sender, packet, unknowns)
    if dst in side.own or (family == "ip" and dst >> 24 == 127) or (family == "ip6" and dst == 1):
        to = DeliveredTo("container", sender.name, text, query.dport)
        note = f"{text} is {sender.name} itself: the packet stays in its own namespace"
        return LegResult("delivered", note, packet.seen(), (), to, notes=[note], transit=packet)
    if not sender.endpoints:
        return LegResult("unreachable", f"{sender.name} is on no network", packet.seen(), ())
    try:
        hop = container_route(side, dst)
    except OwnRouteUnknown as error:
        why = Undecided("route", str(error), family=family)
        return LegResult("undecided", why.reason, packet.seen(), (), undecided=why)
    if hop is None:
        return LegResult("unreachable", no_route(side, text), packet.seen(), ())
    endpoint, on_link = hop.endpoint, hop.on_link
    if packet.src == 0:
        parsed = parse_address(address_of(endpoint, family))
        packet.src = parsed[1] if parsed else 0
    network, bridge = host.network_of(endpoint), host.bridge_of(endpoint)
    sent_by(packet, endpoint)
    if network is None or not bridge:
        return _off_bridge(host, query, packet, endpoint, on_link)
    packet.iif = bridge
    fib = host.namespace.fibs[family]
    if on_link:
        if host.owner(family, dst, bridge) is not None:
            return Journey(host, unknowns).receive(packet, towards=bridge)
        if fib.known and not fib.is_local(dst):
            return LegResult("unreachable", f"nobody has {text} on {network.name}", packet.seen(), ())
    else:
        gateway = other_gateway(host, hop, family)
        if gateway is not None:
            gateway_text = address_text(family, gateway)
            if host.owner(family, gateway, bridge) is None:
                reason = f"nobody has {gateway_text}, the gateway of {sender.name}"
                return LegResult("unreachable", reason, packet.seen(), ())
            why = Undecided("route", f"{sender.name} sends through {gateway_text}, which is not this host")
            return LegResult("undecided", why.reason, packet.seen(), (), undecided=why)
    return Journey(host, unknowns).receive(packet)


def sent_by(packet: PacketState, endpoint: Endpoint) -> None:
    """Set the packet's fields that come from its container's endpoint."""
    packet.mac, packet.link = endpoint.mac or None, True
    packet.sport_range = (1024, 65535)


def other_gateway(host: PreparedHost, hop: NextHop, family: Family) -> int | None:
    """Return the gateway of a container's next hop where it is not this host."""
    fib = host.namespace.fibs[family]
    gateway = hop.gateway
    return gateway[1] if gateway is not None and fib.known and not fib.is_local(gateway[1]) else None


def _off_bridge(host: PreparedHost, query: Query, packet: PacketState, endpoint: Endpoint, on_link: bool) -> LegResult:
    """The outcome for an endpoint that is not on a bridge of this host: its packets meet no rule here."""
    sender = query.sender
    assert sender is not None
    network = host.network_of(endpoint)
    driver = network.driver if network is not None else "unknown"
    text = address_text(query.family, query.dst)
    note = f"{sender.name} leaves by {driver} {endpoint.network_name}: no rule of the host sees its packets"
    seen = packet.seen()
    fib = host.namespace.fibs[query.family]
    if driver not in ("macvlan", "ipvlan"):
        why = Undecided(
            "driver", f"netui cannot see what the {driver} network {endpoint.network_name} does", family=packet.family
        )
        return LegResult("undecided", why.reason, seen, (), undecided=why, notes=[note])
    parent = network.parent if network is not None else ""
    if fib.known and fib.is_local(query.dst):
        on_parent = any(parse_address(a.address) == (query.family, query.dst) for a in fib.addresses(parent))
        if on_parent or on_link:
            reason = f"a {driver} endpoint cannot reach its own host ({parent})"
            return LegResult("unreachable", reason, seen, (), notes=[note])
    owner = host.owner(query.family, query.dst)
    if on_link and owner is not None and network is not None and owner.endpoint.network_id == network.id:
        to = DeliveredTo("container", owner.container.name, text, query.dport)
        return LegResult("delivered", note, seen, (), to, notes=[note], transit=packet, owner=owner)
    if on_link or query.any_dst is not None or (not (fib.known and fib.is_local(query.dst)) and owner is None):
        to = DeliveredTo("outside", text, text, query.dport)
        return LegResult("delivered", note, seen, (), to, notes=[note], transit=packet)
    why = Undecided("route", f"the packet leaves by {parent} to another router, and whether it comes back is not known")
    return LegResult("undecided", why.reason, seen, (), undecided=why, notes=[note])
