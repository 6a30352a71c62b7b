"""Findings about other firewalls: ufw and INPUT rules that Docker's DNAT bypasses, and two variants in use."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Evidence, Finding, Severity
from netui.audit.doctor.native_engine import native_engine, own_rules
from netui.audit.doctor.publishing import shown
from netui.audit.doctor.remedy import at_the_head, cure
from netui.audit.doctor.stops import ufw_active
from netui.audit.input_fate import InputFate
from netui.explain.chain_owners import neighbour
from netui.model import Backend, Chain, Family, PublishedPort, Ruleset, packet_family
from netui.net.addresses import address_text
from netui.net.conditions import SOURCE
from netui.text.phrases import plural, some
from netui.traversal import Step

_WHY = (
    "Packets to a published port are sent on to the container before INPUT, where ufw and the like have their rules: "
    "they pass through FORWARD instead."
)


def input_bypassed(view: View) -> Iterator[Finding]:
    """A rule of INPUT (of ufw, for example) or ufw's default policy denies a published port, without effect."""
    if not view.walked:
        return
    by_default: list[tuple[str, PublishedPort, InputFate, Step]] = []
    seen: set[tuple[str, int, str]] = set()
    for container, bound in view.published():
        address = view.outside_address(bound)
        key = (address, bound.host_port, bound.protocol)
        if not address or key in seen:
            continue
        seen.add(key)
        destination = f"{address}:{bound.host_port}/{bound.protocol}"
        answer = view.walk("outside", destination, reply=True)
        if answer is None or answer.verdict != "delivered" or answer.deciding is None:
            continue
        if answer.deciding.hook != "forward":
            # docker-proxy receives it after INPUT, so INPUT's rules apply
            continue
        if neighbour(answer.deciding.chain)[0] in _LETS_IN:
            # what ufw itself lets through to containers does not bypass ufw
            continue
        fate = view.fates.of("outside", destination)
        if not fate.refuses or fate.step is None:
            continue
        if fate.by_policy:
            by_default.append((container.name, bound, fate, answer.deciding))
            continue
        whose = f"{fate.owner}'s rule" if fate.owner else "Rule"
        yield Finding(
            "input-bypassed",
            "high",
            f"{whose} {fate.step.rule} of {fate.step.chain} denies port {bound.host_port}/{bound.protocol}, and the "
            f"port is open all the same: it is published for {container.name}.",
            _WHY,
            (view.step_evidence(fate.step), view.step_evidence(answer.deciding)),
            _advice(view, answer.deciding, bound),
            (container.name,),
        )
    if by_default and ufw_active(view):
        ports = list(dict.fromkeys(shown(bound) for _, bound, _, _ in by_default))
        step = by_default[0][2].step
        severity: Severity = "medium"
        yield Finding(
            "ufw-bypassed",
            severity,
            f"ufw is active and lets nothing in by default, and {plural(len(ports), 'published port')} "
            f"({some(ports)}) {'is' if len(ports) == 1 else 'are'} open all the same.",
            _WHY,
            (view.step_evidence(step),) if step is not None else (),
            _advice(view, by_default[0][3], *(bound for _, bound, _, _ in by_default)),
            tuple(dict.fromkeys(name for name, _, _, _ in by_default)),
        )


_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
#: Firewalls whose rules for forwarded packets are as intended as those for INPUT.
_LETS_IN = ("ufw", "ufw-docker", "firewalld")
#: Programs that ban single addresses, in their own chains.
_BANNERS = ("fail2ban", "sshguard", "CrowdSec")


def bans_bypassed(view: View) -> Iterator[Finding]:
    """A banned address still reaches a published port: its ban is in INPUT."""
    if not view.judged:
        return
    ports = {
        f"{address}:{bound.host_port}/{bound.protocol}": (container.name, bound)
        for container, bound in view.published()
        if (address := view.outside_address(bound))
    }
    seen: set[tuple[str, str, str]] = set()
    for family in _FAMILIES:
        for located in view.rules(family, "filter", "INPUT"):
            target = located.rule.spec.target
            jail = target.name if target is not None else ""
            key = (family, located.chain.backend, jail)
            if key in seen or neighbour(jail)[0] not in _BANNERS:
                continue
            seen.add(key)
            banned = _banned(view, located.chain, jail)
            if not banned:
                continue
            source = f"outside:[{banned}]" if family == "ip6" else f"outside:{banned}"
            open_all_the_same: list[tuple[str, PublishedPort]] = []
            steps: list[Step] = []
            for destination, (name, bound) in ports.items():
                if (family == "ip6") != destination.startswith("["):
                    continue
                answer = view.walk(source, destination, reply=True)
                if answer is None or answer.verdict != "delivered" or answer.deciding is None:
                    continue
                fate = view.fates.of(source, destination)
                if answer.deciding.hook == "forward" and fate.refuses and fate.step and fate.step.chain == jail:
                    open_all_the_same.append((name, bound))
                    steps = steps or [fate.step, answer.deciding]
            if not steps:
                continue
            named = list(dict.fromkeys(shown(bound) for _, bound in open_all_the_same))
            yield Finding(
                "ban-bypassed",
                "high",
                f"{neighbour(jail)[0]} bans {banned} in {jail}, and {plural(len(named), 'published port')} "
                f"({some(named)}) {'is' if len(named) == 1 else 'are'} open to it all the same.",
                _WHY,
                tuple(view.step_evidence(step) for step in steps),
                (
                    at_the_head(
                        view, view.key(family, steps[-1]), "Ask the same chain for forwarded packets: ", f"-j {jail}"
                    ),
                    "Keep it: chain = DOCKER-USER for that jail, for all ports or the container's own "
                    "(in jail.local, for fail2ban).",
                ),
                tuple(dict.fromkeys(name for name, _ in open_all_the_same)),
            )


def _banned(view: View, parent: Chain, jail: str) -> str:
    """The first address that a jail's chain refuses, for all of them."""
    for located in view.rules(packet_family(parent.family), "filter", jail):
        target, source = located.rule.spec.target, located.asked(*SOURCE)
        if located.chain.backend != parent.backend or target is None or target.name not in ("DROP", "REJECT"):
            continue
        if source is not None and source.number is not None:
            return address_text(packet_family(parent.family), source.number)
    return ""


def _way_in(view: View, bound: PublishedPort) -> str:
    family: Family = "ip6" if ":" in bound.host_ip else "ip"
    outer = view.host.outer(family)
    return outer.interface if outer is not None else "eth0"


def _advice(view: View, let_in: Step, *ports: PublishedPort) -> tuple[str, ...]:
    """The advice that closes ports to the outside: rules before the step that lets packets in."""
    bound = ports[0]
    if native_engine(view):
        kept = [("ip6" if ":" in port.host_ip else "ip", port.protocol, port.host_port) for port in ports]
        return (
            f"To close {'it' if len(kept) == 1 else 'them'} to the outside: {own_rules(kept, _way_in(view, bound))}",
            _or_here_alone(bound),
        )
    family: Family = "ip6" if ":" in bound.host_ip else "ip"
    rules = dict.fromkeys(
        f"-i {_way_in(view, port)} -p {port.protocol} -m conntrack --ctorigdstport {port.host_port} "
        "--ctdir ORIGINAL -j DROP"
        for port in ports
        if (":" in port.host_ip) == (family == "ip6")
    )
    return (
        at_the_head(
            view, view.key(family, let_in), f"To close {'it' if len(rules) == 1 else 'them'} to the outside: ", *rules
        ),
        _or_here_alone(bound),
    )


def _or_here_alone(bound: PublishedPort) -> str:
    return (
        f"Or publish it for this machine only (-p 127.0.0.1:{bound.host_port}:{bound.container_port}) "
        "and put a proxy before it."
    )


def two_variants(view: View) -> Iterator[Finding]:
    """Both iptables-legacy and iptables-nft have rules: each tool shows half of them, and all apply."""
    for family in ("ip", "ip6"):
        rulesets = [
            ruleset
            for key, ruleset in view.host.snapshot.rulesets.items()
            if key.family == family and key.backend != "nftables" and (ruleset.rule_count() or _drops(ruleset))
        ]
        if len(rulesets) < 2:
            continue
        dockers = [ruleset.backend for ruleset in rulesets if _has_docker(ruleset)]
        tool = "iptables" if family == "ip" else "ip6tables"
        both = len(dockers) > 1
        where = f"Docker's are in {tool}-{dockers[0]}" if len(dockers) == 1 else "Docker's are in both"
        where = where if dockers else "Docker's are in neither"
        severity: Severity = "high" if both else "medium"
        yield Finding(
            "two-variants",
            severity,
            f"Rules stand in {tool}-legacy and in {tool}-nft at once; {where}.",
            "Every packet meets both, and each tool shows its own half only: a port can be closed by a rule that "
            "`iptables -S` does not show. Which half runs first is not defined.",
            tuple(
                Evidence(
                    "engine", f"{tool}-{ruleset.backend}: {plural(ruleset.rule_count(), 'rule')}{_policies(ruleset)}"
                )
                for ruleset in rulesets
            ),
            tuple(_emptied(view, rulesets, dockers, tool)),
        )


def _emptied(view: View, rulesets: list[Ruleset], dockers: list[Backend], tool: str) -> Iterator[str]:
    """The advice that empties the variant without Docker's rules."""
    choose = f"Choose one (update-alternatives --config {tool}) and let whatever makes rules use it"
    if len(dockers) != 1:
        yield f"{choose}; restart the engine, then empty the other."
        return
    other = next(ruleset for ruleset in rulesets if ruleset.backend not in dockers)
    key = (other.family, other.backend)
    changes = [Change("flush", *key, table.name) for table in other.tables if any(c.rules for c in table.chains)]
    changes += [
        Change("policy", *key, chain.table, chain.name, words=("ACCEPT",))
        for chain in other.chains()
        if chain.policy == "DROP"
    ]
    yield cure(view, f"{choose}, then empty the other (keep a copy: {tool}-{other.backend}-save): ", changes)


def _drops(ruleset: Ruleset) -> bool:
    return any(chain.policy == "DROP" for chain in ruleset.chains())


def _has_docker(ruleset: Ruleset) -> bool:
    return any(chain.name == "DOCKER" for chain in ruleset.chains())


def _policies(ruleset: Ruleset) -> str:
    dropped = [f"{chain.table} {chain.name}" for chain in ruleset.chains() if chain.policy == "DROP"]
    return f", policy DROP in {', '.join(dropped)}" if dropped else ""
