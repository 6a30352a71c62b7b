"""Endpoints that only a network's list of members has: the swarm's sandboxes, and gateway endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from netui.model import Container, Endpoint, Member, Network


def with_unlisted_endpoints(containers: Iterable[Container], networks: Mapping[str, Network]) -> tuple[Container, ...]:
    """Return the containers with the endpoints that ``/containers/{id}/json`` lacks.

    A container on an overlay network sends by docker_gwbridge, but ``docker inspect`` of the container does
    not list that endpoint. Only the network does (moby: the sandbox's gateway endpoint, "gateway_…").
    """
    listed = tuple(containers)
    on = {(container.id, endpoint.network_id) for container in listed for endpoint in container.endpoints}
    idents = {container.id for container in listed}
    more: dict[str, list[Endpoint]] = {}
    for network in networks.values():
        for member in network.members:
            ident = member.container_id
            if ident in idents and (ident, network.id) not in on and network.bridge and (member.ipv4 or member.ipv6):
                more.setdefault(ident, []).append(_endpoint(network, member))
    if not more:
        return listed
    return tuple(
        replace(container, endpoints=(*container.endpoints, *more[container.id])) if container.id in more else container
        for container in listed
    )


def strangers(network: Network, idents: set[str]) -> list[Container]:
    """A network's members that are no container that was read: the swarm's sandboxes, or all of them."""
    return [
        Container(member.container_id, member.name, network_mode=network.name, endpoints=(_endpoint(network, member),))
        for member in network.members
        if member.container_id not in idents and (member.ipv4 or member.ipv6)
    ]


def _endpoint(network: Network, member: Member) -> Endpoint:
    ipv4, _, prefix4 = member.ipv4.partition("/")
    ipv6, _, prefix6 = member.ipv6.partition("/")
    gateways = [subnet.gateway for subnet in network.subnets]
    return Endpoint(
        network.id,
        network.name,
        member.endpoint_id,
        ipv4,
        int(prefix4) if prefix4.isdigit() else 32,
        next((g for g in gateways if g and ":" not in g), "") if ipv4 else "",
        ipv6,
        int(prefix6) if prefix6.isdigit() else 128,
        next((g for g in gateways if ":" in g), "") if ipv6 else "",
        member.mac,
    )
