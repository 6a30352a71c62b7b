"""Findings and notes of rarer situations on a real engine: built, seen with their evidence, and gone after the cure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from docker.types import IPAMConfig, IPAMPool

from netui.audit.doctor import Finding
from tests.lab.findings import outcome

from .doctor_host import diagnosis, findings, restart, run_advice
from .engines import Options
from .hosts import HOST, HOST6, OUTSIDE, Host, serve

Own = Callable[..., Host]


def notes(host: Host) -> dict[str, Finding]:
    """The notes by their kind."""
    return {note.id: note for note in diagnosis(host).notes}


def bridge(host: Host) -> str:
    """The bridge of hehe."""
    return f"br-{host.engine.client.networks.get('hehe').id[:12]}"


def test_a_network_whose_way_out_is_gone(own_host: Own) -> None:
    """The rule that lets hehe out deleted: FORWARD's policy stops it, and the rule given lets it out."""
    host = own_host("20.10-nft")
    name = bridge(host)
    host.engine.tool("iptables", "-D", "FORWARD", "-i", name, "!", "-o", name, "-j", "ACCEPT")
    assert outcome(host, "blog", OUTSIDE, 9) == "timeout"
    found = findings(host)["outbound-blocked"]
    assert found.about == ("hehe",)
    assert found.evidence[0].text == "-P FORWARD DROP"
    run_advice(host, found)
    assert findings(host) == {}
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"


def test_a_published_port_whose_way_in_is_gone(own_host: Own) -> None:
    """The jump to Docker's accepts deleted: translated and then dropped; the engine's restart cures."""
    host = own_host("20.10-nft")
    host.engine.tool("iptables", "-D", "FORWARD", "-o", bridge(host), "-j", "DOCKER")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    found = findings(host)["published-unreachable"]
    assert found.about == ("openresty",)
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[3] == "FORWARD"
    assert any("restart docker" in text for text in found.advice)
    restart(host)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "connected"


def test_packets_straight_to_a_container_are_counted(own_host: Own) -> None:
    """28.5: what raw dropped is a note with its counter; before anybody asked there is none."""
    host = own_host("28.5")
    assert "direct-drops" not in notes(host)
    host.outside.ip("route", "add", "172.18.0.0/16", "via", HOST)
    settings = host.engine.client.containers.get("blog").attrs["NetworkSettings"]
    assert outcome(host, "outside", str(settings["Networks"]["hehe"]["IPAddress"]), 8080) == "timeout"
    found = notes(host)["direct-drops"]
    assert found.evidence[0].packets
    assert found.evidence[0].rule_ref is not None and found.evidence[0].rule_ref[2:4] == ("raw", "PREROUTING")
    host.engine.tool("iptables", "-t", "raw", "-Z")
    assert "direct-drops" not in notes(host)


def test_a_busy_proxy(own_host: Own) -> None:
    """Ten thousand connections of hehe's containers to the host's own address are a note; by name none is counted."""
    host = own_host("20.10-nft")
    name = bridge(host)
    assert "proxy-busy" not in notes(host)
    rules = host.engine.tool("iptables", "-t", "nat", "-S", "DOCKER").splitlines()[1:]
    number = str(rules.index(f"-A DOCKER -i {name} -j RETURN") + 1)
    counted = ("-c", "9999", "599940")
    host.engine.tool("iptables", "-t", "nat", "-R", "DOCKER", number, "-i", name, "-j", "RETURN", *counted)
    assert outcome(host, "blog", "172.18.0.3", 80) == "connected"
    assert "proxy-busy" not in notes(host)
    assert outcome(host, "blog", HOST, 80) == "connected"
    found = notes(host)["proxy-busy"]
    assert found.about == ("hehe",)
    assert found.evidence[0].packets == 10000


def live_notes(host: Host, programs: Path) -> dict[str, str]:
    """What a live doctor notes in the host's namespace, these programs first: evidence by kind."""
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        ["nsenter", f"--net={host.namespace.path}", sys.executable, "-m", "netui", "doctor", "--json"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": path, "DOCKER_HOST": host.engine.url},
    )
    return {one["id"]: one["evidence"][0]["text"] for one in json.loads(done.stdout)["notes"] if one["evidence"]}


def test_native_tables_that_could_not_be_read_are_named(own_host: Own, tmp_path: Path) -> None:
    """A table that an nft too old does not list: the kernel tells that it is there; gone with the table."""
    host = own_host("28.5")
    (tmp_path / "nft").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "nft").chmod(0o755)
    assert "native-tables" not in live_notes(host, tmp_path)
    rules = "add table inet own; add chain inet own input { type filter hook input priority 10; }; "
    host.engine.tool("nft", "-f", "-", stdin=f"{rules}add rule inet own input tcp dport 7 drop\n")
    assert live_notes(host, tmp_path)["native-tables"] == "table inet own"
    host.engine.tool("nft", "delete", "table", "inet", "own")
    assert "native-tables" not in live_notes(host, tmp_path)


def test_a_macvlan_network_is_named(own_host: Own) -> None:
    """A container on the link itself passes no rule of the host: said, with network and parent."""
    host = own_host("20.10-nft")
    pool = IPAMConfig(pool_configs=[IPAMPool(subnet="198.51.100.0/24", iprange="198.51.100.64/27")])
    host.engine.client.networks.create("onlink", driver="macvlan", options={"parent": "eth0"}, ipam=pool)
    assert "macvlan" not in notes(host)
    host.container("direct", serve([80]), networks={"onlink": {}})
    found = notes(host)["macvlan"]
    assert found.about == ("onlink",)
    assert found.evidence[0].text == "onlink: macvlan, parent eth0"
    host.engine.client.containers.get("direct").remove(force=True)
    assert "macvlan" not in notes(host)


def test_an_engine_on_another_machine_is_not_joined(own_host: Own) -> None:
    """DOCKER_HOST points elsewhere: its containers are not put behind the rules of the machine that asks."""
    host = own_host("28.5", Options(flags=("-H", f"tcp://{HOST}:2375", "--tls=false")))
    done = subprocess.run(
        ["nsenter", f"--net={host.outside.path}", sys.executable, "-m", "netui", "doctor", "--json"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "DOCKER_HOST": f"tcp://{HOST}:2375"},
    )
    said = json.loads(done.stdout)
    kinds = {one["id"]: one for one in (*said["findings"], *said["notes"])}
    assert f"{HOST}:2375" in kinds["engine-remote"]["what"]
    assert set(kinds) == {"engine-remote"}
    assert "engine-remote" not in notes(host)


def v6_network(host: Host) -> str:
    """A network with IPv6 and a container on it that publishes port 80; the container's address there."""
    pools = [IPAMPool(subnet="172.30.0.0/24"), IPAMPool(subnet="fd00:30::/64")]
    host.engine.client.networks.create("six", enable_ipv6=True, ipam=IPAMConfig(pool_configs=pools))
    made = host.container("web6", serve([80]), networks={"six": {}}, ports={"80/tcp": 8088})
    return str(made.attrs["NetworkSettings"]["Networks"]["six"]["GlobalIPv6Address"])


def test_the_client_s_address_is_kept_by_a_network_with_ipv6(own_host: Own) -> None:
    """What the advice says: with IPv6 on the network and ip6tables on, no docker-proxy stands between."""
    host = own_host("28.5", Options(ip6tables=True))
    assert notes(host)["client-address-lost"].about == ("openresty",)
    host.engine.client.containers.get("openresty").remove(force=True)
    v6_network(host)
    assert outcome(host, "outside", HOST6, 8088) == "connected"
    assert "client-address-lost" not in notes(host)
    assert findings(host) == {}


def test_forwarding_of_ipv6_switched_off(own_host: Own) -> None:
    """With net.ipv6.conf.all.forwarding 0 a port is not reached over IPv6: found, and cured by the command given."""
    host = own_host("28.5", Options(ip6tables=True))
    v6_network(host)
    host.namespace.sysctl(**{"ipv6/conf/all/forwarding": 0})
    assert outcome(host, "outside", HOST6, 8088) != "connected"
    found = findings(host)["forwarding-off"]
    assert found.about == ("web6",)
    assert found.advice[0] == "sysctl -w net.ipv6.conf.all.forwarding=1"
    host.namespace.sysctl(**{"ipv6/conf/all/forwarding": 1})
    assert findings(host) == {}
    assert outcome(host, "outside", HOST6, 8088) == "connected"
