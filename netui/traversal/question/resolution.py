"""The question SRC → DST, resolved: names to containers, "host" and "outside" to addresses.

Longer than 300 lines: the parts of a question are resolved with the help of each other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from netui.model import Container, Endpoint, Family, Interface
from netui.net.addresses import ICMP, ICMP6, SCTP, TCP, UDP, address_text, ip_version, parse_address
from netui.traversal.any_outside import AnyOutside
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.host.routing import DEFAULTS
from netui.traversal.question.endpoints import (
    EndpointError,
    EndpointSpec,
    address_of,
    endpoint_on,
    namespace_owner,
    shown,
)
from netui.traversal.several import Several

_NUMBERS = {"tcp": TCP, "udp": UDP, "sctp": SCTP}


@dataclass(slots=True)
class Query:
    """A resolved question: sender, destination address, port and protocol.

    sender: the container (None: the host or outside). src: 0 where the route chooses.
    """

    source: EndpointSpec
    destination: EndpointSpec
    family: Family
    protocol: int
    dst: int
    dport: int | None
    sender: Container | None = None
    src: int = 0
    iif: str = ""
    any_src: AnyOutside | None = None
    any_dst: AnyOutside | None = None
    notes: tuple[str, ...] = ()
    sport: int | None = None
    #: many destination ports in one walk; dport is one of them
    any_dport: Several | None = None

    def copy(self) -> Query:
        """Return a copy."""
        return replace(self)


def resolve(host: PreparedHost, source: EndpointSpec, destination: EndpointSpec, iif: str = "") -> Query:
    """Resolve both ends: names to containers, "host" and "outside" to addresses.

    iif: the interface by which the packet comes in, where that was named.
    """
    sender = _sender(host, source)
    receiver = None
    if destination.kind == "container":
        receiver = namespace_owner(host, destination.name)
    family = _family(host, source, destination, sender, receiver)
    notes: list[str] = []
    any_dst: AnyOutside | None = None
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
                dst, any_dst = outer.representative, outer.anywhere.fresh()
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
    src, found_iif, any_src = _source(host, source, family, sender, notes)
    if iif:
        _check_named(host, source, iif, from_outside=bool(found_iif))
    elif found_iif:
        # a plain address does not name its interface: take the route back
        iif = _uplink_of(host, family, src, dst, found_iif) if source.kind == "outside" else found_iif
        if iif != found_iif:
            notes.append(
                f"it comes in by {iif}, which has {address_text(family, dst)}; --in {found_iif} asks for another way"
            )
    return Query(
        source, destination, family, protocol, dst, destination.port, sender, src, iif, any_src, any_dst, tuple(notes)
    )


def questions(host: PreparedHost, source: EndpointSpec, destination: EndpointSpec, iif: str = "") -> list[Query]:
    """Resolve a question once for each origin of SRC: ``lan`` and ``any`` may mean several interfaces.

    Raises EndpointError where there is none.
    """
    if destination.kind in ("lan", "any"):
        called = _container_called(host, destination)
        if called is None:
            raise EndpointError(f"{shown(destination.text)}: {destination.kind} is no destination; write an address")
        destination = called
    if source.kind not in ("lan", "any"):
        return [resolve(host, source, destination, iif)]
    named = _container_called(host, source)
    if named is not None:
        return [resolve(host, named, destination, iif)]
    if iif:
        raise EndpointError(f"--in: {source.text} is by its own interface; lan@{shown(iif)} names one")
    parsed = parse_address(destination.address) if destination.address else None
    family: Family = parsed[0] if parsed is not None else "ip"
    if destination.kind == "container" and not destination.address:
        receiver = namespace_owner(host, destination.name)
        family = _family(host, source, destination, None, receiver)
    links = [interface.name for interface in host.links(family) if host.link(family, interface.name) is not None]
    if source.network:
        if source.network not in links:
            has = f"it has {', '.join(links)}" if links else "it has none"
            raise EndpointError(f"{shown(source.text)}: this host has no such link of other machines; {has}")
        links = [source.network]
    queries = []
    if source.kind == "any" and host.outer(family) is not None:
        queries.append(resolve(host, replace(source, kind="outside"), destination))
    for link in links:
        queries.append(resolve(host, replace(source, kind="lan", network=link), destination))
    if not queries:
        raise EndpointError(f"{source.text}: this host has no link of other machines that was read")
    return queries


def _container_called(host: PreparedHost, written: EndpointSpec) -> EndpointSpec | None:
    """How to write a container whose name is one of netui's own words."""
    if written.kind in host.called:
        return replace(written, kind="container", name=written.kind)
    return None


def _check_named(host: PreparedHost, source: EndpointSpec, iif: str, *, from_outside: bool) -> None:
    if not from_outside and source.kind != "outside":
        raise EndpointError(f"--in: {source.text} is no machine outside; only of one the interface can be named")
    if host.snapshot.interfaces is not None and iif not in host.namespace.interfaces:
        names = ", ".join(name for name in host.namespace.interfaces if name != "lo")
        raise EndpointError(f"--in: this host has no interface {shown(iif)}; it has {names}")


def _uplink_of(host: PreparedHost, family: Family, src: int, dst: int, towards: str) -> str:
    """The interface by which a machine beyond the default route reaches one of the host's own addresses.

    It is the uplink that has the address, not the one by which the host would answer. A neighbour, or a
    machine to which the host has a route, comes in by that route's interface instead.
    """
    fib = host.namespace.fibs[family]
    if not fib.known or not fib.is_local(dst):
        return towards
    try:
        route = fib.lookup(Lookup(src, iif="lo"))
    except RoutingUnknown:
        route = None
    if route is None or route.dst not in DEFAULTS:
        return towards
    own = next((i for i in host.namespace.interfaces.values() if _has(i, family, dst)), None)
    return own.name if own is not None and host.leads_out(own) else towards


def _has(interface: Interface, family: Family, address: int) -> bool:
    return any(a.family == family and parse_address(a.address) == (family, address) for a in interface.addresses)


def _sender(host: PreparedHost, source: EndpointSpec) -> Container | None:
    if source.kind == "container":
        return namespace_owner(host, source.name)
    if source.kind == "address":
        parsed = parse_address(source.address)
        owner = host.owner(*parsed) if parsed else None
        return owner.container if owner is not None else None
    return None


def _family(
    host: PreparedHost,
    source: EndpointSpec,
    destination: EndpointSpec,
    sender: Container | None,
    receiver: Container | None,
) -> Family:
    left = parse_address(source.address) if source.address else None
    right = parse_address(destination.address) if destination.address else None
    if left is not None and right is not None and left[0] != right[0]:
        raise EndpointError(f"{source.text} and {destination.text} are of different families (IPv4 and IPv6)")
    given = right or left
    if given is not None:
        return given[0]
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
    host: PreparedHost, written: EndpointSpec, receiver: Container, sender: Container | None, family: Family
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
        raise EndpointError(f"{receiver.name} has no {ip_version(family)} address")
    return parsed[1]


def _host_address(host: PreparedHost, source: EndpointSpec, sender: Container | None, family: Family) -> int:
    """The host's address for the packet's route."""
    fib = host.namespace.fibs[family]
    devices: list[str] = [source.network] if source.kind == "lan" else []
    if sender is not None and sender.network_mode != "host":
        endpoint = host.sender(sender, family).gateway_endpoint
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
    kind = ip_version(family)
    if host.snapshot.interfaces is None:
        raise EndpointError(f"host: the addresses of this host were not read; write an {kind} address instead of host")
    raise EndpointError(f"host: this host has no {kind} address that {source.text} could reach; write an address")


def _no_outside(host: PreparedHost, family: Family, what: str) -> str:
    if not host.namespace.fibs[family].known:
        return f"outside: the host's routes were not read: write an address for {what}, as in outside:198.51.100.2"
    return (
        f"outside: there is no default route to tell what is outside; name the address: outside:198.51.100.2 for {what}"
    )


def _source(
    host: PreparedHost, source: EndpointSpec, family: Family, sender: Container | None, notes: list[str]
) -> tuple[int, str, AnyOutside | None]:
    """Return the source address, the interface by which it comes in, and the machines that it represents."""
    fib = host.namespace.fibs[family]
    if sender is not None:
        if source.kind == "address":
            parsed = parse_address(source.address)
            return parsed[1] if parsed else 0, "", None
        if source.network:
            endpoint = endpoint_on(host, sender, source.network)
            parsed = parse_address(address_of(endpoint, family))
            if parsed is None:
                kind = ip_version(family)
                raise EndpointError(f"{sender.name} has no {kind} address on {source.network}")
            return parsed[1], "", None
        return 0, "", None
    if source.kind == "host":
        return 0, "", None
    if source.kind == "lan":
        link = host.link(family, source.network)
        if link is None:
            raise EndpointError(f"{source.text}: there are no machines of this family on {shown(source.network)}")
        notes.append(f"lan stands for any machine on the link of {link.interface}")
        return link.representative, link.interface, link.anywhere.fresh()
    if source.address:
        parsed = parse_address(source.address)
        src = parsed[1] if parsed else 0
        if source.kind == "address" and fib.known and fib.is_local(src):
            return src, "", None
        return src, _interface_towards(host, family, src), None
    outer = host.outer(family)
    if outer is None:
        if not fib.known:
            return 0, "", None
        raise EndpointError(_no_outside(host, family, "the source"))
    notes.append(f"outside stands for any machine beyond {outer.interface}; outside:ADDRESS asks for one")
    return outer.representative, outer.interface, outer.anywhere.fresh()


def _interface_towards(host: PreparedHost, family: Family, address: int) -> str:
    """The interface by which packets from an outside address come in: that of the route back.

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
    if route is None or route.type != "unicast" or fib.devices(route)[0] in host.bridges.values():
        outer = host.outer(family)
        return outer.interface if outer is not None else ""
    return fib.devices(route)[0]
