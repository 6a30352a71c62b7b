"""The conditions of a rule, for both dialects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from netui.dialects.iptables.conditions import spec_conditions
from netui.dialects.nft.conditions import statement_conditions
from netui.model import Family, Rule, parse_rule
from netui.net.conditions import Condition, Requirement


def conditions_of(rule: Rule, family: Family) -> tuple[Requirement, ...]:
    """Return a rule's conditions, in order; family: of its addresses."""
    if rule.native is not None:
        return tuple(statement_conditions(rule.native.statements))
    return text_conditions(rule.text, family)


#: The size of the cache, the same as for parsed rules: for 50,000 rules it would take twice the memory of their text.
@lru_cache(maxsize=1024)
def text_conditions(text: str, family: Family) -> tuple[Requirement, ...]:
    """Return the same of an iptables rule's text."""
    return tuple(spec_conditions(parse_rule(text), family))


def asked(rule: Rule, family: Family, *keys: str) -> Iterator[Condition]:
    """Yield a rule's conditions on any of these keys."""
    for condition in conditions_of(rule, family):
        if isinstance(condition, Condition) and condition.key in keys:
            yield condition


def first_asked(rule: Rule, family: Family, *keys: str) -> Condition | None:
    """Return a rule's first condition on any of these keys, None where it has none."""
    return next(asked(rule, family, *keys), None)
