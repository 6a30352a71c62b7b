"""Doctor where Docker or its neighbours make native nftables rules, on the captured host of Engine 29.7."""

from __future__ import annotations

import pytest

from netui.audit.doctor import Finding, diagnose
from netui.audit.doctor.finding import Cure
from netui.model import Snapshot
from netui.traversal import prepare
from tests.explain.native_hosts import with_tables

WEB = "br-a15309ec8f18"


def found(snapshot: Snapshot) -> dict[str, Finding]:
    """The findings by their kind."""
    return {finding.id: finding for finding in diagnose(prepare(snapshot)).findings}


BEFORE = set(found(with_tables()))
SAVE = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD {policy} [0:0]\n:OUTPUT ACCEPT [0:0]\n{rules}COMMIT\n"


def test_a_policy_that_iptables_left() -> None:
    """One finding for all that FORWARD's old policy stops; the policy ACCEPT is tried and given."""
    added = found(with_tables(save=SAVE.format(policy="DROP", rules="")))
    assert set(added) - BEFORE == {"forward-policy-left"}
    said = added["forward-policy-left"]
    assert said.evidence[0].text == "-P FORWARD DROP"
    assert set(said.about) >= {"web", "other"}
    assert [text for text in said.advice if isinstance(text, Cure)] == [
        "Let the tables decide that are in use: iptables -P FORWARD ACCEPT"
    ]
    assert set(found(with_tables(save=SAVE.format(policy="ACCEPT", rules="")))) == BEFORE


USER = ":DOCKER-USER - [0:0]\n"


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (f"{USER}-A DOCKER-USER -p tcp -m tcp --dport 80 -j DROP\n-A DOCKER-USER -j RETURN\n", True),
        (f"{USER}-A DOCKER-USER -j RETURN\n", False),
        (f"{USER}-A FORWARD -j DOCKER-USER\n-A DOCKER-USER -p tcp -m tcp --dport 9 -j DROP\n", False),
    ],
)
def test_rules_of_docker_user_that_nothing_leads_to(rules: str, left: bool) -> None:
    """With nftables' backend nothing jumps there: they are in vain, and their place in nft's words is said."""
    added = found(with_tables(save=SAVE.format(policy="ACCEPT", rules=rules)))
    assert ("docker-user-left" in added) == left
    if left:
        said = added["docker-user-left"]
        assert said.what.startswith("1 rule of DOCKER-USER is met by no packet")
        assert any("type filter hook forward" in text for text in said.advice)


DENY = """table inet firewalld {
\tchain filter_IN_public_deny {
\t\ttcp dport 8080 reject with icmpx admin-prohibited
\t}
\tchain filter_INPUT {
\t\ttype filter hook input priority filter + 10; policy accept;
\t\tjump filter_IN_public_deny
\t}
\tchain filter_FORWARD {
\t\ttype filter hook forward priority filter + 10; policy accept;
\t\tct status dnat accept
\t}
}
"""


def test_firewallds_deny_does_nothing_for_a_published_port() -> None:
    """Both make native tables: the port is open, and the rule given is one of nft's."""
    said = found(with_tables(DENY))["input-bypassed"]
    assert said.what.startswith("firewalld's rule 1 of filter_IN_public_deny denies port 8080/tcp")
    assert said.about == ("shop",)
    assert "ct original proto-dst 8080 drop" in said.advice[0]
    assert not any("iptables" in text for text in said.advice)


def banned(table: str, chain: str, name: str, hook: str = "input") -> str:
    """A table that bans one address by a set."""
    return (
        f"table {table} {{\n\tset {name} {{\n\t\ttype ipv4_addr\n\t\telements = {{ 198.51.100.77, 192.0.2.9 }}\n\t}}\n"
        f"\tchain {chain} {{\n\t\ttype filter hook {hook} priority -1; policy accept;\n"
        f"\t\tip saddr @{name} reject\n\t}}\n}}\n"
    )


BANS = [
    (banned("inet f2b-table", "f2b-chain", "addr-set-sshd"), "fail2ban", "banaction = nftables"),
    (banned("ip crowdsec", "crowdsec-chain-input", "crowdsec-blacklists"), "CrowdSec", "nftables_hooks"),
]


@pytest.mark.parametrize(("table", "owner", "advice"), BANS)
def test_bans_that_stand_at_input(table: str, owner: str, advice: str) -> None:
    """A banned address reaches published ports, for its ban is asked at input; at forward it is no finding."""
    said = found(with_tables(table))["ban-bypassed"]
    assert said.what.startswith(f"{owner} bans 192.0.2.9 in table") or said.what.startswith(
        f"{owner} bans 198.51.100.77 in table"
    )
    assert advice in said.advice[0]
    assert "shop" in said.about
    assert "ban-bypassed" not in found(with_tables(table.replace("hook input", "hook forward")))
    assert "ban-bypassed" not in found(with_tables(banned("inet mine", "c", "s")))
