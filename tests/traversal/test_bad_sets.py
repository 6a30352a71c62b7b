"""Senders and what is broken or missing: not known with its reason, or the kernel's own answer; never nobody."""

from __future__ import annotations

import pytest

from netui.model import IpSet
from netui.sources.capture.pasted import read_pasted
from netui.traversal import PreparedHost, path, prepare
from tests.traversal.build import filter_rules, host, ip_set
from tests.traversal.sender_hosts import native_host

HERE, HERE6 = "host:22", "[2001:db8:1::1]:22"
V4 = {"office": ip_set("office", "hash:ip", "203.0.113.5")}


def rules_for(*rules: str) -> str:
    """INPUT with these rules."""
    return filter_rules(*(f"-A INPUT {rule}" for rule in rules))


def said(made: PreparedHost, destination: str = HERE) -> tuple[str, dict[tuple[str, ...], str]]:
    """The verdict on everyone else, and on those who are named; no part is empty, and each one's reason is told."""
    found = path(made, "outside", destination)
    assert all(part.addresses for part in found.senders[1:])
    assert all(item.reason for item in found.undecided)
    return found.verdict, {part.addresses or (): part.path.verdict for part in found.senders[1:]}


# --- sets without elements ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        (None, "the sets were not read: `ipset save` would tell what is in them"),
        ({}, "the set office is not in what `ipset save` printed"),
        ({"office": IpSet("office", "list:set", "ip", ("gone",))}, ""),
    ],
)
@pytest.mark.parametrize("rules", [("DROP",), ("ACCEPT", "-j DROP")])
def test_an_ipset_that_was_not_captured(sets: dict[str, IpSet] | None, reason: str, rules: tuple[str, ...]) -> None:
    """As an allow list or a block list: nobody is let in or kept out by it, it is not known."""
    target, *rest = rules
    made = host(rules_for(f"-m set --match-set office src -j {target}", *rest), ipsets=sets)
    assert said(made) == ("undecided", {})
    assert path(made, "outside:203.0.113.5", HERE).verdict == "undecided"
    assert reason in path(made, "outside", HERE).reason


TERSE = """table inet t {
 set office {
  type ipv4_addr
 }
 map where {
  type ipv4_addr : verdict
 }
 chain c {
  type filter hook input priority filter; policy accept;
  %s
 }
}
"""


@pytest.mark.parametrize("rule", ["ip saddr @office drop", "ip saddr != @office drop", "ip saddr vmap @where"])
def test_a_listing_that_leaves_elements_out(rule: str) -> None:
    """`nft -t list ruleset` prints no elements at all: a set without any in it may be full."""
    found = path(prepare(read_pasted(TERSE % rule, "a.txt")), "outside", HERE, iif="eth0")
    assert found.verdict == "undecided"
    assert "elements of @" in found.reason


def test_a_listing_with_elements_has_empty_sets() -> None:
    """Where another set has elements they were printed, and an empty one has nobody in it."""
    other = " set other {\n  type ipv4_addr\n  elements = { 9.9.9.9 }\n }\n chain"
    text = (TERSE % "ip saddr @office drop").replace(" chain", other, 1)
    found = path(prepare(read_pasted(text, "a.txt")), "outside", HERE, iif="eth0")
    assert found.verdict == "delivered"
    assert not any("elements" in item.reason for item in found.undecided)


def test_a_native_set_that_is_not_there() -> None:
    """A rule that names a set which the table does not have."""
    made = native_host(["ip saddr @gone drop"], "accept")
    assert said(made) == ("undecided", {})
    assert "there is no set @gone" in path(made, "outside", HERE).reason


def test_an_empty_set_has_nobody_in_it() -> None:
    """One that was captured, and is empty: the kernel's own answer."""
    made = host(rules_for("-m set --match-set office src -j DROP"), ipsets={"office": ip_set("office", "hash:ip")})
    assert said(made) == ("delivered", {})


# --- masks that are no prefix -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("mask", "native", "named"),
    [
        ("-s 203.0.113.5/255.255.255.251", "ip saddr & 255.255.255.251 == 203.0.113.1", ("203.0.113.1", "203.0.113.5")),
        ("-s 9.0.5.0/255.254.255.0", "ip saddr & 255.254.255.0 == 9.0.5.0", ("9.0.5.0/24", "9.1.5.0/24")),
        # 2^24 single addresses
        ("-s 0.0.0.5/0.0.0.255", "ip saddr & 0.0.0.255 == 0.0.0.5", None),
    ],
)
def test_masks(mask: str, native: str, named: tuple[str, ...] | None) -> None:
    """Of iptables and of nft: those with such bits are named; where they are too many pieces it is not known."""
    expected = ("undecided", {}) if named is None else ("delivered", {named: "dropped"})
    assert said(host(rules_for(f"{mask} -j DROP"))) == expected
    assert said(native_host([f"{native} drop"], "accept")) == expected


@pytest.mark.parametrize(("asked", "machine"), [("outside", "203.0.113.5"), ("lan", "198.51.100.5")])
def test_masks_of_a_few_machines(asked: str, machine: str) -> None:
    """Where those who are asked about are few, the bits at the end of their addresses tell them apart."""
    rules = ("-s 203.0.113.0/24 -j own", "-i eth0 -s 198.51.100.0/24 -j own")
    own = filter_rules(*(f"-A INPUT {rule}" for rule in rules), "-A own -s 0.0.0.5/0.0.0.255 -j DROP", chains=("own",))
    found = path(host(own), asked, HERE)
    assert (found.verdict, found.undecided) == ("delivered", ())
    assert {part.addresses: part.path.verdict for part in found.senders[1:] if part.path.verdict != "delivered"} == {
        (machine,): "dropped"
    }
    text = ["ip saddr { 203.0.113.0/24, 198.51.100.0/24 } ip saddr & 0.0.0.255 == 0.0.0.5 drop"]
    native = path(native_host(text, "accept"), asked, HERE)
    assert {part.addresses: part.path.verdict for part in native.senders[1:]} == {(machine,): "dropped"}


# --- intervals turned round -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # xt_iprange: "is reversed and will never match"
        ("-m iprange --src-range 203.0.113.9-203.0.113.2", ("delivered", {})),
        ("-m iprange ! --src-range 203.0.113.9-203.0.113.2", ("dropped", {})),
        ("-p tcp -m tcp --dport 30:20", ("delivered", {})),
    ],
)
def test_ranges_of_iptables(words: str, expected: tuple[str, dict[tuple[str, ...], str]]) -> None:
    """The kernel compares with both ends: nobody is between them."""
    assert said(host(rules_for(f"{words} -j DROP"))) == expected


@pytest.mark.parametrize(
    ("kind", "entry", "direction", "named"),
    [
        ("hash:ip", "203.0.113.9-203.0.113.8", "src", ("203.0.113.8/31",)),
        ("hash:net", "203.0.113.9-203.0.113.8", "src", ("203.0.113.8/31",)),
        ("hash:ip,port", "203.0.113.5,tcp:30-20", "src,dst", ("203.0.113.5",)),
    ],
)
def test_ranges_of_ipsets(kind: str, entry: str, direction: str, named: tuple[str, ...]) -> None:
    """Added to a set, the kernel turns it back."""
    sets = {"office": ip_set("office", kind, entry)}
    made = host(rules_for(f"-m set --match-set office {direction} -j DROP"), ipsets=sets)
    assert said(made) == ("delivered", {named: "dropped"})


@pytest.mark.parametrize(
    "words",
    [
        "ip saddr 203.0.113.9-203.0.113.2",
        "ip saddr { 203.0.113.9-203.0.113.2 }",
        "tcp dport 30-20",
        "ip saddr 203.0.113.0/33",
    ],
)
def test_ranges_of_nft(words: str) -> None:
    """What nft refuses it did not print: not known."""
    assert said(native_host([f"{words} drop"], "accept"))[0] == "undecided"


# --- an IPv4 set asked with IPv6 ----------------------------------------------------------------


def test_an_ipv4_set_asked_with_ipv6() -> None:
    """ip_set_test: a set of another family holds no packet, and `!` turns that over; the set's own family it holds."""
    drop, keep = "-m set --match-set office src -j DROP", "-m set ! --match-set office src -j DROP"
    assert said(host("", rules_for(drop), ipsets=V4), HERE6) == ("delivered", {})
    assert said(host("", rules_for(keep), ipsets=V4), HERE6) == ("dropped", {})
    assert said(host(rules_for(drop), ipsets=V4)) == ("delivered", {("203.0.113.5",): "dropped"})


def test_a_native_ipv4_rule_asked_with_ipv6() -> None:
    """In an inet table `ip saddr` is of IPv4's packets alone, however it is compared."""
    for rule in ("ip saddr 203.0.113.5 drop", "ip saddr != 203.0.113.5 drop", "ip saddr & 255.0.0.0 == 9.0.0.0 drop"):
        assert said(native_host([rule], "accept"), HERE6) == ("delivered", {})
