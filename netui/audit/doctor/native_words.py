"""Translates the rules of advice from iptables' words to nft's, and to a native rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netui.dialects.nft.document import native_rule as read_rule
from netui.dialects.nft.expressions import Expressions
from netui.model import Chain, Rule


def in_nft_words(words: Sequence[str]) -> tuple[str, ...] | None:
    """Return ``-i br0 -m conntrack --ctstate NEW -j ACCEPT`` in nft's words; None for other kinds of rules."""
    statement: list[str] = []
    left = list(words)
    while left:
        match left:
            case ["-i", name, *left]:
                statement += ["iifname", name]
            case ["-o", name, *left]:
                statement += ["oifname", name]
            case ["-m", "conntrack", "--ctstate", "DNAT", *left]:
                statement += ["ct", "status", "dnat"]
            case ["-m", "conntrack", "--ctstate", states, *left]:
                statement += ["ct", "state", states.lower()]
            case ["-j", "ACCEPT"]:
                return (*statement, "accept")
            case _:
                return None
    return None


def native_rule(chain: Chain, words: Sequence[str]) -> Rule | None:
    """Return the native rule that ``nft insert rule`` makes of such words."""
    printed: list[dict[str, Any]] = []
    left = list(words)
    while left:
        match left:
            case ["iifname" | "oifname" as key, name, *left]:
                printed.append({"match": {"op": "==", "left": {"meta": {"key": key}}, "right": name}})
            case ["ct", "state" | "status" as key, values, *left]:
                right: object = values.split(",") if "," in values else values
                printed.append({"match": {"op": "in", "left": {"ct": {"key": key}}, "right": right}})
            case ["accept"]:
                printed.append({"accept": None})
                left = []
            case _:
                return None
    rule = {"family": chain.family, "table": chain.table, "chain": chain.name, "handle": 0, "expr": printed}
    return read_rule(1, rule, Expressions(chain.family, {}, {}), {}, -1)
