"""Answers that are lost, containers kept from each other, rules in vain: each on a recorded host with one change."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from netui.audit.doctor import Finding, diagnose
from netui.audit.doctor.changed_host import changed
from netui.audit.doctor.finding import Change, Cure
from netui.dialects.iptables.save import read_save
from netui.dialects.nft import ruleset as nft_ruleset
from netui.model import Address, Interface, Route, RulesetKey, Snapshot
from netui.reports.doctor import doctor_json
from netui.traversal import prepare
from tests.explain.hosts import snapshot, with_rules
from tests.explain.lost_answers import ALL, exit_node, forward
from tests.explain.situations import SAVE, only, without


def cures(finding: Finding) -> list[Cure]:
    """The advice of a finding that was tried."""
    return [text for text in finding.advice if isinstance(text, Cure)]


@pytest.mark.parametrize(
    "rules",
    [
        "-A DOCKER-USER -i vh -j DROP",
        "-A DOCKER-USER -i vh ! -s 192.0.2.2/32 -j DROP",
        "-A DOCKER-USER -s 192.0.2.2/32 -j RETURN\n-A DOCKER-USER -i vh -j REJECT --reject-with icmp-port-unreachable",
    ],
)
def test_answers_that_docker_user_takes(rules: str) -> None:
    """A rule for what comes in takes the answers to containers' own connections; answers let in first are the cure."""
    found = only(with_rules(rules))
    assert {finding.id for finding in found} == {"answers-dropped"}
    assert "that containers of network" in found[0].what
    assert "-I DOCKER-USER 1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" in cures(found[0])[0]


def test_answers_to_whom_docker_user_lets_in() -> None:
    """A plain DROP behind an ACCEPT for one address: containers reach nothing, and that one's answers are dropped."""
    found = {f.id: f for f in only(with_rules("-A DOCKER-USER -s 198.51.100.7/32 -j ACCEPT\n-A DOCKER-USER -j DROP"))}
    # the recorded chain's own RETURN stands behind it
    assert set(found) == {"answers-dropped", "outbound-blocked", "neighbours-blocked", "docker-user-behind-end"}
    assert "published port" in found["answers-dropped"].what
    assert "from 198.51.100.7" in found["answers-dropped"].what
    assert found["outbound-blocked"].severity == "medium"
    assert "-R DOCKER-USER 2 -i vh -j DROP && iptables -I DOCKER-USER 2" in cures(found["outbound-blocked"])[0]


def test_a_missing_accept_for_established() -> None:
    """Docker's accept for open connections deleted: the policy takes the answers."""
    found = {finding.id: finding for finding in only(without("--ctstate RELATED,ESTABLISHED -j ACCEPT"))}
    assert set(found) == {"answers-dropped"}
    assert "the policy of filter FORWARD drops those to connections" in found["answers-dropped"].what
    assert cures(found["answers-dropped"])


def test_the_host_s_own_answers() -> None:
    """INPUT drops what it did not accept, answers to the host's own connections too."""
    found = only(with_rules("-A INPUT -i vh -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -i vh -j DROP"))
    lost = next(finding for finding in found if finding.id == "answers-dropped")
    assert "connections that this machine opens" in lost.what
    assert "-I INPUT 1 -m conntrack --ctstate RELATED,ESTABLISHED" in cures(lost)[0]


def test_answers_that_a_vpn_takes() -> None:
    """The answer of a published port leaves by the tunnel: route and policy rule are the evidence."""
    found = {finding.id: finding for finding in only(exit_node("172.16.0.0/12"))}
    lost = found["answers-elsewhere"]
    assert "leave by tailscale0, not by vh" in lost.what
    assert [item.text for item in lost.evidence] == [
        "0.0.0.0/0 dev tailscale0 table 52",
        "ip rule 5270: lookup 52",
    ]
    assert "ip rule add fwmark 0x100/0x100 lookup main priority" in cures(lost)[0]


def test_a_network_that_a_vpn_takes() -> None:
    """Packets for Docker's networks go into the tunnel, too: the main table asked first is the cure."""
    found = [finding for finding in only(exit_node()) if finding.id == "answers-elsewhere"]
    assert {finding.about for finding in found} >= {("web",), ("other",)}
    web = next(finding for finding in found if finding.about == ("web",))
    assert "172.28.0.0/24) leave by tailscale0" in web.what
    assert cures(web) == [
        "Ask the main table first for that network: ip rule add to 172.28.0.0/24 lookup main priority 5260"
    ]


def test_answers_elsewhere_is_not_said_without_routes() -> None:
    """Where routes or policy rules were not read, nothing is said of the way back."""
    for base in (exit_node(), exit_node("172.16.0.0/12")):
        for blind in (replace(base, routes={}), replace(base, policy_rules={})):
            assert "answers-elsewhere" not in {finding.id for finding in only(blind)}


@pytest.mark.parametrize(
    ("rule", "sees", "chain"),
    [
        ("-j REJECT --reject-with icmp-host-prohibited", "no route to host", "FORWARD"),
        ("-p tcp -j REJECT --reject-with tcp-reset", "connection refused", "FORWARD"),
        ("-j DROP", "waits until it times out", "FORWARD"),
    ],
)
def test_neighbours_that_forward_refuses(rule: str, sees: str, chain: str) -> None:
    """A rule before Docker's jumps stops neighbours; DOCKER-USER would not help, so FORWARD is named."""
    found = next(f for f in only(forward(rule, at_head=True)) if f.id == "neighbours-blocked")
    assert sees in found.why
    assert ("rejects" if "REJECT" in rule else "drops") in found.what
    assert f"-I {chain} 1 -i" in cures(found)[0]
    assert not any("DOCKER-USER" in text or "restart docker" in text for text in found.advice)


@pytest.mark.parametrize(
    ("rule", "severity"),
    [("-i eth7 -j DROP", "high"), ("-i eth7 -j RETURN", "medium"), ("-i br-0123456789ab -j DROP", "low")],
)
def test_an_interface_that_the_host_lacks(rule: str, severity: str) -> None:
    """A rule on an interface that is not there does nothing; the outer one is what was meant."""
    (found,) = only(with_rules(f"-A DOCKER-USER {rule}"))
    assert (found.id, found.severity) == ("interface-missing", severity)
    assert cures(found)


def test_interfaces_that_come_and_go_or_were_not_read() -> None:
    """A tunnel may come later; without the interfaces nothing is said of them."""
    assert only(with_rules("-A DOCKER-USER -i wg0 -j RETURN")) == []
    blind = replace(with_rules("-A DOCKER-USER -i eth7 -j DROP"), interfaces=None)
    assert "interface-missing" not in {finding.id for finding in only(blind)}


@pytest.mark.parametrize(
    ("rule", "moved"),
    [
        ("-i vh -p tcp -m tcp --dport 80 -j DROP", "--dport 80 -j DROP"),
        ("-i vh -p tcp -m tcp --dport 8080 -j DROP", "--ctorigdstport 8080"),
        ("-s 192.0.2.0/24 -i vh -j DROP", "-s 192.0.2.0/24"),
    ],
)
def test_a_drop_behind_docker_s_accepts(rule: str, moved: str) -> None:
    """What is added to FORWARD's end keeps nobody from a published port; moved to DOCKER-USER it does."""
    found = next(f for f in only(forward(rule)) if f.id == "behind-docker")
    assert f"-I DOCKER-USER 1 {rule.partition(' -p')[0] if '-p' in rule else moved}" in cures(found)[0]
    assert moved in cures(found)[0]


def test_a_last_rule_for_everything_is_no_finding() -> None:
    """A DROP of all that nobody let in is a policy by another name."""
    assert "behind-docker" not in {finding.id for finding in only(forward("-j DROP"))}


def test_the_same_jump_again() -> None:
    """A jump three times: found once, with the two that are too many taken away."""
    found = next(f for f in only(forward("-j DOCKER-USER", "-j DOCKER-USER", at_head=True)) if f.id == "jump-repeated")
    assert found.severity == "low"
    assert "3 times" in found.what
    assert cures(found)[0].count("-D FORWARD") == 2


def test_what_ufw_lets_through_is_no_bypass() -> None:
    """A port that ufw route allows is open by ufw's word, though INPUT would deny it."""
    chains = ":ufw-before-input - [0:0]\n:ufw-user-forward - [0:0]\n"
    rules = (
        "-A INPUT -j ufw-before-input\n-A ufw-before-input -p tcp -m tcp --dport 8080 -j DROP\n"
        "-A DOCKER-USER -j ufw-user-forward\n"
    )
    allowed = "-A ufw-user-forward -d 172.28.0.2/32 -p tcp -m tcp --dport 80 -j ACCEPT"
    assert {finding.id for finding in only(with_rules(chains + rules))} == {"input-bypassed"}
    assert only(with_rules(chains + rules + allowed)) == []


def test_mailcow_s_own_switch() -> None:
    """The isolation rule is lifted in mailcow's words, and no restart of the engine is advised."""
    rules = (
        ":MAILCOW - [0:0]\n-A FORWARD -j MAILCOW\n"
        '-A MAILCOW -p tcp -m comment --comment "mailcow isolation" -m multiport --dports 80,3306 -j DROP'
    )
    found = [f for f in only(with_rules(rules)) if f.id == "published-unreachable"]
    assert found
    assert "DISABLE_NETFILTER_ISOLATION_RULE=y" in found[0].advice[0]
    assert not any("restart docker" in text for text in found[0].advice)


def test_a_cure_that_does_not_help_is_not_given() -> None:
    """A drop in mangle comes before every rule of filter: no insertion there is advised."""
    lines = SAVE.read_text() + "*mangle\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -o vh -j DROP\nCOMMIT\n"
    rulesets, counters = read_save(lines, "ip", "nft")
    key, base = RulesetKey("ip", "nft"), snapshot()
    changed = replace(base, rulesets={**base.rulesets, key: rulesets}, counters={**base.counters, key: counters})
    found = [f for f in only(changed) if f.id == "outbound-blocked"]
    assert found
    assert all("-I DOCKER-USER" not in text and "-I FORWARD" not in text for text in found[0].advice)


def test_a_stranger_s_comment_is_never_run_by_a_copied_command() -> None:
    """A comment with a shell's substitution stands quoted in the command that is given."""
    rule = '-A DOCKER-USER -i eth7 -m comment --comment "$(reboot)" -j DROP'
    (found,) = only(with_rules(rule))
    assert all("'$(reboot)'" in text for text in cures(found))


def test_a_cure_is_readable_by_a_machine() -> None:
    """JSON has each cure's changes beside its text, and the text has them as commands."""
    finding = doctor_json(diagnose(prepare(with_rules("-A DOCKER-USER -i vh -j DROP"))))["findings"][0]
    (cure, *_) = finding["cures"]
    words = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    assert cure["changes"] == [
        {
            "op": "insert",
            "family": "ip",
            "backend": "nft",
            "table": "filter",
            "chain": "DOCKER-USER",
            "rule": 1,
            "words": words.split(),
        }
    ]
    assert cure["text"].endswith(f"iptables -I DOCKER-USER 1 {words}")


@pytest.mark.parametrize("make", [make for _, make in ALL], ids=[name for name, _ in ALL])
def test_each_cure_is_the_end_of_its_finding(make: Callable[[], Snapshot]) -> None:
    """What is printed is what was tried: read back from the text, made on the host, and the finding is gone."""
    before = make()
    for finding in only(before):
        for cure in cures(finding):
            read = [change for one in _commands(cure) if (change := _read(one)) is not None]
            if cure.startswith("Let them pass in ufw"):
                continue
            after = changed(before, read)
            assert after is not None, cure
            keys = {(one.id, one.about, one.evidence[0].text) for one in only(after)}
            assert (finding.id, finding.about, finding.evidence[0].text) not in keys, cure


def _commands(text: str) -> list[list[str]]:
    start = min(text.index(tool) for tool in ("iptables ", "ip rule", "sysctl ") if tool in text)
    return [shlex.split(one) for one in text[start:].split(" && ")]


def _read(words: list[str]) -> Change | None:
    """A command as a change: what a shell would run."""
    if words[0] == "sysctl":
        name, _, value = words[2].partition("=")
        return Change("sysctl", chain=name, words=(value,))
    if words[:3] == ["ip", "rule", "add"]:
        return Change("ip-rule", words=tuple(words[3:]))
    table = words[2] if words[1] == "-t" else "filter"
    letter, chain, *rest = words[3:] if words[1] == "-t" else words[1:]
    op = {"-I": "insert", "-R": "replace", "-D": "delete", "-A": "append"}[letter]
    number = int(rest.pop(0)) if rest and rest[0].isdigit() else 0
    return Change(op, "ip", "nft", table, chain, number, tuple(rest))  # type: ignore[arg-type]


def native(policy: str, *rules: str, family: str = "inet") -> Snapshot:
    """The host with a native table beside iptables', as /etc/nftables.conf of Debian begins one."""
    where = {"family": family, "table": "filter" if family == "inet" else "own"}
    chain = {**where, "name": "forward", "type": "filter", "hook": "forward", "prio": 0}
    entries: list[object] = [
        {"table": {"family": family, "name": where["table"]}},
        {"chain": {**chain, "policy": policy}},
    ]
    for handle, name in enumerate(rules, 1):
        accept = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": name}}
        expr = [accept, {"accept": None}]
        rule = {**where, "chain": "forward", "handle": handle, "expr": expr}
        entries.append({"rule": rule})
    read = nft_ruleset.native_rules(entries, list(snapshot().rulesets.values()))
    base = snapshot()
    more = {key: pair[0] for key, pair in read.rules.items()}
    counters = {key: pair[1] for key, pair in read.rules.items()}
    return replace(base, rulesets={**base.rulesets, **more}, counters={**base.counters, **counters})


def test_a_native_table_that_forwards_nothing() -> None:
    """Its policy DROP is not Docker's: nothing is restarted, and iptables has no rule to help; nft has."""
    found = [f for f in only(native("drop")) if f.id == "published-unreachable"]
    assert found
    assert "the policy of filter forward drops it" in found[0].what
    assert not any("iptables" in text or "restart docker" in text for text in found[0].advice)
    assert "nft insert rule inet filter forward oifname" in found[0].advice[0]
    assert "/etc/nftables.conf" in found[0].advice[-1]


def test_a_native_table_without_an_accept_for_answers() -> None:
    """What comes from networks passes, and the answers meet the policy: nft's rule lets them in."""
    bridges = [network.bridge for network in snapshot().networks or () if network.bridge]
    found = next(f for f in only(native("drop", *bridges)) if f.id == "answers-dropped")
    assert cures(found)[0].endswith("nft insert rule inet filter forward ct state related,established accept")


def test_a_native_table_is_no_variant_of_iptables() -> None:
    """Two variants are iptables' own two; a table of family ip beside them is neither, and no command names it."""
    assert only(native("accept", "vh", family="ip")) == []
    blocked = native("accept", "vh", family="ip")
    (found,) = only(with_rules("-A DOCKER-USER -i vh -j DROP", blocked))
    assert "iptables -I DOCKER-USER 1" in cures(found)[0]


def test_a_rule_before_docker_s_masquerade() -> None:
    """Somebody's ACCEPT in nat POSTROUTING keeps Docker's own rule from being asked: no restart would help."""
    text = SAVE.read_text()
    at = text.index("[", text.index("-A POSTROUTING") - 20)
    text = text[:at] + "[0:0] -A POSTROUTING -s 172.28.0.0/24 -j ACCEPT\n" + text[at:]
    rulesets, counters = read_save(text, "ip", "nft")
    key, base = RulesetKey("ip", "nft"), snapshot()
    changed_host = replace(base, rulesets={**base.rulesets, key: rulesets}, counters={**base.counters, key: counters})
    (found,) = only(changed_host)
    assert (found.id, found.about) == ("no-masquerade", ("web",))
    assert "Before Docker's MASQUERADE, rule 1 of nat POSTROUTING lets them go" in found.what
    assert not any("systemctl restart docker" in text for text in found.advice)
    assert "-t nat -I POSTROUTING 1 -s 172.28.0.0/24" in cures(found)[0]


def test_guests_are_let_pass_in_firewalld_s_words() -> None:
    """Firewalld's last REJECT strands guests: its direct rule is what is advised, and nothing is reloaded."""
    lines = SAVE.read_text().splitlines()
    at = lines.index(next(line for line in lines if line.startswith(":DOCKER-USER")))
    lines[at:at] = [":FORWARD_direct - [0:0]"]
    last = max(i for i, line in enumerate(lines) if "-A FORWARD " in line)
    reject = "[0:0] -A FORWARD -j REJECT --reject-with icmp-host-prohibited"
    lines[last + 1 : last + 1] = ["[0:0] -A FORWARD -j FORWARD_direct", reject]
    rulesets, counters = read_save("\n".join(lines) + "\n", "ip", "nft")
    key, base = RulesetKey("ip", "nft"), snapshot()
    virbr = Interface(99, "virbr0", kind="bridge", addresses=(Address("ip", "192.168.122.1", 24),))
    guests = replace(
        base,
        rulesets={**base.rulesets, key: rulesets},
        counters={**base.counters, key: counters},
        interfaces=(*(base.interfaces or ()), virbr),
        routes={**base.routes, "ip": (*base.routes["ip"], Route("ip", "192.168.122.0/24", dev="virbr0"))},
        sysctls={**(base.sysctls or {}), "net.ipv4.conf.virbr0.forwarding": "1"},
    )
    (found,) = only(guests)
    assert found.id == "bridge-stranded"
    assert 'sees "no route to host" at once' in found.why
    words = "firewall-cmd --direct --add-rule ipv4 filter FORWARD 0 -i virbr0 -j ACCEPT"
    assert words in cures(found)[0]
    assert not any("restart docker" in text or "--reload" in text for text in found.advice)


def test_what_a_network_left_behind_is_one_finding() -> None:
    """Rules on a bridge that is gone, whichever way they name it: found once, deleted together."""
    rules = ("-o br-0123456789ab -j ACCEPT", "-i br-0123456789ab ! -o br-0123456789ab -j ACCEPT")
    (found,) = [finding for finding in only(forward(*rules)) if finding.id == "interface-missing"]
    assert found.severity == "low"
    assert "a network of Docker's had it, and is gone" in found.what
    assert cures(found)[0].count("-D FORWARD") == 2


def test_a_chain_for_one_network_is_on_purpose() -> None:
    """The rule that drops names nobody, and the jump to it names a network: that its way out is closed was meant.

    That its published ports are closed with it, for the answers are taken too, is told.
    """
    bridge = next(network.bridge for network in snapshot().networks or () if network.name == "web")
    chain = f":CLOSED - [0:0]\n-A DOCKER-USER -i {bridge} -j CLOSED\n-A CLOSED -j DROP"
    assert {finding.id for finding in only(with_rules(chain))} == {"answers-dropped"}
