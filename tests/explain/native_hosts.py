"""Hosts with native tables for the tests of audits."""

from __future__ import annotations

from dataclasses import replace

from netui.dialects.iptables.save import read_save
from netui.dialects.nft.document import read_entries
from netui.dialects.nft.text_reader import read_text
from netui.model import RulesetKey, Snapshot
from netui.sources.capture.reader import read_capture
from tests.traversal.kernel import CASES

CASE = read_capture(CASES / "engine-29.7-nft" / "host")


def with_tables(native: str = "", save: str = "", firewall: str = "nftables") -> Snapshot:
    """The captured host with Docker's tables, these native ones in the place of people's, and iptables' rules."""
    rulesets = {}
    for key, ruleset in CASE.rulesets.items():
        tables = tuple(table for table in ruleset.tables if table.name == "docker-bridges")
        if tables:
            rulesets[key] = replace(ruleset, tables=tables)
    read = read_entries(read_text(enumerate(native.splitlines(), 1)), lambda _family, _name: True)
    for key, (ruleset, _counters) in read.items():
        before = rulesets.get(key)
        rulesets[key] = ruleset if before is None else replace(before, tables=(*before.tables, *ruleset.tables))
    if save:
        rulesets[RulesetKey("ip", "nft")] = read_save(save, "ip", "nft")[0]
    engine = replace(CASE.engine, firewall=firewall) if CASE.engine is not None else None
    return replace(CASE, rulesets=rulesets, counters={}, engine=engine)
