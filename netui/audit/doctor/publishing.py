"""Findings about published ports: missing or stale rules, no listener, other ways in."""

from __future__ import annotations

from collections.abc import Iterator, Set

from netui.audit.container_ports import listening_state
from netui.audit.doctor.checkup import View, decided_by_the_administrator, mode
from netui.audit.doctor.finding import Evidence, Finding, Severity
from netui.audit.doctor.remedy import at_the_head, cure, deleted
from netui.audit.doctor.stops import client_sees, does, let_pass, where
from netui.audit.doctor.translations import dnats, dport_of, of_another_engine, protocol_of
from netui.model import Container, Family, PublishedPort
from netui.text.phrases import plural, some

_RESTART = "Restart the engine, which makes its rules anew: systemctl restart docker"
_ORDER = (
    "Where a firewall's reload wiped them (firewalld, a script with iptables -F or iptables-restore), "
    "let it leave Docker's chains alone, or restart the engine after it."
)


def shown(bound: PublishedPort) -> str:
    """Return a published port as text: ``8080/tcp`` or ``127.0.0.1:8080/tcp``."""
    if bound.host_ip in ("", "0.0.0.0", "::"):
        return f"{bound.host_port}/{bound.protocol}"
    address = f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip
    return f"{address}:{bound.host_port}/{bound.protocol}"


def rules_missing(view: View) -> Iterator[Finding]:
    """Docker's chains, or the jumps to them, are missing: a firewall's reload removed them."""
    if not view.judged or not any(True for _ in view.bridged()):
        return
    missing: list[str] = []
    filters, translates = view.told("ip", "filter"), view.told("ip", "nat")
    if filters and not any(True for _ in view.chains("ip", "filter", "DOCKER")):
        missing.append("table filter has no chain DOCKER")
    elif filters and not view.forwards_to_docker("ip"):
        missing.append("no rule of filter FORWARD jumps to Docker's chains")
    if translates and not view.translates("ip"):
        missing.append("table nat has no chain DOCKER")
    elif translates and not view.jumps("ip", "nat", "PREROUTING", "DOCKER"):
        missing.append("no rule of nat PREROUTING jumps to DOCKER")
    has_docker = any(True for table in ("filter", "nat") for _ in view.chains("ip", table, "DOCKER"))
    if not missing or not (has_docker or view.both_variants_read):
        # they may be in the other variant, which was not read
        return
    ports = list(dict.fromkeys(shown(bound) for _, bound in view.published()))
    containers = tuple(dict.fromkeys(container.name for container, _, _ in view.bridged()))
    affected = f"{plural(len(ports), 'published port')} ({some(ports)})" if ports else "containers' way outside"
    yield Finding(
        "rules-missing",
        "high",
        f"Docker's iptables rules are gone: {affected} and the networks of {plural(len(containers), 'container')} "
        "are without them.",
        "Without them ports are reached through docker-proxy only, if at all; containers do not reach the outside, "
        "or are reached from anywhere, as FORWARD's policy has it.",
        tuple(Evidence("chain", text) for text in missing),
        (_RESTART, _ORDER, "If the engine was started with --iptables=false on purpose, this is what that means."),
        containers,
    )


def missing_dnat(view: View) -> Iterator[Finding]:
    """A published port has no DNAT rule, although Docker's chain exists."""
    if not view.judged:
        return
    for family in ("ip", "ip6"):
        if not view.translates(family) or not view.told(family, "nat"):
            continue
        translated = {(a, p, dport_of(located), protocol_of(located)) for located, a, p in dnats(view, family)}
        natted = {c.id for c, _, n in view.bridged(family) if mode(n, family) in ("nat", "nat-unprotected")}
        for container, bound in view.published():
            if not _expects_dnat(natted, container, bound, family):
                continue
            addresses = view.addresses(container, family)
            wanted = (str(bound.container_port), str(bound.host_port), bound.protocol)
            if any((address, *wanted) in translated for address in addresses):
                continue
            target = sorted(addresses)[0]
            yield Finding(
                "missing-dnat",
                "high",
                f"Port {shown(bound)} is published for {container.name}, and no DNAT rule sends it there.",
                "Connections to it end at docker-proxy, which hides the client's address, or find nobody.",
                (
                    Evidence(
                        "chain", f"nat DOCKER has no rule to {target}:{bound.container_port} for port {bound.host_port}"
                    ),
                ),
                (_RESTART, _ORDER),
                (container.name,),
            )


def _expects_dnat(natted: Set[str], container: Container, bound: PublishedPort, family: Family) -> bool:
    six = ":" in bound.host_ip
    if bound.host_ip and six != (family == "ip6"):
        return False
    if not bound.host_ip and family == "ip6":
        return False
    # a container without an address of the family is reached only through docker-proxy
    return container.id in natted


def stale_dnat(view: View) -> Iterator[Finding]:
    """A DNAT rule of Docker leads to an address that no running container has."""
    if not view.judged:
        return
    for family in ("ip", "ip6"):
        live = {
            address
            for container in view.host.containers
            if container.running
            for address in view.addresses(container, family)
        }
        for located, address, port in dnats(view, family):
            if located.chain.name != "DOCKER" or not address or address in live or of_another_engine(view, located):
                continue
            dport, protocol = dport_of(located), protocol_of(located)
            hidden = [
                container.name
                for container, bound in view.published()
                if str(bound.host_port) == dport
                and bound.protocol == protocol
                and (":" in address) == (":" in bound.host_ip)
            ]
            severity: Severity = "high" if hidden else "medium"
            takes = f" It takes the packets that are meant for {some(sorted(set(hidden)))}." if hidden else ""
            yield Finding(
                "stale-dnat",
                severity,
                f"Port {dport}/{protocol} is sent to {address}:{port}, an address that no running container has.",
                f"Connections to the port run into the void: a container that is gone left the rule behind.{takes}",
                (view.rule_evidence(located),),
                (cure(view, "Delete it: ", (deleted(located),)), _RESTART),
                tuple(sorted(set(hidden))),
            )


def nobody_listens(view: View) -> Iterator[Finding]:
    """No program listens on a published port in the container, or only on its own 127.0.0.1."""
    seen: set[tuple[str, int, str]] = set()
    for container, bound in view.published():
        key = (container.id, bound.container_port, bound.protocol)
        state = listening_state(container, bound.container_port, bound.protocol)
        if key in seen or state in ("yes", "unknown"):
            continue
        seen.add(key)
        port = f"{bound.container_port}/{bound.protocol}"
        sockets = [s for s in container.listening or () if s.address != "127.0.0.11"]
        there = tuple(Evidence("socket", f"{s.address}:{s.port}/{s.protocol}") for s in sockets)
        if state == "loopback":
            at_port = [e for e, s in zip(there, sockets, strict=True) if s.port == bound.container_port]
            yield Finding(
                "listens-on-loopback",
                "high",
                f"Port {shown(bound)} is published for {container.name}, which listens on {port} only at its own 127.0.0.1.",  # noqa: E501
                "A container's 127.0.0.1 is not the host's: published connections come in by its network's address "
                "and are refused.",
                tuple(at_port),
                (f"Let the program in {container.name} listen at 0.0.0.0:{bound.container_port} (and [::]).",),
                (container.name,),
            )
            continue
        others = some([f"{s.port}/{s.protocol}" for s in sockets])
        evidence = there or (Evidence("socket", f"no program in {container.name} listens on any port"),)
        yield Finding(
            "nothing-listens",
            "high",
            f"Port {shown(bound)} is published for {container.name}, and nothing there listens on {port}.",
            "Connections get through to the container, which refuses them.",
            evidence,
            (
                f"Publish the port on which the program listens ({others})."
                if others
                else f"See whether the program in {container.name} is up: docker logs {container.name}",
            ),
            (container.name,),
        )


def published_unreachable(view: View) -> Iterator[Finding]:
    """Packets to a published port are dropped after the DNAT, not by the administrator's own rule."""
    if not view.walked or (view.judged and not (view.translates("ip") and view.forwards_to_docker("ip"))):
        return
    for container, bound in view.published():
        address = view.outside_address(bound)
        answer = view.walk("outside", f"{address}:{bound.host_port}/{bound.protocol}") if address else None
        if answer is None or answer.verdict not in ("dropped", "rejected") or answer.deciding is None:
            continue
        step = answer.deciding
        if step.hook != "forward" or decided_by_the_administrator(answer):
            continue
        bridge = answer.legs[-1].packet.oif
        yield Finding(
            "published-unreachable",
            "high",
            f"Port {shown(bound)} is published for {container.name}, and machines outside cannot reach it: "
            f"{where(step)} {does(step)} it.",
            "The packet is translated to the container's address and then stopped on its way there: a client "
            f"{client_sees(step)}.",
            (view.step_evidence(step),),
            (
                # the policy decides because Docker's own accept is missing
                *((_RESTART,) if step.rule is None and step.backend != "nftables" else ()),
                *let_pass(view, step, "ip", f"-o {bridge} -m conntrack --ctstate DNAT -j ACCEPT"),
                f"See its way: netui path outside {address}:{bound.host_port}/{bound.protocol}",
            ),
            (container.name,),
        )


def loopback_reached_from_lan(view: View) -> Iterator[Finding]:
    """A port published for 127.0.0.1 is reached from the link, at the container's own address (before 28)."""
    if not view.judged:
        return
    for container, bound in view.published():
        if not bound.host_ip.startswith("127.") or _open_anyway(container, bound):
            continue
        for origin in view.origins.outer:
            if origin.where != "lan" or origin.family != "ip":
                continue
            for target in sorted(view.addresses(container, "ip")):
                destination = f"{target}:{bound.container_port}/{bound.protocol}"
                answer = view.walk(origin.source, destination, reply=True)
                if answer is None or answer.verdict != "delivered" or answer.deciding is None:
                    continue
                yield Finding(
                    "loopback-publish-reachable",
                    "high",
                    f"Port {shown(bound)} of {container.name} is published for this machine only, and machines on "
                    f"{origin.name}'s network reach it at {target}:{bound.container_port}.",
                    "They need only a route to the container's address by way of this host; before Engine 28 the "
                    "rule that Docker makes for a published port lets anybody in.",
                    (view.step_evidence(answer.deciding),),
                    (
                        at_the_head(
                            view,
                            view.key("ip", answer.deciding),
                            "Close containers' own addresses to that network, as Engine 28 does: ",
                            f"-i {origin.name} -m conntrack --ctstate NEW -m conntrack ! --ctstate DNAT -j DROP",
                        ),
                        "Or upgrade to Engine 28 or newer.",
                    ),
                    (container.name,),
                )
                break


def _open_anyway(container: Container, bound: PublishedPort) -> bool:
    return any(
        other.container_port == bound.container_port
        and other.protocol == bound.protocol
        and not other.host_ip.startswith("127.")
        and other.host_ip != "::1"
        for other in container.bound_ports
    )
