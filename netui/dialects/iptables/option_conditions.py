"""An option of iptables' as a condition, and as iptables prints it."""

from __future__ import annotations

from netui.model import Match, Option
from netui.net.conditions import Condition, OpaqueCondition, Values


def option_text(option: Option) -> str:
    """Return an option as iptables prints it."""
    words = [*(["!"] if option.negated else []), option.name, *option.values]
    return " ".join(words)


def match_text(match: Match) -> str:
    """Return a match as iptables prints it, with its module first."""
    return " ".join([match.module, *(option_text(option) for option in match.options)])


def _words(match: Match, option: Option) -> str:
    return f"{match.module} {option_text(option)}" if match.module else option_text(option)


def condition(key: str, values: Values, match: Match, option: Option) -> Condition:
    """Return the condition on a key that an option of a match is."""
    return Condition(key, values, option.negated, _words(match, option), option.value)


def opaque(match: Match, option: Option) -> OpaqueCondition:
    """Return the condition of an option that values do not tell."""
    return OpaqueCondition(_words(match, option))
