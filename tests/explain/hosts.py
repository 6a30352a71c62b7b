"""Hosts for the tests of audits: captures as they are, and with other rules."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from netui.dialects.iptables.save import read_save
from netui.model import RulesetKey, Snapshot
from netui.sources.capture.reader import read_capture

CASES = Path(__file__).parent.parent / "cases"


@cache
def snapshot(case: str = "engine-20.10") -> Snapshot:
    """A recorded host."""
    return read_capture(CASES / case / "host")


def with_rules(text: str, base: Snapshot | None = None) -> Snapshot:
    """The host with lines put at the head of its filter table's rules (declared chains and -A lines)."""
    base = base or snapshot()
    key = RulesetKey("ip", "nft")
    chains = {line.split()[0] for line in text.splitlines() if line.startswith(":")}
    out = []
    for line in (CASES / "engine-20.10" / "host" / "iptables-nft-save.txt").read_text().splitlines():
        out.append(line)
        if line.startswith("*filter"):
            out += [one for one in text.splitlines() if one.startswith(":") and not one.startswith(":INPUT")]
        if line.startswith(":DOCKER-USER"):
            out += [one for one in text.splitlines() if one.startswith("-A")]
    assert chains or text
    rules, counters = read_save("\n".join(out) + "\n", "ip", "nft")
    return replace(base, rulesets={**base.rulesets, key: rules}, counters={**base.counters, key: counters})
