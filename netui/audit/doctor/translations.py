"""DNAT rules for findings, and their owners where two engines share the tables."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Evidence, Finding
from netui.explain.docker.nat import split_socket
from netui.model import Family
from netui.net.addresses import protocol_name
from netui.net.conditions import DPORT, IIF, PROTOCOL
from netui.text.phrases import some


def dnats(view: View, family: Family) -> Iterator[tuple[ChainRule, str, str]]:
    """Yield the DNAT rules of a family with their new address and port."""
    for located in view.rules(family, "nat"):
        target = located.rule.spec.target
        option = target.option("--to-destination") if target is not None and target.name == "DNAT" else None
        if option is not None:
            address, port = split_socket(option.value)
            yield located, address, port


def dport_of(located: ChainRule) -> str:
    """Return the one port or range of a rule, "" for none."""
    named = located.asked(DPORT)
    return named.printed if named is not None and not named.negated else ""


def protocol_of(located: ChainRule) -> str:
    """Return the protocol of a rule, "" for none."""
    named = located.asked(PROTOCOL)
    return protocol_name(named.number) if named is not None and named.number is not None else ""


def translation(located: ChainRule) -> str:
    """Return the ``PORT/PROTO`` of a DNAT rule, "" where it has no single port."""
    port, protocol = dport_of(located), protocol_of(located)
    return f"{port}/{protocol}" if port.isdigit() and protocol in ("tcp", "udp", "sctp") else ""


def of_another_engine(view: View, located: ChainRule) -> Evidence | None:
    """Return the evidence that a rule of chain DOCKER is a second engine's: its bridge, its proxy or its container.

    Two engines on one host (a distribution's package and a snap) share docker0 and the chains' names. A rule of
    the one leads to an address that the other does not know.
    """
    host = view.host
    inwards = located.asked(IIF)
    bridge = (inwards.name if inwards is not None and inwards.negated else None) or ""
    network = next((n for n in host.networks.values() if n.bridge == bridge), None) if bridge else None
    interface = host.namespace.interfaces.get(bridge)
    if interface is not None and interface.kind == "bridge" and network is None:
        return Evidence("interface", f"{bridge} is a bridge of none of this engine's networks")
    port, protocol = dport_of(located), protocol_of(located)
    ours = {(str(bound.host_port), bound.protocol) for c in host.containers if c.running for bound in c.bound_ports}
    if port and (port, protocol) not in ours:
        for socket in host.namespace.sockets or ():
            if socket.program == "docker-proxy" and (str(socket.port), socket.protocol[:3]) == (port, protocol[:3]):
                where = f"{socket.address}:{port}/{protocol}"
                return Evidence("socket", f"docker-proxy listens on {where}, which none of this engine publishes")
    if network is not None and interface is not None:
        containers = sum(e.network_id == network.id for c in host.containers if c.running for e in c.endpoints)
        ports = len(host.namespace.ports(bridge))
        if ports > containers:
            return Evidence("interface", f"{bridge} has {ports} ports, and this engine {containers} containers on it")
    return None


def two_engines(view: View) -> Iterator[Finding]:
    """Chain DOCKER has rules for containers of another engine; each engine empties it at its start."""
    if not view.judged:
        return
    theirs: list[tuple[ChainRule, str, Evidence]] = []
    for family in ("ip", "ip6"):
        live = {a for c in view.host.containers if c.running for a in view.addresses(c, family)}
        for located, address, port in dnats(view, family):
            if located.chain.name == "DOCKER" and address and address not in live:
                shows = of_another_engine(view, located)
                if shows is not None:
                    theirs.append((located, f"{dport_of(located)}/{protocol_of(located)} to {address}:{port}", shows))
    if not theirs:
        return
    yield Finding(
        "two-engines",
        "medium",
        f"Docker's chains hold rules of another engine ({some([text for _, text, _ in theirs])}), whose containers are "
        "none of this one's.",
        "Two engines on one host share the chains DOCKER and FORWARD: each empties them when it starts, and the "
        "other's published ports and networks are without their rules.",
        tuple(evidence for located, _, shows in theirs[:4] for evidence in (view.rule_evidence(located), shows)),
        (
            "See both: ps -C dockerd -o pid,args",
            "Stop one and keep it from starting (snap remove docker, or systemctl disable --now docker), then restart "
            "the other.",
        ),
    )
