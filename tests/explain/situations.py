"""Situations in which the doctor finds something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from netui.audit.doctor import Finding, diagnose
from netui.dialects.iptables.save import read_save
from netui.model import Interface, RulesetKey, Snapshot
from netui.traversal import prepare
from tests.explain.hosts import CASES, snapshot, with_rules

SAVE = CASES / "engine-20.10" / "host" / "iptables-nft-save.txt"


def without(*parts: str) -> Snapshot:
    """The host without the lines of its rules that hold any of these."""
    lines = [line for line in SAVE.read_text().splitlines() if not any(part in line for part in parts)]
    rules, counters = read_save("\n".join(lines) + "\n", "ip", "nft")
    key = RulesetKey("ip", "nft")
    base = snapshot()
    return replace(base, rulesets={**base.rulesets, key: rules}, counters={**base.counters, key: counters})


def sysctl(**values: str) -> Snapshot:
    """The host with sysctls changed (``__`` for a dot)."""
    base = snapshot()
    changed = {name.replace("__", "."): value for name, value in values.items()}
    return replace(base, sysctls={**(base.sysctls or {}), **changed})


def interface(change: Callable[[Interface], Interface], *more: Interface) -> Snapshot:
    """The host with each interface changed, and more of them."""
    base = snapshot()
    return replace(base, interfaces=(*(change(one) for one in base.interfaces or ()), *more))


def engine(**fields: Any) -> Snapshot:
    """The host with an engine of another kind."""
    base = snapshot()
    assert base.engine is not None
    return replace(base, engine=replace(base.engine, **fields))


def usual(found: Finding) -> bool:
    """The recorded host's own findings: cart publishes three ports on which nothing listens."""
    return found.id == "nothing-listens" and found.about == ("cart",)


def only(changed: Snapshot) -> list[Finding]:
    """The findings that the change brought."""
    return [finding for finding in diagnose(prepare(changed)).findings if not usual(finding)]


SITUATIONS: list[tuple[str, Callable[[], Snapshot], str, str]] = [
    (
        "nat wiped",
        lambda: without("-A DOCKER ", "-j DOCKER", ":DOCKER - "),
        "rules-missing",
        "table nat has no chain",
    ),
    ("one DNAT gone", lambda: without("--dport 9001 -j DNAT"), "missing-dnat", "9001/tcp"),
    ("ip_forward 0", lambda: sysctl(net__ipv4__ip_forward="0"), "forwarding-off", "net.ipv4.ip_forward is 0"),
    ("no MASQUERADE", lambda: without("172.28.0.0/24 ! -o"), "no-masquerade", "172.28.0.0/24"),
    (
        "published port in DOCKER-USER",
        lambda: with_rules("-A DOCKER-USER -i vh -p tcp -m tcp --dport 8080 -j DROP"),
        "docker-user-published-port",
        "names port 8080",
    ),
    (
        "host address in DOCKER-USER",
        lambda: with_rules("-A DOCKER-USER -d 198.51.100.1/32 -p tcp -j DROP"),
        "docker-user-host-address",
        "198.51.100.1",
    ),
    (
        "behind a RETURN",
        lambda: with_rules("-A DOCKER-USER -j RETURN\n-A DOCKER-USER -s 203.0.113.7/32 -j DROP"),
        "docker-user-behind-end",
        "Rule 2",
    ),
    (
        "shadowed",
        lambda: with_rules("-A DOCKER-USER -s 203.0.113.0/24 -j ACCEPT\n-A DOCKER-USER -s 203.0.113.7/32 -j DROP"),
        "docker-user-shadowed",
        "rule 1 takes all",
    ),
    (
        "a ban in INPUT",
        lambda: with_rules(
            ":f2b-web - [0:0]\n-A INPUT -p tcp -m multiport --dports 8080 -j f2b-web\n"
            "-A f2b-web -s 198.51.100.2/32 -j DROP\n-A f2b-web -j RETURN"
        ),
        "ban-bypassed",
        "bans 198.51.100.2 in f2b-web",
    ),
    (
        "INPUT denies in vain",
        lambda: with_rules("-A INPUT -p tcp -m tcp --dport 8080 -j REJECT"),
        "input-bypassed",
        "8080/tcp",
    ),
    (
        "icc=false unseen by the rules",
        lambda: replace(
            interface(lambda one: replace(one, nf_call_iptables=False)),
            sysctls={**(snapshot().sysctls or {}), "net.bridge.bridge-nf-call-iptables": "0"},
        ),
        "icc-not-enforced",
        "network quiet",
    ),
    (
        "MTU",
        lambda: interface(lambda one: replace(one, mtu=1400) if one.name == "vh" else one),
        "mtu-too-large",
        "1400",
    ),
]
