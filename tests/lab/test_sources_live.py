"""The live sources on real engines: nothing is lost, nothing is changed, nothing leaks.

netui runs in the engine's own namespaces, as a person there would start it: a
Python program given to each host, which prints what it found as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from .hosts import Host
from .live import ROOT, inside

ROUND_TRIP = """
import json
from netui.model import RulesetKey
from netui.sources.live import iptables as iptables_live
from netui.dialects.iptables import save as iptables_save
found = {}
for family in ("ip", "ip6"):
    for backend in ("nft", "legacy"):
        text, via = iptables_live.save_text(RulesetKey(family, backend))
        ruleset, counters = iptables_save.read_save(text, family, backend)
        again = iptables_save.print_save(ruleset, counters, iptables_save.remarks(text))
        found[f"{family} {backend}"] = [again == text, ruleset.rule_count(), via]
print(json.dumps(found))
"""


def test_save_text_comes_back_byte_for_byte(any_blog_host: Host) -> None:
    """On each engine every save is printed back equal, and the engine's rules are among them."""
    found = inside(any_blog_host, ROUND_TRIP)
    assert all(equal for equal, _, _ in found.values())
    backend = "legacy" if any_blog_host.engine.legacy else "nft"
    assert found[f"ip {backend}"][1] > 20


def test_a_real_host_is_read_whole(any_blog_host: Host) -> None:
    """Networks, containers, rules, routes and sockets of the blog post's host, no source failing."""
    found = inside(
        any_blog_host,
        """
import json
from netui.sources.live.machine_sources import read_live
s = read_live()
hehe = next(n for n in s.networks if n.name == "hehe")
print(json.dumps({
    "errors": {k: v.error for k, v in s.sources.items() if v.error},
    "bridge": hehe.bridge, "subnet": hehe.subnets[0].subnet,
    "members": sorted(m.name for m in hehe.members),
    "ports": sorted(p.host_port for c in s.containers for p in c.bound_ports if c.name == "openresty"),
    "listening": sorted({k.port for c in s.containers if c.name == "openresty" for k in c.listening or ()}),
    "interfaces": [i.name for i in s.interfaces],
    "native": len(s.nft_chains),
    "forward": s.sysctls["net.ipv4.ip_forward"],
}))
""",
    )
    assert found["errors"] == {}
    assert found["bridge"] in found["interfaces"]
    assert found["subnet"] == "172.18.0.0/16"
    assert found["members"] == ["blog", "openresty"]
    assert {80, 443} <= set(found["ports"])
    assert {80, 443} <= set(found["listening"])
    assert found["native"] == 0
    assert found["forward"] == "1"


EXTENSIONS = """
-A INPUT -s 10.0.0.0/8 ! -d 10.1.0.0/255.255.0.255 -i eth+ -p tcp -m tcp --dport 22 --tcp-flags SYN,ACK SYN -j ACCEPT
-A INPUT ! -i lo -p udp -m multiport --dports 53,123 -m conntrack --ctstate NEW,ESTABLISHED -j DROP
-A INPUT -p icmp -m icmp --icmp-type 8 -m limit --limit 5/sec -j REJECT --reject-with icmp-port-unreachable
-A INPUT -f -j LOG --log-prefix "x y " --log-level 3
-A INPUT -m mark --mark 0x1/0xff -m addrtype --dst-type LOCAL
-A INPUT ! -p 200 -g DOCKER-USER
-A INPUT -p sctp -m sctp --dport 80 -m statistic --mode random --probability 0.5 -j MARK --set-xmark 0x5
-A INPUT -m iprange --src-range 10.0.0.1-10.0.0.9 -m recent --set --name bad -j NFLOG --nflog-prefix "p q"
-A INPUT -m state --state RELATED -m hashlimit --hashlimit-upto 5/min --hashlimit-name h -j RETURN
-A INPUT -m mac --mac-source 00:11:22:33:44:55 -m comment --comment "a \\"b\\" 'c' \\\\ d" -j ACCEPT
-A OUTPUT -m owner --uid-owner 0 -m length --length 10:20
-A INPUT -m pkttype --pkt-type broadcast -m ttl --ttl-eq 5
-A FORWARD -m physdev --physdev-in veth1 --physdev-is-bridged -j ACCEPT
-A FORWARD -m conntrack --ctorigdst 198.51.100.1 --ctorigdstport 80 --ctdir ORIGINAL -j ACCEPT
-A FORWARD -s 0.0.0.0/1 -j CONNMARK --save-mark
"""


def test_python_iptables_prints_what_iptables_legacy_save_prints(own_host: Any) -> None:
    """Rule by rule and counter by counter, for Docker's rules and for what people add."""
    host = own_host("20.10-legacy")
    added = 0
    for line in EXTENSIONS.strip().splitlines():
        script = f"iptables-legacy -w {line}"
        done = subprocess.run(
            ["nsenter", f"--net={host.namespace.path}", "sh", "-c", script], capture_output=True, check=False
        )
        added += done.returncode == 0
    # A kernel may lack an extension or two, but not most.
    assert added >= 10
    found = inside(
        host,
        """
import json
from netui.model import RulesetKey
from netui.sources.live import iptables as iptables_live
from netui.sources.legacy.tables import LegacyTables
legacy, found = LegacyTables(), {}
def lines(text): return [line for line in text.splitlines() if not line.startswith("#")]
for family in ("ip", "ip6"):
    key = RulesetKey(family, "legacy")
    (one, by), (other, by_save) = iptables_live.save_text(key, legacy), iptables_live.save_text(key)
    found[family] = [by, by_save, lines(one), lines(other)]
print(json.dumps(found))
""",
        machine=True,
    )
    by, by_save, one, other = found["ip"]
    assert (by, by_save) == ("python-iptables", "iptables-legacy-save")
    assert one == other
    assert found["ip6"][2] == found["ip6"][3]


def test_a_large_legacy_table_is_left_to_the_program(own_host: Any) -> None:
    """Above the bound iptables-legacy-save serves, and the source says so."""
    host = own_host("20.10-legacy")
    rules = "".join(f"-A DOCKER-USER -s 10.{n >> 8}.{n & 255}.1/32 -j RETURN\n" for n in range(1200))
    subprocess.run(
        ["nsenter", f"--net={host.namespace.path}", "iptables-legacy-restore", "-n"],
        input=f"*filter\n{rules}COMMIT\n".encode(),
        check=True,
    )
    found = inside(
        host,
        """
import json
from netui.sources.live.iptables import LiveRules
from netui.sources.legacy.tables import LegacyTables
part = LiveRules(LegacyTables()).read()["iptables-legacy"]
print(json.dumps([part.via, part.error, part.values["rules"][0].rule_count()]))
""",
    )
    assert found[0] == "iptables-legacy-save"
    assert found[1] == ""
    assert found[2] > 1200


HOUR = """
import json, os, time
from netui.sources.live.machine_sources import LiveHost, local_containers, rulesets_of
host = LiveHost(on_event=lambda event: None)
host.docker._on_event = None
parts = {}
def slow():
    parts.update(host.read_docker()); parts.update(host.read_host(local_containers(parts["docker"])))
    parts.update(host.read_sets())
parts.update(host.read_rules()); slow()
first = parts["iptables-legacy"].values["rules"][0], parts["iptables-nft"].values["rules"][0]
descriptors = len(os.listdir("/proc/self/fd"))
start = time.monotonic()
turns = 0
while turns < 3600 and time.monotonic() - start < 60:
    parts.update(host.read_rules())
    if turns % 300 == 0:
        slow()
    turns += 1
same = (parts["iptables-legacy"].values["rules"][0] is first[0], parts["iptables-nft"].values["rules"][0] is first[1])
grown = len(os.listdir("/proc/self/fd")) - descriptors
errors = {name: part.error for name, part in parts.items() if part.error}
host.close()
print(json.dumps({"turns": turns, "seconds": time.monotonic() - start, "same": same, "grown": grown, "errors": errors,
    "via": parts["iptables-legacy"].via}))
"""


def state_of(host: Host) -> dict[str, str]:
    """Everything that a reading might change: tables, modules, rules of both variants and of nft."""

    def text(*command: str) -> str:
        done = subprocess.run(
            ["nsenter", f"--net={host.namespace.path}", *command],
            capture_output=True,
            text=True,
            env={**os.environ, **host.engine.environment()},
            check=False,
        )
        return done.stdout

    modules = Path("/proc/modules")
    return {
        "modules": "\n".join(sorted(line.split()[0] for line in modules.read_text().splitlines()))
        if modules.exists()
        else "",
        "ip": text("cat", "/proc/net/ip_tables_names"),
        "ip6": text("cat", "/proc/net/ip6_tables_names"),
        "nft": json.dumps(
            [
                {kind: {key: value for key, value in entry[kind].items() if key != "expr"} for kind in entry}
                for entry in json.loads(text("nft", "-j", "list", "ruleset"))["nftables"]
            ]
        ),
        **{
            tool: "\n".join(line for line in text(f"{tool}-save").splitlines() if line.startswith(("*", "-A")))
            for tool in ("iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy")
        },
    }


@pytest.mark.parametrize("kind", ["20.10-nft", "20.10-legacy"])
def test_an_hour_of_refreshes_changes_nothing(own_host: Any, kind: str) -> None:
    """3,600 readings, one after the other: tables, modules and rules are as they were."""
    host = own_host(kind)
    before = state_of(host)
    found = inside(host, HOUR)
    assert state_of(host) == before
    assert found["turns"] >= 1000
    assert found["same"] == [True, True]
    assert found["grown"] <= 0
    assert found["errors"] == {}
    if kind == "20.10-legacy":
        assert found["via"] == "python-iptables"


def test_reading_creates_no_legacy_table(own_host: Any) -> None:
    """Where a host has none, none is there after a reading, and iptables warns of none."""
    host = own_host("20.10-nft")
    names = inside(
        host,
        """
import json
from netui.sources.live.machine_sources import LiveHost
host = LiveHost(on_event=lambda event: None)
part = host.read_rules()["iptables-legacy"]
print(json.dumps([part.values["rules"][0].rule_count(), open("/proc/net/ip_tables_names").read()]))
""",
    )
    assert names == [0, ""]


WATCH = """
import json, os, sys, threading, time
from netui.feed.poller import Poller
lines, lock = [], threading.Lock()
def say(**what):
    with lock:
        print(json.dumps({"at": time.time(), "threads": threading.active_count(),
            "descriptors": len(os.listdir("/proc/self/fd")), **what}), flush=True)
def snapshot(s):
    say(containers=sorted(c.name for c in s.containers or () if c.running),
        networks=sorted(n.name for n in s.networks or ()),
        error=s.sources["docker"].error, age=s.time - (s.sources["docker"].time or 0))
poller = Poller(1.0)
poller.start(snapshot, lambda event: say(event=f"{event.type} {event.action} {event.name}"))
sys.stdin.read()
poller.stop()
"""


class Watching:
    """A poller in the host, and the lines that it prints."""

    def __init__(self, host: Host) -> None:
        environment = {**os.environ, **host.engine.environment(), "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            ["nsenter", f"--net={host.namespace.path}", sys.executable, "-c", WATCH],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.ended = time.monotonic()
        self._process.wait(10)
        self.ended = time.monotonic() - self.ended

    def until(self, true: Any, seconds: float = 20.0) -> dict[str, Any]:
        """Return the first snapshot from now on for which it holds."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        for line in self._process.stdout:
            found: dict[str, Any] = json.loads(line)
            if "containers" in found and true(found):
                return found
            assert time.monotonic() < deadline, found
        raise AssertionError("the poller ended")


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_changes_appear_within_a_second(own_host: Any, kind: str) -> None:
    """A new container, a restart, a removed network."""
    host = own_host(kind)
    client = host.engine.client
    with Watching(host) as watching:
        watching.until(lambda found: found["containers"] == ["blog", "openresty"])
        host.container("new", "sleep 600", networks={"hehe": {}})
        started = time.time()
        assert watching.until(lambda found: "new" in found["containers"])["at"] - started < 1.0
        client.networks.create("extra")
        started = time.time()
        assert watching.until(lambda found: "extra" in found["networks"])["at"] - started < 1.0
        client.networks.get("extra").remove()
        started = time.time()
        assert watching.until(lambda found: "extra" not in found["networks"])["at"] - started < 1.0
        client.containers.get("new").remove(force=True)
        started = time.time()
        assert watching.until(lambda found: "new" not in found["containers"])["at"] - started < 1.0
    assert watching.ended < 2.0


@pytest.mark.long
def test_twenty_restarts_of_the_daemon_leave_a_live_screen(own_host: Any) -> None:
    """Killed and started again twenty times: data kept and marked old, then live again, nothing leaked."""
    host = own_host("20.10-nft")
    with Watching(host) as watching:
        watching.until(lambda found: found["containers"] and not found["error"])
        steady: dict[str, Any] = {}
        for turn in range(20):
            host.engine.kill()
            down = watching.until(lambda found: found["error"])
            assert down["networks"], "old data are kept"
            host.engine.start()
            up = watching.until(lambda found: not found["error"] and "hehe" in found["networks"])
            if turn == 1:
                steady = up
        last = watching.until(lambda found: not found["error"] and found["age"] < 30)
        # The event stream's thread and what is being read at the moment come and go.
        assert last["threads"] <= steady["threads"] + 3
        assert last["descriptors"] <= steady["descriptors"] + 6
