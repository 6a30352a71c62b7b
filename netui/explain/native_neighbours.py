"""Rules of other programs' native tables by their purpose: firewalld, fail2ban, CrowdSec."""

from __future__ import annotations

import re

from netui.explain.matches import describe
from netui.explain.names import Names
from netui.explain.native_chains import FirewalldChain, firewalld_chain
from netui.model import Chain, NativeRule, Rule, RuleSpec
from netui.text.visible import printable

_BASE = re.compile(r"filter_(INPUT|FORWARD|OUTPUT)")
_SORTING = re.compile(r"(?:raw|mangle|nat|filter)_[A-Z]+_(?:IN_|OUT_)?(?:ZONES|POLICIES)\w*")
_FATES = {"ACCEPT": "let through", "DROP": "dropped", "REJECT": "refused"}
_JAIL = re.compile(r"ip6? saddr @addr6?-set-(\S+)")
_LISTED = re.compile(r"ip6? saddr @(\S+)")
#: The purposes of firewalld's policies that other programs make.
_POLICIES = {
    "docker-forwarding": "Docker's, which lets forwarded packets in to its networks",
    "libvirt-routed-in": "libvirt's, for what goes in to routed virtual machines",
    "libvirt-routed-out": "libvirt's, for what routed virtual machines send",
    "libvirt-to-host": "libvirt's, for what virtual machines ask of this machine",
    "allow-host-ipv6": "firewalld's own, which lets in what IPv6 needs to find neighbours and routers",
}


def purpose(names: Names, owner: str, chain: Chain, rule: Rule, native: NativeRule) -> str:
    """Return the purpose of a rule in another program's native table, "" where its matches and target say enough."""
    if owner == "firewalld":
        return _firewalld(names, chain, rule)
    target = native.spec.target
    fate = _FATES.get(target.name, "") if target is not None else ""
    if owner == "fail2ban" and fate and (match := _JAIL.search(rule.text)):
        rest = _others(names, chain, native.spec, match[0])
        return f"fail2ban: {rest} from addresses that the jail {printable(match[1])} has banned are {fate}."
    if owner == "CrowdSec" and fate and (match := _LISTED.search(rule.text)):
        return f"CrowdSec: Packets from addresses in {printable(match[1])}, whom it has banned, are {fate}."
    return ""


def _others(names: Names, chain: Chain, spec: RuleSpec, but: str) -> str:
    """A rule's packets in words, without one of its matches."""
    kept = tuple(match for match in spec.matches if not any(option.name == but for option in match.options))
    return describe(RuleSpec(spec.chain, kept, spec.target), names, chain.family).text()


def _firewalld(names: Names, chain: Chain, rule: Rule) -> str:
    spec = rule.spec
    target = spec.target
    if target is None:
        return ""
    words = describe(RuleSpec(spec.chain, spec.matches, target), names, chain.family).text()
    if _BASE.fullmatch(chain.name) and rule.text == "ct status dnat accept":
        return (
            "firewalld: Packets whose destination was translated (to a published or forwarded port) are let through: "
            "zones and policies are not asked."
        )
    if _SORTING.fullmatch(chain.name):
        return _sorted(words, chain, rule)
    inner = firewalld_chain(target.name)
    own = firewalld_chain(chain.name)
    if inner is not None and own is not None and inner.part and not spec.matches:
        return f"firewalld: {_whose(own)}, {inner.part} ({printable(target.name)})."
    if own is not None and not own.part and not spec.matches and target.name in _FATES:
        return f"firewalld: what {_whose(own)} did not decide is {_FATES[target.name]} ({own.place})."
    return ""


def _sorted(words: str, chain: Chain, rule: Rule) -> str:
    """A rule by which firewalld chooses a zone or policy for a packet, or the packet's fate after the zone."""
    target = rule.spec.target
    assert target is not None
    words = "All other packets" if words == "Packets" else words
    chosen = firewalld_chain(target.name)
    if chosen is not None:
        meets = "are of" if chosen.kind == "zone" and "FORWARD" not in chain.name else "meet"
        meaning = _POLICIES.get(chosen.name, "") if chosen.kind == "policy" else ""
        return f"firewalld: {words} {meets} {_whose(chosen)}{f' ({meaning})' if meaning else ''}."
    zone = _zone_before(chain, rule)
    if zone is None or target.name not in _FATES:
        return ""
    return f"firewalld: {words} that {_whose(zone)} did not decide are {_FATES[target.name]}: its target."


def _zone_before(chain: Chain, rule: Rule) -> FirewalldChain | None:
    """The zone to which the previous rule sends the same packets."""
    before = chain.rules[rule.number - 2] if rule.number > 1 else None
    target = before.spec.target if before is not None else None
    if before is None or target is None or before.spec.matches != rule.spec.matches:
        return None
    zone = firewalld_chain(target.name)
    return zone if zone is not None and zone.kind == "zone" else None


def _whose(zone: FirewalldChain) -> str:
    return f"{zone.kind} {printable(zone.name)}"
