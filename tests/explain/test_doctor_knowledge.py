"""With less knowledge the doctor finds less: what was not read is never taken for gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from netui.audit.doctor import diagnose
from netui.model import RulesetKey, Snapshot
from netui.traversal import prepare
from tests.explain.hosts import snapshot
from tests.explain.lost_answers import ALL, exit_node

HOSTS: list[tuple[str, Callable[[], Snapshot]]] = [
    *ALL,
    ("20.10", snapshot),
    ("29", lambda: snapshot("engine-29")),
    ("29.7", lambda: snapshot("engine-29.7-nft")),
    ("exit node, networks spared", lambda: exit_node("172.16.0.0/12")),
]


def cuts(host: Snapshot) -> Mapping[str, dict[str, Any]]:
    """Parts that were not read, as fields of the snapshot."""

    def rules(keep: Callable[[RulesetKey], bool]) -> dict[str, Any]:
        return {"rulesets": {key: ruleset for key, ruleset in host.rulesets.items() if keep(key)}}

    nothing_of_docker: dict[str, Any] = {"engine": None, "containers": None, "networks": None}
    unread: dict[str, Any] = {"routes": {}, "policy_rules": {}}
    unread |= dict.fromkeys(("sysctls", "interfaces", "sockets", "ipsets"))
    deaf = tuple(replace(container, listening=None) for container in host.containers or ())
    return {
        "rules": rules(lambda _: False),
        "IPv4 rules": rules(lambda key: key.family != "ip"),
        "IPv6 rules": rules(lambda key: key.family != "ip6"),
        "legacy rules": rules(lambda key: key.backend != "legacy"),
        "iptables-nft rules": rules(lambda key: key.backend != "nft"),
        "native tables": {**rules(lambda key: key.backend != "nftables"), "nft_chains": None},
        **{name: {name: value} for name, value in unread.items()},
        "engine": {"engine": None},
        "containers": {"containers": None},
        "networks": {"networks": None},
        "anything of Docker": nothing_of_docker,
        "what listens": {"containers": deaf},
        "all but the rules": {**nothing_of_docker, **unread},
    }


def kinds(host: Snapshot) -> set[str]:
    """The kinds of its findings."""
    return {finding.id for finding in diagnose(prepare(host)).findings}


@pytest.mark.parametrize("make", [make for _, make in HOSTS], ids=[name for name, _ in HOSTS])
def test_less_knowledge_brings_no_other_finding(make: Callable[[], Snapshot]) -> None:
    """Each part of the host taken away in turn: what is found then was found with it."""
    host = make()
    known = kinds(host)
    for part, fields in cuts(host).items():
        assert kinds(replace(host, **fields)) <= known, f"without {part}"
