"""Rules of DOCKER-USER as the findings about them read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netui.audit.doctor.checkup import View
from netui.audit.doctor.shadowing import is_unconditional
from netui.model import Chain, Family, Match, Rule, packet_family

_ENDS = ("ACCEPT", "DROP", "REJECT", "RETURN")
_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
#: The port of most rules, told without parsing them: thousands need no second look.
ONE_PORT = re.compile(r" --dport (\d{1,5}) -j ")


def user_chains(view: View) -> Iterator[Chain]:
    """Yield DOCKER-USER of both families."""
    for family in _FAMILIES:
        yield from view.chains(family, "filter", "DOCKER-USER")


def ends(rule: Rule) -> bool:
    """Whether a rule leaves the chain for good."""
    target = rule.spec.target
    return target is not None and (target.name in _ENDS or target.goto)


def effect_of(rule: Rule) -> str:
    """Return what a rule that cannot match does not do, as the head of a sentence: "it does not let anybody in to"."""
    target = rule.spec.target.name if rule.spec.target is not None else ""
    return {
        "DROP": "it does not keep anybody from",
        "REJECT": "it does not keep anybody from",
        "ACCEPT": "it does not let anybody in to",
        "RETURN": "it does not spare",
    }.get(target, "it does nothing for")


def reached(chain: Chain) -> Sequence[Rule]:
    """The rules up to the first that takes every packet."""
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
