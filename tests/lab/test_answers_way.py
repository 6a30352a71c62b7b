"""What netui used to guess, shown by packets: the answer's way, a second uplink, IPv6 from afar, limits and lots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from netui.sources.capture.reader import read_capture
from netui.traversal import Path as Answer
from netui.traversal import path, prepare

from .capture import write_capture
from .conftest import Hosts
from .engines import Options
from .hosts import HOST, HOST6, OUTSIDE6, Host, serve
from .judge import judge, predicted_steps, prediction_of, report
from .namespaces import Namespace
from .senders import Flow, Ports, send
from .trace import Tracer, without_accepting_policies
from .wide import wide_host

Own = Callable[..., Host]
PORTS = Ports()


def outcome(host: Host, flow: Flow) -> str:
    """What a real connection sees."""
    host.namespace.run("conntrack", "-F", check=False)
    return send([flow], host.sandbox, PORTS, timeout=0.6)[0].outcome


def ask(host: Host, folder: Path, source: str, destination: str, **more: Any) -> Answer:
    """Ask netui of a fresh capture, with the answer."""
    return path(prepare(read_capture(write_capture(host, folder))), source, destination, reply=True, **more)


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_the_answer_leaves_by_the_gateways_network(kind: str, own_host: Own, tmp_path: Path) -> None:
    """Published on the network that is not its gateway's: strict rp_filter loses the answer, none does not."""
    host = own_host(kind)
    host.engine.client.networks.create("zide", driver="bridge")
    two = host.container("two", serve([80]), networks={"hehe": {}, "zide": {}})
    two.reload()
    endpoint = two.attrs["NetworkSettings"]["Networks"]["zide"]
    bridge = f"br-{endpoint['NetworkID'][:12]}"
    tool = host.engine.tool
    to = f"{endpoint['IPAddress']}:80"
    tool("iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8089", "-j", "DNAT", "--to", to)
    tool("iptables", "-I", "DOCKER-USER", "-o", bridge, "-j", "ACCEPT")
    flow = Flow("outside", HOST, 8089)
    for mode, seen, verdict in (
        (0, "connected", "delivered"),
        (2, "connected", "delivered"),
        (1, "timeout", "dropped"),
    ):
        host.namespace.sysctl(**{"ipv4/conf/all/rp_filter": mode})
        assert outcome(host, flow) == seen
        found = ask(host, tmp_path / str(mode), "outside:198.51.100.2", "host:8089")
        assert found.verdict == verdict, found.reason
        assert found.reply
        assert found.reply[0].packet.iif not in ("", bridge)
    assert "rp_filter is 1" in found.reason


@pytest.fixture
def far(own_host: Own) -> Iterator[tuple[Host, str]]:
    """A machine far away, whose packets come in by a second uplink and are answered by the default route."""
    host = own_host("28.5")
    second = Namespace(f"{host.namespace.label}-far")
    host.around.append(second)
    host.namespace.connect(second, "eth1", "eth0")
    host.namespace.ip("address", "add", "192.0.2.1/24", "dev", "eth1")
    second.ip("address", "add", "192.0.2.2/24", "dev", "eth0")
    host.outside.connect(second, "far0", "near0")
    address = "203.0.113.77"
    second.ip("address", "add", f"{address}/32", "dev", "lo")
    for space in (second, host.outside):
        space.sysctl(**{"ipv4/ip_forward": 1, "ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0})
    for name in ("eth0", "near0"):
        second.sysctl(**{f"ipv4/conf/{name}/rp_filter": 0})
    for name in ("eth0", "far0"):
        host.outside.sysctl(**{f"ipv4/conf/{name}/rp_filter": 0})
    host.outside.ip("address", "add", "10.99.0.1/30", "dev", "far0")
    second.ip("address", "add", "10.99.0.2/30", "dev", "near0")
    host.outside.ip("route", "add", f"{address}/32", "via", "10.99.0.2")
    yield host, address


def test_a_second_uplink(far: tuple[Host, str], tmp_path: Path) -> None:
    """Its own address is asked for by it; strict rp_filter drops there what the default route would answer."""
    host, address = far
    flow = Flow("far", "192.0.2.1", 80, source=address)
    for mode, seen, verdict in ((0, "connected", "delivered"), (1, "timeout", "dropped")):
        host.namespace.sysctl(**{"ipv4/conf/eth1/rp_filter": mode})
        assert outcome(host, flow) == seen
        for source in ("outside", f"outside:{address}"):
            found = ask(host, tmp_path / f"{mode}{len(source)}", source, "192.0.2.1:80")
            assert (found.verdict, found.legs[0].packet.iif) == (verdict, "eth1"), found.reason
    found = ask(host, tmp_path / "in", "outside", "192.0.2.1:80", iif="eth0")
    assert (found.verdict, found.legs[0].packet.iif) == ("delivered", "eth0")


def test_an_ipv6_port_is_reached_by_its_dnat(wide_hosts: Hosts, tmp_path: Path) -> None:
    """28.5 publishes with `! -s fe80::/10`: for a machine beyond a router the DNAT is met, as the kernel says."""
    host = wide_hosts("28.5")
    with Tracer(host) as tracer:
        sent = send([Flow("outside", HOST6, 8084)], host.sandbox, PORTS, timeout=0.6)
        kernel = without_accepting_policies(tracer.collect(sent)[0].steps)
    assert (sent[0].outcome, OUTSIDE6 in str(sent[0].flow.source)) == ("connected", False)
    found = ask(host, tmp_path, "outside", f"[{HOST6}]:8084")
    assert found.verdict == "delivered"
    assert found.delivered_to is not None
    assert (found.delivered_to.name, len(found.legs)) == ("six", 1)
    assert predicted_steps(prediction_of(found)) == kernel


def test_loopback_over_ipv6_without_the_proxy(lab: None, tmp_path: Path) -> None:
    """Host → [::1] with DNAT: the container discards what comes from ::1."""
    with wide_host("28.5", Options(userland_proxy=False, ip6tables=True)) as host:
        assert outcome(host, Flow("host", "::1", 8084)) == "timeout"
        found = ask(host, tmp_path, "host", "[::1]:8084")
        assert found.verdict == "dropped"
        assert "::1" in found.reason


FLOOD = """*filter
:flood - [0:0]
-A INPUT -i eth0 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j flood
-A INPUT -i eth0 -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -i eth0 -p tcp -m tcp --dport 24 -m hashlimit --hashlimit-above 20/sec --hashlimit-mode srcip --hashlimit-name a -j DROP
-A INPUT -i eth0 -p tcp -m tcp --dport 24 -m connlimit --connlimit-above 5 --connlimit-mask 32 -j DROP
-A INPUT -i eth0 -p tcp -m tcp --dport 24 -m recent --set --name ssh
-A INPUT -i eth0 -p tcp -m tcp --dport 24 -m recent --update --seconds 60 --hitcount 4 --name ssh -j DROP
-A INPUT -i eth0 -p tcp -m tcp --dport 24 -j ACCEPT
-A INPUT -i eth0 -p tcp -m recent --rcheck --name ssh -j ACCEPT
-A INPUT -i eth0 -p tcp -m tcp --dport 25 -m string --string "EHLO" --algo bm -j ACCEPT
-A INPUT -i eth0 -j DROP
-A flood -m limit --limit 25/sec -j RETURN
-A flood -j DROP
COMMIT
"""  # noqa: E501


def test_a_quiet_sender_meets_the_likely_rules(own_host: Own, tmp_path: Path) -> None:
    """Limits, a list and a text: the kernel's trace of one packet is the way that netui shows."""
    host = own_host("28.5")
    host.engine.tool("iptables-restore", "--noflush", stdin=FLOOD)
    flows = [Flow("outside", HOST, port) for port in (23, 25, 22)]
    result = judge(host, flows, "a quiet sender", tmp_path / "first")
    assert not (result.disagreements or result.outcomes or result.undecided), report(result)
    first = ask(host, tmp_path / "again", "outside", "host:22")
    assert (first.verdict, first.condition) == ("delivered", "up to 25/s (rule 1 of filter flood)")
    assert (
        ask(host, tmp_path / "closed", "outside", "host:23").condition
        == "as long as its source is not in the list ssh (rule 8 of filter INPUT)"
    )
    # the fourth within a minute is one too many, as the condition says
    counted = judge(host, [Flow("outside", HOST, 24)], "the first of four", tmp_path / "one")
    assert not (counted.disagreements or counted.outcomes or counted.undecided), report(counted)
    seen = [outcome(host, Flow("outside", HOST, 24)) for _ in range(3)]
    assert seen == ["ECONNREFUSED", "ECONNREFUSED", "timeout"]


def test_load_balancing_is_delivered_to_one_of_them(own_host: Own, tmp_path: Path) -> None:
    """Every way delivers, and each receiver gets its share."""
    host = own_host("28.5")
    pair = [host.container(name, serve([80]), networks={"hehe": {}}, ports={"80/tcp": None}) for name in ("a1", "a2")]
    addresses = []
    for one in pair:
        one.reload()
        addresses.append(one.attrs["NetworkSettings"]["Networks"]["hehe"]["IPAddress"])
    lot = ("-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0")
    for address, how in zip(addresses, (lot, ()), strict=True):
        host.engine.tool(
            "iptables", "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", "8090", *how,
            "-j", "DNAT", "--to", f"{address}:80",
        )  # fmt: skip
    found = ask(host, tmp_path, "outside", "host:8090")
    assert (found.verdict, {to.name for to in found.one_of}) == ("delivered", {"a1", "a2"})
    with Tracer(host) as tracer:
        sent = send([Flow("outside", HOST, 8090) for _ in range(6)], host.sandbox, PORTS, timeout=0.6)
        traces = tracer.collect(sent)
    assert {one.outcome for one in sent} == {"connected"}
    chosen = {
        step.rule for trace in traces for step in trace.steps if (step.table, step.chain) == ("nat", "PREROUTING")
    }
    assert len(chosen - {1}) == 2
