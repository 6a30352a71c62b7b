"""IPv6 neighbours that the host's own rules keep from finding one another: a note of the path, a finding of doctor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.audit.doctor import diagnose
from netui.sources.capture.reader import read_capture
from netui.traversal import PreparedHost, path, prepare
from tests.explain.native_hosts import with_tables
from tests.traversal.build import ruleset
from tests.traversal.kernel import CASES

CASE = read_capture(CASES / "engine-29.7-nft" / "host")
BASE = "*filter\n:INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}COMMIT\n"
RULES = [
    ("DROP", "", True),
    ("DROP", "-A INPUT -p tcp -j ACCEPT\n", True),
    ("DROP", "-A INPUT -p ipv6-icmp -j ACCEPT\n", False),
    # ufw's, whose hop limit a snapshot cannot tell
    ("DROP", "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -m hl --hl-eq 255 -j ACCEPT\n", False),
    ("DROP", "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT\n", False),
    ("DROP", "-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j ACCEPT\n", True),
    # conntrack knows none of these packets
    ("DROP", "-A INPUT -m conntrack --ctstate UNTRACKED -j ACCEPT\n", False),
    ("ACCEPT", "-A INPUT -m conntrack --ctstate INVALID -j DROP\n", False),
    ("ACCEPT", "-A INPUT -p ipv6-icmp -m hl --hl-lt 255 -j DROP\n", False),
    ("ACCEPT", "-A INPUT -i lo -j DROP\n", False),
    ("ACCEPT", "-A OUTPUT -p ipv6-icmp -j DROP\n", True),
]


def host(policy: str, rules: str) -> PreparedHost:
    """The captured host with Docker's tables and these rules of ip6tables."""
    made = ruleset(BASE.format(policy=policy, rules=rules), "ip6")
    plain = with_tables()
    return prepare(replace(plain, rulesets={**plain.rulesets, made.key: made}))


@pytest.mark.parametrize(("policy", "rules", "refused"), RULES)
def test_rules_that_take_neighbour_discovery(policy: str, rules: str, refused: bool) -> None:
    """Whether the question of a neighbour comes to the host, and its answer leaves."""
    made = host(policy, rules)
    found = path(made, "outside", "[2001:db8:1::1]:22")
    said = [note for note in found.notes if "neighbour discovery" in note]
    assert found.verdict != "undecided"
    # a note is for packets that get through
    assert bool(said) == (refused and found.verdict == "delivered")
    findings = {finding.id: finding for finding in diagnose(made).findings}
    assert ("discovery-dropped" in findings) == refused
    if refused and "OUTPUT" not in rules:
        advice = findings["discovery-dropped"].advice[0]
        assert advice == "Let ICMPv6 in: ip6tables -I INPUT 1 -p ipv6-icmp -j ACCEPT"


def test_a_native_table_that_takes_it() -> None:
    """The captured host's own input chain accepts no ICMPv6: the rule given is nft's."""
    findings = {finding.id: finding for finding in diagnose(prepare(CASE)).findings}
    assert (
        findings["discovery-dropped"].advice[0].startswith("Let it in: nft insert rule inet guard input 'icmpv6 type {")
    )


ARP = [
    ("type filter hook input priority 0; policy drop;", "", True),
    ("type filter hook output priority 0; policy accept;", "drop", True),
    ("type filter hook input priority 0; policy drop;", "accept", False),
    ("type filter hook input priority 0; policy accept;", "", False),
    # of what is asked for nothing is claimed
    ("type filter hook input priority 0; policy drop;", "arp operation request accept", False),
    ("type filter hook input priority 0; policy accept;", 'iifname "nowhere" drop', False),
]


@pytest.mark.parametrize(("base", "rule", "refused"), ARP)
def test_tables_of_the_arp_family(base: str, rule: str, refused: bool) -> None:
    """A chain of the arp family that drops all: nobody finds the host over IPv4."""
    made = prepare(with_tables(f"table arp t {{\n\tchain c {{\n\t\t{base}\n\t\t{rule}\n\t}}\n}}\n"))
    found = path(made, "outside", "host:22")
    assert found.verdict == "delivered"
    assert any("keeps out ARP on vh" in note for note in found.notes) == refused
    findings = {finding.id: finding for finding in diagnose(made).findings}
    assert ("discovery-dropped" in findings) == refused
    if refused:
        assert "arp operation { request, reply } accept" in findings["discovery-dropped"].advice[0]
