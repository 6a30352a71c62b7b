"""Findings: what is wrong or surprising on a host, worst first, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from netui.audit.doctor import (
    answers,
    between,
    bridges,
    docker_user,
    firewalls,
    forwarding,
    in_vain,
    ipv6_open,
    links,
    lists,
    native_bans,
    native_engine,
    neighbours,
    original_port,
    preflight,
    publishing,
    translations,
    ways_back,
)
from netui.audit.doctor import notes as unseen
from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import SEVERITIES, Diagnosis, Evidence, Finding
from netui.audit.doctor.trials import Trials
from netui.audit.origins import FAMILIES
from netui.model import Table
from netui.model.statements import Opaque, Strange
from netui.net.addresses import ip_version
from netui.text.phrases import some
from netui.traversal import PreparedHost

#: The checks, each for one kind of finding.
CHECKS: tuple[Callable[[View], Iterator[Finding]], ...] = (
    preflight.kernel_lacks,
    preflight.forwarding_for_nftables,
    preflight.published_twice,
    publishing.rules_missing,
    publishing.missing_dnat,
    publishing.stale_dnat,
    forwarding.forwarding_off,
    native_engine.forward_policy_left,
    native_engine.docker_user_left,
    firewalls.input_bypassed,
    firewalls.bans_bypassed,
    native_bans.native_bans_bypassed,
    publishing.loopback_reached_from_lan,
    links.icc_without_netfilter,
    neighbours.undiscovered,
    original_port.names_published_port,
    docker_user.names_host_address,
    lists.allow_list_open,
    lists.allow_list_closed,
    lists.block_list_late,
    ipv6_open.ipv6_left_open,
    docker_user.behind_the_end,
    docker_user.shadowed,
    in_vain.behind_docker,
    in_vain.interface_missing,
    between.neighbours_blocked,
    forwarding.no_masquerade,
    forwarding.answers_cut,
    answers.answers_dropped,
    ways_back.networks_elsewhere,
    ways_back.answers_elsewhere,
    forwarding.outbound_blocked,
    publishing.published_unreachable,
    bridges.stranded_bridges,
    bridges.stranded_publish,
    forwarding.routed_address_dead,
    firewalls.two_variants,
    translations.two_engines,
    publishing.nobody_listens,
    links.overlapping_subnets,
    links.hidden_routes,
    links.mtu_too_large,
    in_vain.jump_repeated,
    unseen.engine_elsewhere,
    unseen.off_the_bridge,
    unseen.client_address_lost,
    unseen.proxy_busy,
    unseen.direct_drops,
)
#: The data that some checks need, and those checks in words.
_NEEDS = (
    ("networks", "networks", "networks and their rules"),
    ("containers", "containers", "containers and their ports"),
    ("interfaces", "interfaces", "bridges, subnets and MTU"),
    ("sysctls", "sysctls", "forwarding and br_netfilter"),
    ("sockets", "the host's sockets", "what docker-proxy answers"),
)
#: The causes of undecided paths that _NEEDS names already.
_SAID = frozenset({"interfaces", "docker's networks", "docker's containers"})


def diagnose(host: PreparedHost) -> Diagnosis:
    """Return all findings, worst first, and within a severity in the order of the checks."""
    return next(diagnosis for diagnosis in diagnosing(host) if diagnosis is not None)


def diagnosing(host: PreparedHost) -> Iterator[Diagnosis | None]:
    """Yield None after each check and each trial, at which the work can rest or end; last the diagnosis."""
    view = View(host)
    trials = Trials(view)
    every: list[tuple[Callable[[View], Iterator[Finding]], Finding]] = []
    for check in CHECKS:
        every += [(check, finding) for finding in check(view)]
        yield None
    findings: list[Finding] = []
    for check, finding in native_engine.by_one_cause(every):
        findings.append(trials.proven(check, finding, (answers.answers_dropped,)))
        yield None
    rank = {severity: number for number, severity in enumerate(SEVERITIES)}
    findings.sort(key=lambda finding: rank[finding.severity])
    half_told = _half_told(view)
    yield Diagnosis(
        tuple(finding for finding in findings if finding.severity != "note"),
        tuple(finding for finding in findings if finding.severity == "note"),
        tuple(_unknown(view, half_told)),
        decided=_decided(view, half_told),
    )


def _decided(view: View, half_told: Sequence[Table]) -> bool:
    snapshot = view.host.snapshot
    return (
        snapshot.joined
        and snapshot.networks is not None
        and snapshot.containers is not None
        and view.host.blind.get("ip") is None
        and not view.host.namespace.rules_read.get("ip")
        and not any(table.family == "ip" for table in half_told)
    )


def _half_told(view: View) -> list[Table]:
    """Return iptables' tables of which only nft's list was read, which omits some matches and targets."""
    return [
        table
        for key, ruleset in view.host.snapshot.rulesets.items()
        if key.backend == "nftables"
        for table in ruleset.tables
        if any(
            isinstance(statement, Opaque | Strange) and statement.words.startswith("xt ")
            for chain in table.chains
            for rule in chain.rules
            if rule.native is not None
            for statement in rule.native.statements
        )
    ]


def _unknown(view: View, half_told: Sequence[Table]) -> Iterator[str]:
    snapshot = view.host.snapshot
    for name, what, which in _NEEDS:
        if getattr(snapshot, name) is None:
            yield f"{what} were not read: {which} could not be checked"
    if snapshot.engine is None and snapshot.networks is not None:
        yield "the engine's version and settings were not read: what it makes of published ports could not be checked"
    for family, reason in view.host.namespace.rules_read.items():
        if reason:
            yield f"{ip_version(family)}: {reason}: its rules could not be checked"
    for family in FAMILIES:
        why = view.host.blind.get(family)
        if why is not None and why.match not in _SAID and (family, why.match) != ("ip", "routes"):
            yield f"{ip_version(family)}: {why.reason}: what becomes of packets could not be checked"
    if half_told:
        names = some([f"{table.family} {table.name}" for table in half_told])
        which = f"table {names}" if len(half_told) == 1 else f"tables {names}"
        yield f"{which}: nft lists iptables' rules without all that they ask for, and iptables-save was not read"
    for table in ("filter", "nat"):
        if view.judged and not view.told("ip", table):
            yield f"table {table} was not read whole: whether Docker's rules in it are there is not known"
    if snapshot.kernel is None and snapshot.engine is None:
        yield "the kernel's modules were not read: what would keep an engine from starting could not be checked"
    if view.judged and not view.both_variants_read and view.told("ip", "nat") and not view.translates("ip"):
        yield "one of iptables-nft and iptables-legacy was not read: whether Docker's rules are gone is not known"
    for family, kind in (("ip", "IPv4"), ("ip6", "IPv6")):
        if family == "ip" and not view.host.namespace.fibs["ip"].known:
            yield f"{kind} routes were not read: what hangs on a packet's way could not be checked"
    published = {container.id for container, _ in view.published()}
    blind = [c.name for c in view.host.containers if c.id in published and c.listening is None]
    if blind:
        yield f"what listens in {len(blind)} containers with published ports was not read: not checked"


__all__ = ["Diagnosis", "Evidence", "Finding", "diagnose", "diagnosing"]
