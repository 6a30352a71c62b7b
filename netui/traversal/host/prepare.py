"""Prepares a snapshot for walking: the owner of each address, the namespace, and what was not read."""

from __future__ import annotations

from netui.model import Family, Snapshot
from netui.net.addresses import parse_address
from netui.traversal.host.knowledge import blind, rules_unread
from netui.traversal.host.members import strangers, with_unlisted_endpoints
from netui.traversal.host.own_routes import bridge_ports
from netui.traversal.host.prepare_namespace import prepare_namespace
from netui.traversal.host.prepared import Owner, PreparedHost


def prepare(snapshot: Snapshot) -> PreparedHost:
    """Prepare a snapshot for walking; raises RulesError where its rules loop by jump."""
    namespace = prepare_namespace(
        name="",
        rulesets=tuple(snapshot.rulesets.values()),
        native=snapshot.nft_chains or (),
        interfaces=snapshot.interfaces,
        routes=snapshot.routes,
        policy_rules=snapshot.policy_rules,
        sysctls=snapshot.sysctls,
        sockets=snapshot.sockets,
        sets=snapshot.ipsets,
        rules_read={family: rules_unread(snapshot, family) for family in _FAMILIES},
        order=snapshot.hook_order,
        handles=snapshot.table_handles,
    )
    networks = {network.id: network for network in snapshot.networks or ()} if snapshot.joined else {}
    containers = with_unlisted_endpoints(snapshot.containers or (), networks) if snapshot.joined else ()
    owners: dict[tuple[Family, int], list[Owner]] = {}
    for container in containers:
        if not container.running:
            continue
        for endpoint in container.endpoints:
            for text in (endpoint.ipv4, endpoint.ipv6):
                parsed = parse_address(text) if text else None
                if parsed is not None:
                    owner = Owner(container, endpoint, networks.get(endpoint.network_id))
                    owners.setdefault(parsed, []).append(owner)
    idents = {container.id for container in containers}
    for network in networks.values():
        for stranger in strangers(network, idents):
            for text in (stranger.endpoints[0].ipv4, stranger.endpoints[0].ipv6):
                parsed = parse_address(text) if text else None
                if parsed is not None:
                    owners.setdefault(parsed, []).append(Owner(stranger, stranger.endpoints[0], network))
            if snapshot.containers is None:
                containers = (*containers, stranger)
    by_id = {container.id: container for container in containers}
    bridges = {network.id: network.bridge for network in networks.values()}
    if namespace.low:
        namespace.guests = bridge_ports(containers, bridges, snapshot.interfaces or ())
    prepared = PreparedHost(snapshot, namespace, networks, containers, owners, by_id, bridges)
    prepared.called = frozenset(container.name for container in containers) & {"lan", "any"}
    prepared.blind = {family: blind(snapshot, family) for family in _FAMILIES}
    return prepared


_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
