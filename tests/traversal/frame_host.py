"""A host with chains outside the IP hooks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netui.dialects.nft.document import read_entries
from netui.dialects.nft.text_reader import read_text
from netui.traversal import PreparedHost, prepare
from tests.traversal.build import SYSCTLS, nat_rules, snapshot

FROM = "outside:198.51.100.7"
DNAT = nat_rules("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80")


def host(table: str, *, rules: str = "", calls: int = 1, **fields: Any) -> PreparedHost:
    """The small host with a native table; calls: whether the IP hooks see the bridges' frames."""
    made = snapshot(rules, sysctls={**SYSCTLS, "net.bridge.bridge-nf-call-iptables": str(calls)}, **fields)
    read = read_entries(read_text(enumerate(table.splitlines(), 1)), lambda _family, _name: True)
    rulesets = {**made.rulesets, **{key: ruleset for key, (ruleset, _counters) in read.items()}}
    return prepare(replace(made, rulesets=rulesets))
