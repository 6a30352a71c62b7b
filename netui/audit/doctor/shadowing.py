"""Whether one rule matches every packet that another one matches, by their conditions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from netui.dialects.conditions import conditions_of
from netui.model import Family, Rule
from netui.net.addresses import Net
from netui.net.conditions import (
    ADDRESSES,
    PROTOCOL,
    Condition,
    OpaqueCondition,
    Requirement,
    SetReference,
    bits_of,
    implies,
)
from netui.traversal.rules.buckets import Buckets

#: A rule that begins with a basic option has a condition, and need not be parsed.
_CONDITION = re.compile(r'-A [^\s"]+ (?:! )?-(?:[io] |[sd] (?!0\.0\.0\.0/0|::/0)|p (?!all |0 ))')

#: A condition that only an equal one implies: an opaque one, or membership in a set.
_Same = OpaqueCondition | tuple[str, SetReference, bool]


def is_unconditional(rule: Rule, family: Family) -> bool:
    """Whether the rule matches every packet."""
    return not _CONDITION.match(rule.text) and not conditions_of(rule, family)


class Earlier:
    """The earlier rules of a chain, indexed by their conditions, so that each search is fast.

    The index only leaves out rules that cannot cover a rule; :func:`covers` decides.
    """

    def __init__(self, family: Family) -> None:
        self._family: Family = family
        self._rules: list[Rule] = []
        self._by_same: dict[_Same, list[int]] = {}
        #: by key and mask, then by number: a number each, for there may be 50,000 rules
        self._by_number: dict[tuple[str, int], Buckets[int]] = {}
        self._others: list[int] = []

    def add(self, rule: Rule) -> None:
        """Add the next rule."""
        position = len(self._rules)
        self._rules.append(rule)
        conditions = conditions_of(rule, self._family)
        telling = min(conditions, key=_rank) if conditions else None
        same = _same(telling) if telling is not None else None
        net = _net(telling) if isinstance(telling, Condition) else None
        if same is not None:
            self._by_same.setdefault(same, []).append(position)
        elif net is not None and isinstance(telling, Condition):
            self._by_number.setdefault((telling.key, net.mask), Buckets()).add(net.value, position)
        else:
            self._others.append(position)

    def covering(self, rule: Rule) -> Rule | None:
        """Return the first earlier rule that matches every packet of this rule."""
        positions = set(self._others)
        for condition in conditions_of(rule, self._family):
            same = _same(condition)
            if same is not None:
                positions.update(self._by_same.get(same, ()))
            elif isinstance(condition, Condition) and (number := _any_number(condition)) is not None:
                for (key, mask), numbers in self._by_number.items():
                    if key == condition.key:
                        positions.update(numbers.at(number & mask) or ())
        for position in sorted(positions):
            if covers(self._rules[position], rule, self._family):
                return self._rules[position]
        return None


def _rank(requirement: Requirement) -> int:
    """Return the rank of a condition by selectivity (0: most selective), 3 where it cannot be an index key."""
    if isinstance(requirement, OpaqueCondition):
        return 2
    if isinstance(requirement.values, SetReference):
        return 1
    net = _net(requirement)
    if net is None:
        return 3
    if requirement.key in ADDRESSES:
        return 0 if net.single else 1
    return 2 if requirement.key == PROTOCOL else 1


def _same(requirement: Requirement) -> _Same | None:
    if isinstance(requirement, OpaqueCondition):
        return requirement
    values = requirement.values
    return (requirement.key, values, requirement.negated) if isinstance(values, SetReference) else None


def _net(condition: Condition) -> Net | None:
    """Return a mask under which all conditions that imply this one have the same number; None where there is none."""
    bits = bits_of(condition.key)
    number = condition.number
    if number is not None:
        return Net(number, (1 << bits) - 1, bits)
    values = condition.values
    plain = isinstance(values, Net) and not condition.negated and not values.value & ~values.mask
    return values if isinstance(values, Net) and plain else None


def _any_number(condition: Condition) -> int | None:
    """Return one of the numbers for which a condition holds, None where there is none or too many masks have some."""
    if isinstance(condition.values, Net) and not condition.negated:
        return condition.values.value
    numbers = condition.numbers()
    return numbers.lows[0] if numbers else None


def covers(earlier: Rule, later: Rule, family: Family) -> bool:
    """Whether ``earlier`` matches every packet that ``later`` matches."""
    wanted_of_earlier = conditions_of(earlier, family)
    if earlier.native is not None and any(isinstance(_same(one), tuple) for one in wanted_of_earlier):
        # a rule between the two may add the packet's address to the set
        return False
    return all_implied(wanted_of_earlier, conditions_of(later, family))


def all_implied(wanted: Iterable[Requirement], given: Sequence[Requirement]) -> bool:
    """Whether each packet that fulfils all given conditions also fulfils the wanted ones."""
    return all(any(implies(condition, asked) for condition in given) for asked in wanted)
