"""Single rules for tests, in the words of either tool."""

from __future__ import annotations

from netui.dialects.nft.document import read_entries
from netui.dialects.nft.text_reader import read_text
from netui.model import Rule


def iptables(words: str) -> Rule:
    """Return a rule of FORWARD that drops what these words match."""
    return Rule(1, f"-A FORWARD {words} -j DROP", -1)


def native(words: str, family: str = "inet") -> Rule:
    """Return a native rule that drops what these words match."""
    text = f"table {family} t {{\n\tchain c {{\n\t\t{words} drop\n\t}}\n}}\n"
    ((ruleset, _counters),) = read_entries(
        read_text(list(enumerate(text.split("\n"), 1))), lambda _family, _name: True
    ).values()
    return ruleset.tables[0].chains[0].rules[0]
