"""The answer's way: a connection whose answer is lost is not delivered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.audit.exposure import exposures
from netui.model import Container, Endpoint, Interface, PolicyRule, Route
from netui.traversal import Path, PreparedHost, flows, path
from tests.traversal.build import (
    BLOG,
    BRIDGE,
    HEHE,
    SIDE,
    SIDE_BRIDGE,
    SYSCTLS,
    container,
    filter_rules,
    host,
    interfaces,
    nat_rules,
    routes,
)

FROM = "outside:198.51.100.7"
PUBLISHED = nat_rules("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.19.0.9:80")


def _on_two_networks(**settings: str) -> PreparedHost:
    """two: on hehe, which has its gateway (by priority), and on side, where it is published."""
    two = Container(
        "2" * 64,
        "two",
        network_mode="hehe",
        endpoints=(
            Endpoint(HEHE, "hehe", ipv4="172.18.0.9", ipv4_prefix=16, gateway4="172.18.0.1", gw_priority=1),
            Endpoint(SIDE, "side", ipv4="172.19.0.9", ipv4_prefix=16, gateway4="172.19.0.1"),
        ),
    )
    names = {f"net.ipv4.conf.{name}.rp_filter": value for name, value in settings.items()}
    return host(
        PUBLISHED + filter_rules(),
        containers=(two, container(BLOG, "blog", "172.18.0.2")),
        sysctls={**SYSCTLS, **names},
    )


def test_an_answer_leaves_by_the_gateways_network() -> None:
    """Without rp_filter it comes back, by the other bridge."""
    found = path(_on_two_networks(), FROM, "host:8080", reply=True)
    assert (found.verdict, found.legs[0].packet.oif) == ("delivered", SIDE_BRIDGE)
    assert found.reply is not None
    assert found.reply[0].packet.iif == BRIDGE


def test_an_answer_by_another_bridge_is_lost_to_strict_rp_filter() -> None:
    """The way back to the container does not lead by the bridge by which its answer comes."""
    made = _on_two_networks(all="1")
    found = path(made, FROM, "host:8080", reply=True)
    assert (found.verdict, found.delivered_to) == ("dropped", None)
    assert found.reason.startswith("the answer does not come back: the way back to 172.19.0.9")
    assert path(made, FROM, "host:8080").verdict == "delivered"


def test_a_neighbour_is_answered_straight() -> None:
    """To a machine on one of its links a container sends by that link, whatever its gateway."""
    found = path(_on_two_networks(), "blog", "172.19.0.9:80", reply=True)
    assert found.reply is not None
    assert (found.reply[0].packet.iif, found.verdict) == (BRIDGE, "delivered")


def test_no_report_calls_a_port_open_whose_answer_is_lost() -> None:
    """Neither the cells of `exposed` nor the flows on the screen."""
    made = _on_two_networks(all="1")
    cells = [cell for found in exposures(made) if found.container == "two" for cell in found.cells]
    assert not [cell for cell in cells if cell.state == "open" and cell.origin.where in ("world", "lan")]
    direct = [flow for flow in flows(made, "2" * 64) if flow.kind == "direct" and "172.19" in flow.label]
    assert [flow.path.verdict for flow in direct] == ["dropped"]


@pytest.mark.parametrize(
    ("rule", "verdict", "decided_by"),
    [
        ("-A FORWARD -i br-+ -j DROP", "dropped", ("FORWARD", 1)),
        ("-A FORWARD -i br-+ -j REJECT", "dropped", ("FORWARD", 1)),
        ("-A FORWARD -p tcp -m tcp --dport 3306 -j DROP", "delivered", ("FORWARD", None)),
        ("-A FORWARD -i br-+ -m frobnicate --widgets 1 -j DROP", "undecided", None),
        ("-A FORWARD -i br-+ -m conntrack --ctstate ESTABLISHED -j ACCEPT", "delivered", ("FORWARD", None)),
    ],
)
def test_what_drops_the_answer_decides(rule: str, verdict: str, decided_by: tuple[str, int | None] | None) -> None:
    """A rule that drops the answer is the verdict's; who sent the question sees a time-out, refused or not."""
    found = path(host(filter_rules(rule)), FROM, "openresty:80", reply=True)
    assert found.verdict == verdict, found.reason
    assert (found.deciding and (found.deciding.chain, found.deciding.rule)) == decided_by


def _elsewhere(kind: str) -> Path:
    """Answers leave by tail0: a policy rule's table has the default route there."""
    ways = routes()
    four = (*ways["ip"], Route("ip", "0.0.0.0/0", table="52", dev="tail0"))
    rules = (
        PolicyRule("ip", 0, "local"),
        PolicyRule("ip", 5000, "main", suppress_prefixlength=0),
        PolicyRule("ip", 5270, "52"),
        PolicyRule("ip", 32766, "main"),
    )
    made = host(
        filter_rules(),
        interfaces=(*interfaces(), Interface(30, "tail0", kind=kind)),
        routes={**ways, "ip": four},
        policy_rules={"ip": rules},
    )
    return path(made, "outside:203.0.113.5", "openresty:80", reply=True, iif="eth0")


def test_an_answer_that_goes_into_a_tunnel_is_not_known_to_come_back() -> None:
    """A tunnel's other end decides whose packets it takes; by a second uplink it leaves, which is said."""
    found = _elsewhere("wireguard")
    assert found.verdict == "undecided"
    assert "leaves by tail0, not by eth0" in found.reason
    plain = _elsewhere("")
    assert plain.verdict == "delivered"
    assert any("leaves by tail0, not by eth0" in note for note in plain.notes)


def test_an_answer_past_the_translation_is_not_recognised() -> None:
    """Sent back to the same bridge, whose frames no rule sees: the client gets it from a stranger."""
    rules = nat_rules("-A PREROUTING -d 198.51.100.1/32 -p tcp -j DNAT --to-destination 172.18.0.3:80")
    made = host(rules, sysctls={**SYSCTLS, "net.bridge.bridge-nf-call-iptables": "0"})
    found = path(made, "blog", "198.51.100.1:80", reply=True)
    assert found.verdict == "dropped"
    assert "does not recognise" in found.reason


def test_an_answer_to_what_was_not_tracked_is_no_connections() -> None:
    """Untracked there, and tracked on its way back: a SYN and ACK out of nothing is INVALID."""
    rules = (
        "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -i eth0 -j CT --notrack\nCOMMIT\n"
        + filter_rules("-A FORWARD -m conntrack --ctstate INVALID -j DROP")
    )
    found = path(host(rules), FROM, "openresty:80", reply=True)
    assert (found.verdict, found.deciding and found.deciding.rule) == ("dropped", 1)
    assert path(host(rules), FROM, "openresty:80/udp", reply=True).verdict == "delivered"


def test_an_internal_networks_container_has_no_way_back() -> None:
    """It has no gateway: it answers its own network only."""
    made = host(filter_rules())
    networks = tuple(replace(one, internal=one.name == "side") for one in made.networks.values())
    lone = container("9" * 64, "lone", "172.19.0.9", network="side")
    lone = replace(lone, endpoints=(replace(lone.endpoints[0], gateway4=""),))
    found = path(host(filter_rules(), networks=networks, containers=(lone,)), FROM, "lone:80", reply=True)
    assert found.verdict == "unreachable"
    assert "lone has no route to 198.51.100.7" in found.reason
