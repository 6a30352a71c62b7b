"""Subnets that overlap and routes that hide each other, and advice in the variant that holds Docker's rules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.dialects.iptables.save import read_save
from netui.model import Address, Interface, Network, Route, RulesetKey, Subnet
from tests.explain.hosts import snapshot
from tests.explain.situations import SAVE, only

_FREE = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -i virbr0 -j ACCEPT\nCOMMIT\n"


@pytest.mark.parametrize(
    ("before", "metric", "said"),
    [
        (True, 0, "The route to 172.28.0.0/24 (dev virbr0) takes addresses of network web (172.28.0.0/24)"),
        (False, 0, "Network web (172.28.0.0/24) hides the route to 172.28.0.0/24 (dev virbr0)"),
        (True, 100, "Network web (172.28.0.0/24) hides the route to 172.28.0.0/24 (dev virbr0)"),
    ],
    ids=["stands first", "stands behind", "a higher metric"],
)
def test_of_two_routes_to_one_subnet_the_kernel_s_is_named(before: bool, metric: int, said: str) -> None:
    """The lower metric wins, then the one that stands first."""
    base = snapshot()
    other = Route("ip", "172.28.0.0/24", dev="virbr0", metric=metric)
    own = base.routes["ip"]
    routes = {**base.routes, "ip": (other, *own) if before else (*own, other)}
    found = {finding.id: finding for finding in only(replace(base, routes=routes))}
    assert found["route-hidden"].what.startswith(said)


@pytest.mark.parametrize(
    ("driver", "why"),
    [("overlay", 'containers of over are rejected here ("Pool overlaps'), ("macvlan", "by one of the two only")],
)
def test_an_overlay_over_a_node_s_own_network(driver: str, why: str) -> None:
    """The swarm's manager lets a network overlap one of the node's, which then takes no container of it."""
    base = snapshot()
    over = Network("o" * 25, "over", driver, scope="swarm", subnets=(Subnet("172.28.0.0/16"),))
    found = {finding.id: finding for finding in only(replace(base, networks=(*(base.networks or ()), over)))}
    assert set(found["subnets-overlap"].about) == {"over", "web"}
    assert why in found["subnets-overlap"].why


@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_a_rule_is_advised_for_the_variant_that_holds_the_policy(variant: str) -> None:
    """Where both variants hold rules, a plain `iptables` may be the one in which the rule is of no use."""
    base = snapshot()
    docker, counters = read_save(SAVE.read_text(), "ip", variant)  # type: ignore[arg-type]
    other = "legacy" if variant == "nft" else "nft"
    free, free_counters = read_save(_FREE, "ip", other)  # type: ignore[arg-type]
    keys = RulesetKey("ip", variant), RulesetKey("ip", other)  # type: ignore[arg-type]
    virbr = Interface(99, "virbr0", kind="bridge", addresses=(Address("ip", "192.168.122.1", 24),))
    changed = replace(
        base,
        rulesets={**base.rulesets, keys[0]: docker, keys[1]: free},
        counters={**base.counters, keys[0]: counters, keys[1]: free_counters},
        interfaces=(*(base.interfaces or ()), virbr),
        routes={**base.routes, "ip": (*base.routes["ip"], Route("ip", "192.168.122.0/24", dev="virbr0"))},
        sysctls={**(base.sysctls or {}), "net.ipv4.conf.virbr0.forwarding": "1"},
    )
    found = {finding.id: finding for finding in only(changed)}
    assert f"iptables-{variant} -I DOCKER-USER 1 -i virbr0 -j ACCEPT" in found["bridge-stranded"].advice[0]
