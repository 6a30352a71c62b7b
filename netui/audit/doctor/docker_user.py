"""Findings about rules in DOCKER-USER that can never match, each with a rule that would."""

from __future__ import annotations

from collections.abc import Iterator

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Finding, Severity
from netui.audit.doctor.lists import told
from netui.audit.doctor.remedy import cure, replaced, words_of
from netui.audit.doctor.shadowing import Earlier, is_unconditional
from netui.audit.doctor.user_rules import ends, options_of, reached, then, user_chains
from netui.dialects.conditions import first_asked
from netui.model import Chain, Rule, packet_family
from netui.net.addresses import address_text
from netui.net.conditions import DESTINATION


def _moved(view: View, chain: Chain, rule: Rule, before: int) -> tuple[str, ...]:
    key = (chain.family, chain.backend, chain.table, chain.name)
    changes = (Change("delete", *key, rule.number), Change("insert", *key, before, words_of(rule)))
    return (cure(view, "Put it before that rule: ", changes), "Add rules with -I, not -A.")


def behind_the_end(view: View) -> Iterator[Finding]:
    """A rule comes after one that matches every packet (up to 28.1, Docker's own RETURN)."""
    for chain in user_chains(view):
        end = next(
            (rule for rule in chain.rules if is_unconditional(rule, packet_family(chain.family)) and ends(rule)), None
        )
        if end is None:
            continue
        for rule in chain.rules[end.number :]:
            if rule.text == end.text:
                # a repetition changes nothing
                continue
            yield Finding(
                "docker-user-behind-end",
                "high",
                f"Rule {rule.number} of DOCKER-USER never sees a packet: rule {end.number} before it takes every one "
                f"({end.spec.target.name if end.spec.target else ''}).",
                "It does nothing, whatever it is meant to keep out or let in.",
                (view.rule_evidence(ChainRule(chain, rule)), view.rule_evidence(ChainRule(chain, end))),
                _moved(view, chain, rule, end.number),
            )


def shadowed(view: View) -> Iterator[Finding]:
    """A rule is shadowed by an earlier one that matches all of its packets."""
    of_lists = told(view)
    for chain in user_chains(view):
        before = Earlier(packet_family(chain.family))
        key = (chain.family, chain.backend, chain.table, chain.name)
        for rule in chain.rules:
            if is_unconditional(rule, packet_family(chain.family)):
                if ends(rule):
                    break
                continue
            earlier = before.covering(rule)
            if ends(rule):
                before.add(rule)
            if earlier is None or earlier.spec.target is None:
                continue
            if (chain.family, chain.backend, chain.name, rule.number) in of_lists:
                continue
            same = rule.spec.target is not None and rule.spec.target == earlier.spec.target
            severity: Severity = "low" if same else "medium"
            advice = (
                (cure(view, "Delete it: ", (Change("delete", *key, rule.number),)),)
                if same
                else _moved(view, chain, rule, earlier.number)
            )
            yield Finding(
                "docker-user-shadowed",
                severity,
                f"Rule {rule.number} of DOCKER-USER never sees a packet: rule {earlier.number} takes all of its "
                f"packets before ({earlier.spec.target.name}).",
                "It does nothing; the earlier rule decides."
                if not same
                else "It does nothing that the earlier does not do.",
                (view.rule_evidence(ChainRule(chain, rule)), view.rule_evidence(ChainRule(chain, earlier))),
                advice,
            )


# --- after the translation -----------------------------------------------------------------


def names_host_address(view: View) -> Iterator[Finding]:
    """A rule has the host's own address as the destination, which no forwarded packet has."""
    if view.host.snapshot.interfaces is None:
        return
    for chain in user_chains(view):
        for rule in reached(chain):
            if " -d " not in rule.text:
                continue
            family = packet_family(chain.family)
            to = first_asked(rule, family, *DESTINATION)
            net = to.net if to is not None else None
            if net is None or not net.single or not view.host.namespace.fibs[family].is_local(net.value):
                continue
            address = address_text(family, net.value)
            rest = [w for m in rule.spec.matches for w in options_of(m)]
            at = rest.index("-d")
            rest = rest[:at] + rest[at + 2 :] + ["-m", "conntrack", "--ctorigdst", address]
            yield Finding(
                "docker-user-host-address",
                "high",
                f"Rule {rule.number} of DOCKER-USER names this machine's own address {address} as the destination.",
                "It never sees a packet: what is for the host's address goes to INPUT, and what was sent to a "
                "published port has the container's address by then.",
                (view.rule_evidence(ChainRule(chain, rule)),),
                (
                    cure(
                        view,
                        "Ask for the address as it was before the translation: ",
                        (replaced(ChainRule(chain, rule), [*rest, *then(rule)]),),
                    ),
                ),
            )
