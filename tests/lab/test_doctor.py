"""Each finding on a real engine: the situation built, seen, the advice followed, the finding gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from docker.types import IPAMConfig, IPAMPool

from netui.audit.exposure import exposures
from tests.lab.findings import outcome, publish, rule

from .conftest import Hosts
from .doctor_host import diagnosis, findings, restart, run_advice, seen
from .engines import Options
from .hosts import HOST, OUTSIDE, Host, serve
from .ufw import ufw

Own = Callable[..., Host]


def test_a_healthy_host_has_no_finding(engine_kind: str, blog_hosts: Hosts) -> None:
    """Doctor is silent on the blog post's host, on each engine."""
    found = diagnosis(blog_hosts(engine_kind))
    assert found.findings == ()
    assert found.unknown == ()


# --- published ports -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_rules_that_a_firewall_wiped(kind: str, own_host: Own) -> None:
    """`iptables -F -t nat` and friends: the rules are missing, and a restart brings them back."""
    host = own_host(kind)
    for table in ("nat", "filter"):
        host.engine.tool("iptables", "-t", table, "-F")
        host.engine.tool("iptables", "-t", table, "-X")
    found = findings(host)["rules-missing"]
    assert found.severity == "high"
    assert "2 published ports" in found.what
    restart(host)
    assert "rules-missing" not in findings(host)


def test_one_dnat_rule_gone(own_host: Own) -> None:
    """A port whose DNAT was deleted is found by name; putting the rule back ends it."""
    host = own_host("20.10-nft")
    rules = host.engine.tool("iptables", "-t", "nat", "-S", "DOCKER").splitlines()
    rule = next(line for line in rules if "--dport 443" in line)
    host.engine.tool("iptables", "-t", "nat", *rule.replace("-A", "-D", 1).split())
    found = findings(host)["missing-dnat"]
    assert found.about == ("openresty",)
    assert "443/tcp" in found.what
    host.engine.tool("iptables", "-t", "nat", *rule.split())
    assert findings(host) == {}


def test_a_stale_dnat_takes_the_packets(own_host: Own) -> None:
    """A rule to an address that nobody has is found, its deletion is the cure."""
    host = own_host("20.10-nft")
    stale = "-p tcp --dport 80 -j DNAT --to-destination 172.18.0.99:80"
    host.engine.tool("iptables", "-t", "nat", "-I", "DOCKER", "1", *stale.split())
    assert outcome(host, "outside", HOST, 80) != "connected"
    found = findings(host)["stale-dnat"]
    assert found.severity == "high"
    assert found.about == ("openresty",)
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3:] == ("DOCKER", 1)
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "connected"


def test_nothing_listens_on_the_published_port(own_host: Own) -> None:
    """The port that nobody serves, and the one that is served for the container's own 127.0.0.1 only."""
    host = own_host("20.10-nft")
    publish(host, "mute", {"81/tcp": 8081}, tcp=(80,))
    command = "httpd -p 127.0.0.1:82 -h /www\nexec sleep 2147483647"
    host.container("inward", command, networks={"hehe": {}}, ports={"82/tcp": 8082})
    assert outcome(host, "outside", HOST, 8082) == "ECONNREFUSED"
    found = findings(host)
    assert found["nothing-listens"].about == ("mute",)
    assert "80/tcp" in found["nothing-listens"].advice[0]
    assert found["listens-on-loopback"].about == ("inward",)
    assert "127.0.0.1:82" in found["listens-on-loopback"].evidence[0].text
    for name in ("mute", "inward"):
        host.engine.client.containers.get(name).remove(force=True)
    publish(host, "right", {"80/tcp": 8081})
    host.container("outward", serve([82]), networks={"hehe": {}}, ports={"82/tcp": 8082})
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 8082) == "connected"


@pytest.mark.parametrize("kind", ["20.10-nft", "20.10-legacy", "26.1"])
def test_a_loopback_publish_is_reached_from_the_lan(kind: str, own_host: Own) -> None:
    """Before 28: a port for 127.0.0.1 is open at the container's address; the rule given closes it."""
    host = own_host(kind)
    address = publish(host, "shy", {"80/tcp": ("127.0.0.1", 8081)})
    host.outside.ip("route", "add", "172.18.0.0/16", "via", HOST)
    assert outcome(host, "outside", address, 80) == "connected"
    found = findings(host)["loopback-publish-reachable"]
    assert found.about == ("shy",)
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", address, 80) == "timeout"
    assert outcome(host, "outside", HOST, 80) == "connected"


def test_28_closes_a_loopback_publish_by_itself(own_host: Own) -> None:
    """On 28.5 the same host has no such finding, and the connection fails."""
    host = own_host("28.5")
    address = publish(host, "shy", {"80/tcp": ("127.0.0.1", 8081)})
    host.outside.ip("route", "add", "172.18.0.0/16", "via", HOST)
    assert findings(host) == {}
    assert outcome(host, "outside", address, 80) == "timeout"


# --- forwarding ------------------------------------------------------------------------------


def test_forwarding_switched_off(own_host: Own) -> None:
    """ip_forward 0: found with its sysctl; the advice cures."""
    host = own_host("20.10-nft")
    host.namespace.sysctl(**{"ipv4/ip_forward": 0})
    assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    found = findings(host)["forwarding-off"]
    assert found.evidence[0].text == "net.ipv4.ip_forward = 0"
    host.namespace.sysctl(**{"ipv4/ip_forward": 1})
    assert findings(host) == {}
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"


def test_a_subnet_without_masquerade(own_host: Own) -> None:
    """The MASQUERADE rule deleted: the network is named, and the rule given brings the answers back."""
    host = own_host("20.10-nft")
    rules = host.engine.tool("iptables", "-t", "nat", "-S", "POSTROUTING").splitlines()
    rule = next(line for line in rules if "172.18.0.0/16" in line and "MASQUERADE" in line)
    host.engine.tool("iptables", "-t", "nat", *rule.replace("-A", "-D", 1).split())
    host.outside.ip("route", "add", "blackhole", "172.18.0.0/16")
    assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    found = findings(host)["no-masquerade"]
    assert found.about == ("hehe",)
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"


def test_a_bridge_of_somebody_else_is_stranded(own_host: Own) -> None:
    """FORWARD's policy DROP takes a virtual machine's packets; the two rules let them pass."""
    host = own_host("20.10-nft")
    host.namespace.ip("link", "add", "virbr0", "type", "bridge")
    host.namespace.ip("address", "add", "192.168.122.1/24", "dev", "virbr0")
    host.namespace.ip("link", "set", "virbr0", "up")
    found = findings(host)["bridge-stranded"]
    assert found.about == ("virbr0",)
    assert found.evidence[0].text == "-P FORWARD DROP"
    run_advice(host, found)
    assert findings(host) == {}


def test_answers_to_a_network_without_masquerade_die_in_raw(own_host: Own) -> None:
    """28.5: a network that is not masqueraded gets no answers; gateway mode routed is the cure."""
    host = own_host("28.5")
    bridge = "com.docker.network.bridge."
    pool = IPAMConfig(pool_configs=[IPAMPool(subnet="172.29.0.0/24")])
    networks = host.engine.client.networks
    networks.create("plain", options={f"{bridge}enable_ip_masquerade": "false"}, ipam=pool)
    host.container("nomasq", serve([80]), networks={"plain": {}})
    host.outside.ip("route", "add", "172.29.0.0/24", "via", HOST)
    assert outcome(host, "nomasq", OUTSIDE, 9) == "timeout"
    found = findings(host)["answers-cut"]
    assert found.about == ("plain",)
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[2] == "raw"
    host.engine.client.containers.get("nomasq").remove(force=True)
    networks.get("plain").remove()
    networks.create("plain", options={f"{bridge}gateway_mode_ipv4": "routed"}, ipam=pool)
    host.container("nomasq", serve([80]), networks={"plain": {}})
    assert findings(host) == {}
    assert outcome(host, "nomasq", OUTSIDE, 9) == "ECONNREFUSED"


def test_a_routed_address_is_dead_since_28(own_host: Own) -> None:
    """A rule lets the outside in to a network, and raw drops it before; routed mode is the cure."""
    host = own_host("28.5")
    address = str(host.engine.client.containers.get("blog").attrs["NetworkSettings"]["Networks"]["hehe"]["IPAddress"])
    host.outside.ip("route", "add", "172.18.0.0/16", "via", HOST)
    rule(host, "-I DOCKER-USER 1 -i eth0 -d 172.18.0.0/16 -j ACCEPT")
    assert outcome(host, "outside", address, 8080) == "timeout"
    found = findings(host)["routed-address-dead"]
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[2] == "raw"
    client = host.engine.client
    for name in ("blog", "openresty"):
        client.containers.get(name).remove(force=True)
    client.networks.get("hehe").remove()
    client.networks.create("hehe", options={"com.docker.network.bridge.gateway_mode_ipv4": "routed"})
    host.container("blog", serve([8080]), networks={"hehe": {}})
    assert findings(host) == {}
    address = str(client.containers.get("blog").attrs["NetworkSettings"]["Networks"]["hehe"]["IPAddress"])
    assert outcome(host, "outside", address, 8080) == "connected"


# --- DOCKER-USER -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["20.10-nft", "20.10-legacy", "28.5"])
def test_a_rule_that_names_the_published_port(kind: str, own_host: Own) -> None:
    """The port after DNAT is another: the rule is found, and the one given in its place closes the port."""
    host = own_host(kind)
    publish(host, "web", {"80/tcp": 8088})
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp --dport 8088 -j DROP")
    assert outcome(host, "outside", HOST, 8088) == "connected"
    found = findings(host)["docker-user-published-port"]
    assert found.about == ("web",)
    assert found.evidence[0].packets == 0
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 8088) == "timeout"
    assert outcome(host, "outside", HOST, 80) == "connected"


def test_a_rule_behind_the_return(own_host: Own) -> None:
    """`-A DOCKER-USER` puts it behind Docker's RETURN; the command given moves it to where it works."""
    host = own_host("20.10-nft")
    rule(host, "-A DOCKER-USER -i eth0 -p tcp -m tcp --dport 80 -j DROP")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)["docker-user-behind-end"]
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "timeout"


def test_a_rule_behind_one_that_takes_all_of_its_packets(own_host: Own) -> None:
    """A DROP behind a wider ACCEPT never counts; moved before it, it does."""
    host = own_host("20.10-nft")
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 80 -j DROP")
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -j ACCEPT")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)["docker-user-shadowed"]
    assert found.severity == "medium"
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "timeout"


def test_a_rule_that_names_the_host_s_own_address(own_host: Own) -> None:
    """The destination is the container's by then; the original destination is what to ask for."""
    host = own_host("20.10-nft")
    rule(host, f"-I DOCKER-USER 1 -d {HOST} -p tcp -j DROP")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)["docker-user-host-address"]
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "timeout"


# --- other firewalls -----------------------------------------------------------------------------


@pytest.mark.usefixtures("real_ufw")
@pytest.mark.parametrize(
    ("commands", "kind"),
    [(("default deny incoming", "deny 80/tcp"), "input-bypassed"), (("default deny incoming",), "ufw-bypassed")],
    ids=["ufw deny 80", "ufw default deny"],
)
def test_the_real_ufw_is_bypassed(commands: tuple[str, ...], kind: str, own_host: Own) -> None:
    """ufw denies and the port is open; the DOCKER-USER rule given closes it, and ufw stays as it is."""
    host = own_host("20.10-nft")
    host.engine.client.containers.get("openresty").remove(force=True)
    publish(host, "web", {"80/tcp": 80})
    ufw(host, *commands, "--force enable")
    assert outcome(host, "outside", HOST, 80) == "connected"
    found = findings(host)[kind]
    assert found.about == ("web",)
    exposure = next(e for e in exposures(seen(host)) if e.container == "web")
    assert exposure.looks_protected
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "timeout"


@pytest.mark.usefixtures("real_ufw")
def test_ufw_that_allows_the_port_is_no_finding(own_host: Own) -> None:
    """Where ufw and Docker agree that the port is open, nothing is wrong."""
    host = own_host("20.10-nft")
    ufw(host, "default deny incoming", "allow 80/tcp", "allow 443/tcp", "--force enable")
    assert outcome(host, "outside", HOST, 80) == "connected"
    assert findings(host) == {}


def test_legacy_and_nft_at_once(own_host: Own) -> None:
    """A rule in the variant that Docker does not use: found, and gone when that one is emptied."""
    host = own_host("20.10-nft")
    host.engine.tool("iptables-legacy", *["-I", "FORWARD", "1", "-p", "tcp", "--dport", "80", "-j", "DROP"])
    assert outcome(host, "outside", HOST, 80) == "timeout"
    found = findings(host)["two-variants"]
    assert "Docker's are in iptables-nft" in found.what
    run_advice(host, found, "iptables-legacy")
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "connected"


# --- bridges and subnets --------------------------------------------------------------------------


def test_icc_off_without_br_netfilter(own_host: Own) -> None:
    """icc=false and bridge-nf-call-iptables 0: containers talk; with 1 they do not."""
    host = own_host("20.10-nft")
    host.engine.client.networks.create("quiet", options={"com.docker.network.bridge.enable_icc": "false"})
    for name in ("one", "two"):
        host.container(name, serve([80]), networks={"quiet": {}})
    two = str(host.engine.client.containers.get("two").attrs["NetworkSettings"]["Networks"]["quiet"]["IPAddress"])
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": 0})
    assert outcome(host, "one", two, 80) == "connected"
    found = findings(host)["icc-not-enforced"]
    assert found.evidence[0].text == "net.bridge.bridge-nf-call-iptables = 0"
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": 1})
    assert findings(host) == {}
    assert outcome(host, "one", two, 80) == "timeout"


def test_a_docker_subnet_hides_a_route(own_host: Own) -> None:
    """A route into a Docker subnet's range is named with its way."""
    host = own_host("20.10-nft")
    host.namespace.ip("route", "add", "172.16.0.0/12", "via", OUTSIDE)
    found = findings(host)["route-hidden"]
    assert f"172.16.0.0/12 dev eth0 via {OUTSIDE}" in found.evidence[0].text
    host.namespace.ip("route", "del", "172.16.0.0/12")
    assert findings(host) == {}


def test_the_uplink_carries_less_than_the_bridges(own_host: Own) -> None:
    """eth0 with an MTU of 1400 below bridges of 1500; letting TCP adapt ends it."""
    host = own_host("20.10-nft")
    host.namespace.ip("link", "set", "eth0", "mtu", "1400")
    found = findings(host)["mtu-too-large"]
    assert found.severity == "low"
    assert "hehe" in found.about
    run_advice(host, found)
    assert findings(host) == {}


# --- notes ------------------------------------------------------------------------------------------


def test_the_client_s_address_is_lost_over_ipv6(own_host: Own) -> None:
    """Published on [::] for a network without IPv6: a note with the socket of docker-proxy."""
    host = own_host("20.10-nft")
    notes = {note.id: note for note in diagnosis(host).notes}
    assert "docker-proxy" in notes["client-address-lost"].evidence[0].text
    assert outcome(host, "outside", "2001:db8:1::1", 80) == "connected"


def test_without_the_proxy_nothing_is_lost(own_host: Own) -> None:
    """Without docker-proxy there is no such note, and no finding."""
    host = own_host("20.10-nft", Options(userland_proxy=False))
    found = diagnosis(host)
    assert found.findings == ()
    assert "client-address-lost" not in {note.id for note in found.notes}
