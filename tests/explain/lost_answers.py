"""Hosts on which answers are lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from netui.dialects.iptables.save import read_save
from netui.model import Address, Interface, PolicyRule, Route, RulesetKey, Snapshot
from tests.explain.hosts import snapshot, with_rules
from tests.explain.situations import SAVE, SITUATIONS


def forward(*rules: str, at_head: bool = False, base: Snapshot | None = None) -> Snapshot:
    """The host with rules at the head or the end of FORWARD."""
    lines = SAVE.read_text().splitlines()
    own = [i for i, line in enumerate(lines) if "-A FORWARD " in line]
    at = own[0] if at_head else own[-1] + 1
    lines[at:at] = [f"[0:0] -A FORWARD {rule}" for rule in rules]
    rulesets, counters = read_save("\n".join(lines) + "\n", "ip", "nft")
    key, base = RulesetKey("ip", "nft"), base or snapshot()
    return replace(base, rulesets={**base.rulesets, key: rulesets}, counters={**base.counters, key: counters})


def exit_node(*spared: str) -> Snapshot:
    """A VPN's exit node: table 52 comes before main and sends everything but what is spared into the tunnel."""
    base = snapshot()
    tunnel = Interface(99, "tailscale0", kind="tun", addresses=(Address("ip", "100.64.0.7", 32),))
    routes = (*base.routes["ip"], Route("ip", "0.0.0.0/0", table="52", dev="tailscale0"))
    routes = (*routes, Route("ip", "0.0.0.0/0", dev="vh", gateway="198.51.100.2"))
    routes = (*routes, *(Route("ip", dst, "throw", table="52") for dst in spared))
    rules = (*base.policy_rules["ip"], PolicyRule("ip", 5270, "52"))
    sysctls = {**(base.sysctls or {}), "net.ipv4.conf.tailscale0.forwarding": "1"}
    return replace(
        base,
        interfaces=(*(base.interfaces or ()), tunnel),
        routes={**base.routes, "ip": routes},
        policy_rules={**base.policy_rules, "ip": tuple(sorted(rules, key=lambda rule: rule.priority))},
        sysctls=sysctls,
    )


ALL: list[tuple[str, Callable[[], Snapshot]]] = [
    *((name, make) for name, make, _, _ in SITUATIONS),
    ("answers", lambda: with_rules("-A DOCKER-USER -i vh -j DROP")),
    ("plain DROP", lambda: with_rules("-A DOCKER-USER -s 198.51.100.7/32 -j ACCEPT\n-A DOCKER-USER -j DROP")),
    ("neighbours", lambda: forward("-j REJECT --reject-with icmp-host-prohibited", at_head=True)),
    ("interface", lambda: with_rules("-A DOCKER-USER -i eth7 -j DROP")),
    ("behind", lambda: forward("-i vh -p tcp -m tcp --dport 8080 -j DROP")),
    ("jumps", lambda: forward("-j DOCKER-USER", "-j DOCKER-USER", at_head=True)),
    ("exit node", exit_node),
]
