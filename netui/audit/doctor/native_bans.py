"""Findings about bans in native tables at input, which published ports bypass."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Finding
from netui.audit.doctor.publishing import shown
from netui.explain.native_tables import table_owner
from netui.model import Family, PublishedPort, Rule, Table
from netui.model.statements import Interval
from netui.net.addresses import address_text
from netui.text.phrases import plural, some
from netui.traversal import Step

_BANNERS = ("fail2ban", "CrowdSec", "sshguard")
_LISTED = re.compile(r"(ip6?) saddr @(\S+)")
_WHY = (
    "Packets to a published port are sent on to the container before the hook input, where these bans stand: they pass "
    "through forward instead."
)
#: The configuration by which each program bans at another hook.
_KEEP = {
    "fail2ban": "Let the jail ban at prerouting, in jail.local: banaction = nftables[type=allports, "
    "chain_hook=prerouting, chain_priority=-150]",
    "CrowdSec": "Let the bouncer ban forwarded packets too, in crowdsec-firewall-bouncer.yaml: nftables_hooks: "
    "[input, forward] (from 0.0.28 on)",
    "sshguard": "Ask the same set for forwarded packets in a table of your own",
}


def native_bans_bypassed(view: View) -> Iterator[Finding]:
    """A banned address still reaches a published port: its ban is in a native table at input."""
    if not view.walked:
        return
    ports = {
        f"{address}:{bound.host_port}/{bound.protocol}": (container.name, bound)
        for container, bound in view.published()
        if (address := view.outside_address(bound))
    }
    for key, ruleset in view.host.snapshot.rulesets.items():
        for table in ruleset.tables if key.backend == "nftables" else ():
            owner = table_owner(table.name)
            if owner in _BANNERS:
                yield from _of_table(view, table, owner, ports)


def _of_table(view: View, table: Table, owner: str, ports: dict[str, tuple[str, PublishedPort]]) -> Iterator[Finding]:
    seen: set[str] = set()
    for chain in table.chains:
        if chain.base is None or chain.base.hook != "input":
            continue
        for rule in chain.rules:
            match = _LISTED.search(rule.text)
            if match is None or match[2] in seen or not _stops(rule):
                continue
            family: Family = "ip6" if match[1] == "ip6" else "ip"
            banned = _first(view, table, match[2], family)
            if not banned:
                continue
            seen.add(match[2])
            source = f"outside:[{banned}]" if family == "ip6" else f"outside:{banned}"
            through, steps = _through(view, table, source, ports)
            if not steps:
                continue
            example = next(destination for destination, published in ports.items() if published == through[0])
            named = list(dict.fromkeys(shown(bound) for _, bound in through))
            yield Finding(
                "ban-bypassed",
                "high",
                f"{owner} bans {banned} in table {table.family} {table.name} (set {match[2]}), and "
                f"{plural(len(named), 'published port')} ({some(named)}) {'is' if len(named) == 1 else 'are'} open to "
                "it all the same.",
                _WHY,
                tuple(view.step_evidence(step) for step in steps),
                (_KEEP[owner], f"See its way: netui path {source} {example}"),
                tuple(dict.fromkeys(name for name, _ in through)),
            )


def _stops(rule: Rule) -> bool:
    target = rule.spec.target
    return target is not None and target.name in ("DROP", "REJECT")


def _first(view: View, table: Table, name: str, family: Family) -> str:
    """The first single address of another machine in a set, for all of them."""
    listed = table.sets.get(name)
    for element in (listed.elements or ()) if listed is not None else ():
        part = element.parts[0]
        if isinstance(part, Interval) and part.low == part.high and view.host.owner(family, part.low) is None:
            return address_text(family, part.low)
    return ""


def _through(
    view: View, table: Table, source: str, ports: dict[str, tuple[str, PublishedPort]]
) -> tuple[list[tuple[str, PublishedPort]], list[Step]]:
    """The published ports that a banned address reaches, the ban's step and the accepting step."""
    through: list[tuple[str, PublishedPort]] = []
    steps: list[Step] = []
    for destination, (name, bound) in ports.items():
        if ("[" in source) != destination.startswith("["):
            continue
        answer = view.walk(source, destination)
        if answer is None or answer.verdict != "delivered" or answer.deciding is None:
            continue
        if answer.delivered_to is None or answer.delivered_to.kind != "container":
            continue
        fate = view.fates.of(source, destination)
        if fate.refuses and fate.step is not None and fate.step.table == table.name:
            through.append((name, bound))
            steps = steps or [fate.step, answer.deciding]
    return through, steps
