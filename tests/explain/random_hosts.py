"""Hosts made at random, with many containers."""

from __future__ import annotations

import random
from dataclasses import replace

from netui.dialects.iptables.save import read_save
from netui.model import RulesetKey, Snapshot
from tests.bench.large import large_snapshot, networks, save_text

#: chains in which people's rules stand, by table
_PLACES = {
    "raw": ["PREROUTING", "OUTPUT"],
    "filter": ["FORWARD", "DOCKER-USER", "INPUT", "OUTPUT", "DOCKER", "DOCKER-FORWARD"],
    "nat": ["PREROUTING", "OUTPUT", "POSTROUTING", "DOCKER", "INPUT"],
}


_BRIDGES = [net.bridge for net in networks(3)]
_SOURCES = ["10.64.0.0/24", "10.64.1.0/24", "10.64.0.2/32", "198.51.100.2/32", "10.64.0.0/16"]
_DESTINATIONS = ["10.64.0.0/24", "10.64.1.3/32", "10.64.2.1/32", "198.51.100.1/32", "0.0.0.0/1"]
_MORE = [
    "-m conntrack --ctstate NEW",
    "-m conntrack --ctstate RELATED,ESTABLISHED",
    "-m addrtype --dst-type LOCAL",
    "-m limit --limit 1/sec",
    "-m mark --mark 0x1",
]


def _rule(dice: random.Random, table: str) -> str:
    chain = dice.choice(_PLACES[table])
    words = [f"[0:0] -A {chain}"]
    no = dice.choice(["", "! "])
    if dice.random() < 0.5:
        words.append(f"{no}-s {dice.choice(_SOURCES)}")
    if dice.random() < 0.5:
        words.append(f"{no}-d {dice.choice(_DESTINATIONS)}")
    if dice.random() < 0.4 and chain not in ("OUTPUT", "POSTROUTING"):
        words.append(f"{no}-i {dice.choice([*_BRIDGES, 'eth0', 'br-+', 'lo'])}")
    if dice.random() < 0.4 and chain not in ("PREROUTING", "INPUT"):
        words.append(f"{no}-o {dice.choice([*_BRIDGES, 'eth0', 'br-+'])}")
    if dice.random() < 0.5:
        words.append(f"-p tcp -m tcp --dport {dice.choice([80, 20001, 20030, '1:100'])}")
    if dice.random() < 0.2:
        words.append(dice.choice(_MORE))
    targets = ["ACCEPT", "DROP", "RETURN", "MARK --set-xmark 0x1/0xffffffff"]
    if table == "filter":
        targets.append("REJECT --reject-with icmp-port-unreachable")
    if table == "nat":
        targets = ["ACCEPT", "RETURN"]
        if chain in ("PREROUTING", "OUTPUT", "DOCKER"):
            targets.append("DNAT --to-destination 10.64.1.4:80")
        elif chain == "POSTROUTING":
            targets.append("MASQUERADE")
    return f"{' '.join(words)} -j {dice.choice(targets)}"


def random_host(seed: int) -> Snapshot:
    """Docker 28's host of three networks, with people's rules and settings thrown in at random."""
    dice = random.Random(seed)
    base = large_snapshot(60)
    lines, table = [], ""
    for line in save_text(60).splitlines():
        table = line[1:] if line.startswith("*") else table
        lines.append(line)
        if " -A " in line and dice.random() < 0.05:
            lines.append(_rule(dice, table))
    ruleset, counters = read_save("\n".join(lines) + "\n", "ip", "nft")
    key = RulesetKey("ip", "nft")
    settings = dict(base.sysctls or {})
    settings["net.bridge.bridge-nf-call-iptables"] = dice.choice(["0", "1"])
    settings["net.ipv4.conf.all.rp_filter"] = dice.choice(["0", "1"])
    return replace(
        base,
        rulesets={**base.rulesets, key: ruleset},
        counters={**base.counters, key: counters},
        sysctls=settings,
        sockets=None if dice.random() < 0.1 else base.sockets,
    )
