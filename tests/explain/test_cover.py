"""Which earlier rule covers a later one: found by an index, as asking every rule would find it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netui.audit.doctor.shadowing import Earlier, covers, is_unconditional
from netui.model import Chain, Rule, parse_rule
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import Connection, PacketState, Tuple5
from netui.traversal.rules.matches import compile_match
from netui.traversal.rules.native.evaluate import TableSets
from netui.traversal.rules.native.program import Program
from netui.traversal.rules.native.reading import KeyContext
from netui.traversal.rules.predicates import MatchContext
from netui.traversal.unknowns import Unknowns
from tests.dialects.rules import iptables, native

_RULES = st.lists(
    st.tuples(
        st.sampled_from(["", " -s 10.0.0.1/32", " ! -s 10.0.0.1/32", " -s 10.0.0.0/24", " -s 10.0.0.0/8"]),
        st.sampled_from(["", " -d 10.0.0.1/32", " -d 10.0.0.0/255.0.0.255", " -d host.example"]),
        st.sampled_from(["", " -i eth0", " ! -i eth0", " -i eth+", " -i br+"]),
        st.sampled_from(
            [
                "",
                " -p udp",
                " -p tcp",
                *(
                    f" -p tcp -m tcp{port}"
                    for port in (" --dport 80", " --dport 80:90", " --dport 080", " ! --dport 80")
                ),
                *(f" -p tcp -m multiport --dports {ports}" for ports in ("80", "80,80", "80:80", "80,443", "79:85")),
            ]
        ),
        st.sampled_from(["", " -m conntrack --ctstate NEW", " -m conntrack --ctstate NEW,ESTABLISHED", " -m limit"]),
    ).map(lambda parts: "-A DOCKER-USER" + "".join(parts) + " -j DROP"),
    min_size=2,
    max_size=30,
)


@settings(max_examples=300, deadline=None)
@given(_RULES)
def test_the_index_finds_the_rule_that_asking_each_finds(texts: list[str]) -> None:
    """For any rules the first that covers another is the same with the index and without."""
    earlier = Earlier("ip")
    before: list[Rule] = []
    for number, text in enumerate(texts, 1):
        rule = Rule(number, text, -1)
        assert earlier.covering(rule) == next((e for e in before if covers(e, rule, "ip")), None)
        earlier.add(rule)
        before.append(rule)


_NETS = st.sampled_from(["10.0.0.1/32", "10.0.0.0/24", "10.0.0.0/8", "10.0.0.1/255.0.0.255", "0.0.0.0/0"])
_SPANS = st.sampled_from(["80", "80:90", ":80", "443"])
_NOT = st.sampled_from(["", "! "])
_ONE = st.one_of(
    st.builds("{}-{} {}".format, _NOT, st.sampled_from("sd"), _NETS),
    st.builds("{}-{} {}".format, _NOT, st.sampled_from("io"), st.sampled_from(["eth0", "eth+", "br0", "e+"])),
    st.builds("{}-p {}".format, _NOT, st.sampled_from(["tcp", "udp", "17", "all"])),
    st.builds("-p tcp -m tcp {}--{} {}".format, _NOT, st.sampled_from(["dport", "sport"]), _SPANS),
    st.builds("-p tcp -m multiport {}--{} {},{}".format, _NOT, st.sampled_from(["dports", "ports"]), _SPANS, _SPANS),
    st.builds("-p tcp -m tcp {}--tcp-flags {}".format, _NOT, st.sampled_from(["SYN,ACK SYN", "ALL SYN", "SYN SYN"])),
    st.builds("-m iprange {}--src-range {}".format, _NOT, st.sampled_from(["10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.1"])),
    st.builds("-m mark {}--mark {}".format, _NOT, st.sampled_from(["0x1", "0x1/0x1", "0x3/0x3", "0x5/0x4", "0"])),
    st.builds("-m conntrack {}--ctstate {}".format, _NOT, st.sampled_from(["NEW", "NEW,DNAT", "ESTABLISHED,DNAT"])),
    st.builds("-m conntrack {}--ctorigdst {}".format, _NOT, _NETS),
)
_SOME = st.lists(_ONE, min_size=1, max_size=3).map(" ".join)
_PACKETS = st.builds(
    PacketState,
    family=st.just("ip"),
    protocol=st.sampled_from([6, 17]),
    src=st.sampled_from([10 << 24 | 1, 10 << 24 | 5, 10 << 24 | 1 << 8, 11 << 24]),
    dst=st.sampled_from([10 << 24 | 1, 10 << 24 | 5, 11 << 24 | 1]),
    sport=st.sampled_from([80, 5000]),
    dport=st.sampled_from([79, 80, 85, 443]),
    iif=st.sampled_from(["eth0", "eth1", "br0", ""]),
    oif=st.sampled_from(["eth0", "br0", ""]),
    mark=st.sampled_from([0, 1, 3, 4, 5]),
    connection=st.one_of(
        st.none(),
        st.builds(
            Connection,
            st.just(Tuple5(1, 10 << 24 | 1, 1, 80)),
            st.just(Tuple5(1, 1, 1, 1)),
            new=st.booleans(),
            dnat=st.booleans(),
        ),
    ),
)


def _takes(rule: Rule, packet: PacketState) -> bool:
    around = MatchContext(Fib("ip", None, None, None), None, {})
    compiled = [one for match in parse_rule(rule.text).matches for one in compile_match(match, "ip", around)]
    answers = [predicate(packet) for predicate, _words, _key in compiled]
    assert None not in answers
    return all(answers)


@settings(max_examples=600, deadline=None)
@given(_SOME, _SOME, st.lists(_PACKETS, min_size=4, max_size=4))
def test_the_covering_rule_takes_what_the_covered_takes(wider: str, narrower: str, packets: list[PacketState]) -> None:
    """Where a rule covers another, the walk finds no packet that the other takes and it does not."""
    earlier, later = iptables(wider), iptables(f"{narrower} {wider}" if len(narrower) % 2 else narrower)
    if covers(earlier, later, "ip"):
        assert all(_takes(earlier, packet) for packet in packets if _takes(later, packet))
    if is_unconditional(earlier, "ip"):
        assert all(_takes(earlier, packet) for packet in packets)


@pytest.mark.parametrize(
    ("earlier", "later", "answer"),
    [
        ("tcp dport 80", "ip saddr 10.0.0.1 tcp dport { 80 }", True),
        ("ip protocol tcp", "tcp dport 80", False),
        ("meta l4proto tcp", "tcp dport 80", True),
        ("th dport 1-1023", "tcp dport { 22, 80 }", True),
        ("ip saddr 10.0.0.0/8", "ip saddr { 10.0.0.1, 10.1.0.0/16 }", True),
        ("ip saddr != 10.0.0.0/8", "ip6 saddr 2001:db8::1", False),
        ("limit rate 3/minute", "limit rate 3/minute", False),
        ("ip saddr @banned", "ip saddr @banned", False),
        ("ip saddr . tcp dport { 10.0.0.1 . 80 }", "ip saddr . tcp dport { 10.0.0.1 . 80 }", True),
        ("ct state new,established", "ct state { new }", True),
    ],
)
def test_when_a_native_rule_covers_another(earlier: str, later: str, answer: bool) -> None:
    """Native rules are compared by the same conditions; what a rule between could change covers nothing."""
    assert covers(native(earlier), native(later), "ip") is answer


_NATIVE = st.lists(
    st.one_of(
        st.builds(
            "ip {} {}{}".format,
            st.sampled_from(["saddr", "daddr"]),
            st.sampled_from(["", "!= "]),
            st.sampled_from(["10.0.0.1", "10.0.0.0/24", "{ 10.0.0.1, 10.0.0.4/30 }", "10.0.0.1-10.0.0.9"]),
        ),
        st.builds(
            "{} {}{}".format,
            st.sampled_from(["iifname", "oif"]),
            st.sampled_from(["", "!= "]),
            st.sampled_from(['"eth0"', '"br0"', '{ "eth0", "br0" }']),
        ),
        st.sampled_from(['iifname "eth*"', "ip protocol tcp", "meta l4proto { tcp, udp }", "meta l4proto != tcp"]),
        st.builds(
            "{} dport {}{}".format,
            st.sampled_from(["tcp", "udp", "th"]),
            st.sampled_from(["", "!= "]),
            st.sampled_from(["80", "79-85", "{ 80, 443 }"]),
        ),
        st.sampled_from(["tcp dport < 100", "udp dport >= 80", "tcp sport > 1023"]),
        st.sampled_from(
            ["ct state new", "ct state established,related", "ct state { new, invalid }", "ct state != new"]
        ),
        st.sampled_from(["meta mark 1", "meta mark & 1 == 1", "meta mark & 3 != 1", "meta mark != 3"]),
    ),
    min_size=1,
    max_size=3,
).map(" ".join)


def _native_takes(rule: Rule, packet: PacketState) -> bool:
    assert rule.native is not None
    chain = Chain("inet", "nftables", "t", "c", None, None, -1, (rule,))
    program = Program(rule, chain, rule.native.statements, KeyContext({}, {}), TableSets({}))
    answer = program.matches("forward", packet, Unknowns())
    assert answer is not None
    return answer


@settings(max_examples=300, deadline=None)
@given(_NATIVE, _NATIVE, st.booleans(), st.lists(_PACKETS, min_size=4, max_size=4))
def test_the_same_of_native_rules(wider: str, narrower: str, both: bool, packets: list[PacketState]) -> None:
    """Where a native rule covers another, its program takes each packet that the other's takes."""
    earlier, later = native(wider), native(f"{wider} {narrower}" if both else narrower)
    assert covers(earlier, later, "ip") or not both
    if covers(earlier, later, "ip"):
        both_families = [*packets, *(replace(packet, family="ip6") for packet in packets)]
        assert all(_native_takes(earlier, packet) for packet in both_families if _native_takes(later, packet))
