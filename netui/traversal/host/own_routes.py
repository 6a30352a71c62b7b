"""A container's own routes: those of its namespace where they were read, else the ones that its engine makes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from netui.model import Container, Endpoint, Family, Interface
from netui.net.addresses import Net, address_text, parse_address, parse_net


class OwnRouteUnknown(Exception):
    """A container's route is not known; the message says why."""


@dataclass(frozen=True, slots=True)
class OwnRoute:
    """A route of a container. gateway: None on the link. refused: an unreachable, blackhole or prohibit route."""

    net: Net
    prefix: int
    metric: int
    device: str
    gateway: int | None
    refused: bool


@dataclass(frozen=True, slots=True)
class Sender:
    """A container as a sender: its addresses, its links (prefix, net, endpoint), and its default route.

    routes: its own, None where they were not read. devices: the endpoint of each device. doubt: why its default
    route is not known.
    """

    name: str
    family: Family
    own: frozenset[int]
    links: tuple[tuple[int, Net, Endpoint], ...]
    gateway_endpoint: Endpoint | None
    routes: tuple[OwnRoute, ...] | None = None
    devices: Mapping[str, Endpoint] | None = None
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class NextHop:
    """The endpoint by which a container sends, whether the receiver is on that link, and else the gateway."""

    endpoint: Endpoint
    on_link: bool
    gateway: tuple[Family, int] | None = None


def with_own_routes(side: Sender, container: Container) -> Sender:
    """Return a sender with the routes of its own namespace."""
    inside = container.inside
    if inside is None:
        doubt = "its own routes were not read, and it may change them (NET_ADMIN)" if container.changes_routes else ""
        return replace(side, doubt=doubt)
    family = side.family
    routes: list[OwnRoute] = []
    for route in inside.routes:
        net = parse_net(route.dst, family) if route.family == family else None
        if net is not None:
            gateway = parse_address(route.gateway) if route.gateway else None
            number = gateway[1] if gateway is not None else None
            refused = route.type != "unicast"
            routes.append(OwnRoute(net, net.mask.bit_count(), route.metric, route.dev, number, refused))
    routes.sort(key=lambda route: (-route.prefix, route.metric))
    doubt = "it has routing tables of its own beside main" if inside.more_tables and container.changes_routes else ""
    return replace(side, routes=tuple(routes), devices=devices_of(container, routes, family), doubt=doubt)


def devices_of(container: Container, routes: Iterable[OwnRoute], family: Family) -> dict[str, Endpoint]:
    """Return the endpoint of each of a container's devices, found by the networks of its link routes."""
    endpoints: dict[str, Endpoint] = {}
    for endpoint in container.endpoints:
        parsed = parse_address(endpoint.ipv4 if family == "ip" else endpoint.ipv6)
        here = (route for route in routes if route.gateway is None and not route.refused and route.prefix)
        if parsed is not None and (link := next((route for route in here if parsed[1] in route.net), None)) is not None:
            endpoints[link.device] = endpoint
    return endpoints


def container_route(side: Sender, dst: int) -> NextHop | None:
    """Return a container's next hop for an address, None where it has no route; raise OwnRouteUnknown."""
    if side.routes is not None:
        return _by_own_routes(side, side.routes, dst)
    best: tuple[int, Endpoint] | None = None
    for prefix, net, endpoint in side.links:
        if dst & net.mask == net.value and (best is None or prefix > best[0]):
            best = (prefix, endpoint)
    if best is not None:
        return NextHop(best[1], True)
    if side.doubt:
        raise OwnRouteUnknown(f"where {side.name} sends to {address_text(side.family, dst)}: {side.doubt}")
    gateway = side.gateway_endpoint
    return by_gateway(side, gateway) if gateway is not None else None


def no_route(side: Sender, text: str) -> str:
    """Say that a container has no route to an address."""
    why = "none of its networks has a gateway" if side.routes is None else "so its own routes say"
    return f"{side.name} has no route to {text}: {why}"


def _by_own_routes(side: Sender, routes: tuple[OwnRoute, ...], dst: int) -> NextHop | None:
    text = address_text(side.family, dst)
    if side.doubt:
        raise OwnRouteUnknown(f"where {side.name} sends to {text}: {side.doubt}")
    route = next((route for route in routes if dst in route.net), None)
    if route is None or route.refused:
        return None
    endpoint = (side.devices or {}).get(route.device)
    if endpoint is None:
        # its device is no endpoint's, but its gateway is the one that the engine gave
        hop = by_gateway(side, side.gateway_endpoint) if side.gateway_endpoint is not None else None
        if hop is None or hop.gateway is None or hop.gateway[1] != route.gateway:
            raise OwnRouteUnknown(f"{side.name} sends to {text} by its own {route.device}, which netui does not follow")
        return hop
    return NextHop(endpoint, route.gateway is None, None if route.gateway is None else (side.family, route.gateway))


def by_gateway(side: Sender, endpoint: Endpoint) -> NextHop:
    """Return the next hop by the gateway that the engine gave an endpoint."""
    return NextHop(endpoint, False, parse_address(endpoint.gateway4 if side.family == "ip" else endpoint.gateway6))


def bridge_ports(
    containers: Iterable[Container],
    bridges: Mapping[str, str],
    interfaces: Iterable[Interface],
) -> dict[tuple[str, Family, int], str]:
    """Return the port of a bridge that leads to each address, where exactly one port fits.

    A veth of the host has its peer's index and namespace; a container's namespace has the indexes of its devices.
    """
    ports = [interface for interface in interfaces if interface.kind == "veth" and interface.peer and interface.master]
    port_of: dict[tuple[str, Family, int], str] = {}
    for container in containers:
        if container.inside is None:
            continue
        families: tuple[Family, Family] = ("ip", "ip6")
        for family in families:
            side = with_own_routes(Sender("", family, frozenset(), (), None), container)
            for device, endpoint in (side.devices or {}).items():
                bridge = bridges.get(endpoint.network_id, "")
                parsed = parse_address(endpoint.ipv4 if family == "ip" else endpoint.ipv6)
                index = container.inside.devices.get(device, 0)
                number = container.inside.netns
                fits = [
                    port.name
                    for port in ports
                    if port.master == bridge and port.peer == index and number in (-1, port.netns)
                ]
                if bridge and parsed is not None and len(fits) == 1:
                    port_of[bridge, family, parsed[1]] = fits[0]
    return port_of
