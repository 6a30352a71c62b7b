"""Rules that count or draw lots: the quiet sender's way is the verdict, and its bound is said."""

from __future__ import annotations

import pytest

from netui.model import Address, Interface, NextHop, Route
from netui.reports.path import path_json, path_text
from netui.traversal import Path, path
from tests.traversal.build import filter_rules, host, interfaces, nat_rules, routes

FROM = "outside:198.51.100.7"
FLOOD = (
    "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j flood",
    "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
    "-A INPUT -j DROP",
    "-A flood -m limit --limit 25/sec --limit-burst 50 -j RETURN",
    "-A flood -j DROP",
)


def _decided_by(found: Path) -> tuple[str, int | None] | None:
    return (found.deciding.chain, found.deciding.rule) if found.deciding is not None else None


def test_where_all_ways_agree_the_likely_one_is_shown() -> None:
    """A port that is closed anyway is closed by its own rule, not by the flood chain."""
    found = path(host(filter_rules(*FLOOD, chains=("flood",))), FROM, "host:23")
    assert (found.verdict, _decided_by(found), found.condition) == ("dropped", ("INPUT", 3), "")
    steps = [(step.chain, step.rule) for step in found.legs[0].steps]
    assert steps == [("INPUT", 1), ("flood", 1), ("INPUT", 3)]


def test_a_port_behind_a_limit_is_delivered_up_to_it() -> None:
    """Delivered, with the limit and its rule; what is beyond it is a note, and the match is listed."""
    found = path(host(filter_rules(*FLOOD, chains=("flood",))), FROM, "host:22")
    assert (found.verdict, _decided_by(found)) == ("delivered", ("INPUT", 2))
    assert found.condition == "up to 25/s (rule 1 of filter flood)"
    assert "DELIVERED, up to 25/s (rule 1 of filter flood), to host" in path_text(found)
    document = path_json(found)
    assert document["verdict"] == "delivered"
    assert [(item["match"], item["chain"], item["rule"]) for item in document["undecided"]] == [
        ("limit --limit 25/sec --limit-burst 50", "flood", 1)
    ]
    assert any("25/s" in note and "rule 2 of filter flood" in note for note in document["notes"])


#: match, target, the quiet sender's verdict where the rest is accepted, and what bounds it
BOUNDS = [
    ("-m limit --limit 3/min", "DROP", "dropped", "up to 3/min"),
    ("-m hashlimit --hashlimit-upto 10/sec --hashlimit-mode srcip --hashlimit-name x", "DROP", "dropped",
     "up to 10/s for each source address"),
    ("-m hashlimit --hashlimit-above 10/sec --hashlimit-mode srcip,dstport --hashlimit-name x", "DROP", "delivered",
     "up to 10/s for each source address and destination port"),
    ("-m hashlimit --hashlimit-above 512kb/s --hashlimit-name x", "DROP", "delivered", "up to 512kb/s"),
    ("-p tcp -m connlimit --connlimit-above 3 --connlimit-mask 32 --connlimit-saddr", "DROP", "delivered",
     "up to 3 connections at once from a source"),
    ("-p tcp -m connlimit --connlimit-above 3 --connlimit-mask 24 --connlimit-saddr", "DROP", "delivered",
     "up to 3 connections at once from a source network (/24)"),
    ("-p tcp -m connlimit --connlimit-upto 3 --connlimit-mask 32 --connlimit-saddr", "DROP", "dropped",
     "up to 3 connections at once from a source"),
    ("-m recent --rcheck --name x --mask 255.255.255.255 --rsource", "DROP", "delivered",
     "as long as its source is not in the list x"),
    ("-m recent ! --rcheck --name x --mask 255.255.255.255 --rsource", "DROP", "dropped",
     "as long as its source is not in the list x"),
    ("-m recent --update --seconds 60 --hitcount 4 --name x --mask 255.255.255.255 --rsource", "DROP", "delivered",
     "until its source came 4 times within 60 s (list x)"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "target", "verdict", "bound"), BOUNDS)
def test_the_quiet_senders_way_is_the_verdict(words: str, target: str, verdict: str, bound: str) -> None:
    """Each counting match gives its usual answer; the bound and the rule are the condition."""
    found = path(host(filter_rules(f"-A FORWARD {words} -j {target}")), FROM, "openresty:80")
    assert (found.verdict, found.condition) == (verdict, f"{bound} (rule 1 of filter FORWARD)")


def test_a_list_that_this_packet_came_to_has_it() -> None:
    """After --set the source is listed: one hit is certain, a fourth is not."""
    add = "-A FORWARD -m recent --set --name x --mask 255.255.255.255 --rsource"
    check = "-A FORWARD -m recent --rcheck --seconds 60 --name x --mask 255.255.255.255 --rsource -j DROP"
    found = path(host(filter_rules(add, check)), FROM, "openresty:80")
    assert (found.verdict, found.condition, found.undecided) == ("dropped", "", ())


def test_of_several_limits_only_those_that_matter_are_named() -> None:
    """A limited LOG changes nothing, and is not a condition."""
    rules = (
        "-A FORWARD -m limit --limit 1/min -j LOG",
        "-A FORWARD -m limit --limit 9/sec -j ACCEPT",
        "-A FORWARD -j REJECT",
    )
    found = path(host(filter_rules(*rules)), FROM, "openresty:80")
    assert (found.verdict, found.condition) == ("delivered", "up to 9/s (rule 2 of filter FORWARD)")
    assert any("beyond that: rejected" in note for note in found.notes)


def test_many_limited_logs_are_no_ways_of_their_own() -> None:
    """Whether a rule only logs changes nothing: twenty of them are still one way."""
    logs = [f"-A FORWARD -m limit --limit {n}/min -j LOG" for n in range(1, 21)]
    found = path(
        host(filter_rules(*logs, "-A FORWARD -m limit --limit 9/sec -j ACCEPT", "-A FORWARD -j DROP")),
        FROM,
        "openresty:80",
    )
    assert (found.verdict, found.condition) == ("delivered", "up to 9/s (rule 21 of filter FORWARD)")
    assert len(found.undecided) == 21
    assert not any("not all were walked" in note for note in found.notes)


def test_a_limit_beside_an_unknown_match_is_undecided() -> None:
    """A rule hangs on what nothing tells, however much it takes."""
    rules = filter_rules("-A FORWARD -m limit --limit 1/min -m frobnicate --widgets 3 -j DROP")
    found = path(host(rules), FROM, "openresty:80")
    assert found.verdict == "undecided"
    assert "frobnicate" in found.undecided[0].match


def _balanced(*last: str) -> str:
    return nat_rules(
        "-A PREROUTING -p tcp -m tcp --dport 8080 -m statistic --mode random --probability 0.5 "
        "-j DNAT --to-destination 172.18.0.3:80",
        "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:8080",
    ) + filter_rules(*last)


def test_load_balancing_is_delivered_to_one_of_them() -> None:
    """Every way delivers: the verdict stands, and all receivers are named."""
    found = path(host(_balanced()), FROM, "host:8080")
    assert (found.verdict, found.delivered_to) == ("delivered", None)
    assert {(to.name, to.port) for to in found.one_of} == {("openresty", 80), ("blog", 8080)}
    text = path_text(found)
    assert "DELIVERED to one of " in text
    assert {to["name"] for to in path_json(found)["one_of"]} == {"openresty", "blog"}
    assert [item.match for item in found.undecided] == ["statistic --mode random --probability 0.5"]


def test_load_balancing_where_one_way_is_closed_is_undecided() -> None:
    """Half of the connections are dropped: no verdict is true of all."""
    found = path(host(_balanced("-A FORWARD -d 172.18.0.2/32 -j DROP")), FROM, "host:8080")
    assert (found.verdict, found.one_of) == ("undecided", ())


def test_who_receives_is_undecided_where_more_than_chance_decides() -> None:
    """An unknown module that chooses between two receivers is no lot."""
    rules = nat_rules(
        "-A PREROUTING -p tcp -m tcp --dport 8080 -m frobnicate --widgets 3 -j DNAT --to-destination 172.18.0.3:80",
        "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.2:8080",
    )
    assert path(host(rules), FROM, "host:8080").verdict == "undecided"


@pytest.mark.parametrize(
    ("words", "destination", "verdict"),
    [
        ('-m string --string "GET /admin" --algo bm --to 65535', "openresty:80", "delivered"),
        ('-m string ! --string "GET /admin" --algo bm --to 65535', "openresty:80", "dropped"),
        ('-m string --hex-string "|17 03 03 00|" --algo bm --to 65535', "openresty:80", "delivered"),
        ('-m string --hex-string "|17|" --algo bm --to 65535', "openresty:80", "undecided"),
        ('-m string --string "example" --algo bm --to 65535', "openresty:53/udp", "undecided"),
    ],
)
def test_a_first_segment_has_no_payload(words: str, destination: str, verdict: str) -> None:
    """A text cannot be in a SYN; a datagram may hold it, and so may a header hold a single byte."""
    assert path(host(filter_rules(f"-A FORWARD {words} -j DROP")), FROM, destination).verdict == verdict


def test_several_next_hops_are_said() -> None:
    """Each leads outside: delivered, and a note says that the steps are those of one."""
    ways = routes()
    hops = (NextHop("eth0", "198.51.100.2"), NextHop("eth1", "192.0.2.2"))
    four = (*(route for route in ways["ip"] if route.dst != "0.0.0.0/0"), Route("ip", "0.0.0.0/0", nexthops=hops))
    second = Interface(9, "eth1", addresses=(Address("ip", "192.0.2.1", 24),))
    made = host(filter_rules(), routes={**ways, "ip": four}, interfaces=(*interfaces(), second))
    found = path(made, "blog", "203.0.113.9:443")
    assert found.verdict == "delivered"
    assert any("several next hops" in note for note in found.notes)
