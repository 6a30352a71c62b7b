"""The index of native chains leaves out only rules that could not match, nor do anything, whatever stands in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netui.traversal import path
from netui.traversal.host import prepared_chain
from tests.traversal.frame_host import FROM, host

_MATCHES = st.sampled_from(
    [
        *(
            "ip saddr 198.51.100.7",
            "ip saddr != 198.51.100.7",
            "ip saddr { 198.51.100.7, 10.0.0.1 }",
            "ip saddr 198.51.0.0/16",
        ),
        *("ip daddr 172.18.0.3", "ip daddr 172.18.0.9", "ip daddr != 172.18.0.3", "ip6 daddr fd00::1"),
        *(
            'iifname "eth0"',
            'iifname "lo"',
            'iifname != "eth0"',
            'iifname "eth*"',
            'oifname "br-*"',
            'oifname "nowhere"',
        ),
        *("tcp dport 80", "tcp dport 81", "tcp dport != 80", "tcp dport 80-90", "udp dport 80", "th dport 80"),
        *("meta mark 7", "meta mark 0", "ct state new", "limit rate 5/second", "counter", "meta l4proto tcp"),
    ]
)
_EFFECTS = st.sampled_from(["meta mark set 7", "meta mark set 0", "counter", 'log prefix "x"', ""])
_ENDS = st.sampled_from(["accept", "drop", "reject", "return", "jump other", "goto other", "", ""])
_RULE = st.tuples(st.lists(_MATCHES, max_size=3), _EFFECTS, st.lists(_MATCHES, max_size=1), _ENDS).map(
    lambda parts: " ".join([*parts[0], parts[1], *parts[2], parts[3]]).strip() or "counter"
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_RULE, min_size=8, max_size=14), st.lists(_RULE, min_size=8, max_size=10))
def test_the_index_changes_no_answer(rules: list[str], other: list[str]) -> None:
    """Random rules, with effects before, between and behind their matches: the same path as without the index."""
    body = "\n\t\t".join(rules)
    inner = "\n\t\t".join(rule for rule in other if "other" not in rule) or "counter"
    table = (
        f"table inet t {{\n\tchain other {{\n\t\t{inner}\n\t}}\n\tchain c {{\n"
        f"\t\ttype filter hook forward priority 0; policy accept;\n\t\t{body}\n\t}}\n}}\n"
    )
    made = host(table)
    found = path(made, FROM, "172.18.0.3:80")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepared_chain, "_FEW", 1000)
        plain = path(host(table), FROM, "172.18.0.3:80")
    assert replace(found, notes=()) == replace(plain, notes=())


def test_a_table_that_rewrites_headers_has_no_index() -> None:
    """Behind a rule that writes the destination every rule is asked."""
    rules = ["ip daddr set 172.18.0.9", *["ip daddr 172.18.0.9 drop"] * 9]
    body = "\n\t\t".join(rules)
    base = "type filter hook prerouting priority -150; policy accept;"
    table = f"table ip t {{\n\tchain c {{\n\t\t{base}\n\t\t{body}\n\t}}\n}}\n"
    assert path(host(table), FROM, "host:80").verdict == "undecided"
