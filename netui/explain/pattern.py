"""A rule's pattern: its option names and values, by which its purpose is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from netui.dialects.conditions import text_conditions
from netui.model import Family, RuleSpec, parse_rule
from netui.net.addresses import Net
from netui.net.conditions import (
    ADDRESSES,
    DESTINATION,
    DPORT,
    IIF,
    OIF,
    PROTOCOL,
    SOURCE,
    SPORT,
    STATE,
    Condition,
)

#: The keys of a pattern, each with the option in Docker's own rules.
_KEYS = {
    IIF: "-i",
    OIF: "-o",
    **dict.fromkeys(SOURCE, "-s"),
    **dict.fromkeys(DESTINATION, "-d"),
    PROTOCOL: "-p",
    DPORT: "--dport",
    SPORT: "--sport",
    STATE: "--ctstate",
    "fib daddr type": "--dst-type",
    "fib saddr type": "--src-type",
    "meta mark": "--mark",
    **dict.fromkeys(("set src", "set dst"), "--match-set"),
}


@dataclass(frozen=True, slots=True)
class RulePattern:
    """keys: ``("!-i", "--dport", "-p")``, sorted. values: by option, without the ``!``.

    plain: whether every match is in it, so a sentence that is made from it omits nothing.
    """

    spec: RuleSpec
    keys: tuple[str, ...]
    values: Mapping[str, str]
    plain: bool

    @property
    def target(self) -> str:
        """The target's name, "" where there is none."""
        return self.spec.target.name if self.spec.target else ""

    def target_value(self, *names: str) -> str:
        """Return the value of the target's option, "" where it has none."""
        option = self.spec.target.option(*names) if self.spec.target else None
        return option.value if option else ""


@lru_cache(maxsize=4096)
def shape_of(text: str, family: Family) -> RulePattern:
    """Return a rule text's pattern, cached."""
    keys: list[str] = []
    values: dict[str, str] = {}
    plain = True
    for required in text_conditions(text, family):
        key = _KEYS.get(required.key) if isinstance(required, Condition) and _is_one(required) else None
        if key is None or key in values or not isinstance(required, Condition):
            plain = False
            continue
        keys.append(f"!{key}" if required.negated else key)
        values[key] = required.printed
    return RulePattern(parse_rule(text), tuple(sorted(keys)), values, plain)


def _is_one(condition: Condition) -> bool:
    """Whether it has one network or one range of ports, as Docker's own rules have."""
    if condition.key in ADDRESSES:
        return isinstance(condition.values, Net)
    return condition.key not in (DPORT, SPORT) or len(tuple(condition.intervals() or ())) == 1
