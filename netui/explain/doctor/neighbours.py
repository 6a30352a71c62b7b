"""Findings about IPv6's neighbour discovery, which a firewall that lets no ICMPv6 in takes away."""

from __future__ import annotations

from collections.abc import Iterator

from netui.explain.doctor.finding import Change, Finding
from netui.explain.doctor.remedy import cure, quoted
from netui.explain.doctor.view import View
from netui.model import RulesetKey
from netui.traversal.discovery import Discovery

_ACCEPT = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept"


def undiscovered(view: View) -> Iterator[Finding]:
    """Rules drop neighbour discovery on an outer link: IPv6 works there until the neighbours forget each other."""
    host = view.host
    if not view.walked or host.namespace.rules_read.get("ip6"):
        return
    discovery = host.discoveries.setdefault("", Discovery(host.namespace))
    for interface in host.links("ip6"):
        found = discovery.refused(interface.name, 0, 0, comes=True)
        if found is None:
            continue
        step = found.step
        where = f"rule {step.rule} of {step.chain}" if step.rule is not None else f"the policy of {step.chain}"
        if step.backend == "nftables":
            place = quoted((step.family, step.table, step.chain))
            advice: str = f"Let it in: nft insert rule {place} '{_ACCEPT}'"
        else:
            key = RulesetKey("ip6", step.backend)
            words = ("-p", "ipv6-icmp", "-j", "ACCEPT")
            advice = cure(view, "Let ICMPv6 in: ", (Change("insert", *key, step.table, step.chain, 1, words),))
        yield Finding(
            "discovery-dropped",
            "high",
            f"Nobody on {interface.name} finds this machine over IPv6: {where} ({step.table}) drops what they ask.",
            "Before the first packet a neighbour asks by ICMPv6 who has the address; the question comes to input. What "
            "knows this machine still gets through until it forgets.",
            (view.step_evidence(step),),
            (advice,),
            (interface.name,),
        )
