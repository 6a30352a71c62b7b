"""Each match is yes, no or unknown: a rule with it drops, lets pass, or leaves the verdict undecided."""

from __future__ import annotations

from typing import Any

import pytest

from netui.traversal import path
from tests.traversal.build import filter_rules, host, ip_set

YES, NO, UNKNOWN = "dropped", "delivered", "undecided"

#: match words, SRC, DST, what becomes of a packet when the rule drops what matches
FORWARDED = [
    ("-p tcp -m tcp --dport 80", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m tcp ! --dport 80", "outside:198.51.100.7", "openresty:80", NO),
    ("-p tcp -m tcp --dport 81:90", "outside:198.51.100.7", "openresty:80", NO),
    ("-p tcp -m tcp --sport 1:65535", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m tcp --sport 1024", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-p udp -m udp --dport 80", "outside:198.51.100.7", "openresty:80", NO),
    ("-p tcp -m tcp --tcp-flags SYN,ACK SYN", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN", "outside:198.51.100.7", "openresty:80", NO),
    ("-p tcp -m tcp --tcp-flags ALL NONE", "outside:198.51.100.7", "openresty:80", NO),
    ("-p icmp -m icmp --icmp-type 8", "outside:198.51.100.7", "openresty/icmp", YES),
    ("-p icmp -m icmp --icmp-type 0", "outside:198.51.100.7", "openresty/icmp", NO),
    ("-p icmp -m icmp --icmp-type any", "outside:198.51.100.7", "openresty/icmp", YES),
    ("-p sctp -m sctp --chunk-types any INIT", "outside:198.51.100.7", "openresty:80/sctp", YES),
    ("-p sctp -m sctp --chunk-types any DATA", "outside:198.51.100.7", "openresty:80/sctp", NO),
    ("-s 198.51.100.0/24", "outside:198.51.100.7", "openresty:80", YES),
    ("! -s 198.51.100.0/24", "outside:198.51.100.7", "openresty:80", NO),
    ("-s 198.51.0.0/255.255.0.0", "outside:198.51.100.7", "openresty:80", YES),
    ("-i eth+", "outside:198.51.100.7", "openresty:80", YES),
    ("! -i eth0", "outside:198.51.100.7", "openresty:80", NO),
    ("-f", "outside:198.51.100.7", "openresty:80", NO),
    ("-m conntrack --ctstate NEW", "outside:198.51.100.7", "openresty:80", YES),
    ("-m conntrack --ctstate RELATED,ESTABLISHED", "outside:198.51.100.7", "openresty:80", NO),
    ("-m conntrack ! --ctstate RELATED,ESTABLISHED", "outside:198.51.100.7", "openresty:80", YES),
    ("-m conntrack --ctstate INVALID", "outside:198.51.100.7", "openresty:80", NO),
    ("-m conntrack --ctdir ORIGINAL", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m conntrack --ctorigdstport 80 --ctdir ORIGINAL", "outside:198.51.100.7", "openresty:80", YES),
    ("-m conntrack --ctorigdst 172.18.0.3/32", "outside:198.51.100.7", "openresty:80", YES),
    ("-m conntrack --ctorigdst 198.51.100.1/32", "outside:198.51.100.7", "openresty:80", NO),
    ("-m conntrack --ctstatus NONE", "outside:198.51.100.7", "openresty:80", NO),
    ("-m state --state NEW", "outside:198.51.100.7", "openresty:80", YES),
    ("-m addrtype --dst-type LOCAL", "outside:198.51.100.7", "openresty:80", NO),
    ("-m addrtype --src-type UNICAST", "outside:198.51.100.7", "openresty:80", YES),
    ("-m addrtype ! --dst-type LOCAL", "outside:198.51.100.7", "openresty:80", YES),
    ("-m mark --mark 0x0", "outside:198.51.100.7", "openresty:80", YES),
    ("-m mark --mark 0x1/0x1", "outside:198.51.100.7", "openresty:80", NO),
    ("-m mark ! --mark 0x1", "outside:198.51.100.7", "openresty:80", YES),
    ("-m connmark --mark 0x0", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m multiport --dports 22,80:90", "outside:198.51.100.7", "openresty:80", YES),
    ("-p tcp -m multiport ! --dports 22,80:90", "outside:198.51.100.7", "openresty:80", NO),
    ("-p tcp -m multiport --ports 80", "outside:198.51.100.7", "openresty:80", YES),
    ("-m iprange --src-range 198.51.100.5-198.51.100.9", "outside:198.51.100.7", "openresty:80", YES),
    ("-m iprange --dst-range 172.18.0.4-172.18.0.9", "outside:198.51.100.7", "openresty:80", NO),
    ("-m set --match-set bad src", "outside:198.51.100.7", "openresty:80", YES),
    ("-m set ! --match-set bad src", "outside:198.51.100.7", "openresty:80", NO),
    ("-m set --match-set nets src", "outside:192.0.2.200", "openresty:80", NO),
    ("-m set --match-set nets src", "outside:192.0.2.9", "openresty:80", YES),
    ("-m set --match-set ports dst,dst", "outside:198.51.100.7", "openresty:80", YES),
    ("-m set --match-set ports dst,dst", "outside:198.51.100.7", "openresty:81", NO),
    ("-m set --match-set absent src", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-m set --match-set macs src", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-m mac --mac-source 02:42:ac:12:00:02", "blog", "other:80", YES),
    ("-m mac --mac-source 02:42:ac:12:00:99", "blog", "other:80", NO),
    ("-m mac --mac-source 02:42:ac:12:00:99", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-m physdev --physdev-is-bridged", "blog", "openresty:80", YES),
    ("-m physdev --physdev-is-bridged", "outside:198.51.100.7", "openresty:80", NO),
    ("-m physdev --physdev-in veth3", "blog", "openresty:80", NO),
    ("-m physdev --physdev-in veth1", "blog", "openresty:80", UNKNOWN),
    ("-m physdev --physdev-in veth+", "blog", "openresty:80", YES),
    ("-m pkttype --pkt-type unicast", "outside:198.51.100.7", "openresty:80", YES),
    ("-m pkttype --pkt-type broadcast", "outside:198.51.100.7", "openresty:80", NO),
    ("-m length --length 0:65535", "outside:198.51.100.7", "openresty:80", YES),
    ("-m length --length 60", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-m limit --limit 3/min", "outside:198.51.100.7", "openresty:80", YES),
    ("-m statistic --mode random --probability 0.5", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-m recent --rcheck --name x", "outside:198.51.100.7", "openresty:80", NO),
    ("-m time --timestart 08:00:00", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ("-m recent --set --name x", "outside:198.51.100.7", "openresty:80", YES),
    ("-m helper --helper ftp", "outside:198.51.100.7", "openresty:80", NO),
    ("-m frobnicate --widgets 3", "outside:198.51.100.7", "openresty:80", UNKNOWN),
    ('-m comment --comment "-j ACCEPT"', "outside:198.51.100.7", "openresty:80", YES),
    # a match that fails decides, whatever else is not known
    ("-p udp -m limit --limit 3/min", "outside:198.51.100.7", "openresty:80", NO),
    # some machine outside: single addresses mean others, and nobody beyond a router is on the own link
    ("-s 203.0.113.7/32", "outside", "openresty:80", NO),
    ("-s 172.18.0.0/16", "outside", "openresty:80", NO),
    # a rule that names a part of them tells that part apart: the verdict is everyone else's
    ("-s 203.0.0.0/8", "outside", "openresty:80", NO),
    ("-s 198.51.100.7/32", "outside", "openresty:80", NO),
    ("-s 198.51.100.0/24", "outside", "openresty:80", NO),
    ("-s 198.0.0.0/8", "outside", "openresty:80", NO),
    ("-s 0.0.0.0/8", "outside", "openresty:80", NO),
    ("-s 127.0.0.0/8", "outside", "openresty:80", NO),
    ("! -s 224.0.0.0/4", "outside", "openresty:80", YES),
    ("-s 240.0.0.0/5", "outside", "openresty:80", NO),
    ("-m iprange --src-range 127.0.0.1-127.0.0.9", "outside", "openresty:80", NO),
    ("-m iprange --src-range 203.0.113.1-203.0.113.9", "outside", "openresty:80", NO),
    ("-m iprange --src-range 0.0.0.0-255.255.255.255", "outside", "openresty:80", YES),
    ("-d 127.0.0.0/8", "blog", "outside:80", NO),
    ("-d 198.51.100.0/24", "blog", "outside:80", NO),
    ("-s 0.0.0.0/0", "outside", "openresty:80", YES),
    # as people write it: -p brings its module along
    ("-p tcp --dport 80", "outside", "openresty:80", YES),
    ("-p tcp ! --syn", "outside", "openresty:80", NO),
    ("-p udp --dport 80", "outside", "openresty:80", NO),
    ("--dport 80", "outside", "openresty:80", UNKNOWN),
    ("! -p tcp --dport 80", "outside", "openresty:80/udp", UNKNOWN),
]

SETS = {
    made.name: made
    for made in (
        ip_set("bad", "hash:ip", "198.51.100.7", "203.0.113.9 timeout 30"),
        ip_set("nets", "hash:net", "192.0.2.0/24", "192.0.2.128/25 nomatch"),
        ip_set("ports", "hash:ip,port", "172.18.0.3,tcp:80"),
        ip_set("macs", "hash:mac", "02:42:ac:12:00:02"),
    )
}


@pytest.mark.parametrize(("words", "source", "destination", "fate"), FORWARDED)
def test_a_match_is_yes_no_or_unknown(words: str, source: str, destination: str, fate: str) -> None:
    """A FORWARD rule that drops what matches shows what the match says of the packet."""
    made = host(filter_rules(f"-A FORWARD {words} -j DROP"), ipsets=SETS)
    found = path(made, source, destination)
    assert found.verdict == fate, found.reason
    if fate == UNKNOWN:
        assert found.undecided[0].rule == 1
        assert found.undecided[0].chain == "FORWARD"


SENT = [
    ("-m owner --uid-owner 1000", UNKNOWN),
    ("-m owner --socket-exists", YES),
    ("-o eth0", YES),
    ("! -i docker0", YES),
    ("-m mac --mac-source 02:42:ac:12:00:02", NO),
]


@pytest.mark.parametrize(("words", "fate"), SENT)
def test_a_match_of_what_the_host_sends(words: str, fate: str) -> None:
    """OUTPUT rules see a socket, no in-interface and no Ethernet header."""
    assert path(host(filter_rules(f"-A OUTPUT {words} -j DROP")), "host", "198.51.100.9:80").verdict == fate


def test_an_unknown_match_that_changes_nothing_leaves_the_verdict_standing() -> None:
    """Both branches of a rate-limited LOG agree, so the verdict stands and the match is listed."""
    made = host(filter_rules("-A FORWARD -m limit --limit 3/min -j LOG", "-A FORWARD -j DROP"))
    found = path(made, "outside:198.51.100.7", "openresty:80")
    assert (found.verdict, found.condition) == ("dropped", "")
    assert [item.match for item in found.undecided] == ["limit --limit 3/min"]
    # the likely way is shown: the limit is not used up
    assert [step.rule for step in found.legs[0].steps if step.table == "filter"] == [1, 2]


def test_a_thousand_unknowns_end_and_are_undecided() -> None:
    """More possibilities than can be walked give an answer soon, and it is undecided."""
    made = host(filter_rules(*(f"-A FORWARD -m length --length {n} -j ACCEPT" for n in range(1, 500)), forward="DROP"))
    assert path(made, "outside:198.51.100.7", "openresty:80").verdict == "undecided"
    counted = host(
        filter_rules(*(f"-A FORWARD -m limit --limit {n}/min -j ACCEPT" for n in range(1, 500)), forward="DROP")
    )
    found = path(counted, "outside:198.51.100.7", "openresty:80")
    assert found.verdict == "delivered"
    assert any("not all were walked" in note for note in found.notes)


def test_icmpv6_by_each_of_its_names() -> None:
    """The module is printed as icmp6 and known as icmpv6, too."""
    for name in ("icmp6", "icmpv6", "ipv6-icmp"):
        rules = filter_rules(f"-A INPUT -p ipv6-icmp -m {name} --icmpv6-type 128 -j DROP")
        assert path(host("", rules), "outside:2001:db8:1::7", "2001:db8:1::1/icmp").verdict == "dropped", name


def test_a_set_that_was_not_read_says_what_would_tell() -> None:
    """Without `ipset save`, and with one that lacks the set, the reason says so."""
    rules = filter_rules("-A FORWARD -m set --match-set bad src -j DROP")
    cases: tuple[tuple[dict[str, Any] | None, str], ...] = (
        (None, "`ipset save` would tell"),
        ({}, "the set bad is not in"),
    )
    for sets, words in cases:
        found = path(host(rules, ipsets=sets), "outside:198.51.100.7", "openresty:80")
        assert found.verdict == "undecided"
        assert words in found.reason
        assert words in found.undecided[0].reason
