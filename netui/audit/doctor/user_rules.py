"""Rules of DOCKER-USER, for the findings about them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netui.audit.doctor.checkup import View
from netui.audit.doctor.shadowing import is_unconditional
from netui.model import Chain, Family, Match, Rule, packet_family

_ENDS = ("ACCEPT", "DROP", "REJECT", "RETURN")
_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
#: The port of most rules, found without parsing them, because there may be thousands.
ONE_PORT = re.compile(r" --dport (\d{1,5}) -j ")


def user_chains(view: View) -> Iterator[Chain]:
    """Yield the chains DOCKER-USER of both families."""
    for family in _FAMILIES:
        yield from view.chains(family, "filter", "DOCKER-USER")


def ends(rule: Rule) -> bool:
    """Whether packets that match a rule leave the chain for good."""
    target = rule.spec.target
    return target is not None and (target.name in _ENDS or target.goto)


def effect_of(rule: Rule) -> str:
    """Return what a rule without effect fails to do, as the head of a sentence: "it does not let anybody in to"."""
    target = rule.spec.target.name if rule.spec.target is not None else ""
    return {
        "DROP": "it does not keep anybody from",
        "REJECT": "it does not keep anybody from",
        "ACCEPT": "it does not let anybody in to",
        "RETURN": "it does not spare",
    }.get(target, "it does nothing for")


def reached(chain: Chain) -> Sequence[Rule]:
    """The rules up to the first one that matches every packet."""
    for position, rule in enumerate(chain.rules):
        if is_unconditional(rule, packet_family(chain.family)) and ends(rule):
            return chain.rules[:position]
    return chain.rules


def then(rule: Rule) -> list[str]:
    """A rule's target as words of a command."""
    target = rule.spec.target
    return [] if target is None else ["-j", target.name, *(w for o in target.options for w in (o.name, *o.values))]


def options_of(match: Match) -> list[str]:
    """A match as words of a command."""
    words = ["-m", match.module] if match.module else []
    for option in match.options:
        words += ["!"] if option.negated else []
        words += [option.name, *option.values]
    return words
