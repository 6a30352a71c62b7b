"""Findings on recorded hosts, each made by one change; the lab has the same on real engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from netui.audit.doctor import diagnose
from netui.audit.doctor.shadowing import covers, is_unconditional
from netui.dialects.iptables.save import read_save
from netui.model import Address, Engine, Interface, Route, Rule, RulesetKey, Snapshot
from netui.reports.commands import doctor
from netui.reports.doctor import doctor_json, doctor_text
from netui.traversal import prepare
from tests.explain.hosts import snapshot, with_rules
from tests.explain.situations import SAVE, SITUATIONS, engine, only, usual, without


@pytest.mark.parametrize(("make", "kind", "words"), [s[1:] for s in SITUATIONS], ids=[s[0] for s in SITUATIONS])
def test_a_situation_is_found(make: Callable[[], Snapshot], kind: str, words: str) -> None:
    """The change brings its finding, with evidence and advice, and no other."""
    found = only(make())
    assert {finding.id for finding in found} == {kind}
    assert words in found[0].what + " ".join(item.text for item in found[0].evidence)
    assert found[0].evidence
    assert found[0].advice


def test_the_recorded_hosts_have_only_what_is_really_wrong_there() -> None:
    """20.10: three ports that nobody serves. 29: a network without masquerade, whose answers raw drops."""
    assert only(snapshot()) == []
    assert [finding.id for finding in diagnose(prepare(snapshot("engine-29"))).findings] == ["answers-cut"]


def test_the_advice_for_a_published_port_is_the_rule_that_works() -> None:
    """The rule that is given in its place closes the port, and brings no finding."""
    advice = only(with_rules("-A DOCKER-USER -i vh -p tcp -m tcp --dport 8080 -j DROP"))[0].advice[0]
    rule = advice.partition("-R DOCKER-USER 1 ")[2]
    assert rule == "-i vh -p tcp -m conntrack --ctorigdstport 8080 --ctdir ORIGINAL -j DROP"
    assert only(with_rules(f"-A DOCKER-USER {rule}")) == []


@pytest.mark.parametrize(
    "rule",
    [
        "-p tcp -m tcp --dport 80 -j DROP",
        "-i br-389384f18e21 -p tcp -m tcp --dport 8080 -j DROP",
        "-s 172.28.0.0/24 -p tcp -m tcp --dport 8080 -j DROP",
        "-i vh -p tcp -m conntrack --ctorigdstport 8080 -j DROP",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-i vh -p udp -m udp --dport 8080 -j DROP",
    ],
)
def test_rules_that_work_are_left_alone(rule: str) -> None:
    """A container's port, a rule about containers' own packets, another protocol: no finding."""
    assert only(with_rules(f"-A DOCKER-USER {rule}")) == []


def test_a_rule_of_the_administrator_that_closes_a_port_is_no_finding() -> None:
    """What DOCKER-USER drops of new connections is dropped on purpose."""
    assert only(with_rules("-A DOCKER-USER -i vh -m conntrack --ctstate NEW -j DROP")) == []


def test_overlapping_subnets_and_hidden_routes_are_named() -> None:
    """Two networks with addresses in common; a route of another interface into a network's range."""
    base = snapshot()
    networks = tuple(
        replace(n, subnets=(replace(n.subnets[0], subnet="172.28.0.0/16"),)) if n.name == "other" else n
        for n in base.networks or ()
    )
    found = {finding.id: finding for finding in only(replace(base, networks=networks))}
    assert set(found["subnets-overlap"].about) == {"other", "web"}
    wide = Route("ip", "172.16.0.0/12", dev="vh", gateway="198.51.100.2")
    narrow = Route("ip", "172.28.0.128/25", dev="vh")
    routes = {**base.routes, "ip": (*base.routes["ip"], wide, narrow)}
    said = [finding.what for finding in only(replace(base, routes=routes)) if finding.id == "route-hidden"]
    assert any("Network web (172.28.0.0/24) hides the route to 172.16.0.0/12" in what for what in said)
    assert any("172.28.0.128/25 (dev vh) takes addresses of network web" in what for what in said)


def test_a_stale_dnat_is_named_with_whom_it_robs() -> None:
    """A rule to an address that nobody has, before a live one for the same port."""
    text = SAVE.read_text().replace(
        "[25:1390] -A DOCKER -i brown0 -j RETURN",
        "[7:1] -A DOCKER -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.28.0.99:80\n"
        "[25:1390] -A DOCKER -i brown0 -j RETURN",
    )
    rules, counters = read_save(text, "ip", "nft")
    base, key = snapshot(), RulesetKey("ip", "nft")
    changed = replace(base, rulesets={**base.rulesets, key: rules}, counters={**base.counters, key: counters})
    found = {finding.id: finding for finding in only(changed)}["stale-dnat"]
    assert (found.severity, found.about) == ("high", ("shop",))
    assert found.evidence[0].packets == 7
    assert "-t nat -D DOCKER -p tcp -m tcp --dport 8080" in found.advice[0]


def test_a_stranded_bridge_is_named() -> None:
    """A bridge that is not Docker's, whose packets FORWARD's policy drops."""
    base = snapshot()
    virbr = Interface(99, "virbr0", kind="bridge", addresses=(Address("ip", "192.168.122.1", 24),))
    routes = {**base.routes, "ip": (*base.routes["ip"], Route("ip", "192.168.122.0/24", dev="virbr0"))}
    sysctls = {**(base.sysctls or {}), "net.ipv4.conf.virbr0.forwarding": "1"}
    changed = replace(base, interfaces=(*(base.interfaces or ()), virbr), routes=routes, sysctls=sysctls)
    assert [(finding.id, finding.about) for finding in only(changed)] == [("bridge-stranded", ("virbr0",))]


def test_a_port_of_another_engine_that_nobody_reaches() -> None:
    """The DNAT of podman leads behind a bridge of its own, and FORWARD's policy drops what comes for it."""
    base = without("no such line")
    lines = SAVE.read_text().replace("*nat\n", "*nat\n:NETAVARK-DN-1 - [0:0]\n", 1)
    jump = "[1:60] -A PREROUTING -p tcp -m tcp --dport 8090 -j NETAVARK-DN-1\n"
    dnat = "[1:60] -A NETAVARK-DN-1 -p tcp -m tcp --dport 8090 -j DNAT --to-destination 10.88.0.2:80\n"
    at = lines.index("COMMIT", lines.index("*nat"))
    rules, counters = read_save(lines[:at] + jump + dnat + lines[at:], "ip", "nft")
    key = RulesetKey("ip", "nft")
    bridge = Interface(99, "podman0", kind="bridge", addresses=(Address("ip", "10.88.0.1", 16),))
    more = (Route("ip", "10.88.0.0/16", dev="podman0"), Route("ip", "0.0.0.0/0", dev="vh", gateway="198.51.100.2"))
    routes = {**base.routes, "ip": (*base.routes["ip"], *more)}
    changed = replace(
        base,
        rulesets={**base.rulesets, key: rules},
        counters={**base.counters, key: counters},
        interfaces=(*(base.interfaces or ()), bridge),
        routes=routes,
        sysctls={**(base.sysctls or {}), "net.ipv4.conf.podman0.forwarding": "1"},
    )
    found = {finding.id: finding for finding in only(changed)}
    assert set(found) == {"bridge-stranded", "publish-stranded"}
    assert found["publish-stranded"].what.startswith("podman (netavark) publishes port 8090/tcp to a machine behind")
    assert "-o podman0 -m conntrack --ctstate DNAT" in found["publish-stranded"].advice[0]


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"local": False, "address": "ssh://other"}, "engine-remote"),
        ({"rootless": True, "here": False}, "engine-rootless"),
        ({"here": False}, "engine-namespace"),
        ({"firewall": "nftables"}, "engine-nftables"),
        ({"swarm": "active"}, "swarm"),
    ],
)
def test_what_cannot_be_seen_is_noted_and_is_no_finding(fields: dict[str, object], note: str) -> None:
    """An engine whose rules are elsewhere: a note that says why, and nothing is judged by these tables."""
    found = diagnose(prepare(engine(**fields)))
    assert note in {one.id for one in found.notes}
    assert all(usual(finding) for finding in found.findings)


def test_parts_that_were_not_read_are_said_and_undecided() -> None:
    """Without rules or containers there is no healthy verdict: the status is 3."""
    blind = replace(snapshot(), rulesets={}, containers=None)
    report = doctor(prepare(blind))
    assert report.status == 3
    assert any("containers" in line for line in report.document["unknown"])


def test_a_healthy_host_exits_with_0_and_findings_with_1() -> None:
    """The exit status says whether there is a finding; notes do not count."""
    healthy = replace(snapshot(), containers=tuple(c for c in snapshot().containers or () if c.name != "cart"))
    assert doctor(prepare(snapshot())).status == 1
    clean = without("172.28.0.3")
    clean = replace(clean, containers=healthy.containers)
    assert doctor(prepare(clean)).status == 0
    assert "Nothing is wrong" in doctor(prepare(clean)).text


def test_the_report_is_worst_first_and_plain_json() -> None:
    """Severities never rise down the list; the document survives JSON; stranger's text is escaped."""
    changed = with_rules(
        "-A DOCKER-USER -s 203.0.113.0/24 -j ACCEPT\n"
        '-A DOCKER-USER -s 203.0.113.7/32 -m comment --comment "\x1b[2Jx" -j DROP'
    )
    found = diagnose(prepare(changed))
    ranks = [("high", "medium", "low").index(finding.severity) for finding in found.findings]
    assert ranks == sorted(ranks)
    assert json.loads(json.dumps(doctor_json(found)))["findings"][0]["evidence"]
    assert "\x1b" not in doctor_text(found)


@pytest.mark.parametrize(
    ("earlier", "later", "answer"),
    [
        ("-p tcp -j DROP", "-p tcp -m tcp --dport 80 -j ACCEPT", True),
        ("-s 10.0.0.0/8 -j DROP", "-s 10.1.2.3/32 -j ACCEPT", True),
        ("-s 10.1.2.3/32 -j DROP", "-s 10.0.0.0/8 -j ACCEPT", False),
        ("-p tcp -m multiport --dports 80,443 -j DROP", "-p tcp -m tcp --dport 443 -j ACCEPT", True),
        ("-p tcp -m tcp --dport 1:100 -j DROP", "-p tcp -m multiport --dports 80,443 -j ACCEPT", False),
        ("-m limit --limit 3/min -j DROP", "-m limit --limit 3/min -j ACCEPT", False),
        ("! -i eth0 -j DROP", "-i eth1 -j ACCEPT", True),
        ("! -i eth0 -j DROP", "-i eth+ -j ACCEPT", False),
        ("-p tcp -m multiport ! --dports 80,443 -j DROP", "-p tcp -m tcp --dport 22 -j ACCEPT", True),
        ("! -s 10.0.0.0/8 -j DROP", "-s 192.168.1.1/32 -j ACCEPT", True),
        ("-i eth+ -j DROP", "-i eth1 -j ACCEPT", True),
        ("-m conntrack --ctstate NEW,INVALID -j DROP", "-p tcp -m conntrack --ctstate NEW -j ACCEPT", True),
        ("-m mark --mark 0x1 -j DROP", "-m connmark --mark 0x1 -j ACCEPT", False),
        ("-m socket -j DROP", "-p tcp -j ACCEPT", False),
    ],
)
def test_when_one_rule_covers_another(earlier: str, later: str, answer: bool) -> None:
    """Only what follows from the words counts as covered; chance and unknown matches never do."""
    first, second = Rule(1, f"-A X {earlier}", -1), Rule(2, f"-A X {later}", -1)
    assert covers(first, second, "ip") is answer


def test_a_match_without_options_can_still_be_a_condition() -> None:
    """`-m socket` alone does not take every packet; `-m tcp` alone says nothing."""
    assert not is_unconditional(Rule(1, "-A X -m socket -j DROP", -1), "ip")
    assert is_unconditional(Rule(1, '-A X -m comment --comment "all" -j DROP', -1), "ip")
    assert Engine("29").local
