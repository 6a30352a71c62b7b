"""Findings about neighbour discovery (ARP, IPv6), which a firewall can drop."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Finding
from netui.audit.doctor.remedy import cure, quoted
from netui.model import Family, RulesetKey
from netui.traversal.host.discovery import Discovery
from netui.traversal.result import Step

_ACCEPT = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept"
_ARP = "arp operation { request, reply } accept"
_FAMILIES: tuple[Family, Family] = ("ip", "ip6")


def undiscovered(view: View) -> Iterator[Finding]:
    """Rules drop neighbour discovery on an outer link: packets come until the neighbours' caches expire."""
    host = view.host
    discovery = host.discoveries.setdefault("", Discovery(host.namespace))
    for family in _FAMILIES if view.walked else ():
        if host.namespace.rules_read.get(family):
            continue
        for interface in host.links(family):
            name = interface.name
            refusal = discovery.arp_refused(name) if family == "ip" else discovery.refused(name, 0, 0, comes=True)
            if refusal is None:
                continue
            step = refusal.step
            where = f"rule {step.rule} of {step.chain}" if step.rule is not None else f"the policy of {step.chain}"
            version, by = ("IPv4", "ARP") if family == "ip" else ("IPv6", "ICMPv6")
            yield Finding(
                "discovery-dropped",
                "high",
                f"Nobody on {name} finds this machine over {version}: {where} ({step.table}) drops what they ask.",
                f"Before the first packet a neighbour asks by {by} who has the address. What knows this machine still "
                "gets through until it forgets.",
                (view.step_evidence(step),),
                (_let_in(view, step),),
                (name,),
            )


def _let_in(view: View, step: Step) -> str:
    if step.backend == "nftables":
        located = quoted((step.family, step.table, step.chain))
        return f"Let it in: nft insert rule {located} '{_ARP if step.family == 'arp' else _ACCEPT}'"
    key = RulesetKey("ip6", step.backend)
    words = ("-p", "ipv6-icmp", "-j", "ACCEPT")
    return cure(view, "Let ICMPv6 in: ", (Change("insert", *key, step.table, step.chain, 1, words),))
