"""To whom: a part of the senders meets what each machine in it meets."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netui.model import Address, Interface, PolicyRule, Route
from netui.reports.path import path_json, path_text
from netui.traversal import EndpointError, Path, PreparedHost, path, prepare
from netui.traversal.result import SendersPart
from tests.traversal.build import container, filter_rules, host, ip_set, nat_rules, snapshot
from tests.traversal.sender_hosts import native_host

#: Sets with members of every kind that names an address.
SETS = {
    made.name: made
    for made in (
        ip_set("offices", "hash:net", "203.0.113.0/24", "203.0.113.128/25 nomatch", "9.0.0.0/9"),
        ip_set("people", "hash:ip", "203.0.113.5", "203.0.113.9", "8.8.8.8"),
        ip_set("both", "list:set", "people", "offices"),
    )
}
NUMBERS = (
    "203.0.113.0/24", "203.0.113.0/25", "203.0.113.9", "8.0.0.0/7", "8.8.0.0/16", "0.0.0.0/1", "172.16.0.0/12",
    "203.0.113.5/255.255.255.13", "9.8.7.0/255.255.0.255",
)  # fmt: skip
MATCHES = st.one_of(
    st.tuples(st.sampled_from(("", "! ")), st.sampled_from(NUMBERS)).map(lambda one: f"{one[0]}-s {one[1]}"),
    st.sampled_from((
        "-m iprange --src-range 203.0.113.3-203.0.113.130", "-m iprange ! --src-range 8.8.8.8-9.1.2.3",
        "-m set --match-set offices src", "-m set ! --match-set people src", "-m set --match-set both src",
        "-m mark --mark 0x1", "-m mark ! --mark 0x1", "-m limit --limit 25/sec", "-p udp", "",
    )),
)  # fmt: skip
TARGETS = ("DROP", "ACCEPT", "REJECT --reject-with icmp-port-unreachable", "own", "RETURN", "MARK --set-xmark 0x1/0xff")
RULES = st.lists(
    st.builds(
        lambda chain, match, target: f"-A {chain} {match} -j {'DROP' if (chain, target) == ('own', 'own') else target}",
        st.sampled_from(("INPUT", "INPUT", "own")), MATCHES, st.sampled_from(TARGETS),
    ),
    max_size=6,
)  # fmt: skip
TRANSLATIONS = st.lists(
    MATCHES.map(
        lambda match: f"-A PREROUTING {match} -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80"
    ),
    max_size=2,
)
ASKED = st.lists(st.integers(1, (1 << 32) - 1).map(lambda number: str(ipaddress.IPv4Address(number))), max_size=6)


def said(found: Path) -> tuple[object, ...]:
    """All that a path says of the packet; not its addresses, which name the sender."""
    steps = [
        (step.table, step.chain, step.rule, step.says)
        for leg in (*found.legs, *(found.reply or ()))
        for step in leg.steps
    ]
    return found.verdict, found.delivered_to, found.condition, found.undecided, steps


def part_of(found: Path, address: str) -> SendersPart:
    """The part that an address is in."""
    others, *named = found.senders
    sender = ipaddress.ip_address(address)
    holding = [part for part in named if any(sender in ipaddress.ip_network(net) for net in part.addresses or ())]
    assert len(holding) <= 1, "no machine is in two parts"
    return holding[0] if holding else others


def edges(found: Path) -> set[str]:
    """The first and last machine of each network of each part, and the machines beside them."""
    nets = [ipaddress.ip_network(net) for part in found.senders for net in part.addresses or ()]
    numbers = {int(net[place]) + beside for net in nets for place in (0, -1) for beside in (-1, 0, 1)}
    inside = sorted(number for number in numbers if 0 < number < 1 << 32)
    # a mask that is no prefix has hundreds of them
    return {str(ipaddress.IPv4Address(number)) for number in inside[:: len(inside) // 48 + 1]}


def beyond(address: str) -> bool:
    """Whether a machine beyond the default route of these hosts can have it."""
    sender = ipaddress.ip_address(address)
    near = ("198.51.100.0/24", "172.18.0.0/16", "172.19.0.0/16")
    odd = (
        sender.is_loopback
        or sender.is_multicast
        or sender in ipaddress.ip_network("0.0.0.0/8")
        or int(sender) >> 28 == 15
    )
    return not odd and not any(sender in ipaddress.ip_network(net) for net in near)


def asked_of(host: PreparedHost, port: str, asked: list[str]) -> None:
    found = path(host, "outside", port, reply=True)
    for address in sorted({*asked, *edges(found)}):
        if not beyond(address):
            continue
        alone = path(host, f"outside:{address}", port, reply=True, iif="eth0")
        together = part_of(found, address).path if found.senders else found
        assert said(together) == said(alone), address


@settings(max_examples=150, deadline=None)
@given(RULES, TRANSLATIONS, ASKED)
def test_a_part_meets_what_each_of_it_meets(rules: list[str], translations: list[str], asked: list[str]) -> None:
    """Verdict, steps, limits and what is unknown, for machines at the edges of parts and any others."""
    made = host(nat_rules(*translations) + filter_rules(*rules, chains=("own",)), ipsets=SETS)
    asked_of(made, "host:22", asked)
    asked_of(made, "host:8080", asked)


@settings(max_examples=40, deadline=None)
@given(RULES, ASKED)
def test_the_same_where_the_way_hangs_on_the_sender(rules: list[str], asked: list[str]) -> None:
    """Policy routing sends the answers of some machines into the void."""
    made = host(
        filter_rules(*rules, chains=("own",)),
        ipsets=SETS,
        policy_rules={"ip": (
            PolicyRule("ip", 0, "local"),
            PolicyRule("ip", 100, "", action="blackhole", dst="203.0.113.0/26"),
            PolicyRule("ip", 32766, "main"),
        )},
    )  # fmt: skip
    asked_of(made, "host:22", asked)


@pytest.mark.parametrize(
    ("rules", "others", "named"),
    [
        (("-s 203.0.113.0/24 -j ACCEPT", "-j DROP"), "dropped", {("203.0.113.0/24",): "delivered"}),
        (("-s 203.0.113.7 -j DROP",), "delivered", {("203.0.113.7",): "dropped"}),
        (("! -s 203.0.113.0/24 -j DROP",), "dropped", {("203.0.113.0/24",): "delivered"}),
        (("-m iprange --src-range 203.0.113.2-203.0.113.4 -j DROP",), "delivered",
         {("203.0.113.2/31", "203.0.113.4"): "dropped"}),
        (("-m set --match-set people src -j ACCEPT", "-j DROP"), "dropped",
         {("8.8.8.8", "203.0.113.5", "203.0.113.9"): "delivered"}),
        (("-s 203.0.113.0/24 -j DROP", "-s 203.0.113.0/24 -j ACCEPT", "-j DROP"), "dropped",
         {("203.0.113.0/24",): "dropped"}),
    ],
)  # fmt: skip
def test_lists_of_who_may(rules: tuple[str, ...], others: str, named: dict[tuple[str, ...], str]) -> None:
    """Allow lists and block lists; a part is told apart by its steps, too."""
    found = path(host(filter_rules(*(f"-A INPUT {rule}" for rule in rules)), ipsets=SETS), "outside", "host:22")
    assert found.verdict == others
    assert {part.addresses: part.path.verdict for part in found.senders[1:]} == named
    assert found.undecided == ()


@pytest.mark.parametrize("count", [3, 300])
@pytest.mark.parametrize("alone", [True, False])
def test_a_set_of_many(count: int, alone: bool) -> None:
    """Addresses and networks, few or many: those of the set are a part, and everyone else is another."""
    entries = [f"{9 + number // 200}.{number % 200}.0.{1 if alone else '0/25'}" for number in range(count)]
    kind = "hash:ip" if alone else "hash:net"
    rules = filter_rules("-A INPUT -m set --match-set many src -j DROP")
    found = path(host(rules, ipsets={"many": ip_set("many", kind, *entries)}), "outside", "host:22")
    assert found.verdict == "delivered"
    (_others, part) = found.senders
    assert (part.addresses, part.path.verdict) == (tuple(entries), "dropped")


def test_what_one_network_meets_does_not_make_others_undecided() -> None:
    """A module that netui does not know, asked of one network alone."""
    rules = ("-A INPUT -s 203.0.113.0/24 -m nobody --knows it -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 22 -j DROP")
    found = path(host(filter_rules(*rules)), "outside", "host:22")
    assert found.verdict == "dropped"
    assert [(part.addresses, part.path.verdict) for part in found.senders[1:]] == [(("203.0.113.0/24",), "undecided")]


def test_an_allow_list_is_walked_at_once() -> None:
    """Each of 300 networks is a part with its own rule; a network that two rules name is the first one's."""
    nets = [f"9.{n // 100}.{n % 100}.0/24" for n in range(300)]
    rules = [f"-A INPUT -s {net} -j ACCEPT" for net in nets]
    rules[7] = "-A INPUT -s 9.0.0.0/21 -j DROP"
    found = path(host(filter_rules(*rules, "-A INPUT -j REJECT")), "outside", "host:22")
    assert (found.verdict, len(found.senders)) == ("rejected", 301)
    by_rule = {part.decided_by.rule: part for part in found.senders[1:] if part.decided_by is not None}
    assert by_rule[8].addresses == ("9.0.7.0/24",)
    assert by_rule[8].path.reason == "rule 8 of filter INPUT drops it"
    assert by_rule[300].addresses == ("9.2.99.0/24",)
    assert [step.rule for step in by_rule[300].path.legs[0].steps if step.table == "filter"] == [300]


def test_the_same_over_ipv6() -> None:
    """Networks of IPv6, each with its rule, and everyone else."""
    rules = [f"-A INPUT -s 2600:{n:x}::/32 -j ACCEPT" for n in range(1, 40)]
    made = host("", filter_rules(*rules, "-A INPUT -s 2a00::/12 -j DROP", "-A INPUT -j REJECT"))
    found = path(made, "outside", "[2001:db8:1::1]:22", reply=True)
    assert (found.verdict, len(found.senders)) == ("rejected", 41)
    for address in ("2600:5::1", "2a01::7", "2620:fe::fe"):
        assert said(part_of(found, address).path) == said(
            path(made, f"outside:{address}", "[2001:db8:1::1]:22", reply=True)
        )


def test_nobody_is_named_where_all_meet_the_same() -> None:
    """A rule for a container's own network is for no machine beyond the default route."""
    found = path(host(filter_rules("-A INPUT -s 172.18.0.0/16 -j DROP")), "outside", "host:22")
    assert (found.verdict, found.senders) == ("delivered", ())


def test_parts_are_in_the_json_and_in_the_text() -> None:
    """Who, what becomes of theirs, and the rule that tells them from everyone else; exactly one part is the rest."""
    rules = ("-A INPUT -s 203.0.113.0/24 -j ACCEPT", "-A INPUT -p tcp -m tcp --dport 22 -j DROP")
    found = path(host(filter_rules(*rules)), "outside", "host:22")
    made = path_json(found)
    assert [part["everyone_else"] for part in made["senders"]] == [True, False]
    others, office = made["senders"]
    assert (others["addresses"], others["verdict"], others["legs"]) == (None, made["verdict"], made["legs"])
    assert (office["addresses"], office["verdict"], office["decided_by"]["rule"]) == (
        ["203.0.113.0/24"],
        "delivered",
        1,
    )
    assert path_text(found).splitlines()[-2:] == [
        "DELIVERED to host (198.51.100.1:22) for 203.0.113.0/24 (rule 1 of filter INPUT)  [--sender 1]",
        "DROPPED for everyone else: rule 2 of filter INPUT drops it",
    ]


#: Long lists of who may: rules that go the same way are walked together.
LISTS = st.lists(
    st.builds(
        lambda match, target: f"-A own {match} -j {target}",
        st.one_of(
            st.builds(lambda a, n: f"-s {a}.0.0.0/{n}", st.integers(5, 12), st.sampled_from((8, 9))),
            st.builds(lambda a, b: f"-s 9.{a}.{b}.0/24 -i eth0", st.integers(0, 3), st.integers(0, 3)),
            st.builds(lambda a: f"! -s 9.{a}.0.0/16 -m conntrack --ctstate NEW", st.integers(0, 3)),
            st.builds(lambda a: f"-s 9.1.{a}.0/24 -p tcp -m tcp --dport 22", st.integers(0, 3)),
            MATCHES,
        ),
        st.sampled_from(("RETURN", "ACCEPT", "DROP", "inner", "REJECT --reject-with icmp-port-unreachable")),
    ),
    min_size=6,
    max_size=40,
)  # fmt: skip
INNER = st.sampled_from((("-A inner -j ACCEPT",), ("-A inner -s 9.0.0.0/10 -j DROP",), ("-A inner -p udp -j DROP",)))


@settings(max_examples=60, deadline=None)
@given(LISTS, INNER, RULES, ASKED)
def test_the_same_of_long_lists(lists: list[str], inner: tuple[str, ...], rules: list[str], asked: list[str]) -> None:
    """Runs of rules that each ask who sends, gone through at once, jumps that come back among them."""
    made = host(
        filter_rules(
            "-A INPUT -j own", *lists, *inner, *(r for r in rules if " own" not in r), chains=("own", "inner")
        ),
        ipsets=SETS,
    )
    asked_of(made, "host:22", asked)


NATIVE_MATCHES = (
    "ip saddr 9.0.0.0/9", "ip saddr != 9.1.0.0/16", "ip saddr { 9.2.0.0/16, 8.8.8.8 }", "ip saddr 9.1.0.0-9.3.2.1",
    "ip saddr >= 9.64.0.0", "tcp dport 22 ip saddr 9.1.2.0/24", "ip saddr . tcp dport { 9.1.2.3 . 22, 9.1.2.4 . 80 }",
    "ip saddr 203.0.113.0/24 limit rate 5/second", "meta mark 0x1 ip saddr 9.0.0.0/8", "counter ip saddr 9.1.1.0/24",
    "ip saddr vmap { 9.0.0.0/8 : jump inner, 8.0.0.0/8 : drop, 7.0.0.0/8 : return }",
    "ip saddr & 255.0.255.0 == 9.0.2.0", "ip saddr & 255.3.0.0 != 9.1.0.0", "ip saddr & 255.252.0.0 == 9.0.0.0",
    "ip saddr & 254.1.0.0 { 8.0.0.0, 8.1.0.0 }", "ip saddr & 255.240.128.0 >= 9.0.128.0",
    "ip saddr & 255.1.0.0 vmap { 9.0.0.0 : jump inner, 9.1.0.0 : drop, 8.0.0.0 : return }",
    "ip saddr 9.0.0.0/24 ip saddr & 0.0.0.3 == 0.0.0.1", "tcp dport & 0xff == 22 ip saddr & 255.254.255.255 == 9.0.0.3",
)  # fmt: skip
NATIVE = st.lists(
    st.builds(
        lambda match, verdict: match if "vmap" in match else f"{match} {verdict}",
        st.sampled_from(NATIVE_MATCHES),
        st.sampled_from(("accept", "drop", "return", "jump inner", "goto inner", "reject", "meta mark set 0x1")),
    ),
    max_size=24,
)


@settings(max_examples=60, deadline=None)
@given(NATIVE, st.sampled_from(("accept", "ip saddr 9.0.0.0/10 drop", "tcp dport 23 drop")), ASKED)
def test_the_same_of_native_rules(rules: list[str], inner: str, asked: list[str]) -> None:
    """Sets, ranges, concatenations and verdict maps of nft."""
    asked_of(native_host(rules, inner), "host:22", asked)


@pytest.mark.parametrize(
    ("rule", "others", "named"),
    [
        ("ip saddr & 255.255.0.0 == 9.1.0.0 drop", "delivered", {("9.1.0.0/16",): "dropped"}),
        ("ip saddr & 255.254.255.255 == 9.0.0.5 drop", "delivered", {("9.0.0.5", "9.1.0.5"): "dropped"}),
        ("ip saddr & 255.254.255.0 != 9.0.7.0 drop", "dropped", {("9.0.7.0/24", "9.1.7.0/24"): "delivered"}),
        ("ip saddr & 255.254.255.0 { 9.0.7.0, 9.0.8.0 } drop", "delivered",
         {("9.0.7.0/24", "9.0.8.0/24", "9.1.7.0/24", "9.1.8.0/24"): "dropped"}),
        ("ip saddr & 255.255.254.0 vmap { 9.1.0.0 : drop, 9.1.2.0 : accept }", "delivered",
         {("9.1.0.0/23",): "dropped", ("9.1.2.0/23",): "delivered"}),
        ("ip saddr & 255.0.0.0 == 9.1.0.0 drop", "delivered", {}),
        # 2^24 pieces: as with iptables' own masks that is not told
        ("ip saddr & 0.0.0.255 == 0.0.0.5 drop", "undecided", {}),
    ],
)  # fmt: skip
def test_bits_of_many_senders(rule: str, others: str, named: dict[tuple[str, ...], str]) -> None:
    """A mask of nft's that is no prefix names the machines with such bits, however it is compared."""
    found = path(native_host([rule], "accept"), "outside", "host:22")
    assert found.verdict == others
    assert {part.addresses: part.path.verdict for part in found.senders[1:]} == named


# --- lan and any --------------------------------------------------------------------------


def with_lan() -> PreparedHost:
    """A host whose second interface has a link of its own, with rules for parts of both links."""
    made = snapshot(
        filter_rules(
            "-A INPUT -s 192.0.2.64/26 -j DROP",
            "-A INPUT -s 198.51.100.128/25 -j DROP",
            "-A INPUT -i eth1 -p tcp -m tcp --dport 80 -j REJECT",
        )
    )
    eth1 = Interface(9, "eth1", addresses=(Address("ip", "192.0.2.1", 24),))
    main = Route("ip", "192.0.2.0/24", dev="eth1", prefsrc="192.0.2.1")
    local = Route("ip", "192.0.2.1/32", type="local", table="local", dev="eth1")
    assert made.interfaces is not None
    return prepare(
        replace(
            made, interfaces=(*made.interfaces, eth1), routes={**made.routes, "ip": (*made.routes["ip"], main, local)}
        )
    )


def test_lan_is_the_machines_on_the_links() -> None:
    """All links, one by name, and with the world beyond; each machine is what it is alone."""
    made = with_lan()
    found = path(made, "lan@eth1", "192.0.2.1:22")
    assert [(part.addresses, part.path.verdict) for part in found.senders] == [
        (None, "delivered"),
        (("192.0.2.64/26",), "dropped"),
    ]
    both = path(made, "lan", "192.0.2.1:22", reply=True)
    assert {part.addresses: part.path.verdict for part in both.senders[1:]} == {
        ("192.0.2.64/26",): "dropped",
        ("198.51.100.128/26", "198.51.100.192/27", "198.51.100.224/28", "198.51.100.240/29", "198.51.100.248/30",
         "198.51.100.252/31", "198.51.100.254"): "dropped",
    }  # fmt: skip
    every = path(made, "any", "198.51.100.1:80")
    assert every.verdict == "delivered"
    verdicts = {part.path.verdict for part in every.senders}
    assert verdicts == {"delivered", "dropped", "rejected"}
    for address in ("192.0.2.70", "192.0.2.2", "198.51.100.130", "198.51.100.4", "9.9.9.9"):
        alone = path(made, f"outside:{address}", "198.51.100.1:80")
        assert part_of(every, address).path.verdict == alone.verdict, address


def test_a_host_asks_itself_on_each_link() -> None:
    """`host` is the address of the link in question."""
    found = path(with_lan(), "lan@eth1", "host:22")
    assert found.legs[0].packet.dst == "192.0.2.1"


@pytest.mark.parametrize(
    ("source", "destination", "says"),
    [
        ("lan@eth7", "host:22", "no such link"),
        ("lan", "lan:22", "is no destination"),
        ("host", "any:22", "is no destination"),
    ],
)
def test_links_that_are_not_there(source: str, destination: str, says: str) -> None:
    """One clear line for what cannot be used."""
    with pytest.raises(EndpointError, match=says):
        path(with_lan(), source, destination)


def test_a_container_called_lan_is_meant_by_its_name() -> None:
    """What worked before netui knew the word still does."""
    named = container("9" * 64, "lan", "172.18.0.9")
    made = snapshot()
    assert made.containers is not None
    found = path(prepare(replace(made, containers=(*made.containers, named))), "lan", "openresty:80")
    assert found.legs[0].packet.src == "172.18.0.9"
