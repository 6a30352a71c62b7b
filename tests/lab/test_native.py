"""Native nftables tables on real engines: what the kernel lists, what nft misprints, what cannot be read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from netui.traversal import path
from tests.lab.findings import outcome
from tests.lab.live import inside
from tests.lab.native_live import HOST, LIVE_PATH

from .doctor_host import diagnosis, seen
from .hosts import Host

Own = Callable[..., Host]

FAMILIES = """
table inet everywhere {
  chain first { type filter hook prerouting priority -310; policy accept; }
  chain entry {
    type filter hook input priority filter + 10; policy drop;
    iif lo accept
    accept
  }
  chain source { type nat hook postrouting priority srcnat; }
  chain plain { }
}
table bridge frames {
  chain passing { type filter hook forward priority -200; policy accept; }
}
table netdev wire {
  chain early { type filter hook ingress device "vh" priority 5; policy accept; }
}
table arp who {
  chain asked { type filter hook input priority 0; }
}
table ip6 six {
  chain away { type route hook output priority mangle; }
}
"""

LISTED = """
import json, subprocess
from netui.sources.live import nft_netlink
fields = ("family", "table", "name", "hook", "priority", "type", "policy")
print(json.dumps([[getattr(chain, field) for field in fields] for chain in nft_netlink.base_chains()]))
"""


def test_the_kernel_lists_every_base_chain(own_host: Own) -> None:
    """Over netlink, without nft: family, table, hook, priority, type and policy as nft prints them."""
    host = own_host("20.10-nft")
    host.engine.tool("nft", "-f", "-", stdin=FAMILIES)
    printed = [entry["chain"] for entry in host.engine.nft("list", "chains")["nftables"] if "chain" in entry]
    wanted = [
        [c["family"], c["table"], c["name"], c["hook"], c["prio"], c["type"], c.get("policy", "accept")]
        for c in printed
        if "hook" in c
    ]
    assert sorted(inside(host, LISTED)) == sorted(wanted)
    assert {entry[0] for entry in wanted} == {"inet", "bridge", "netdev", "arp", "ip6", "ip"}


COUNTED = """
import json, subprocess
from netui.model import RulesetKey
from netui.sources.live.machine_sources import LiveHost
host = LiveHost()
key = RulesetKey("inet", "nftables")
def read():
    return host.read_rules()["nft"].values["native"].rules[key]
before, first = read()
subprocess.run(["busybox", "ping", "-c", "2", "127.0.0.1"], capture_output=True)
after, second = read()
rule = before.tables[0].chains[0].rules[0]
print(json.dumps({"same": before is after, "moved": second[rule.index][0] - first[rule.index][0],
                  "text": rule.text, "count": len(first)}))
host.close()
"""


def test_counters_move_and_the_rules_stay(own_host: Own) -> None:
    """A refresh in which only counters moved keeps the ruleset itself."""
    host = own_host("20.10-nft")
    rules = """table inet own { chain entry {
      type filter hook input priority 10
      icmp type echo-request counter
      counter
    }
    }"""
    host.engine.tool("nft", "-f", "-", stdin=rules)
    assert inside(host, COUNTED) == {
        "same": True, "moved": 2, "text": "icmp type echo-request counter", "count": 2,
    }  # fmt: skip


def test_a_rule_that_the_save_program_prints_wrong(own_host: Own) -> None:
    """`tcp dport { 443, 3306 }` in iptables' own chain stops 443 alone, whatever the save text says."""
    host = own_host("20.10-nft")
    bridge = f"br-{host.engine.client.networks.get('hehe').id[:12]}"
    rule = f'insert rule ip filter DOCKER-USER iifname != "{bridge}" oifname "{bridge}" tcp dport {{ 443, 3306 }} drop'
    host.engine.tool("nft", "-f", "-", stdin=f"{rule}\n")
    assert outcome(host, "outside", HOST, 80) == "connected"
    assert outcome(host, "outside", HOST, 443) == "timeout"
    for found in (seen(host),):
        assert path(found, "outside", "host:80").verdict == "delivered"
        stopped = path(found, "outside", "host:443")
        assert (stopped.verdict, stopped.deciding is not None and stopped.deciding.rule) == ("dropped", 1)
        assert stopped.deciding is not None and "{ 443, 3306 }" in stopped.deciding.text
    live = inside(host, LIVE_PATH)["paths"]
    assert live["80"][0] == "delivered"
    assert live["443"][0] == "dropped"
    assert "{ 443, 3306 }" in live["443"][2][-1][3]


RESETS = """table inet own { chain entry {
  type filter hook input priority 10
  meta nfproto ipv6 meta mark 7 meta l4proto tcp reject with tcp reset
  meta mark 8 meta l4proto tcp reject with tcp reset
  ip saddr 192.0.2.9 meta l4proto tcp reject with tcp reset
  }
}
"""
RESET_TEXTS = """
import json
from netui.model import RulesetKey
from netui.sources.live.machine_sources import LiveHost
host = LiveHost()
found = host.read_rules()["nft"].values["native"].rules[RulesetKey("inet", "nftables")][0]
print(json.dumps([[rule.text, len(rule.native.statements)] for rule in found.tables[0].chains[0].rules]))
host.close()
"""


def test_a_reset_that_nft_prints_without_its_family(own_host: Own) -> None:
    """nft leaves `meta nfproto ipv6` out before `reject with tcp reset`; live, the kernel itself tells it."""
    host = own_host("20.10-nft")
    host.engine.tool("nft", "-f", "-", stdin=RESETS)
    assert "nfproto" not in host.engine.tool("nft", "list", "table", "inet", "own")
    assert inside(host, RESET_TEXTS) == [
        ["meta nfproto ipv6 meta mark 7 meta l4proto tcp reject with tcp reset", 4],
        ["meta mark 8 meta l4proto tcp reject with tcp reset", 3],
        ["ip saddr 192.0.2.9 meta l4proto tcp reject with tcp reset", 3],
    ]


OUTDATED = """#!/bin/sh
case "$1" in --version) echo "nftables v1.0.6 (Lester Gooch #5)"; exit 0;; esac
case "$*" in *"list table inet "*) kill -SEGV $$;; esac
exec /usr/sbin/nft "$@"
"""


def test_native_tables_that_cannot_be_listed(own_host: Own, tmp_path: Path) -> None:
    """nft too old for a table, or not there: base chains are known to exist, and what hangs on them is undecided."""
    host = own_host("20.10-nft")
    assert inside(host, LIVE_PATH)["paths"]["80"][0] == "delivered"
    host.engine.tool(
        "nft", "-f", "-", stdin="table inet own {\nchain f { type filter hook forward priority 5; policy drop; }\n}\n"
    )
    assert inside(host, LIVE_PATH)["paths"]["80"][0] == "dropped"
    nft = host.engine.bin / "nft"
    nft.unlink()
    nft.write_text(OUTDATED)
    nft.chmod(0o755)
    found = inside(host, LIVE_PATH)
    verdict, reason, _steps = found["paths"]["80"]
    assert verdict == "undecided"
    assert "nft 1.0.6 cannot list table inet own" in reason
    assert "install a newer nftables" in found["errors"]["nft"]
    hidden = LIVE_PATH.replace(
        "import json, sys",
        "import json, sys\nfrom netui.sources.machine import command\n"
        "find = command.find\ncommand.find = lambda name: None if name == 'nft' else find(name)",
    )
    verdict, reason, _steps = inside(host, hidden)["paths"]["80"]
    assert (verdict, "nft is not installed" in reason) == ("undecided", True)


def test_a_native_table_decides_on_a_real_host(own_host: Own) -> None:
    """A blocklist in a set, a verdict map by port and a reject: each flow ends as netui says, by the rule it names."""
    host = own_host("28.5")
    rules = """table inet guard {
      set bad { type ipv4_addr; flags interval; elements = { 198.51.100.0/28 }; }
      chain refuse { meta l4proto tcp reject with tcp reset; }
      chain passing { type filter hook forward priority -5; policy accept;
        ct original proto-dst vmap { 443 : jump refuse }
        ip saddr @bad ct original proto-dst 80 drop
      }
    }"""
    assert outcome(host, "outside", HOST, 80) == "connected"
    host.engine.tool("nft", "-f", "-", stdin=rules)
    assert outcome(host, "outside", HOST, 80) == "timeout"
    assert outcome(host, "outside", HOST, 443) == "ECONNREFUSED"
    found = seen(host)
    dropped = path(found, "outside:198.51.100.2", "host:80")
    refused = path(found, "outside:198.51.100.2", "host:443")
    assert (dropped.verdict, dropped.deciding and dropped.deciding.rule) == ("dropped", 2)
    # nft prints a reset without the family of its rule: a capture cannot tell it, the kernel does
    assert refused.verdict == "undecided" and {one.chain for one in refused.undecided} == {"refuse"}
    verdict, _reason, steps = inside(host, LIVE_PATH)["paths"]["443"]
    assert (verdict, steps[-1][1]) == ("rejected", "refuse")
    assert "native-tables" not in {note.id for note in diagnosis(host).notes}
    assert json.dumps(dropped.deciding.handle if dropped.deciding else 0) != "0"
