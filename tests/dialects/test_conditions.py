"""What rules require, as data: the same form whichever tool wrote them, and what follows from what."""

from __future__ import annotations

import pytest

from netui.dialects.conditions import conditions_of, first_asked
from netui.model import Family, Rule
from netui.net.conditions import Condition, Requirement, SetReference, implies
from tests.dialects.rules import iptables, native


def _shown(requirement: Requirement) -> str:
    """A condition in short: key, values as numbers or names; one that is opaque in its words."""
    if not isinstance(requirement, Condition):
        return f"?{'~' if requirement.by_chance else ''} {requirement.words}"
    values = requirement.values
    if isinstance(values, SetReference):
        said = f"{'!' if requirement.negated else ''}@{values.name}"
    elif requirement.names:
        said = ("!" if requirement.negated else "") + ",".join(n.text + "*" * n.prefix for n in requirement.names)
    else:
        numbers = requirement.numbers()
        said = "mask" if numbers is None else ",".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in numbers)
    return f"{requirement.key} {said}"


def _all(rule: Rule, family: Family = "ip") -> list[str]:
    return [_shown(one) for one in conditions_of(rule, family)]


@pytest.mark.parametrize(
    ("words", "required"),
    [
        ("-s 10.0.0.0/8 ! -d 10.1.2.3/32", ["ip saddr a000000-affffff", "ip daddr 0-a010202,a010204-ffffffff"]),
        ("-s 0.0.0.0/0 -p all", []),
        ("-s 10.0.0.1/255.0.0.255", ["ip saddr mask"]),
        ("-s host.example", ["? -s host.example"]),
        ("! -i br0 -o eth+", ["iifname !br0", "oifname eth*"]),
        ("-p tcp -m tcp --sport 1024: --dport 80", ["meta l4proto 6", "th sport 400-ffff", "th dport 50"]),
        ("-p udp --destination-port 53", ["meta l4proto 11", "th dport 35"]),
        ("! -p tcp", ["meta l4proto 0-5,7-ff"]),
        ("-p tcp -m multiport --dports 22,80:90", ["meta l4proto 6", "th dport 16,50-5a"]),
        ("-p tcp -m multiport --ports 22", ["meta l4proto 6", "th port 16"]),
        ("-p tcp -m tcp --syn", ["meta l4proto 6", "tcp flags 2,a,22,2a,42,4a,62,6a,82,8a,a2,aa,c2,ca,e2,ea"]),
        ("-p icmp -m icmp --icmp-type 3/4", ["meta l4proto 1", "icmp type 3", "icmp code 4"]),
        ("-p icmp -m icmp --icmp-type any", ["meta l4proto 1"]),
        ("-m iprange --src-range 10.0.0.1-10.0.0.9", ["ip saddr a000001-a000009"]),
        ("-m state --state NEW", ["ct state new"]),
        ("-m conntrack ! --ctstate RELATED,ESTABLISHED", ["ct state !related,established"]),
        ("-m conntrack --ctorigdst 10.0.0.1 --ctorigdstport 80", ["ct original ip daddr a000001",
                                                                  "ct original proto-dst 50"]),
        ("-m addrtype --dst-type LOCAL", ["fib daddr type local"]),
        ("-m addrtype --dst-type LOCAL --limit-iface-in", ["fib daddr . iif type local"]),
        ("-m mark --mark 0x10/0xfffffff0", ["meta mark 10-1f"]),
        ("-m mark --mark 0x5/0x4", ["meta mark "]),
        ("-m connmark ! --mark 0", ["ct mark 1-ffffffff"]),
        ("-m set ! --match-set bad src,dst", ["set src,dst !@bad"]),
        ("-m set --match-set bad src --return-nomatch", ["? set --match-set bad src --return-nomatch"]),
        ("-m ttl --ttl-eq 5", ["? ttl --ttl-eq 5"]),
        ("-m limit --limit 3/min", ["?~ limit --limit 3/min"]),
        ('-m comment --comment "-d 10.0.0.1"', []),
        ("-f", ["ip frag-off 1-1fff,2001-3fff,4001-5fff,6001-7fff,8001-9fff,a001-bfff,c001-dfff,e001-ffff"]),
        ("-p tcp -m tcp --tcp-flags SYN ALL", ["meta l4proto 6", "tcp flags "]),
        ("-p sctp -m sctp --chunk-types any INIT", ["meta l4proto 84", "? sctp --chunk-types any INIT"]),
        ("-4", []),
        ("-6", ["meta nfproto a"]),
    ],
)  # fmt: skip
def test_what_an_iptables_rule_requires(words: str, required: list[str]) -> None:
    """Each option is a condition on a key in nft's words, or opaque in its own."""
    assert _all(iptables(words)) == required


@pytest.mark.parametrize(
    ("words", "required"),
    [
        ("-s 2001:db8::1/128 -p icmpv6 -m icmp6 --icmpv6-type 128", [
            "ip6 saddr 20010db8000000000000000000000001", "meta l4proto 3a", "icmpv6 type 80"]),
        ("-m addrtype --dst-type LOCAL,UNICAST", ["? addrtype --dst-type LOCAL,UNICAST"]),
        ("-s 10.0.0.1/32", ["? -s 10.0.0.1/32"]),
    ],
)  # fmt: skip
def test_what_an_ip6tables_rule_requires(words: str, required: list[str]) -> None:
    """Addresses are of the rule's family; several address types are no list of alternatives there (xt_addrtype.c)."""
    assert _all(iptables(words), "ip6") == required


@pytest.mark.parametrize(
    ("words", "required"),
    [
        ("tcp dport 80", ["meta l4proto 6", "th dport 50"]),
        ("tcp dport { 22, 80-90 }", ["meta l4proto 6", "th dport 16,50-5a"]),
        ("tcp dport != 80", ["meta l4proto 6", "th dport 0-4f,51-ffff"]),
        ("udp dport < 1024", ["meta l4proto 11", "th dport 0-3ff"]),
        ("ip protocol tcp", ["meta nfproto 2", "meta l4proto 6"]),
        ("ip saddr 10.0.0.0/8 iifname \"eth*\" oif \"br0\"", ["ip saddr a000000-affffff", "iifname eth*",
                                                              "oifname br0"]),
        ("ip6 daddr 2001:db8::1", ["ip6 daddr 20010db8000000000000000000000001"]),
        ("iifname { \"eth0\", \"eth1\" }", ["iifname eth0,eth1"]),
        ("ct state established,related", ["ct state established,related"]),
        ("ct state { new, untracked }", ["ct state new,untracked"]),
        ("ct original proto-dst 8080", ["ct original proto-dst 1f90"]),
        ("meta mark & 0xff == 0x10", ["meta mark mask"]),
        ("meta mark 0x1", ["meta mark 1"]),
        ("fib daddr type local", ["fib daddr type local"]),
        ("ip saddr @banned", ["ip saddr @banned"]),
        ("ip saddr . tcp dport { 10.0.0.1 . 80 }", ["? ip saddr . tcp dport { 10.0.0.1 . 80 }"]),
        ("limit rate 3/minute", ["?~ limit rate 3/minute"]),
        ("meta mark set 0x1 meta mark 0x1", ["?~ meta mark 1"]),
        ("numgen random mod 2 == 0", ["?~ numgen random mod 2 0"]),
    ],
)  # fmt: skip
def test_what_a_native_rule_requires(words: str, required: list[str]) -> None:
    """A comparison is a condition, with the protocol or family that it brings along; the rest is opaque."""
    assert _all(native(words)) == required


@pytest.mark.parametrize(
    ("given", "wanted", "answer"),
    [
        ("-i eth0", "! -i br0", True),
        ("-i eth+", "! -i br0", True),
        ("-i eth+", "! -i eth0", False),
        ("! -i br+", "! -i br0", True),
        ("! -i br0", "! -i br+", False),
        ("-s 10.1.0.0/16", "! -s 192.168.0.0/16", True),
        ("-s 10.1.0.0/16", "! -s 10.0.0.0/8", False),
        ("! -s 10.0.0.0/8", "! -s 10.1.0.0/16", True),
        ("-m iprange --src-range 10.0.0.1-10.0.0.9", "-s 10.0.0.0/28", True),
        ("-s 10.0.0.0/28", "-m iprange --src-range 10.0.0.1-10.0.0.9", False),
        ("-m mark --mark 0x3/0x3", "-m mark --mark 0x1/0x1", True),
        ("-m mark --mark 0x1/0x1", "-m mark --mark 0x3/0x3", False),
        ("-m mark --mark 0x2/0x3", "-m mark ! --mark 0x1/0x1", True),
        ("-m state --state NEW", "-m conntrack --ctstate NEW,INVALID", True),
        ("-m conntrack ! --ctstate NEW,INVALID", "-m conntrack ! --ctstate NEW", True),
        ("-m conntrack --ctstate DNAT", "-m conntrack ! --ctstate NEW", False),
        ("-m limit --limit 3/min", "-m limit --limit 3/min", False),
        ("-m ttl --ttl-eq 5", "-m ttl --ttl-eq 5", True),
        ("-m set --match-set a src", "-m set --match-set a dst", False),
    ],
)
def test_which_condition_follows_from_which(given: str, wanted: str, answer: bool) -> None:
    """One condition implies another by its values alone."""
    one, other = (conditions_of(iptables(words), "ip")[0] for words in (given, wanted))
    assert implies(one, other) is answer


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (iptables("! -s 10.0.0.0/8"), ("! -s 10.0.0.0/8", "10.0.0.0/8")),
        (iptables("-m iprange ! --src-range 10.0.0.1-10.0.0.9"), ("iprange ! --src-range 10.0.0.1-10.0.0.9",
                                                                  "10.0.0.1-10.0.0.9")),
        (native("ip saddr != 10.0.0.0/8"), ("ip saddr != 10.0.0.0/8", "10.0.0.0/8")),
        (native("ip saddr { 10.0.0.1, 10.0.0.2 }"), ("ip saddr { 10.0.0.1, 10.0.0.2 }", "{ 10.0.0.1, 10.0.0.2 }")),
    ],
)  # fmt: skip
def test_the_words_of_a_condition(rule: Rule, words: tuple[str, str]) -> None:
    """A condition keeps the match and its values as they were printed."""
    found = first_asked(rule, "ip", "ip saddr")
    assert found is not None and (found.words, found.printed) == words
