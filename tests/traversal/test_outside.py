"""Who is outside, by which interface it comes in, and what no machine outside can send."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.model import Address, Interface, Route
from netui.traversal import EndpointError, PreparedHost, path
from netui.traversal.result import Change
from tests.traversal.build import SYSCTLS, filter_rules, host, interfaces, nat_rules, routes

SIX = "fd00:18::3"


def test_a_rule_for_link_local_sources_is_not_for_machines_outside() -> None:
    """Engines from 27 on publish over IPv6 with `! -s fe80::/10`: from beyond a router the DNAT is met."""
    rules = nat_rules("-A PREROUTING ! -s fe80::/10 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:18::3]:80")
    found = path(host("", rules), "outside", "[2001:db8:1::1]:80")
    assert [step.changes for step in found.legs[0].steps if step.changes] == [(Change("destination", f"[{SIX}]:80"),)]
    assert found.undecided == ()


def test_a_neighbour_can_have_a_link_local_address() -> None:
    """`outside:fe80::2` is a machine on the link: the rule is not for it."""
    rules = nat_rules("-A PREROUTING ! -s fe80::/10 -p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00:18::3]:80")
    found = path(host("", rules), "outside:fe80::2", "[2001:db8:1::1]:80", iif="eth0")
    assert found.delivered_to is not None
    assert found.delivered_to.kind == "host"


def test_whoever_gets_a_packet_from_loopback_discards_it() -> None:
    """Host → [::1] with DNAT to another machine: IPv6 has no route_localnet, and ::1 is no source on a wire."""
    rules = nat_rules("-A OUTPUT -d ::1/128 -p tcp -m tcp --dport 80 -j DNAT --to-destination [2001:db8:1::7]:80")
    found = path(host("", rules), "host", "[::1]:80")
    assert (found.verdict, "::1" in found.reason) == ("dropped", True)
    masked = rules.replace("COMMIT", "-A POSTROUTING -o eth0 -j MASQUERADE\nCOMMIT")
    assert path(host("", masked), "host", "[::1]:80").verdict == "delivered"


def test_the_same_of_a_loopback_source_over_ipv4() -> None:
    """With route_localnet it leaves, and whoever gets it takes it for a martian, unless it is masqueraded."""
    rules = nat_rules("-A OUTPUT -d 127.0.0.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80")
    open_way = {**SYSCTLS, "net.ipv4.conf.all.route_localnet": "1"}
    found = path(host(rules, sysctls=open_way), "host", "127.0.0.1:80")
    assert (found.verdict, "127.0.0.1" in found.reason) == ("dropped", True)
    masked = rules.replace("COMMIT", "-A POSTROUTING -m addrtype --src-type LOCAL -j MASQUERADE\nCOMMIT")
    assert path(host(masked, sysctls=open_way), "host", "127.0.0.1:80").verdict == "delivered"


@pytest.mark.parametrize("source", ["0.0.0.7", "0.1.2.3", "127.0.0.9", "224.0.0.1", "255.255.255.255"])
def test_nobody_has_such_a_source(source: str) -> None:
    """The kernel drops a packet from such an address as martian."""
    assert path(host(""), f"outside:{source}", "host:22", iif="eth0").verdict == "dropped"


def _two_uplinks(**settings: str) -> PreparedHost:
    """Beside eth0, with the default route, eth1 with an address of its own."""
    second = Interface(9, "eth1", addresses=(Address("ip", "192.0.2.1", 24),))
    ways = routes()
    four = (
        *ways["ip"],
        Route("ip", "192.0.2.0/24", dev="eth1", prefsrc="192.0.2.1"),
        Route("ip", "192.0.2.1/32", type="local", table="local", dev="eth1"),
    )
    names = {f"net.ipv4.conf.{name}.rp_filter": value for name, value in settings.items()}
    return host(
        filter_rules(),
        interfaces=(*interfaces(), second),
        routes={**ways, "ip": four},
        sysctls={**SYSCTLS, "net.ipv4.conf.eth1.rp_filter": "0", **names},
    )


def test_a_second_uplinks_address_is_asked_for_by_that_uplink() -> None:
    """What asks for eth1's address comes in by eth1, where strict rp_filter drops it."""
    found = path(_two_uplinks(), "outside", "192.0.2.1:22", reply=True)
    assert (found.verdict, found.legs[0].packet.iif) == ("delivered", "eth1")
    assert any("leaves by eth0, not by eth1" in note for note in found.notes)
    strict = path(_two_uplinks(eth1="1"), "outside", "192.0.2.1:22")
    assert strict.verdict == "dropped"
    assert "net.ipv4.conf.eth1.rp_filter is 1" in strict.reason
    assert path(_two_uplinks(eth1="1"), "outside", "192.0.2.1:22", iif="eth0").verdict == "delivered"


def test_a_neighbour_sends_by_its_own_link_whatever_it_asks_for() -> None:
    """A machine on eth0's network has this host for the next hop to eth1's address."""
    found = path(_two_uplinks(eth1="1"), "outside:198.51.100.7", "192.0.2.1:22")
    assert (found.verdict, found.legs[0].packet.iif) == ("delivered", "eth0")


def test_a_docker_bridges_address_is_still_asked_for_from_the_default_route() -> None:
    """No machine outside is behind a network of Docker's."""
    assert path(host(filter_rules()), "outside", "172.18.0.1:22").legs[0].packet.iif == "eth0"


@pytest.mark.parametrize(("source", "words"), [("host", "no machine outside"), ("blog", "no machine outside")])
def test_only_a_machine_outside_comes_in_by_a_named_interface(source: str, words: str) -> None:
    """--in with another sender is refused in one line."""
    with pytest.raises(EndpointError, match=words):
        path(host(""), source, "198.51.100.9:80", iif="eth0")


def test_an_interface_that_is_not_there_is_refused() -> None:
    """The error lists those that are."""
    with pytest.raises(EndpointError, match="no interface wan0; it has eth0"):
        path(host(""), "outside", "host:22", iif="wan0")


def test_a_cable_that_is_out_is_seen() -> None:
    """Nothing comes in and nothing leaves by an interface without a carrier."""
    out = tuple(replace(one, carrier=False) if one.name == "eth0" else one for one in interfaces())
    for source, destination in (("outside", "host:22"), ("blog", "outside:443")):
        found = path(host(filter_rules(), interfaces=out), source, destination)
        assert found.verdict == "unreachable"
        assert "eth0 has no carrier" in found.reason
