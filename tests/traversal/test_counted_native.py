"""Limits, lots and unnamed ports in native nftables rules: the same answers as beside iptables' words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netui.dialects.nft.ruleset import native_rules
from netui.traversal import PreparedHost, path, prepare
from tests.traversal.build import snapshot

FROM = "outside:198.51.100.7"
DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}


def _match(left: Any, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def _host(
    hook: str, *rules: list[Any], kind: str = "filter", more: dict[str, list[list[Any]]] | None = None
) -> PreparedHost:
    """A host whose one native table has these rules at a hook, and more chains by name."""
    place = {"family": "inet", "table": "t"}
    base = {
        **place,
        "name": "main",
        "type": kind,
        "hook": hook,
        "prio": -100 if kind == "nat" else 0,
        "policy": "accept",
    }
    chains = {"main": [*rules], **(more or {})}
    entries: list[Any] = [{"table": {"family": "inet", "name": "t"}}, {"chain": base}]
    entries += [{"chain": {**place, "name": name}} for name in chains if name != "main"]
    entries += [
        {"rule": {**place, "chain": name, "handle": number, "expr": expressions}}
        for name, listed in chains.items()
        for number, expressions in enumerate(listed, 1)
    ]
    made = snapshot()
    read = native_rules(entries, ())
    rulesets = {**made.rulesets, **{key: ruleset for key, (ruleset, _) in read.rules.items()}}
    return prepare(replace(made, rulesets=rulesets))


def test_a_limit_is_a_condition() -> None:
    """The flood chain in nft's words: 23 is closed by its own rule, 22 is open up to the limit."""
    made = _host(
        "input",
        [{"jump": {"target": "flood"}}],
        [_match(DPORT, 22), {"accept": None}],
        [{"drop": None}],
        more={"flood": [[{"limit": {"rate": 25, "burst": 5, "per": "second"}}, {"return": None}], [{"drop": None}]]},
    )
    closed, opened = path(made, FROM, "host:23"), path(made, FROM, "host:22")
    assert (closed.verdict, closed.condition, closed.deciding and closed.deciding.rule) == ("dropped", "", 3)
    assert opened.verdict == "delivered"
    assert "25/s" in opened.condition
    assert "rule 1 of t flood" in opened.condition


def test_a_limited_log_is_no_way_of_its_own() -> None:
    """Whether a rule only logs changes nothing."""
    log = [{"limit": {"rate": 1, "burst": 5, "per": "minute"}}, {"log": None}]
    found = path(_host("input", *([log] * 20), [{"drop": None}]), FROM, "host:22")
    assert (found.verdict, found.condition) == ("dropped", "")
    assert not any("not all were walked" in note for note in found.notes)


def test_load_balancing_is_delivered_to_one_of_them() -> None:
    """A map by numgen: every way delivers."""
    lot = {"map": {"key": {"numgen": {"mode": "inc", "mod": 2, "offset": 0}},
                   "data": {"set": [[0, "172.18.0.3"], [1, "172.18.0.2"]]}}}  # fmt: skip
    rule = [_match(DPORT, 8080), {"dnat": {"family": "ip", "addr": lot, "port": 80}}]
    found = path(_host("prerouting", rule, kind="nat"), FROM, "host:8080")
    assert (found.verdict, {to.name for to in found.one_of}) == ("delivered", {"openresty", "blog"})


@pytest.mark.parametrize(("op", "verdict"), [("==", "delivered"), ("!=", "dropped")])
def test_a_rule_for_link_local_sources(op: str, verdict: str) -> None:
    """No machine beyond a router has a link-local address."""
    source = {"payload": {"protocol": "ip6", "field": "saddr"}}
    rule = [_match(source, {"prefix": {"addr": "fe80::", "len": 10}}, op), {"drop": None}]
    assert path(_host("input", rule), "outside", "[2001:db8:1::1]:22").verdict == verdict


@pytest.mark.parametrize(
    ("port", "op", "verdict"),
    [
        (3306, "==", "delivered"),
        ({"set": [80, 443]}, "==", "delivered"),
        ({"range": [1, 1023]}, "!=", "dropped"),
        (1024, ">=", "dropped"),
        ({"range": [20000, 40000]}, "==", "undecided"),
    ],
)
def test_an_answers_port_is_one_that_no_rule_singles_out(port: Any, op: str, verdict: str) -> None:
    """The client's port was not named: rules for a few ports mean others."""
    made = _host("output", [_match(DPORT, port, op), {"drop": None}])
    found = path(made, "blog", "172.18.0.1:22", reply=True)
    assert found.verdict == verdict, found.reason
