"""Rules alone: paths by interfaces that were named by hand, and what stays undecided."""

from __future__ import annotations

import pytest

from netui.sources.capture.pasted import read_pasted
from netui.sources.capture.reader import read_capture
from netui.traversal import EndpointError, Path, path, prepare
from tests.traversal.kernel import CASES

RULES = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -d 198.51.100.1/32 -p tcp -m tcp --dport 24 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-USER -s 203.0.113.66/32 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""


def ask(
    source: str, destination: str, iif: str = "", oif: str = "", *, rules: str = RULES, reply: bool = False
) -> Path:
    return path(prepare(read_pasted(rules, "rules.txt")), source, destination, iif=iif, oif=oif, reply=reply)


ANSWERS = [
    # by the interfaces alone
    ("outside", "host:8080", "eth0", "docker0", "delivered", "DOCKER"),
    ("outside:203.0.113.66", "host:8080", "eth0", "docker0", "dropped", "DOCKER-USER"),
    ("outside", "host:22", "eth0", "", "delivered", "INPUT"),
    ("outside", "host:23", "eth0", "", "dropped", "INPUT"),
    ("203.0.113.5", "172.17.0.2:80", "eth0", "docker0", "delivered", "DOCKER"),
    ("203.0.113.5", "172.17.0.2:81", "eth0", "docker0", "dropped", "FORWARD"),
    ("172.17.0.2", "9.9.9.9:53/udp", "docker0", "eth0", "delivered", "FORWARD"),
    ("host", "172.17.0.2:80", "", "docker0", "delivered", None),
    # the host's address is any: a rule for one of them may or may not be met
    ("outside", "host:24", "eth0", "", "undecided", None),
    # whether an address is the host's own is not told
    ("203.0.113.5", "198.51.100.1:8080", "eth0", "docker0", "undecided", None),
]


@pytest.mark.parametrize(("source", "destination", "iif", "oif", "verdict", "chain"), ANSWERS)
def test_a_path_by_interfaces_named_by_hand(
    source: str, destination: str, iif: str, oif: str, verdict: str, chain: str | None
) -> None:
    """The rules as they stand decide; what they leave open is undecided."""
    found = ask(source, destination, iif, oif)
    assert found.verdict == verdict
    if chain is not None:
        assert found.deciding is not None
        assert found.deciding.chain == chain
    assert any("taken for granted" in note for note in found.notes)


MISSING = [
    ("outside", "host:8080", "", "", "--in IFACE"),
    ("203.0.113.5", "172.17.0.2:80", "", "docker0", "--in IFACE"),
    ("host", "172.17.0.2:80", "", "", "--out IFACE"),
    # a DNAT sends it on: the steps up to there are told
    ("outside", "host:8080", "eth0", "", "172.17.0.2 is reached: name it with --out IFACE"),
    ("host", "host:8080", "", "", "172.17.0.2 is reached: name it with --out IFACE"),
]


@pytest.mark.parametrize(("source", "destination", "iif", "oif", "says"), MISSING)
def test_what_must_be_named_is_said(source: str, destination: str, iif: str, oif: str, says: str) -> None:
    """Without an interface that the way needs it is undecided, and the option is named."""
    found = ask(source, destination, iif, oif)
    assert found.verdict == "undecided"
    assert says in found.reason


def test_the_steps_before_an_unknown_way_are_told() -> None:
    """Up to the routing that rules alone do not tell, each rule is one that was met."""
    (leg,) = ask("outside", "host:8080", "eth0").legs
    assert [step.says for step in leg.steps] == ["jump DOCKER", "dnat 172.17.0.2:80"]


def test_the_answer_comes_back_the_way_it_went() -> None:
    """With --reply the answer leaves by the interface by which the question came in."""
    found = ask("outside", "host:8080", "eth0", "docker0", reply=True)
    assert found.verdict == "delivered"
    assert found.reply is not None
    assert (found.reply[0].packet.iif, found.reply[0].packet.oif) == ("docker0", "eth0")


def test_what_a_listing_does_not_tell_is_undecided() -> None:
    """Iptables -L without -v has no interfaces: its accept may not be meant for this packet."""
    listing = (
        "Chain INPUT (policy DROP)\ntarget prot opt source destination\nACCEPT all -- anywhere anywhere\n"
        "Chain FORWARD (policy DROP)\ntarget prot opt source destination\n"
        "ACCEPT tcp -- anywhere anywhere tcp dpt:ssh\n"
        "Chain OUTPUT (policy ACCEPT)\ntarget prot opt source destination\n"
    )
    assert ask("outside", "host:22", "eth0", rules=listing).verdict == "undecided"


def test_a_cut_off_save_never_decides_by_what_is_missing() -> None:
    """A chain that was cut off may go on: its policy decides nothing."""
    cut = RULES[: RULES.index("-A FORWARD -i docker0")]
    found = ask("172.17.0.2", "9.9.9.9:53/udp", "docker0", "eth0", rules=cut)
    assert found.verdict == "undecided"
    assert any("cut off in line" in note for note in found.notes)


def test_a_container_is_not_known_and_out_is_for_rules_alone() -> None:
    """Mistakes are named: a container's name, and --out where the routes tell the way."""
    with pytest.raises(EndpointError, match="rules alone tell of no containers"):
        ask("shop", "host:80", "eth0")
    whole = prepare(read_capture(CASES / "engine-20.10" / "host"))
    with pytest.raises(EndpointError, match="--out: is for rules alone"):
        path(whole, "outside", "host:80", oif="eth0")


def test_a_containers_address_is_none_of_the_hosts() -> None:
    """Docker 28's raw rules drop what comes for a container's own address: they are not about host."""
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP\nCOMMIT\n"
    assert ask("outside", "host:8080", "eth0", "docker0", rules=raw + RULES).verdict == "delivered"
    assert ask("outside", "172.17.0.2:80", "eth0", "docker0", rules=raw + RULES).verdict == "dropped"
