"""Hosts whose rules tell senders apart."""

from __future__ import annotations

from dataclasses import replace

from netui.dialects.nft.ruleset import native_rules
from netui.sources.capture.pasted import nft_text
from netui.traversal import PreparedHost, prepare
from tests.traversal.build import snapshot


def native_host(rules: list[str], inner: str) -> PreparedHost:
    """A host with these native rules at INPUT, and a chain to jump to."""
    own = "\n".join(["type filter hook input priority 0; policy accept;", *rules])
    entries = nft_text(f"table inet t {{\nchain inner {{\n{inner}\n}}\nchain main {{\n{own}\n}}\n}}\n")
    made = snapshot()
    read = native_rules(entries, ())
    return prepare(
        replace(made, rulesets={**made.rulesets, **{key: ruleset for key, (ruleset, _) in read.rules.items()}})
    )
