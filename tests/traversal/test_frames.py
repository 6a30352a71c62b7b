"""Chains outside the IP hooks: ingress and egress of devices, and the bridge family's, on a small host."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.model import NativeChain, RulesetKey
from netui.traversal import Path, path, prepare
from tests.traversal.build import BRIDGE, filter_rules, interfaces, snapshot
from tests.traversal.frame_host import DNAT, FROM, host

ARP = "meta protocol arp accept"


def chain(place: str, *rules: str, policy: str = "accept", family: str = "netdev") -> str:
    """A table t with one base chain c."""
    body = "\n".join(f"\t\t{rule}" for rule in rules)
    return f"table {family} t {{\n\tchain c {{\n\t\ttype filter hook {place}; policy {policy};\n{body}\n\t}}\n}}\n"


def judged(found: Path) -> tuple[str, str]:
    """The verdict, and the hook of the step that dropped."""
    return found.verdict, found.deciding.hook if found.deciding is not None and found.verdict == "dropped" else ""


INGRESS, PORTS = 'ingress device "eth0" priority 0', "devices = { veth1, veth2 }"
DEVICES = [
    (chain(INGRESS, "tcp dport 80 drop"), FROM, "host:80", ("dropped", "ingress")),
    (chain(INGRESS, "tcp dport 80 drop"), FROM, "host:81", ("delivered", "")),
    (chain(INGRESS, "tcp dport 80 drop"), "blog", "openresty:80", ("delivered", "")),
    (chain(INGRESS, "ip saddr 198.51.100.7 drop"), FROM, "host:22", ("dropped", "ingress")),
    (chain(INGRESS, "ether type ip6 drop"), FROM, "host:22", ("delivered", "")),
    (chain(INGRESS, "tcp dport 80 drop", family="inet"), FROM, "host:80", ("dropped", "ingress")),
    (chain('ingress device "eth*" priority 0', "tcp dport 80 drop"), FROM, "host:80", ("dropped", "ingress")),
    (chain('ingress device "lo" priority 0', "tcp dport 22 drop"), "host", "127.0.0.1:22", ("dropped", "ingress")),
    (chain(f'ingress device "{BRIDGE}" priority 0', "tcp dport 22 drop"), "blog", "host:22", ("dropped", "ingress")),
    (chain(f"ingress {PORTS} priority 0", "tcp dport 80 drop"), "blog", "openresty:80", ("dropped", "ingress")),
    (chain(f"egress {PORTS} priority 0", "tcp dport 80 drop"), FROM, "host:8080", ("dropped", "egress")),
    (chain('egress device "eth0" priority 0', "tcp dport 53 drop"), "blog", "198.51.100.9:53", ("dropped", "egress")),
    (chain('egress device "eth0" priority 0', "tcp dport 53 drop"), "host", "198.51.100.9:53", ("dropped", "egress")),
    (chain('ingress device "veth1" priority 0', "tcp dport 80 drop"), "blog", "openresty:80", ("undecided", "")),
    (chain('ingress device "veth1" priority 0', "tcp dport 80 accept"), "blog", "openresty:80", ("delivered", "")),
    (chain(INGRESS, "meta pkttype != host drop"), FROM, "host:22", ("delivered", "")),
    (chain(f"ingress {PORTS} priority 0", "meta pkttype != host drop"), "blog", "openresty:80", ("undecided", "")),
    # of which devices is not told
    (chain("ingress priority 0", "tcp dport 80 drop"), FROM, "host:80", ("undecided", "")),
    (chain("ingress priority 0", "tcp dport 80 drop"), FROM, "host:22", ("delivered", "")),
    # a connection is not known before conntrack
    (chain(INGRESS, "ct state new drop", family="inet"), FROM, "host:22", ("delivered", "")),
    (chain(INGRESS, ARP, "tcp dport 80 accept", policy="drop"), FROM, "host:80", ("delivered", "")),
    (chain(INGRESS, ARP, "tcp dport 80 accept", policy="drop"), FROM, "host:22", ("dropped", "ingress")),
    # neighbours that do not know one another already never come to talk
    (chain(INGRESS, "tcp dport 80 accept", policy="drop"), FROM, "host:80", ("undecided", "")),
    (chain(INGRESS, "tcp dport 80 accept", policy="drop"), "blog", "198.51.100.9:53", ("undecided", "")),
    (chain(INGRESS, "arp operation request accept", policy="drop"), FROM, "host:22", ("dropped", "ingress")),
    (chain(INGRESS, 'fwd to "lo"'), FROM, "host:22", ("undecided", "")),
]


@pytest.mark.parametrize(("table", "source", "destination", "wanted"), DEVICES)
def test_devices(table: str, source: str, destination: str, wanted: tuple[str, str]) -> None:
    """A device's chains see what comes in and goes out by it, before and behind all else."""
    assert judged(path(host(table, rules=DNAT), source, destination)) == wanted


FORWARD, DROP80 = "forward priority filter", "tcp dport 80 drop"
BRIDGES = [
    (FORWARD, (DROP80,), "blog", "openresty:80", ("dropped", "forward")),
    (FORWARD, (DROP80,), "blog", "openresty:443", ("delivered", "")),
    (FORWARD, (DROP80,), FROM, "host:8080", ("delivered", "")),
    (FORWARD, (f'meta ibrname "{BRIDGE}" ip saddr 172.18.0.2 drop',), "blog", "openresty:80", ("dropped", "forward")),
    (FORWARD, ('meta obrname "other" drop',), "blog", "openresty:80", ("delivered", "")),
    (FORWARD, (f'iifname "{BRIDGE}" drop',), "blog", "openresty:80", ("delivered", "")),
    (FORWARD, ('iifname "veth*" oifname { "veth1", "veth2" } drop',), "blog", "openresty:80", ("dropped", "forward")),
    (FORWARD, ('iifname "veth1" drop',), "blog", "openresty:80", ("undecided", "")),
    # a rule that asks for connections has the frames tracked from -200 on (nf_conntrack_bridge; seen on Linux 6.12)
    (FORWARD, ("ct state new drop",), "blog", "openresty:80", ("dropped", "forward")),
    (FORWARD, ("ct state established drop",), "blog", "openresty:80", ("delivered", "")),
    ("prerouting priority -300", ("ct state new drop",), "blog", "openresty:80", ("delivered", "")),
    ("prerouting priority -300", ("ct state invalid drop",), "blog", "openresty:80", ("dropped", "prerouting")),
    ("prerouting priority -199", ("ct direction original ct state new drop",), "blog", "openresty:80",
     ("dropped", "prerouting")),
    ("input priority 0", ("ct state new tcp dport 22 drop",), "blog", "host:22", ("dropped", "input")),
    ("postrouting priority 300", ("ct state new ip saddr 198.51.100.7 drop",), FROM, "host:8080",
     ("dropped", "postrouting")),
    (FORWARD, ("meta protocol arp drop",), "blog", "openresty:80", ("undecided", "")),
    ("prerouting priority 10", (DROP80,), "blog", "openresty:80", ("dropped", "prerouting")),
    ("prerouting priority 0", (DROP80,), "blog", "host:80", ("dropped", "prerouting")),
    ("prerouting priority 0", ("ether daddr set 02:42:ac:12:00:09",), "blog", "openresty:80", ("undecided", "")),
    ("input priority 0", ("tcp dport 22 drop",), "blog", "host:22", ("dropped", "input")),
    ("input priority 0", ("tcp dport 22 drop",), FROM, "host:22", ("delivered", "")),
    ("output priority 0", (DROP80,), FROM, "host:8080", ("dropped", "output")),
    ("output priority 0", (DROP80,), "blog", "openresty:80", ("delivered", "")),
    ("postrouting priority 300", (DROP80,), FROM, "host:8080", ("dropped", "postrouting")),
    ("postrouting priority 300", (DROP80,), "host", "172.18.0.3:80", ("dropped", "postrouting")),
    ("postrouting priority 300", (DROP80,), "blog", "openresty:80", ("dropped", "postrouting")),
]  # fmt: skip


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize(("place", "rules", "source", "destination", "wanted"), BRIDGES)
def test_bridges(
    place: str, rules: tuple[str, ...], source: str, destination: str, wanted: tuple[str, str], calls: int
) -> None:
    """The bridge family's chains see frames, whether or not the IP hooks do."""
    table = chain(place, *rules, family="bridge")
    assert judged(path(host(table, rules=DNAT, calls=calls), source, destination)) == wanted


@pytest.mark.parametrize(("calls", "verdict"), [(0, "dropped"), (1, "undecided")])
def test_a_chain_at_the_priority_of_br_netfilter(calls: int, verdict: str) -> None:
    """In forward it runs if it was made after the first bridge, else never, and no snapshot tells (measured)."""
    table = chain("forward priority 0", DROP80, family="bridge")
    found = path(host(table, calls=calls), "blog", "openresty:80")
    assert found.verdict == verdict
    assert calls == 0 or "br_netfilter" in found.reason


@pytest.mark.parametrize(("behind", "verdict"), [(False, "dropped"), (True, "delivered")])
def test_the_kernel_told_the_order(behind: bool, verdict: str) -> None:
    """Where nft list hooks tells on which side of br_netfilter a chain hangs, it is known whether it runs."""
    table = chain("forward priority 0", DROP80, family="bridge")
    own, other = ("bridge", "t", "c"), ("br_nf_forward",)
    made = prepare(
        replace(host(table).snapshot, hook_order={("bridge", "forward"): (other, own)[:: 1 if behind else -1]})
    )
    assert path(made, "blog", "openresty:80").verdict == verdict


@pytest.mark.parametrize(("order", "verdict"), [((), "undecided"), (("a", "b"), "dropped"), (("b", "a"), "delivered")])
def test_the_order_of_equal_priorities(order: tuple[str, ...], verdict: str) -> None:
    """Two base chains of one priority, of which one marks what the other drops: the kernel's order decides."""
    marks = chain("forward priority 5", "meta mark set 7", family="ip").replace("table ip t", "table ip a")
    drops = chain("forward priority 5", "meta mark 7 drop", family="ip").replace("table ip t", "table ip b")
    told = {("ip", "forward"): tuple(("ip", name, "c") for name in order)} if order else {}
    made = prepare(replace(host(marks + drops, rules=DNAT).snapshot, hook_order=told))
    assert path(made, FROM, "host:8080").verdict == verdict


def test_the_order_of_frames_and_ip_hooks() -> None:
    """The kernel's trace: a bridge's hooks around the IP ones, its postrouting before the IP one."""
    table = "".join(
        chain(f"{hook} priority {priority}", "counter", family="bridge").replace("table bridge t", f"table bridge t{n}")
        for n, (hook, priority) in enumerate(
            (("prerouting", -10), ("prerouting", 10), ("forward", -200), ("forward", 10), ("postrouting", 0))
        )
    )
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n"
    mangle = "*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j ACCEPT\nCOMMIT\n"
    found = path(host(table, rules=raw + mangle + filter_rules("-A FORWARD -j ACCEPT")), "blog", "openresty:80")
    assert [step.table for step in found.legs[0].steps if step.rule is not None] == [
        "t0", "raw", "t1", "t2", "filter", "t3", "t4", "mangle",
    ]  # fmt: skip


UNREAD = [
    (("netdev", "ingress", ("eth0",)), FROM, "host:22", "undecided"),
    (("netdev", "ingress", ("eth1",)), FROM, "host:22", "delivered"),
    (("netdev", "egress", ()), "blog", "198.51.100.9:53", "undecided"),
    (("bridge", "forward", ()), "blog", "openresty:80", "undecided"),
    (("bridge", "forward", ()), FROM, "host:22", "delivered"),
    (("arp", "input", ()), FROM, "host:22", "delivered"),
]


@pytest.mark.parametrize(("unread", "source", "destination", "verdict"), UNREAD)
def test_chains_that_were_not_read(
    unread: tuple[str, str, tuple[str, ...]], source: str, destination: str, verdict: str
) -> None:
    """What meets a chain whose rules are not known is undecided, with the reason; what does not meet it is not."""
    family, hook, devices = unread
    one = NativeChain(family, "t", "c", hook, -5, "filter", "accept", frozenset({"unknown"}), "nft is too old", devices)
    found = path(prepare(snapshot(nft_chains=(one,))), source, destination)
    assert found.verdict == verdict
    assert verdict == "delivered" or "nft is too old" in found.reason


BENEATH = [
    ("vlan", 'ingress device "eth9" priority 0', ("vlan id 10 tcp dport 22 drop",), ("dropped", "ingress")),
    ("vlan", 'ingress device "eth9" priority 0', ("vlan id 11 drop", "ether type ip drop"), ("delivered", "")),
    ("vlan", 'ingress device "eth9" priority 0', ("meta protocol ip ether type vlan drop",), ("dropped", "ingress")),
    ("vlan", 'ingress device "eth9" priority 0', ('iifname "eth0" drop', 'oifname "eth9" drop'), ("delivered", "")),
    ("vlan", 'ingress device "eth0" priority 0', ("vlan id 10 drop", "ether type vlan drop"), ("delivered", "")),
    ("bond", 'ingress devices = { "eth8", "eth9" } priority 0', ("tcp dport 22 drop",), ("dropped", "ingress")),
    ("bond", 'ingress device "eth9" priority 0', ("tcp dport 22 drop",), ("undecided", "")),
    ("active", 'ingress device "eth9" priority 0', ("tcp dport 22 drop",), ("dropped", "ingress")),
    ("active", 'ingress device "eth8" priority 0', ("tcp dport 22 drop",), ("delivered", "")),
    ("macvlan", 'ingress device "eth9" priority 0', ("tcp dport 22 drop",), ("undecided", "")),
]


@pytest.mark.parametrize(("kind", "place", "rules", "wanted"), BENEATH)
def test_a_device_beneath_another(kind: str, place: str, rules: tuple[str, ...], wanted: tuple[str, str]) -> None:
    """A VLAN's parent sees its frames first, with their tag, a bond's port those of the bond (seen on Linux 6.12)."""
    eth0 = interfaces()[1]
    below = [replace(eth0, name=name, addresses=(), master="") for name in ("eth8", "eth9")]
    above = replace(eth0, kind=kind, link="eth9", vlan=10 if kind == "vlan" else 0)
    if kind in ("bond", "active"):
        above = replace(eth0, kind="bond", active="eth9" if kind == "active" else "")
        below = [replace(one, master="eth0") for one in below]
    every = (*(above if one.name == "eth0" else one for one in interfaces()), *below)
    found = path(host(chain(place, *rules), interfaces=every), FROM, "host:22")
    assert judged(found) == wanted


def test_a_table_that_answers_nothing_is_in_no_way() -> None:
    """Without such chains nothing outside the IP hooks is walked."""
    made = host("table inet t {\n}\n")
    assert not made.namespace.low
    assert RulesetKey("inet", "nftables") in made.snapshot.rulesets
