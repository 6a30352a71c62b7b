"""The index reads only the first words of most rules; what it takes from them must hold for the whole rule."""

from __future__ import annotations

from collections.abc import Sized

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netui.model import Chain, Rule, parse_rule
from netui.net.addresses import parse_net, parse_ports
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.index import ChainIndex, build_index

_WORDS = st.sampled_from(
    [
        *("-s", "-d", "-i", "-o", "-p", "-m", "-j", "-g", "-f", "!", "--dst", "--source", "--protocol"),
        *("--dport", "--destination-port", "--sport", "--name", "--comment", "--goto", "--set-class"),
        *(
            "10.0.0.1/32",
            "10.0.0.1",
            "010.0.0.1",
            "10.0.0.0/24",
            "10.1",
            "10.0.0.1/255.255.255.255",
            "::1",
            "0.0.0.0/0",
        ),
        *("eth0", "eth+", "br-1", "tcp", "udp", "comment", "conntrack", "recent", "80", "080", "80:80", "80:90", "-5"),
        *('"-d', '-d"', '" -d 10.0.0.9 "', '"10.0.0.1"', "ACCEPT", "DROP", "DNAT", "\t-d\t10.0.0.7"),
    ]
)
_TEXTS = st.lists(_WORDS, max_size=10).map(lambda words: " ".join(["-A", "FORWARD", *words]))
_USUAL = st.tuples(
    st.sampled_from(["", " -s 10.0.0.1/32", " ! -s 10.0.0.1/32", " -s 10.0.0.0/24"]),
    st.sampled_from(["", " -d 10.0.0.1/32", " ! -d 10.0.0.1/32", " -d 10.0.0.0/24"]),
    st.sampled_from(["", " -i eth0", " ! -i eth0", " -i eth+"]),
    st.sampled_from(["", " -o eth0", " ! -o eth0", " -o eth+"]),
    st.sampled_from(["", " -p tcp", " ! -p tcp", " -p tcp -m tcp --dport 80", " -p tcp -m tcp ! --dport 80"]),
    st.sampled_from(["", ' -m comment --comment "a -d 1"', " -p udp -m conntrack --ctstate NEW -m udp --dport 53"]),
    st.sampled_from(["", " -j DROP", " -g FORWARD", " -j DNAT --to-destination 10.0.0.2:80"]),
).map(lambda parts: "-A FORWARD" + "".join(parts))


def _index(text: str) -> ChainIndex:
    return build_index(Chain("ip", "nft", "filter", "FORWARD", "ACCEPT", None, -1, (Rule(1, text, -1),)))


def _singles(text: str, name: str) -> set[int]:
    """The addresses that a rule's own -s or -d requires, by the whole of its words."""
    found = set()
    for match in parse_rule(text).matches:
        for option in match.options if match.module == "" else ():
            net = parse_net(option.value, "ip")
            if option.name == name and not option.negated and net is not None and net.single:
                found.add(net.value)
    return found


def _interfaces(text: str, name: str) -> set[str]:
    return {
        option.value
        for match in parse_rule(text).matches
        for option in (match.options if match.module == "" else ())
        if option.name == name and not option.negated and not option.value.endswith("+")
    }


def _ports(text: str) -> set[int]:
    found = set()
    for match in parse_rule(text).matches:
        for option in match.options if match.module in ("tcp", "udp", "sctp") else ():
            limits = parse_ports(option.value)
            if option.name in ("--dport", "--destination-port") and not option.negated and limits:
                found |= {limits[0]} if limits[0] == limits[1] else set()
    return found


@settings(max_examples=2000, deadline=None)
@given(_TEXTS | _USUAL)
def test_a_rule_stands_only_under_what_all_its_words_require(text: str) -> None:
    """Whatever the words are, a rule is never filed under something that it can match without."""
    index = _index(text)
    places: list[Sized] = [index.by_dst, index.by_src, index.by_iif, index.by_oif, index.by_dport]
    assert len(index.always) + sum(map(len, places)) == 1
    assert set(index.by_dst) <= _singles(text, "-d")
    assert set(index.by_src) <= _singles(text, "-s")
    assert set(index.by_iif) <= _interfaces(text, "-i")
    assert set(index.by_oif) <= _interfaces(text, "-o")
    assert set(index.by_dport) <= _ports(text)


def _many(count: int, words: str) -> ChainIndex:
    rules = [Rule(n + 1, f"-A FORWARD -s 10.0.{n}.0/24{words} -j DROP", -1) for n in range(count)]
    return build_index(Chain("ip", "nft", "filter", "FORWARD", "ACCEPT", None, -1, tuple(rules)))


@pytest.mark.parametrize("words", ["", " -i eth0", " -i eth0 -o eth1", " ! -i eth0"])
def test_networks_are_looked_up_where_there_are_many(words: str) -> None:
    """An allow list of 40 networks leaves one rule for a packet of one of them, in whatever order the rules stand."""
    index = _many(40, words)
    packet = PacketState("ip", 6, (10 << 24) + (7 << 8) + 1, 1, 1, 80, iif="eth0", oif="eth1")
    assert list(index.candidates(packet)) == [7]
    few = _many(4, words)
    assert list(few.candidates(packet)) == [0, 1, 2, 3]
    assert list(few.candidates(PacketState("ip", 6, 1, 1, 1, 80, iif="eth2"))) == (
        [] if " -i" in words[:3] else [0, 1, 2, 3]
    )


@settings(max_examples=300, deadline=None)
@given(_USUAL)
def test_what_tells_is_used(text: str) -> None:
    """A rule as iptables prints it is filed under a thing that it requires, if there is one."""
    telling = _singles(text, "-d") or _singles(text, "-s") or _interfaces(text, "-o") or _interfaces(text, "-i")
    assert bool(_index(text).always) == (not telling and not _ports(text))
