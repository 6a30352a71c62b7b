"""Findings about forwarding: switched off, dropped by the policy, not masqueraded, cut by raw drops."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import ChainRule, View, decided_by_the_administrator, mode
from netui.audit.doctor.finding import Change, Evidence, Finding, Severity
from netui.audit.doctor.remedy import cure, replaced, words_of
from netui.audit.doctor.stops import client_sees, does, led_to, let_pass, names_containers, where
from netui.audit.origins import is_private
from netui.model import Container, Endpoint, Family, Network
from netui.net.addresses import address_text, ip_version
from netui.net.conditions import DESTINATION, IIF, OIF
from netui.text.phrases import plural, some
from netui.traversal import Step

_WEB = "outside:443/tcp"
_ANSWERS = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
_SYSCTL: tuple[tuple[Family, str, str], ...] = (
    ("ip", "net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"),
    ("ip6", "net.ipv6.conf.all.forwarding", "net.ipv6.conf.all.forwarding"),
)


def forwarding_off(view: View) -> Iterator[Finding]:
    """The host does not forward: no packet gets in or out of a bridge network."""
    if not view.host.snapshot.joined:
        return
    for family, usual, other in _SYSCTL:
        name = usual if view.host.namespace.sysctl(usual) is not None else other
        value = view.host.namespace.sysctl(name)
        containers = sorted({container.name for container, _, _ in view.bridged(family)})
        if value != "0" or not containers:
            continue
        kind = ip_version(family)
        yield Finding(
            "forwarding-off",
            "high",
            f"This host does not forward {kind}: {name} is 0.",
            f"{plural(len(containers), 'container')} ({some(containers)}) cannot reach the outside, and their "
            "published ports are not reached from it (but through docker-proxy).",
            (Evidence("sysctl", f"{name} = 0"),),
            (
                cure(view, "", (Change("sysctl", family, chain=name, words=("1",)),)),
                "Keep it over a reboot in /etc/sysctl.d. The engine sets it when it starts.",
            ),
            tuple(containers),
        )


def one_of_each(view: View, family: Family) -> Iterator[tuple[Container, Endpoint, Network]]:
    """Yield one container for each network, among those whose default route uses it."""
    seen: set[str] = set()
    for container, endpoint, network in view.bridged(family):
        if network.id not in seen and view.host.gateway_endpoint(container, family) == endpoint:
            seen.add(network.id)
            yield container, endpoint, network


def no_masquerade(view: View) -> Iterator[Finding]:
    """Packets of a private subnet leave with their own source: answers do not come back."""
    if not view.judged or not (view.both_variants_read or view.translates("ip")):
        return
    for container, endpoint, network in one_of_each(view, "ip"):
        if mode(network, "ip") not in ("nat", "nat-unprotected") or not is_private("ip", endpoint.ipv4):
            continue
        if network.bridge_option("enable_ip_masquerade").lower() in ("false", "0"):
            continue
        answer = view.walk(f"{container.id}@{network.name}", _WEB)
        if answer is None or answer.verdict != "delivered" or answer.delivered_to is None:
            continue
        changed = any(c.field == "source" for leg in answer.legs for s in leg.steps for c in s.changes)
        if changed or answer.delivered_to.kind != "outside":
            continue
        subnet = next((s.subnet for s in network.subnets if ":" not in s.subnet), "")
        # a foreign rule that accepts the packets before Docker's own rule
        before = next((s for leg in answer.legs for s in leg.steps if _accepts_in_nat(s)), None)
        missing = Evidence("chain", f"nat POSTROUTING has no rule that translates a source in {subnet}")
        yield Finding(
            "no-masquerade",
            "high",
            f"Packets of network {network.name} ({subnet}) leave this host with their own source address."
            + (f" Before Docker's MASQUERADE, {where(before)} lets them go." if before is not None else ""),
            f"{container.name} and the others on it cannot reach the outside: no answer finds the way to a private "
            "address.",
            (view.step_evidence(before) if before is not None else missing,),
            (
                *(
                    ("Restart the engine, which makes its rules anew: systemctl restart docker",)
                    if before is None
                    else ()
                ),
                cure(
                    view,
                    "Or put the rule back: " if before is None else "Translate them first: ",
                    (_masquerade(view, subnet, network.bridge),),
                ),
            ),
            (network.name,),
        )


def _accepts_in_nat(step: Step) -> bool:
    return (
        step.hook == "postrouting" and step.table == "nat" and step.rule is not None and step.verdict.kind == "accept"
    )


def _masquerade(view: View, subnet: str, bridge: str) -> Change:
    words = ("-s", subnet, "!", "-o", bridge, "-j", "MASQUERADE")
    return Change("insert", *view.key("ip"), "nat", "POSTROUTING", 1, words)


def outbound_blocked(view: View) -> Iterator[Finding]:
    """Packets of containers to the outside are stopped, not by the administrator's own rule."""
    if not view.walked or (view.judged and not view.forwards_to_docker("ip")):
        return
    for container, _, network in one_of_each(view, "ip"):
        if mode(network, "ip") == "isolated":
            continue
        answer = view.walk(f"{container.id}@{network.name}", _WEB)
        if answer is None or answer.verdict not in ("dropped", "rejected") or answer.deciding is None:
            continue
        step = answer.deciding
        if step.hook != "forward":
            continue
        ours = decided_by_the_administrator(answer)
        located = view.rule_of(step)
        if ours and (located is None or any(_on_purpose(view, led) for led in led_to(view, answer, step))):
            continue
        severity: Severity = "medium" if ours else "high"
        yield Finding(
            "outbound-blocked",
            severity,
            f"Containers of network {network.name} cannot reach the outside: {where(step)} {does(step)} their packets.",
            f"{container.name} {client_sees(step)}, whichever machine beyond this host it asks."
            + (" The rule names no direction: it takes what containers send, too." if ours else ""),
            (view.step_evidence(step),),
            (
                *_pass_outwards(view, step, network, located if ours else None),
                f"See the way: netui path {container.name} {_WEB}",
            ),
            (network.name,),
        )


def _on_purpose(view: View, located: ChainRule) -> bool:
    """Whether a rule in DOCKER-USER is about packets of containers: it names them, or an interface."""
    return names_containers(view, located) or located.asked(IIF, OIF) is not None


def _pass_outwards(view: View, step: Step, network: Network, own: ChainRule | None) -> Iterator[str]:
    outer = view.host.outer("ip")
    if own is not None and outer is not None:
        # the intended rule: packets from outside, except answers
        key = (own.chain.family, own.chain.backend, own.chain.table, own.chain.name)
        changes = (
            replaced(own, ("-i", outer.interface, *words_of(own.rule))),
            Change("insert", *key, own.rule.number, tuple(_ANSWERS.split())),
        )
        yield cure(view, f"Keep out only what comes in by {outer.interface}: ", changes)
        return
    if step.rule is None and step.backend != "nftables" and not _lets_out(view, network):
        yield "Docker's own rule for the network is gone; the engine makes it anew: systemctl restart docker"
    yield from let_pass(
        view, step, "ip", f"-i {network.bridge} -j ACCEPT", f"-o {network.bridge} {_ANSWERS}", inwards=network.bridge
    )


def _lets_out(view: View, network: Network) -> bool:
    """Whether Docker's rule exists that lets a network's packets out."""
    for name in ("FORWARD", "DOCKER-FORWARD"):
        for located in view.rules("ip", "filter", name):
            target, inwards = located.rule.spec.target, located.asked(IIF)
            accepts = target is not None and target.name == "ACCEPT"
            if accepts and inwards is not None and not inwards.negated and inwards.name == network.bridge:
                return True
    return False


# --- raw (28 and newer) ----------------------------------------------------------------------


def answers_cut(view: View) -> Iterator[Finding]:
    """A network without masquerading gets no answers: Docker's raw rules drop them (28.2 and newer)."""
    if not view.judged:
        return
    for container, endpoint, network in one_of_each(view, "ip"):
        answer = view.walk(f"{container.id}@{network.name}", _WEB, reply=True)
        if answer is None or not answer.reply:
            continue
        steps = answer.reply[-1].steps
        if not steps or steps[-1].table != "raw" or steps[-1].says != "drop":
            continue
        yield Finding(
            "answers-cut",
            "high",
            f"Answers to containers of network {network.name} are dropped: rule {steps[-1].rule} of raw PREROUTING "
            f"takes every packet for {endpoint.ipv4} that comes from outside.",
            "The network is not masqueraded, so answers come to the container's own address, to which Engine 28.2 and "
            "newer lets nothing in from outside.",
            (view.step_evidence(steps[-1]),),
            (
                "Make the network with gateway_mode_ipv4=routed, which is meant for this: docker network create "
                f"-o com.docker.network.bridge.gateway_mode_ipv4=routed {network.name}",
                "Or name the interface by which the answers come in the network's trusted_host_interfaces option.",
            ),
            (network.name,),
        )


def routed_address_dead(view: View) -> Iterator[Finding]:
    """A rule accepts packets to containers' own addresses, but Docker's raw rules drop them before."""
    if not view.judged:
        return
    drops = {
        asked.number: located
        for located in view.rules("ip", "raw", "PREROUTING")
        if (asked := located.asked(*DESTINATION)) is not None
        and asked.number is not None
        and _drops_direct(view, located)
    }
    if not drops:
        return
    for name in ("DOCKER-USER", "FORWARD", "ufw-user-forward"):
        for located in view.rules("ip", "filter", name):
            for finding in _let_in(view, located, drops):
                yield finding
                break


def _drops_direct(view: View, located: ChainRule) -> bool:
    target, inwards = located.rule.spec.target, located.asked(IIF)
    return (
        target is not None
        and target.name == "DROP"
        and inwards is not None
        and inwards.negated
        and any(network.bridge == inwards.name for network in view.host.networks.values())
    )


def _let_in(view: View, located: ChainRule, drops: dict[int, ChainRule]) -> Iterator[Finding]:
    target, to, inwards = located.rule.spec.target, located.asked(*DESTINATION), located.asked(IIF)
    net = to.net if to is not None else None
    if target is None or target.name != "ACCEPT" or to is None or net is None:
        return
    if inwards is not None and (inwards.negated or any(n.bridge == inwards.name for n in view.host.networks.values())):
        return
    if any(condition.key.startswith("ct ") for condition in located.conditions()):
        # such rules accept translated connections and answers, not new packets to a container's address
        return
    for number, drop in drops.items():
        if number not in net:
            continue
        address = address_text("ip", number)
        owner = view.host.owner("ip", number)
        name = owner.container.name if owner is not None else address
        network = owner.endpoint.network_name if owner is not None else "the network"
        yield Finding(
            "routed-address-dead",
            "medium",
            f"Rule {located.rule.number} of {located.chain.name} lets packets in to {to.printed}, and rule "
            f"{drop.rule.number} of raw PREROUTING drops them before they come there ({name}, {address}).",
            "Since Engine 28.2 nothing from outside reaches a container's own address, whatever the filter table says.",
            (view.rule_evidence(drop), view.rule_evidence(located)),
            (
                f"Give {network} the gateway mode routed: docker network create "
                f"-o com.docker.network.bridge.gateway_mode_ipv4=routed …",
                "Or name the interface in the network's option com.docker.network.bridge.trusted_host_interfaces.",
                "Or start the engine with allow-direct-routing.",
            ),
            (name,),
        )
        return
