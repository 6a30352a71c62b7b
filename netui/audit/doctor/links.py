"""Findings about bridges and subnets: icc without br_netfilter, overlaps, hidden routes, MTU."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Evidence, Finding
from netui.audit.doctor.remedy import cure
from netui.model import Family, Network, Route, Snapshot
from netui.net.addresses import Net, parse_net
from netui.text.phrases import some

_FAMILIES: tuple[Family, Family] = ("ip", "ip6")


def icc_without_netfilter(view: View) -> Iterator[Finding]:
    """icc=false without br_netfilter: no rule sees the bridge's frames, so containers reach each other."""
    if not view.judged:
        return
    members: dict[str, list[tuple[str, str]]] = {}
    for container in view.host.containers:
        for endpoint in container.endpoints if container.running else ():
            if endpoint.ipv4:
                members.setdefault(endpoint.network_id, []).append((container.id, endpoint.ipv4))
    for network in view.host.networks.values():
        pair = members.get(network.id, [])
        if network.driver != "bridge" or network.icc or len(pair) < 2:
            continue
        if view.host.namespace.calls_iptables(network.bridge, "ip") is not False:
            continue
        answer = view.walk(f"{pair[0][0]}@{network.name}", f"{pair[1][1]}:80/tcp")
        if answer is None or answer.verdict != "delivered":
            continue
        value = view.host.namespace.sysctl("net.bridge.bridge-nf-call-iptables")
        shown = f"net.bridge.bridge-nf-call-iptables = {value}" if value is not None else "br_netfilter is not loaded"
        yield Finding(
            "icc-not-enforced",
            "high",
            f"Containers of network {network.name} can talk to each other, though it was made with icc=false.",
            "The rule that drops their packets never sees them: frames from port to port of a bridge are shown to "
            "iptables only by br_netfilter.",
            (
                Evidence("sysctl", shown),
                Evidence("network", f"{network.name}: enable_icc=false, bridge {network.bridge}"),
            ),
            (
                cure(
                    view,
                    "" if value is not None else "modprobe br_netfilter && ",
                    (Change("sysctl", chain="net.bridge.bridge-nf-call-iptables", words=("1",)),),
                ),
                "Keep it over a reboot: /etc/sysctl.d",
            ),
            (network.name,),
        )


# --- subnets ---------------------------------------------------------------------------------


def _nets(network: Network) -> list[tuple[str, Family, Net]]:
    nets = []
    for subnet in network.subnets:
        family: Family = "ip6" if ":" in subnet.subnet else "ip"
        net = parse_net(subnet.subnet, family)
        if net is not None:
            nets.append((subnet.subnet, family, net))
    return nets


def _overlap(one: Net, other: Net) -> bool:
    mask = one.mask & other.mask
    return one.value & mask == other.value & mask


def overlapping_subnets(view: View) -> Iterator[Finding]:
    """Two networks of this host have common addresses."""
    local = [n for n in view.host.networks.values() if n.driver in ("bridge", "macvlan", "ipvlan", "overlay")]
    for one, other in combinations(local, 2):
        for text, family, net in _nets(one):
            for other_text, other_family, other_net in _nets(other):
                if family != other_family or not _overlap(net, other_net):
                    continue
                yield Finding(
                    "subnets-overlap",
                    "medium",
                    f"Networks {one.name} ({text}) and {other.name} ({other_text}) overlap.",
                    _overlap_matters(one, other),
                    (Evidence("network", f"{one.name}: {text}"), Evidence("network", f"{other.name}: {other_text}")),
                    (f"Make one anew with a subnet of its own: docker network create --subnet … {other.name}",),
                    (one.name, other.name),
                )


def _overlap_matters(one: Network, other: Network) -> str:
    """Return the effect of an overlap. An overlay's addresses are the swarm's; a node gets them on joining the network.

    Seen on 20.10 and 28.5: the manager creates such a network, and each of its tasks is rejected.
    """
    overlay = next((network for network in (one, other) if network.driver == "overlay"), None)
    if overlay is None:
        return "The host reaches an address in both by one of the two only; answers of the other's containers get lost."
    node = other if overlay is one else one
    if node.driver == "overlay":
        return "A node cannot be on both: containers of the second one are rejected."
    return (
        f"{overlay.name} is the swarm's and {node.name} this node's own: containers of {overlay.name} are rejected "
        'here ("Pool overlaps with other one on this address space").'
    )


def hidden_routes(view: View) -> Iterator[Finding]:
    """A Docker subnet hides a route of the host, or a route hides a Docker subnet."""
    for network in view.host.networks.values():
        if not network.bridge:
            continue
        for text, family, net in _nets(network):
            for route in view.host.snapshot.routes.get(family, ()):
                if not _competes(route, network.bridge):
                    continue
                there = parse_net(route.dst, family)
                if there is None or there.whole or not _overlap(net, there):
                    continue
                yield _hidden(view.host.snapshot, network, (text, family, net), route, there)


def _competes(route: Route, bridge: str) -> bool:
    devices = {route.dev, *(hop.dev for hop in route.nexthops)}
    return route.type == "unicast" and route.table in ("main", "254") and bridge not in devices and devices != {"lo"}


def _first(routes: tuple[Route, ...], bridge: str, other: Route) -> bool:
    """Whether the kernel prefers the bridge's own route to another one for the same subnet.

    The lower metric wins, then the first route in the table, which is that of the older link.
    """
    both = [r for r in routes if r is other or (r.dst == other.dst and r.dev == bridge and r.table == other.table)]
    return min(both, key=lambda route: route.metric) is not other


def _hidden(snapshot: Snapshot, network: Network, own: tuple[str, Family, Net], route: Route, there: Net) -> Finding:
    text, family, net = own
    hop = f"dev {route.dev}" + (f" via {route.gateway}" if route.gateway else "")
    if there.mask == net.mask:
        away = not _first(tuple(snapshot.routes.get(family, ())), network.bridge, route)
    else:
        away = there.mask & net.mask == net.mask
    if away:
        what = f"The route to {route.dst} ({hop}) takes addresses of network {network.name} ({text}) away from it."
        why = "Packets for its containers in that range leave by the other way."
    else:
        what = f"Network {network.name} ({text}) hides the route to {route.dst} ({hop})."
        why = "Machines there that have an address of the network's subnet are not reached from this host any more."
    return Finding(
        "route-hidden",
        "medium",
        what,
        why,
        (Evidence("route", f"{route.dst} {hop}"), Evidence("network", f"{network.name}: {text}")),
        (
            f"Make the network anew with a subnet that nobody uses: docker network create --subnet … {network.name}",
            'Choose the ranges that Docker takes: "default-address-pools" in daemon.json.',
        ),
        (network.name,),
    )


# --- MTU ---------------------------------------------------------------------------------------


def mtu_too_large(view: View) -> Iterator[Finding]:
    """A bridge's MTU is larger than that of the interface by which its packets leave."""
    outer = view.host.outer("ip")
    uplink = view.host.namespace.interfaces.get(outer.interface) if outer is not None else None
    if uplink is None or view.host.snapshot.interfaces is None:
        return
    if _clamped(view):
        return
    larger: dict[str, int] = {}
    for _, _, network in view.bridged("ip"):
        bridge = view.host.namespace.interfaces.get(network.bridge)
        if bridge is not None and bridge.mtu > uplink.mtu:
            larger[network.name] = bridge.mtu
    if not larger:
        return
    shown = [f"{name} ({mtu})" for name, mtu in larger.items()]
    yield Finding(
        "mtu-too-large",
        "low",
        f"{uplink.name} carries packets of {uplink.mtu} bytes, and containers of {some(shown)} send larger ones.",
        "Where a firewall on the way drops the ICMP messages about it, connections open and then hang at the first "
        "large answer.",
        (
            Evidence("interface", f"{uplink.name}: mtu {uplink.mtu}"),
            *(Evidence("network", f"{name}: mtu {mtu}") for name, mtu in larger.items()),
        ),
        (
            f'Set "mtu": {uplink.mtu} in daemon.json for the default network, and for others make them anew with '
            f"-o com.docker.network.driver.mtu={uplink.mtu}",
            cure(view, "Or let TCP adapt: ", (Change("append", *view.key("ip"), "mangle", "FORWARD", 0, _CLAMP),)),
        ),
        tuple(larger),
    )


_CLAMP = ("-p", "tcp", "--tcp-flags", "SYN,RST", "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu")


def _clamped(view: View) -> bool:
    for name in ("FORWARD", "POSTROUTING"):
        for located in view.rules("ip", "mangle", name):
            target = located.rule.spec.target
            if target is not None and target.name == "TCPMSS":
                return True
    return False
