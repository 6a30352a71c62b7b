"""A rule's shape: its options in one mapping, and which they are, for looking its purpose up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from netui.model import RuleSpec, parse_rule

#: Options that take part in a shape, under one spelling.
_KEYS = {
    "-i": "-i",
    "-o": "-o",
    "-s": "-s",
    "-d": "-d",
    "-p": "-p",
    "--dport": "--dport",
    "--destination-port": "--dport",
    "--sport": "--sport",
    "--source-port": "--sport",
    "--ctstate": "--ctstate",
    "--state": "--ctstate",
    "--dst-type": "--dst-type",
    "--src-type": "--src-type",
    "--mark": "--mark",
    "--match-set": "--match-set",
}


@dataclass(frozen=True, slots=True)
class RulePattern:
    """keys: ``("!-i", "--dport", "-p")``, sorted. values: by option, without the ``!``.

    plain: every match is in it, so that nothing is left out of a sentence made from it.
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
def shape_of(text: str) -> RulePattern:
    """Return a rule text's shape, cached."""
    spec = parse_rule(text)
    keys: list[str] = []
    values: dict[str, str] = {}
    plain = True
    for match in spec.matches:
        if match.module == "comment":
            continue
        for option in match.options:
            key = _KEYS.get(option.name)
            if key is None or key in values:
                plain = False
                continue
            keys.append(f"!{key}" if option.negated else key)
            values[key] = option.value
    return RulePattern(spec, tuple(sorted(keys)), values, plain)
