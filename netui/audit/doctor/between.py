"""Findings about containers of one network that a rule separates unintentionally."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Finding
from netui.audit.doctor.remedy import cure
from netui.audit.doctor.stops import client_sees, does, led_to, let_pass, names_containers, where
from netui.audit.reach import known_ports
from netui.model import Container, Network

#: The most containers of a network that are checked.
_MOST = 16


def neighbours_blocked(view: View) -> Iterator[Finding]:
    """Containers of one network do not reach each other: a rule for forwarded packets stops them.

    With br_netfilter, iptables sees a bridge's frames, also in FORWARD.
    """
    if not view.walked:
        return
    reported: set[tuple[object, ...]] = set()
    for network, asking, asked, address in _pairs(view):
        destinations = [f"{address}:{port}/{protocol}" for port, protocol in known_ports(asked)[:4]]
        for destination in destinations or [f"{address}:80/tcp"]:
            answer = view.walk(f"{asking.id}@{network.name}", destination)
            if answer is None or answer.verdict not in ("dropped", "rejected"):
                continue
            step = answer.deciding
            if step is None or step.hook not in ("forward", "prerouting", "postrouting"):
                continue
            if step.rule is None and view.judged and not view.forwards_to_docker("ip"):
                # the engine's own accepts are missing, which is another finding
                continue
            if any(names_containers(view, led) or _chosen(led) for led in led_to(view, answer, step)):
                # it was made for them
                continue
            if (key := (network.id, step.backend, step.table, step.chain, step.rule)) in reported:
                break
            reported.add(key)
            within = f"-i {network.bridge} -o {network.bridge} -j ACCEPT"
            off = Change("sysctl", chain="net.bridge.bridge-nf-call-iptables", words=("0",))
            yield Finding(
                "neighbours-blocked",
                "high",
                f"Containers of network {network.name} cannot reach each other: {where(step)} {does(step)} what "
                f"{asking.name} sends to {asked.name}.",
                f"{asking.name} {client_sees(step)}. Frames from port to port of {network.bridge} are shown to "
                "iptables (net.bridge.bridge-nf-call-iptables), so rules for forwarded packets take them, too.",
                (view.step_evidence(step),),
                (
                    *let_pass(view, step, "ip", within),
                    cure(view, "Or show no frames to iptables, if no network has icc=false: ", (off,)),
                    f"See the way: netui path {asking.name} {destination}",
                ),
                (network.name,),
            )
            break


def _chosen(located: ChainRule) -> bool:
    """Whether a rule is the administrator's own about ports: it is in DOCKER-USER, so it concerns containers."""
    return located.chain.name == "DOCKER-USER" and "port" in located.rule.text


def _pairs(view: View) -> Iterator[tuple[Network, Container, Container, str]]:
    """Yield pairs of containers of each bridge network with icc."""
    members: dict[str, list[tuple[Container, str]]] = {}
    for container in view.host.containers:
        for endpoint in container.endpoints if container.running and container.id else ():
            if endpoint.ipv4:
                members.setdefault(endpoint.network_id, []).append((container, endpoint.ipv4))
    for network in view.host.networks.values():
        there = members.get(network.id, [])[:_MOST]
        if network.driver == "bridge" and network.icc and len(there) > 1:
            for position, (asked, address) in enumerate(there):
                yield network, there[position - 1][0], asked, address
