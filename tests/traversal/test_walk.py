"""The walk: jumps, gotos, policies, translation, routing, bridges, as the kernel does them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netui.model import Address, Interface, Member, NativeChain, PolicyRule, Route, RulesetKey, Socket
from netui.traversal import Path, RulesError, path
from netui.traversal.answer import outcome
from netui.traversal.host.prepared_chain import PreparedChain
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change
from tests.attack.chains import doubling
from tests.traversal.build import (
    BRIDGE,
    SYSCTLS,
    filter_rules,
    host,
    interfaces,
    nat_rules,
    networks,
    routes,
    ruleset,
)

FROM, TO = "outside:198.51.100.7", "openresty:80"


def steps(found: Path) -> list[tuple[str, int | None, str]]:
    """The steps of the first leg in short, without accepting policies."""
    return [(step.chain, step.rule, step.says) for step in found.legs[0].steps if step.says != "policy accept"]


def test_return_goes_back_behind_the_jump_and_to_the_policy() -> None:
    """RETURN in a chain goes on behind the jump; in a base chain it means the policy."""
    rules = filter_rules(
        "-A FORWARD -j ONE",
        "-A FORWARD -p tcp -j RETURN",
        "-A FORWARD -j ACCEPT",
        "-A ONE -p tcp -j RETURN",
        "-A ONE -j ACCEPT",
        forward="DROP",
        chains=("ONE",),
    )
    found = path(host(rules), FROM, TO)
    assert steps(found) == [
        ("FORWARD", 1, "jump ONE"),
        ("ONE", 1, "return"),
        ("FORWARD", 2, "return"),
        ("FORWARD", None, "policy drop"),
    ]
    assert found.verdict == "dropped"


def test_goto_returns_to_the_caller_of_the_last_jump() -> None:
    """The end of a chain that was gone to goes back to whoever jumped last, not to the goto."""
    rules = filter_rules(
        "-A FORWARD -j ONE",
        "-A FORWARD -j ACCEPT",
        "-A ONE -g TWO",
        "-A ONE -j DROP",
        "-A TWO -p udp -j DROP",
        chains=("ONE", "TWO"),
    )
    assert steps(path(host(rules), FROM, TO)) == [
        ("FORWARD", 1, "jump ONE"),
        ("ONE", 1, "goto TWO"),
        ("FORWARD", 2, "accept"),
    ]


def test_accept_ends_its_own_base_chain_only() -> None:
    """An ACCEPT in mangle does not save a packet from filter."""
    mangle = "*mangle\n:FORWARD ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n"
    found = path(host(mangle + filter_rules("-A FORWARD -j DROP")), FROM, TO)
    assert [(step.table, step.says) for step in found.legs[0].steps] == [("mangle", "accept"), ("filter", "drop")]


def test_a_loop_of_jumps_names_its_chains() -> None:
    """A capture whose chains jump in a circle is refused with the circle."""
    rules = filter_rules("-A FORWARD -j A", "-A A -j B", "-A B -g A", chains=("A", "B"))
    with pytest.raises(RulesError, match="A → B → A"):
        host(rules)


def test_a_published_port_is_translated_and_delivered() -> None:
    """DNAT first, then routing and FORWARD see the container; the original port is remembered."""
    rules = nat_rules("-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80") + filter_rules(
        "-A FORWARD -p tcp -m tcp --dport 8080 -j DROP",
        "-A FORWARD -p tcp -m conntrack --ctorigdstport 8080 -j ACCEPT",
        forward="DROP",
    )
    found = path(host(rules), FROM, "host:8080", reply=True)
    assert steps(found) == [("PREROUTING", 1, "dnat 172.18.0.3:80"), ("FORWARD", 2, "accept")]
    assert found.delivered_to is not None
    assert (found.delivered_to.name, found.delivered_to.port) == ("openresty", 80)
    assert found.legs[0].steps[0].changes == (Change("destination", "172.18.0.3:80"),)


def test_the_answer_meets_no_nat_rule_and_gets_its_address_back() -> None:
    """Replies skip nat chains; conntrack puts the addresses back."""
    rules = nat_rules(
        "-A PREROUTING -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.18.0.3:80",
        f"-A POSTROUTING ! -o {BRIDGE} -j MASQUERADE",
    ) + filter_rules("-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT", "-A FORWARD -j ACCEPT", forward="DROP")
    found = path(host(rules), FROM, "host:8080", reply=True)
    assert found.reply is not None
    assert [(s.chain, s.rule) for s in found.reply[0].steps] == [("FORWARD", 1)]
    assert found.reply[0].packet.src == "172.18.0.3"


def test_masquerade_takes_the_out_interfaces_address() -> None:
    """A container's packet leaves with the host's address."""
    rules = nat_rules(f"-A POSTROUTING -s 172.18.0.0/16 ! -o {BRIDGE} -j MASQUERADE")
    found = path(host(rules), "blog", "198.51.100.9:80")
    assert found.legs[0].steps[-1].changes == (Change("source", "198.51.100.1"),)


def test_redirect_goes_to_the_in_interfaces_address() -> None:
    """REDIRECT in PREROUTING sends to this machine."""
    rules = nat_rules("-A PREROUTING -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 22")
    found = path(host(rules), "blog", "198.51.100.9:80")
    assert found.delivered_to is not None
    assert (found.delivered_to.kind, found.delivered_to.address, found.delivered_to.port) == ("host", "172.18.0.1", 22)


def test_netmap_keeps_the_host_part() -> None:
    """NETMAP replaces the network and keeps the rest of the address."""
    rules = nat_rules("-A PREROUTING -d 10.9.0.0/16 -j NETMAP --to 172.18.0.0/16")
    found = path(host(rules), FROM, "10.9.0.3:80")
    assert found.delivered_to is not None
    assert found.delivered_to.name == "openresty"


def test_notrack_means_no_translation() -> None:
    """An untracked packet meets no nat rule and is in no state but UNTRACKED."""
    raw = "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A PREROUTING -j CT --notrack\nCOMMIT\n"
    rules = raw + nat_rules("-A PREROUTING -j DNAT --to-destination 172.18.0.2")
    rules += filter_rules("-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP")
    assert steps(path(host(rules), FROM, TO)) == [("PREROUTING", 1, "continue"), ("FORWARD", 1, "drop")]


def test_a_mark_chooses_another_route() -> None:
    """A mark set before routing selects a table by a policy rule."""
    mangle = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n"
    more = {**routes(), "ip": (*routes()["ip"], Route("ip", "0.0.0.0/0", type="blackhole", table="7"))}
    rules = (
        PolicyRule("ip", 0, "local"),
        PolicyRule("ip", 100, "7", fwmark=7),
        PolicyRule("ip", 32766, "main"),
    )
    marked = path(host(mangle, routes=more, policy_rules={"ip": rules}), "blog", "192.0.2.9:80")
    plain = path(host("", routes=more, policy_rules={"ip": rules}), "blog", "192.0.2.9:80")
    assert (marked.verdict, plain.verdict) == ("dropped", "delivered")


def test_host_to_its_own_published_port_never_meets_forward() -> None:
    """Nat OUTPUT translates, filter OUTPUT still sees lo, POSTROUTING sees the bridge."""
    rules = nat_rules(
        "-A OUTPUT -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80",
        f"-A POSTROUTING -o {BRIDGE} -j RETURN",
    ) + filter_rules("-A OUTPUT -o lo -d 172.18.0.3 -j ACCEPT", "-A FORWARD -j DROP")
    found = path(host(rules), "host", "198.51.100.1:80")
    assert steps(found) == [
        ("OUTPUT", 1, "dnat 172.18.0.3:80"),
        ("OUTPUT", 1, "accept"),
        ("POSTROUTING", 1, "return"),
    ]
    assert found.verdict == "delivered"


def test_loopback_visits_input_and_not_nat_again() -> None:
    """OUTPUT, POSTROUTING, then PREROUTING without nat, then INPUT."""
    rules = nat_rules("-A PREROUTING -j DNAT --to-destination 172.18.0.2") + filter_rules("-A INPUT -i lo -j ACCEPT")
    found = path(host(rules), "host", "127.0.0.1:22")
    assert [s.chain for s in found.legs[0].steps] == ["OUTPUT", "OUTPUT", "POSTROUTING", "INPUT"]
    assert found.verdict == "delivered"


def test_docker_proxy_opens_a_second_connection() -> None:
    """A published port that no rule takes is answered by docker-proxy, which connects on its own."""
    found = path(host(""), FROM, "host:80")
    assert [leg.packet.src for leg in found.legs] == ["198.51.100.7", "172.18.0.1"]
    assert found.delivered_to is not None
    assert found.delivered_to.name == "openresty"
    assert any("docker-proxy" in note for note in found.notes)


FORWARDING_OFF = {**SYSCTLS, "net.ipv4.ip_forward": "0", "net.ipv4.conf.eth0.forwarding": "0"}
BRIDGE_NF_OFF = {**SYSCTLS, "net.bridge.bridge-nf-call-iptables": "0"}
STRICT = {**SYSCTLS, "net.ipv4.conf.eth0.rp_filter": "1"}

SITUATIONS = [
    ("ip_forward is off", {"sysctls": FORWARDING_OFF}, FROM, TO, "dropped"),
    ("br_netfilter off: no rule sees the bridge's frames", {"sysctls": BRIDGE_NF_OFF}, "blog", TO, "delivered"),
    ("br_netfilter on: FORWARD sees them", {}, "blog", TO, "dropped"),
    ("br_netfilter not known", {"sysctls": None}, "blog", TO, "undecided"),
    ("strict rp_filter and a source from elsewhere", {"sysctls": STRICT}, "outside:172.19.0.99", "host:22", "dropped"),
    ("127.0.0.1 from outside without route_localnet", {}, FROM, "127.0.0.1:22", "dropped"),
    ("an address that nobody has", {}, FROM, "172.18.0.77:80", "dropped"),
    ("rules not read", {"rulesets": {}}, FROM, TO, "undecided"),
]


@pytest.mark.parametrize(("name", "fields", "source", "destination", "verdict"), SITUATIONS)
def test_what_the_host_itself_decides(
    name: str, fields: dict[str, Any], source: str, destination: str, verdict: str
) -> None:
    """Sysctls and what was not read decide before or beside the rules."""
    rules = filter_rules("-A FORWARD -j DROP")
    assert path(host(rules, **fields), source, destination).verdict == verdict, name


def test_an_address_on_a_bridge_that_nobody_has_is_unreachable() -> None:
    """Where no rule stops it, the packet finds nobody."""
    found = path(host(""), FROM, "172.18.0.77:80")
    assert (found.verdict, found.reason) == ("unreachable", f"nobody has 172.18.0.77 on {BRIDGE}")


def test_bridged_postrouting_has_no_in_interface() -> None:
    """A frame from port to port: FORWARD has both interfaces, POSTROUTING only the out one."""
    rules = nat_rules(
        "-A PREROUTING -p udp -j DNAT --to-destination 172.18.0.9",
        "-A POSTROUTING -j PO",
        f"-A PO -i {BRIDGE} -j RETURN",
        f"-A PO -o {BRIDGE} -j ACCEPT",
        chains=("PO",),
    ) + filter_rules(f"-A FORWARD -i {BRIDGE} -o {BRIDGE} -m physdev --physdev-is-bridged -j ACCEPT", forward="DROP")
    found = path(host(rules), "blog", TO)
    assert steps(found) == [("FORWARD", 1, "accept"), ("POSTROUTING", 1, "jump PO"), ("PO", 2, "accept")]


def test_without_any_rule_that_tracks_nat_chains_are_not_asked() -> None:
    """The kernel tracks connections only where some rule needs it (measured by the fuzzer)."""
    rules = nat_rules("-A PREROUTING -j LOG")
    assert steps(path(host(rules), FROM, TO)) == []
    rules += filter_rules("-A OUTPUT -m conntrack --ctstate NEW -j ACCEPT")
    assert steps(path(host(rules), FROM, TO)) == [("PREROUTING", 1, "continue")]


def test_a_bridge_may_call_iptables_on_its_own() -> None:
    """The bridge's own nf_call_iptables counts where the sysctl is 0."""
    own = tuple(replace(i, nf_call_iptables=True) if i.name == BRIDGE else i for i in interfaces())
    rules = filter_rules("-A FORWARD -j DROP")
    assert path(host(rules, sysctls=BRIDGE_NF_OFF, interfaces=own), "blog", TO).verdict == "dropped"


def test_legacy_and_nft_rules_both_count() -> None:
    """A drop in either variant drops; where only their order decides, the answer is undecided."""
    accept, drop = filter_rules("-A FORWARD -j ACCEPT"), filter_rules("-A FORWARD -j DROP")
    both = {RulesetKey("ip", "nft"): ruleset(accept), RulesetKey("ip", "legacy"): ruleset(drop, backend="legacy")}
    found = path(host("", rulesets=both), FROM, TO)
    assert found.verdict == "dropped"
    nats = {
        RulesetKey("ip", "nft"): ruleset(nat_rules("-A PREROUTING -j DNAT --to-destination 172.18.0.2")),
        RulesetKey("ip", "legacy"): ruleset(
            nat_rules("-A PREROUTING -j DNAT --to-destination 172.18.0.3"), backend="legacy"
        ),
    }
    found = path(host("", rulesets=nats), FROM, "host:80")
    assert found.verdict == "undecided"
    assert "runs first" in found.reason


def test_native_tables_that_could_change_the_verdict_leave_it_undecided() -> None:
    """A native nft chain that can drop: undecided, unless iptables drops anyway."""
    native = NativeChain(
        "inet", "firewalld", "filter_FORWARD", "forward", 10, "filter", "accept", frozenset({"reject"})
    )
    assert path(host("", nft_chains=(native,)), FROM, TO).verdict == "undecided"
    assert path(host("", nft_chains=(replace(native, effects=frozenset()),)), FROM, TO).verdict == "delivered"
    dropped = path(host(filter_rules("-A FORWARD -j DROP"), nft_chains=(native,)), FROM, TO)
    assert dropped.verdict == "dropped"
    assert any("firewalld" in note for note in dropped.notes)


def test_an_unknown_target_is_walked_all_ways() -> None:
    """A target that netui does not know decides nothing by itself."""
    found = path(host(filter_rules("-A FORWARD -j FROBNICATE")), FROM, TO)
    assert found.verdict == "undecided"
    assert found.undecided[0].rule == 1
    dropped = path(host(filter_rules("-A FORWARD -j FROBNICATE --x 1", "-A FORWARD -j DROP")), FROM, TO)
    assert dropped.verdict == "undecided"


def test_a_closed_port_is_delivered_and_refused_there() -> None:
    """Nobody listens: the packet arrives and the reason says that it is refused."""
    found = path(host(""), FROM, "host:4444")
    assert found.verdict == "delivered"
    assert "nothing listens" in found.reason


def test_a_socket_for_one_address_wins() -> None:
    """A socket bound to the address takes the packet before one bound to all."""
    sockets = (Socket("tcp", "0.0.0.0", 99, "wide"), Socket("tcp", "198.51.100.1", 99, "narrow"))
    found = path(host("", sockets=sockets), FROM, "host:99")
    assert any("narrow answers" in note for note in found.notes)


# --- the index and the plain walk --------------------------------------------------------------

_MATCHES = st.lists(
    st.sampled_from(
        [
            "-i eth0",
            "-i eth+",
            "! -i eth0",
            f"-o {BRIDGE}",
            f"! -o {BRIDGE}",
            "-s 198.51.100.7/32",
            "! -s 198.51.100.7/32",
            "-s 198.51.100.0/24",
            "-d 172.18.0.3/32",
            "-d 172.18.0.2/32",
            "! -d 172.18.0.3/32",
            "-p tcp -m tcp --dport 80",
            "-p tcp -m tcp ! --dport 80",
            "-p tcp -m tcp --dport 80:81",
            "-p udp -m udp --dport 80",
            "-p icmp",
            "-m conntrack --ctstate NEW",
            "-m mark --mark 0x1",
        ]
    ),
    max_size=2,
    unique=True,
)
_RULES = st.lists(
    st.tuples(_MATCHES, st.sampled_from(["ACCEPT", "DROP", "RETURN", "ONE", "LOG", "MARK --set-xmark 0x1/0xffffffff"])),
    min_size=8,
    max_size=24,
)


def _two_chains(main: list[tuple[list[str], str]], one: list[tuple[list[str], str]]) -> str:
    """FORWARD, and a chain to which it may jump."""
    lines = [f"-A FORWARD {' '.join(m)} -j {t}" for m, t in main if not _both_protocols(m)]
    lines += [f"-A ONE {' '.join(m)} -j {t if t != 'ONE' else 'DROP'}" for m, t in one if not _both_protocols(m)]
    return filter_rules(*lines, chains=("ONE",))


def _both_protocols(matches: list[str]) -> bool:
    return sum("-p " in match for match in matches) > 1


@settings(max_examples=150, deadline=None)
@given(_RULES, _RULES, st.sampled_from(["openresty:80", "blog:81", "openresty/icmp", "blog:80/udp"]), st.booleans())
def test_the_index_answers_as_the_plain_walk(
    main: list[tuple[list[str], str]], one: list[tuple[list[str], str]], destination: str, named: bool
) -> None:
    """For any rules the indexed walk meets the same rules as the plain one."""
    rules = _two_chains(main, one)
    source = FROM if named else "outside"
    indexed = path(host(rules), source, destination)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreparedChain, "candidates", _every)
        plain = path(host(rules), source, destination)
    assert indexed == plain


@settings(max_examples=150, deadline=None)
@given(_RULES, _RULES, st.sampled_from(["openresty:80", "blog:81", "host:80", "blog:80/udp"]), st.booleans())
def test_the_short_answer_is_the_path_s(
    main: list[tuple[list[str], str]], one: list[tuple[list[str], str]], destination: str, named: bool
) -> None:
    """Whatever the rules, the outcome says of a question what its path says, decided or not."""
    prepared = host(_two_chains(main, one))
    source = FROM if named else "outside"
    short = outcome(prepared, source, destination, reply=True)
    whole = path(prepared, source, destination, reply=True)
    assert (short.verdict, short.reason, short.delivered_to) == (whole.verdict, whole.reason, whole.delivered_to)
    assert (short.deciding, tuple(short.undecided)) == (whole.deciding, whole.undecided)
    assert (tuple(short.reply), set(short.notes) <= set(whole.notes)) == (whole.reply, True)


def _every(self: PreparedChain, _packet: PacketState) -> range:
    return range(len(self.chain.rules))


def test_members_of_a_network_are_known_without_a_listing_of_containers() -> None:
    """Where containers were not read, a network's own members have names; whether they are reached is undecided."""
    members = (
        Member("9" * 64, "web", ipv4="172.18.0.9/16"),
        Member("ingress-sbox", "gateway_ingress-sbox", ipv4="172.18.0.8/16"),
    )
    mine = tuple(replace(network, members=members) if network.name == "hehe" else network for network in networks())
    made = host("", containers=None, networks=mine)
    assert "web" in {container.name for container in made.containers}
    found = path(made, FROM, "web:80")
    assert (found.verdict, "containers were not read" in found.reason) == ("undecided", True)


def test_the_answer_of_a_neighbour_on_the_same_bridge_comes_back() -> None:
    """An answer from port to port is no hairpin."""
    found = path(host(filter_rules("-A FORWARD -j ACCEPT", forward="DROP")), "blog", TO, reply=True)
    assert found.reply is not None
    assert [(step.chain, step.rule) for step in found.reply[0].steps] == [("FORWARD", 1)]
    assert not any("come back" in note for note in found.notes)


def test_without_a_default_route_a_bridge_of_guests_is_not_outside() -> None:
    """The outside is the one interface with a cable, whatever bridges others made."""
    podman = Interface(20, "podman0", kind="bridge", addresses=(Address("ip", "10.88.0.1", 16),))
    guest = Interface(21, "veth9", kind="veth", master="podman0")
    ways = {"ip": tuple(route for route in routes()["ip"] if route.dst != "0.0.0.0/0"), "ip6": ()}
    found = path(host("", interfaces=(*interfaces(), podman, guest), routes=ways), "outside", "host:22")
    assert found.legs[0].packet.iif == "eth0"


@pytest.mark.parametrize(
    ("depth", "verdict"), [(8, "delivered"), (12, "delivered"), (20, "undecided"), (150, "undecided")]
)
def test_a_walk_has_a_budget(depth: int, verdict: str) -> None:
    """Chains whose jumps double are followed as far as a packet's budget goes; then the path is undecided."""
    found = path(host(doubling(depth)), "outside", "host:80")
    assert found.verdict == verdict
    if verdict == "undecided":
        assert "too often to be followed" in found.undecided[0].reason
    again = path(host(doubling(depth)), "openresty", "198.51.100.9:53/udp")
    assert again.verdict == verdict


@pytest.mark.parametrize(("count", "verdict"), [(3, "delivered"), (20, "undecided")])
def test_more_ways_than_are_walked_are_undecided(count: int, verdict: str) -> None:
    """Matches that no snapshot can tell double the ways; where they are too many, not all agree for certain."""
    rules = [f"-A FORWARD -m u32 --u32 0x0=0x{number} -j MARK --set-mark {number}" for number in range(1, count + 1)]
    assert path(host(filter_rules(*rules)), "outside", "172.18.0.2:80").verdict == verdict
