"""A container's question to Docker's DNS server, 127.0.0.11:53, in its own namespace."""

from __future__ import annotations

from netui.model import Address, Container, Family, Interface, Route
from netui.traversal.host.namespace import Namespace
from netui.traversal.host.prepare_namespace import prepare_namespace
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.journey.journey import Journey, LegResult
from netui.traversal.packet_state import PacketState
from netui.traversal.result import DeliveredTo, Undecided
from netui.traversal.unknowns import Unknowns


def container_namespace(host: PreparedHost, container: Container) -> Namespace | None:
    """Prepare a container's own namespace from its rules; None where they were not read."""
    rulesets = host.snapshot.namespaces.get(container.id)
    if rulesets is None:
        return None
    loopback = (Address("ip", "127.0.0.1", 8, "host"), Address("ip6", "::1", 128, "host"))
    interfaces = [Interface(1, "lo", addresses=loopback)]
    # the kernel's own local routes: a packet to 127.0.0.11 leaves from 127.0.0.1
    local = Route("ip", "127.0.0.0/8", type="local", table="local", dev="lo", prefsrc="127.0.0.1")
    routes: dict[Family, list[Route]] = {"ip": [local], "ip6": []}
    for number, endpoint in enumerate(container.endpoints):
        addresses = []
        if endpoint.ipv4:
            addresses.append(Address("ip", endpoint.ipv4, endpoint.ipv4_prefix or 32))
            subnet = f"{endpoint.ipv4}/{endpoint.ipv4_prefix or 32}"
            device = f"eth{number}"
            routes["ip"].append(Route("ip", subnet, dev=device, prefsrc=endpoint.ipv4))
            routes["ip"].append(Route("ip", endpoint.ipv4, type="local", table="local", dev=device))
        interfaces.append(Interface(number + 2, f"eth{number}", addresses=tuple(addresses)))
    families: tuple[Family, Family] = ("ip", "ip6")
    return prepare_namespace(
        name=container.name,
        rulesets=rulesets,
        native=(),
        interfaces=interfaces,
        routes=routes,
        policy_rules={},
        sysctls={"net.ipv4.conf.all.route_localnet": "1"},
        sockets=None,
        sets=None,
        rules_read=dict.fromkeys(families, ""),
    )


def ask_own_resolver(host: PreparedHost, container: Container, packet: PacketState, unknowns: Unknowns) -> LegResult:
    """Walk a question to 127.0.0.11:53 through the container's own rules."""
    namespace = container_namespace(host, container)
    names = [endpoint.network_name for endpoint in container.endpoints]
    if names and all(name == "bridge" for name in names):
        reason = "the default bridge has no DNS server at 127.0.0.11: containers there use the host's resolvers"
        return LegResult("unreachable", reason, packet.seen(), ())
    if namespace is None:
        why = Undecided("the rules", f"the rules in {container.name}'s own namespace were not read", family="ip")
        return LegResult("undecided", why.reason, packet.seen(), (), undecided=why)
    arrival = Journey(host, unknowns, namespace).send(packet)
    arrival.where = container.name
    if arrival.verdict == "delivered":
        arrival.delivered_to = DeliveredTo("container", container.name, "127.0.0.11", 53)
        arrival.reason = f"Docker's DNS server in {container.name}'s namespace answers"
    return arrival
