"""The kernel's verdicts that come with a case: its trace lines as (family, table, chain, rule, verdict)."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path as FilePath
from typing import Any

from netui.traversal import Path

Line = tuple[str, str, str, int | None, str]

CASES = FilePath(__file__).parent.parent / "cases"


def rule_numbers(nft_ruleset: str) -> dict[tuple[str, str, str, int], int]:
    """Number the rules of each chain of ``nft -j list ruleset`` by handle, from 1."""
    numbers: dict[tuple[str, str, str, int], int] = {}
    count: dict[tuple[str, str, str], int] = defaultdict(int)
    for item in json.loads(nft_ruleset)["nftables"]:
        rule = item.get("rule")
        if rule:
            chain = (rule["family"], rule["table"], rule["chain"])
            count[chain] += 1
            numbers[*chain, rule["handle"]] = count[chain]
    return numbers


def kind(verdict: str) -> str:
    """Reduce a verdict's text to what the kernel's trace distinguishes."""
    word = verdict.split(maxsplit=1)[0] if verdict else ""
    if word in ("dnat", "snat", "masquerade", "redirect", "netmap"):
        return "accept"
    return "drop" if word == "reject" else word


def traced(flow: dict[str, Any], numbers: dict[tuple[str, str, str, int], int]) -> list[Line]:
    """Return the kernel's lines of a flow, without accepting policies."""
    lines: list[Line] = []
    for entry in flow["trace"]:
        place = (entry["family"], entry["table"], entry["chain"])
        if entry["kind"] == "rule":
            number = numbers.get((*place, entry["handle"]), -entry["handle"])
            lines.append((*place, number, kind(entry["verdict"])))
        elif entry["kind"] == "policy" and "drop" in str(entry.get("rest") or entry.get("verdict")):
            lines.append((*place, None, "drop"))
    return lines


def predicted(path: Path, *, legs: int | None = None) -> list[Line]:
    """Return a path's lines in the same form, of its first ``legs`` legs."""
    lines: list[Line] = []
    for leg in path.legs[:legs]:
        for step in leg.steps:
            if step.rule is not None:
                lines.append((step.family, step.table, step.chain, step.rule, kind(step.says)))
            elif step.says == "policy drop":
                lines.append((step.family, step.table, step.chain, None, "drop"))
    return lines
