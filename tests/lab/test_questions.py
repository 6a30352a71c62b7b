"""The ten questions that people ask most about Docker and iptables, answered on netui's screen.

Each situation is built on a real engine, the answer is read off a real terminal, and a real
connection shows that it is true. The numbers are those of the field's most asked questions.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.lab.questions import PORTS, address, flow_line

from .cache import LabUnavailable
from .conftest import unavailable
from .engines import Options
from .hosts import HOST, OUTSIDE, Host, serve
from .libvirt import Libvirt, virtual_machine
from .roots import old_neighbours_root
from .screen import Screen
from .senders import Flow, send
from .terminal import NETUI, ROOT, Terminal
from .trace import Tracer, without_accepting_policies
from .ufw import ufw

Own = Callable[..., Host]


def outcome(host: Host, source: str, address: str, port: int) -> str:
    """What a real connection sees."""
    return send([Flow(source, address, port)], host.sandbox, PORTS, timeout=0.6)[0].outcome


@pytest.fixture(scope="module")
def real_libvirt(lab: None) -> None:
    """The root with libvirt; without it a skip with the reason, or a failure where CI is set."""
    try:
        old_neighbours_root()
    except LabUnavailable as reason:
        unavailable(str(reason))


@pytest.mark.usefixtures("real_ufw")
def test_1_ufw_deny_does_nothing(own_host: Own) -> None:
    """`ufw deny 8080` and a container on 8080:80: the doctor says that INPUT never sees the packet, and what would."""
    host = own_host("20.10-nft")
    host.container("web", serve([80]), networks={"hehe": {}}, ports={"80/tcp": 8080})
    ufw(host, "default allow incoming", "deny 8080/tcp", "--force enable")
    assert outcome(host, "outside", HOST, 8080) == "connected"
    with Screen.on(host, height=60) as screen:
        assert "✓ outside → 8080/tcp delivered filter DOCKER" in flow_line(screen, "web", "outside → 8080/tcp")
        screen.ask("D", "web", "8080")
        screen.go_down_to("8080")
        text = screen.says("DOCKER-USER", "ctorigdstport 8080")
        assert "INPUT" in text
    assert outcome(host, "outside", HOST, 8080) == "connected"


@pytest.mark.parametrize("kind", ["20.10-legacy", "28.5"])
def test_2_a_docker_user_rule_on_the_published_port(kind: str, own_host: Own) -> None:
    """`--dport 8088` never counts after DNAT to 80: said with the rule, to which Enter leads."""
    host = own_host(kind)
    host.container("web", serve([80]), networks={"hehe": {}}, ports={"80/tcp": 8088})
    host.engine.tool("iptables", "-I", "DOCKER-USER", "1", "-i", "eth0", "-p", "tcp", "--dport", "8088", "-j", "DROP")
    assert outcome(host, "outside", HOST, 8088) == "connected"
    with Screen.on(host, height=60) as screen:
        screen.wait("live")
        screen.ask("D", "8088")
        screen.go_down_to("filter DOCKER-USER 1")
        screen.says("ctorigdstport 8088", "0 packets")
        screen.keys("Enter")
        screen.says("Rule of filter DOCKER-USER", "-A DOCKER-USER -i eth0 -p tcp -m tcp --dport 8088 -j DROP")


def test_3_a_container_cannot_reach_the_internet(own_host: Own) -> None:
    """No MASQUERADE for its subnet, then ip_forward 0: each is named, with the way back."""
    host = own_host("20.10-nft")
    with Screen.on(host, height=60) as screen:
        assert "✓ blog → outside" in flow_line(screen, "blog", "blog → outside")
        rules = host.engine.tool("iptables", "-t", "nat", "-S", "POSTROUTING").splitlines()
        rule = next(line for line in rules if "172.18.0.0/16" in line and "MASQUERADE" in line)
        host.engine.tool("iptables", "-t", "nat", *rule.replace("-A", "-D", 1).split())
        screen.ask("D", "Packets of network hehe (172.18.0.0/16) leave this host with their own source address")
        screen.go_down_to("of network hehe")
        screen.says("-s 172.18.0.0/16", "MASQUERADE")
        screen.keys("Escape")
        host.engine.tool("iptables", "-t", "nat", *rule.split())
        host.namespace.sysctl(**{"ipv4/ip_forward": 0})
        assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    with Screen.on(host, height=60) as screen:
        assert re.search("✗ blog → outside .*(ip_forward|forward)", flow_line(screen, "blog", "blog → outside"))
        screen.ask("D", "net.ipv4.ip_forward")


@pytest.mark.usefixtures("real_libvirt")
def test_4_forward_drop_breaks_virtual_machines(own_host: Own) -> None:
    """Packets of libvirt's virbr0 fall through to FORWARD's policy: the doctor names the bridge and the policy."""
    host = own_host("26.1")
    with Libvirt(host) as libvirt:
        libvirt.network(mode="open")
        virtual_machine(host)
        assert outcome(host, "vm", OUTSIDE, 9) == "timeout"
        with Screen.on(host, height=60) as screen:
            screen.wait("live")
            screen.ask("D", "virbr0")
            screen.go_down_to("virbr0")
            screen.says("-P FORWARD DROP")


def test_5_a_routed_address_is_dead_since_28(blog_hosts: Callable[[str], Host]) -> None:
    """Outside → the container's own address: dropped in raw PREROUTING, with the rule's number as the kernel has it."""
    host = blog_hosts("28.5")
    with Tracer(host) as tracer:
        sent = send([Flow("outside", address(host, "blog"), 8080)], host.sandbox, PORTS, timeout=0.6)
        last = without_accepting_policies(tracer.collect(sent)[0].steps)[-1]
    with Screen.on(host, height=60) as screen:
        line = flow_line(screen, "blog", f"outside → {address(host, 'blog')} 8080/tcp")
    assert line.startswith("✗")
    assert f"dropped {last.table} {last.chain} {last.rule}" in line
    assert last.table == "raw"


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_6_why_can_a_not_reach_b(kind: str, own_host: Own) -> None:
    """Two networks: the verdict and the rule are the kernel's, which differ by the engine's version."""
    host = own_host(kind)
    host.engine.client.networks.create("second")
    host.container("other", serve([80]), networks={"second": {}})
    target = address(host, "other", "second")
    with Tracer(host) as tracer:
        sent = send([Flow("blog", target, 80)], host.sandbox, PORTS, timeout=0.6)
        last = without_accepting_policies(tracer.collect(sent)[0].steps)[-1]
    assert last.verdict == "drop"
    place = f"{last.table} {last.chain} {last.rule}"
    with Screen.on(host, height=60) as screen:
        screen.wait("live")
        screen.ask("R", "Reachability", "of 10 ways open")
        screen.keys("l", "l")
        screen.says("blog → other 80/tcp dropped", f"decided by {place}")


def test_7_hairpin_with_and_without_the_proxy(own_host: Own) -> None:
    """A container calls its own published port: docker-proxy answers, and without it MASQUERADE makes it work."""
    host = own_host("20.10-nft")
    assert outcome(host, "openresty", HOST, 80) == "connected"
    label = "openresty → host 80/tcp (its own)"
    with Screen.on(host, height=70) as screen:
        assert "✓" in flow_line(screen, "openresty", label)
        screen.open_flow(label)
        screen.says("docker-proxy")
    other = own_host("20.10-nft", Options(userland_proxy=False))
    assert outcome(other, "openresty", HOST, 80) == "connected"
    with Screen.on(other, height=70) as screen:
        assert "✓" in flow_line(screen, "openresty", label)
        screen.open_flow(label)
        screen.keys("s")
        text = screen.says("masquerade src 172.18.0.1")
        assert "docker-proxy" not in text


@pytest.mark.usefixtures("real_ufw")
def test_8_a_container_cannot_reach_the_host_under_ufw(own_host: Own) -> None:
    """That is INPUT from the bridge: flow and report name ufw's chain; DOCKER-USER is not on the way."""
    host = own_host("20.10-nft")
    ufw(host, "default deny incoming", "--force enable")
    gateway = "172.18.0.1"
    assert outcome(host, "blog", gateway, 9000) == "timeout"
    serve_here = "import socket; s = socket.create_server(('0.0.0.0', 9000)); print('ready', flush=True); s.accept()"
    command = ["nsenter", f"--net={host.namespace.path}", sys.executable, "-c", serve_here]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            with Screen.on(host, height=60) as screen:
                line = flow_line(screen, "blog", "blog → host 9000/tcp")
        finally:
            program.kill()
    assert line.startswith("✗")
    assert re.search("dropped filter (ufw-|INPUT)", line)
    environment = host.engine.environment() | {"PYTHONPATH": str(ROOT)}
    command = [*NETUI, "path", "blog", f"{gateway}:9000"]
    with Terminal(command, place=host.namespace.path, environment=environment, width=140) as terminal:
        assert terminal.wait_ended() == 1
        text = terminal.text()
    assert "filter INPUT" in text
    assert "ufw-" in text
    assert "DOCKER-USER" not in text


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_9_a_reload_wiped_dockers_rules(kind: str, own_host: Own) -> None:
    """Chains missing, two published ports not reached, and what to do: on the screen within moments."""
    host = own_host(kind)
    with Screen.on(host, height=60) as screen:
        screen.wait("to:openresty:443")
        for table in ("nat", "filter"):
            host.engine.tool("iptables", "-t", table, "-F")
            host.engine.tool("iptables", "-t", table, "-X")
        if kind == "28.5":
            # The header says so by itself, at the latest when the doctor looks again.
            screen.says("doctor: 1 finding", timeout=20)
        screen.ask("D", "rules are gone: 2 published ports")
        screen.go_down_to("rules are gone")
        screen.says("systemctl restart docker")


def test_10_legacy_and_nft_both_hold_rules(own_host: Own) -> None:
    """Both variants stand in the table, the header says so, and the doctor says where Docker's are."""
    host = own_host("20.10-nft")
    host.engine.tool("iptables-legacy", "-I", "FORWARD", "1", "-p", "tcp", "--dport", "80", "-j", "DROP")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    with Screen.on(host, width=180, height=90) as screen:
        screen.says("rules in legacy and nft", "filter IPv4 legacy", "filter IPv4 nft")
        assert "✗ outside → 80/tcp" in flow_line(screen, "openresty", "outside → 80/tcp")
        screen.ask("D", "Docker's are in iptables-nft")


def test_11_a_loopback_publish_is_reached_from_the_lan(own_host: Own) -> None:
    """Before 28: published on 127.0.0.1, and open at the container's address to a neighbour with a route."""
    host = own_host("26.1")
    host.container("shy", serve([80]), networks={"hehe": {}}, ports={"80/tcp": ("127.0.0.1", 8081)})
    host.outside.ip("route", "add", "172.18.0.0/16", "via", HOST)
    assert outcome(host, "outside", address(host, "shy"), 80) == "connected"
    with Screen.on(host, height=60) as screen:
        screen.wait("live")
        screen.ask("D", "shy", "127.0.0.1")


def test_12_the_clients_address_is_lost_over_ipv6(blog_hosts: Callable[[str], Host]) -> None:
    """Published for IPv6, a network without it: docker-proxy answers, and the container sees the gateway."""
    with Screen.on(blog_hosts("28.5"), height=60) as screen:
        screen.wait("live")
        screen.ask("D", "docker-proxy: the container sees the network's gateway as the client")
