"""Lost answers, containers kept apart and rules in vain on a real engine: seen, cured by the advice, gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netui.audit.doctor import Finding
from netui.audit.doctor.finding import Cure
from tests.lab.findings import outcome

from .doctor_host import findings, run_advice
from .hosts import HOST, OUTSIDE, Host
from .ufw import ufw

Own = Callable[..., Host]
ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED"


def bridge(host: Host) -> str:
    """The bridge of hehe."""
    return f"br-{host.engine.client.networks.get('hehe').id[:12]}"


def iptables(host: Host, *rules: str) -> None:
    """Change rules as an administrator does."""
    for rule in rules:
        host.engine.tool("iptables", *rule.split())


def follow(host: Host, finding: Finding) -> None:
    """Run the commands of the first cure that the advice holds."""
    cure = next(text for text in finding.advice if isinstance(text, Cure))
    for one in cure.partition(": ")[2].split(" && "):
        words = one.split()
        if words[0] == "ip":
            host.namespace.ip(*words[1:])
        else:
            host.engine.tool(*words)


@pytest.mark.parametrize("kind", ["20.10-nft", "20.10-legacy", "28.5"])
@pytest.mark.parametrize("rule", ["-i eth0 ! -s 192.0.2.2/32 -j DROP", "-i eth0 -j DROP"])
def test_answers_that_docker_user_drops(kind: str, rule: str, own_host: Own) -> None:
    """A rule for what comes in takes the answers to containers' connections; the rule given lets them in."""
    host = own_host(kind)
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"
    iptables(host, f"-I DOCKER-USER 1 {rule}")
    assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    found = findings(host)["answers-dropped"]
    assert found.about == ("hehe",)
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3:] == ("DOCKER-USER", 1)
    run_advice(host, found)
    # an allow list of IPv4 alone is a finding of its own
    assert set(findings(host)) == ({"ipv6-left-open"} if "-s" in rule else set())
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"
    assert outcome(host, "outside", HOST, 80) == "timeout"


def test_a_plain_drop_in_docker_user(own_host: Own) -> None:
    """An address let in and a plain DROP: it gets no answers, and nobody inside gets out."""
    host = own_host("28.5")
    iptables(host, "-I DOCKER-USER 1 -j DROP", f"-I DOCKER-USER 1 -s {OUTSIDE}/32 -j ACCEPT")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    found = findings(host)
    assert f"from {OUTSIDE}" in found["answers-dropped"].what
    assert found["outbound-blocked"].severity == "medium"
    run_advice(host, found["outbound-blocked"])
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"
    assert outcome(host, "outside", HOST, 80) == "connected"
    assert findings(host) == {}


def test_no_accept_for_open_connections(own_host: Own) -> None:
    """Docker's accept for answers deleted: the policy takes them, and the rule given lets them in."""
    host = own_host("20.10-nft")
    iptables(host, f"-D FORWARD -o {bridge(host)} {ESTABLISHED} -j ACCEPT")
    assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    found = findings(host)["answers-dropped"]
    assert found.evidence[0].text == "-P FORWARD DROP"
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"


def test_the_host_s_own_connections(own_host: Own) -> None:
    """INPUT lets in a port and drops the rest: the host's own connections get no answer."""
    host = own_host("28.5")
    iptables(host, "-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT", "-A INPUT -i eth0 -j DROP")
    assert outcome(host, "host", OUTSIDE, 9) == "timeout"
    found = findings(host)["answers-dropped"]
    assert "this machine opens" in found.what
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "host", OUTSIDE, 9) == "ECONNREFUSED"


@pytest.mark.parametrize("spared", [True, False], ids=["Docker's networks spared", "everything"])
def test_a_vpn_s_exit_node(spared: bool, own_host: Own) -> None:
    """Table 52 comes before main: answers, or all packets for containers, go into the tunnel."""
    host = own_host("28.5")
    host.namespace.ip("link", "add", "tailscale0", "type", "veth", "peer", "name", "tunnel-end")
    host.namespace.ip("link", "set", "tunnel-end", "up")
    host.namespace.ip("address", "add", "100.64.0.7/32", "dev", "tailscale0")
    host.namespace.ip("link", "set", "tailscale0", "up")
    host.namespace.ip("route", "add", "default", "dev", "tailscale0", "table", "52")
    if spared:
        host.namespace.ip("route", "add", "throw", "172.16.0.0/12", "table", "52")
    host.namespace.ip("rule", "add", "lookup", "52", "priority", "5270")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    found = findings(host)["answers-elsewhere"]
    assert "leave by tailscale0" in found.what
    assert found.evidence[1].text == "ip rule 5270: lookup 52"
    follow(host, found)
    if not spared:
        # packets reach the container now, and the answers have a finding of their own
        assert outcome(host, "outside", HOST, 80) == "timeout"
        follow(host, findings(host)["answers-elsewhere"])
    assert "answers-elsewhere" not in findings(host)
    assert outcome(host, "outside", HOST, 80) == "connected"


@pytest.mark.parametrize(
    ("rule", "sees", "said"),
    [
        ("-j REJECT --reject-with icmp-host-prohibited", "unreachable", "no route to host"),
        ("-p tcp -j REJECT --reject-with tcp-reset", "ECONNREFUSED", "connection refused"),
        ("-j DROP", "timeout", "waits until it times out"),
    ],
)
def test_containers_of_one_network(rule: str, sees: str, said: str, own_host: Own) -> None:
    """Somebody's rule at FORWARD's head stops neighbours; what the client sees is said, and FORWARD is the cure."""
    host = own_host("20.10-nft")
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": 1})
    iptables(host, f"-I FORWARD 1 {rule}")
    assert outcome(host, "blog", "172.18.0.3", 80) == sees
    found = findings(host)["neighbours-blocked"]
    assert found.about == ("hehe",)
    assert said in found.why
    run_advice(host, found)
    assert "neighbours-blocked" not in findings(host)
    assert outcome(host, "blog", "172.18.0.3", 80) == "connected"


def test_a_rule_on_an_interface_that_is_not_there(own_host: Own) -> None:
    """A DROP for eth7 keeps nobody out; on the interface that was meant it does."""
    host = own_host("28.5")
    iptables(host, "-I DOCKER-USER 1 -i eth7 -p tcp --dport 80 -j DROP")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)["interface-missing"]
    assert found.severity == "high"
    assert "eth7" in found.what
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "timeout"


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_a_drop_behind_docker_s_accepts(kind: str, own_host: Own) -> None:
    """`-A FORWARD` comes behind Docker's jumps: the rule keeps nobody out until it is moved."""
    host = own_host(kind)
    iptables(host, "-A FORWARD -i eth0 -p tcp --dport 80 -j DROP")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)["behind-docker"]
    assert found.about == ("openresty",)
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "timeout"


def test_the_same_jump_three_times(own_host: Own) -> None:
    """A jump to DOCKER-USER put in again and again: the two that are too many go."""
    host = own_host("28.5")
    iptables(host, "-I FORWARD 1 -j DOCKER-USER", "-I FORWARD 1 -j DOCKER-USER")
    found = findings(host)["jump-repeated"]
    assert len(found.evidence) == 3
    run_advice(host, found)
    assert findings(host) == {}
    assert host.engine.tool("iptables", "-S", "FORWARD").count("-j DOCKER-USER") == 1


def test_a_native_table_that_forwards_nothing(own_host: Own) -> None:
    """Debian's nftables.conf with a policy DROP: nothing is restarted, and nft's own rule lets connections pass."""
    host = own_host("28.5")
    chain = "type filter hook forward priority filter; policy drop;"
    host.engine.tool("nft", "-f", "-", stdin=f"add table inet filter; add chain inet filter forward {{ {chain} }}\n")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    found = findings(host)["published-unreachable"]
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[2:4] == ("filter", "forward")
    assert not any("restart docker" in text for text in found.advice)
    follow(host, found)
    assert outcome(host, "outside", HOST, 80) == "connected"
    follow(host, findings(host)["outbound-blocked"])
    assert findings(host) == {}
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"


def guests(host: Host) -> None:
    """A bridge of virtual machines with nobody on it."""
    host.namespace.ip("link", "add", "virbr0", "type", "bridge")
    host.namespace.ip("address", "add", "192.168.122.1/24", "dev", "virbr0")
    host.namespace.ip("link", "set", "virbr0", "up")


def test_guests_that_a_last_reject_strands(own_host: Own) -> None:
    """A REJECT of all at FORWARD's end, as RHEL had it: said with what the guest sees, and cured."""
    host = own_host("28.5")
    guests(host)
    iptables(host, "-P FORWARD ACCEPT", "-A FORWARD -j REJECT --reject-with icmp-host-prohibited")
    found = findings(host)["bridge-stranded"]
    assert "rejects them" in found.what
    assert "no route to host" in found.why
    run_advice(host, found)
    assert findings(host) == {}


@pytest.mark.usefixtures("real_ufw")
def test_guests_are_let_pass_in_ufw_s_words(own_host: Own) -> None:
    """ufw set the policy: `ufw route allow` is what is advised, and what helps."""
    host = own_host("28.5")
    guests(host)
    ufw(host, "default deny incoming", "allow 80/tcp", "allow 443/tcp", "--force enable")
    found = findings(host)["bridge-stranded"]
    advice = next(text for text in found.advice if "ufw route" in text)
    ufw(host, advice.partition("ufw: ufw ")[2])
    assert "bridge-stranded" not in findings(host)


def test_mailcow_s_own_switch(own_host: Own) -> None:
    """A rule in MAILCOW closes a published port: mailcow's switch is named, which deletes it, and no restart."""
    host = own_host("28.5")
    drop = ["-p", "tcp", "-m", "multiport", "--dports", "80,3306", "-m", "comment", "--comment", "mailcow isolation"]
    iptables(host, "-N MAILCOW", "-I FORWARD 1 -j MAILCOW")
    host.engine.tool("iptables", "-A", "MAILCOW", *drop, "-j", "DROP")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    found = findings(host)["published-unreachable"]
    cure = next(text for text in found.advice if isinstance(text, Cure))
    assert "DISABLE_NETFILTER_ISOLATION_RULE=y" in cure
    assert not any("restart docker" in text for text in found.advice)
    (change,) = cure.changes
    host.engine.tool("iptables", "-D", change.chain, str(change.number))
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "connected"


@pytest.mark.usefixtures("real_ufw")
def test_what_ufw_lets_through_is_no_bypass(own_host: Own) -> None:
    """ufw asked for containers' packets too: what `ufw route allow` lets in is open by its word, the rest is found."""
    host = own_host("28.5")
    ufw(host, "default deny incoming", "route allow proto tcp to any port 80", "--force enable")
    iptables(host, "-I DOCKER-USER 1 -j ufw-user-forward")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)["ufw-bypassed"]
    assert "443/tcp" in found.what
    assert "80/tcp" not in found.what
    ufw(host, "route allow proto tcp to any port 443")
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 443) == "connected"
