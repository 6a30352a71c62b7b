"""Chains and rules of others' native tables by their purpose: firewalld's, netavark's, libvirt's, Incus's, bans."""

from __future__ import annotations

import pytest

from netui.dialects.nft.document import read_entries
from netui.dialects.nft.text_reader import read_text
from netui.explain.native_chains import native_chain
from netui.explain.native_measures import measure_lines
from netui.explain.rule_sentence import Names, explain_rule
from netui.model import Chain, Snapshot
from netui.reports.explain import explain_json, explain_text
from netui.reports.path import path_text
from netui.traversal import path
from tests.traversal.frame_host import FROM, host

CHAINS = [
    ("firewalld", "filter_INPUT", "firewalld", "where it begins, before zones and policies"),
    ("firewalld", "filter_IN_public", "firewalld", "zone public, packets for this machine"),
    ("firewalld", "filter_IN_public_deny", "firewalld", "zone public, packets for this machine: what it refuses"),
    ("firewalld", "filter_FWDI_work", "firewalld", "zone work, packets that are forwarded from it"),
    ("firewalld", "nat_PRE_ext_dmz_allow", "firewalld", "zone ext_dmz, forward ports: what it translates"),
    ("firewalld", "mangle_PRE_home_allow", "firewalld", "zone home, marks: what it marks"),
    ("firewalld", "filter_FWD_policy_docker-forwarding_pre", "firewalld",
     "policy docker-forwarding, forwarded packets: rich rules with a priority below 0"),
    ("firewalld", "filter_OUT_policy_out_post", "firewalld",
     "policy out, packets that this machine sends: rich rules with a priority above 0"),
    ("firewalld", "filter_FORWARD_IN_ZONES", "firewalld", "which zone a packet is of, by its source or interface"),
    ("firewalld", "filter_FORWARD_POLICIES_pre", "firewalld",
     "which zone and policies a packet meets, by its source and interfaces, those before the zones"),
    ("firewalld", "mine", "firewalld", ""),
    ("netavark", "nv_706f646d_10_88_0_0_nm16", "podman (netavark)", "sources that leave network 10.88.0.0/16"),
    ("netavark", "nv_706f646d_10_88_0_0_nm16_dnat", "podman (netavark)", "published ports of network 10.88.0.0/16"),
    ("netavark", "NETAVARK-ISOLATION-1", "podman (netavark)", "packets that leave an isolated network"),
    ("libvirt_network", "guest_output", "libvirt", "what may come out of virtual machines"),
    ("incus", "fwd.incusbr0", "Incus", "what may go in and out of bridge incusbr0"),
    ("lxd", "aclfwd.lxdbr0", "LXD", "the ACLs of bridge lxdbr0, forwarded packets"),
    ("crowdsec6", "crowdsec6-chain-forward", "CrowdSec", "packets from addresses in its sets are stopped"),
    ("f2b-table", "f2b-chain", "fail2ban", "packets from addresses in its jails' sets are stopped"),
    ("docker-bridges", "filter-forward-in__br0", "Docker", "what may enter bridge br0"),
    ("mine", "filter_IN_public", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("table", "chain", "owner", "purpose"), CHAINS)
def test_chains(table: str, chain: str, owner: str, purpose: str) -> None:
    """A chain's name tells whose it is and what is kept in it; an unknown one tells nothing."""
    assert native_chain(table, chain) == (owner, purpose)


MEASURED = """table inet t {
	counter web { packets 7 bytes 420 }
	quota month { over 10 mbytes used 3 mbytes }
	limit calm { rate 10/second burst 5 packets }
	chain c {
		tcp dport 80 counter name "web" quota name "month" drop
		quota over 10 mbytes used 2048 kbytes drop
		limit name "calm" accept
		quota 1 mbytes counter packets 3 bytes 4 accept
	}
}"""
STANDS = [
    [("counter", '"web": 7 packets, 420 bytes of all rules that name it'),
     ("quota", '"month": over 10 mbytes, 3.0 MiB used, 30%')],
    [("quota", "over 10 mbytes, 2.0 MiB used, 20%")],
    [("limit", '"calm": rate 10/second burst 5 packets; how much of it is used the kernel does not tell')],
    [("quota", "1 mbytes, nothing used as far as was printed")],
]  # fmt: skip


def test_what_quotas_limits_and_named_counters_stand_at() -> None:
    """A quota's use is kept and said, a name's definition is looked up; the report has them as data."""
    read = read_entries(read_text(enumerate(MEASURED.splitlines(), 1)), lambda _family, _name: True)
    ((ruleset, counters),) = read.values()
    chain = ruleset.tables[0].chains[0]
    assert [measure_lines(rule, counters) for rule in chain.rules] == STANDS
    snapshot = Snapshot(0.0, rulesets={ruleset.key: ruleset}, counters={ruleset.key: counters})
    told = explain_json(snapshot, [chain])["chains"][0]["rules"][0]["measures"]
    assert told[0] == {"kind": "counter", "name": "web", "text": "", "packets": 7, "bytes": 420}
    assert told[1] == {"kind": "quota", "name": "month", "text": "over 10 mbytes", "bytes": 10 << 20, "used": 3 << 20}
    assert "its quota over 10 mbytes, 2.0 MiB used, 20%" in explain_text(snapshot, [chain])


def test_a_chain_of_the_arp_family() -> None:
    """It says that no IP packet comes there, in the report's heading and as data."""
    text = "table arp t {\n\tchain c {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}"
    ((ruleset, counters),) = read_entries(read_text(enumerate(text.splitlines(), 1)), lambda *_: True).values()
    chain = ruleset.tables[0].chains[0]
    snapshot = Snapshot(0.0, rulesets={ruleset.key: ruleset}, counters={ruleset.key: counters})
    assert "no IP packet comes here" in explain_text(snapshot, [chain]).splitlines()[0]
    assert "no IP packet comes here" in explain_json(snapshot, [chain])["chains"][0]["purpose"]


def chain_of(table: str, name: str, *rules: str, more: str = "") -> Chain:
    """A chain of an inet table with these rules; more: other chains of the table."""
    body = "\n".join(f"\t\t{rule}" for rule in rules)
    text = f"table inet {table} {{\n{more}\n\tchain {name} {{\n{body}\n\t}}\n}}"
    read = read_entries(read_text(enumerate(text.splitlines(), 1)), lambda _family, _name: True)
    ((ruleset, _counters),) = read.values()
    found = ruleset.tables[0].chain(name)
    assert found is not None
    return found


RULES = [
    ("firewalld", "filter_INPUT_ZONES", ('iifname "eth1" goto filter_IN_work',),
     "firewalld: Packets that come in by eth1 are of zone work."),
    ("firewalld", "filter_INPUT_ZONES", ("goto filter_IN_work",), "firewalld: All other packets are of zone work."),
    ("firewalld", "filter_INPUT_POLICIES", ("ip saddr 10.1.0.0/16 jump filter_IN_work", "ip saddr 10.1.0.0/16 drop"),
     "firewalld: Packets from 10.1.0.0/16 that zone work did not decide are dropped: its target."),
    ("firewalld", "filter_FORWARD_POLICIES", ('oifname "br0" jump filter_FWD_policy_docker-forwarding',),
     "firewalld: Packets that leave by br0 meet policy docker-forwarding (Docker's, which lets forwarded packets in "
     "to its networks)."),
    ("firewalld", "filter_FORWARD", ("ct status dnat accept",),
     "firewalld: Packets whose destination was translated (to a published or forwarded port) are let through: zones "
     "and policies are not asked."),
    ("firewalld", "filter_IN_work", ("jump filter_IN_work_deny",),
     "firewalld: zone work, what it refuses (filter_IN_work_deny)."),
    ("firewalld", "filter_IN_work", ("accept",),
     "firewalld: what zone work did not decide is let through (packets for this machine)."),
    ("firewalld", "filter_IN_work_deny", ("tcp dport 22 reject",),
     "firewalld: TCP packets to port 22 are refused (icmpx-port-unreachable)."),
    ("f2b-table", "f2b-chain", ("tcp dport { 22 } ip saddr @addr-set-sshd reject",),
     "fail2ban: TCP packets to port 22 from addresses that the jail sshd has banned are refused."),
    ("crowdsec", "crowdsec-chain", ("ip saddr @crowdsec-blacklists counter drop",),
     "CrowdSec: Packets from addresses in crowdsec-blacklists, whom it has banned, are dropped."),
]  # fmt: skip


@pytest.mark.parametrize(("table", "chain", "rules", "wanted"), RULES)
def test_rules(table: str, chain: str, rules: tuple[str, ...], wanted: str) -> None:
    """The last rule of a chain in words: which zone or policy, whose ban, and what the zone's target is."""
    others = ("filter_IN_work", "filter_IN_work_deny", "filter_FWD_policy_docker-forwarding")
    more = "\n".join(f"\tchain {name} {{\n\t}}" for name in others if name != chain)
    sets = "\tset addr-set-sshd {\n\t\ttype ipv4_addr\n\t}\n\tset crowdsec-blacklists {\n\t\ttype ipv4_addr\n\t}\n"
    found = chain_of(table, chain, *rules, more=sets + more)
    assert explain_rule(Names(), found, found.rules[-1]) == wanted


DENIES = """table inet firewalld {
\tchain filter_IN_public_deny {
\t\ttcp dport 22 drop
\t}
\tchain filter_INPUT {
\t\ttype filter hook input priority filter + 10; policy accept;
\t\tjump filter_IN_public_deny
\t}
}
"""


def test_explain_and_path_say_whose_chain_it_is() -> None:
    """The heading of a chain, JSON's purpose, and the line of a path that is stopped."""
    snapshot: Snapshot = host(DENIES).snapshot
    chains = [c for key, ruleset in snapshot.rulesets.items() if key.backend == "nftables" for c in ruleset.chains()]
    wanted = "zone public, packets for this machine: what it refuses"
    assert f"filter_IN_public_deny  (firewalld's: {wanted})" in explain_text(snapshot, chains)
    described = explain_json(snapshot, chains)["chains"][0]
    assert (described["owner"], described["purpose"]) == ("firewalld", wanted)
    stopped = path_text(path(host(DENIES), FROM, "host:22"))
    assert f"filter_IN_public_deny is firewalld's: {wanted}" in stopped
    assert "is firewalld's" not in path_text(path(host(DENIES), FROM, "host:23"))
