"""Tables that packets do not meet, or meet outside the IP hooks: dormant ones, netdev's and the bridge family's."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from netui.sources.capture.reader import read_capture
from netui.traversal import path, prepare
from tests.lab.findings import outcome
from tests.lab.live import inside
from tests.lab.native_live import HOST, LIVE_PATH

from .capture import write_capture
from .doctor_host import seen
from .hosts import Host, serve

Own = Callable[..., Host]
VERDICT = {"connected": "delivered", "timeout": "dropped", "ECONNREFUSED": "rejected"}


def nft(host: Host, rules: str) -> None:
    """Change native rules as an administrator does."""
    host.engine.tool("nft", "-f", "-", stdin=f"{rules}\n")


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_a_dormant_table_stops_nothing(own_host: Own, kind: str) -> None:
    """While a table is dormant its drop never runs; awake, it does. Live and from a capture, on each engine."""
    host = own_host(kind)
    own = "table inet own { flags dormant; chain f { type filter hook forward priority 5; %s; }; }"
    nft(host, own % "meta l4proto tcp ct original proto-dst 80 drop")
    for wanted, change in (("connected", ""), ("timeout", "add table inet own { }")):
        if change:
            nft(host, change)
        assert outcome(host, "outside", HOST, 80) == wanted
        assert path(seen(host), "outside", "host:80").verdict == VERDICT[wanted]
        live = inside(host, LIVE_PATH)["paths"]["80"]
        assert live[0] == VERDICT[wanted], live


def test_a_dormant_table_of_iptables_stops_nothing(own_host: Own) -> None:
    """iptables-nft-save prints it as any other; nothing of it is met."""
    host = own_host("20.10-nft")
    host.engine.tool("iptables", "-I", "DOCKER-USER", "-j", "DROP")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    nft(host, "add table ip filter { flags dormant; }")
    assert outcome(host, "outside", HOST, 80) == "connected"
    assert path(seen(host), "outside", "host:80").verdict == "delivered"
    assert inside(host, LIVE_PATH)["paths"]["80"][0] == "delivered"


def setting(host: Host) -> dict[str, str]:
    """Names and addresses that differ from host to host: the bridge, its ports, the containers."""
    client = host.engine.client
    found = {"br": f"br-{client.networks.get('hehe').id[:12]}"}
    for name in ("blog", "openresty"):
        found[name] = client.api.inspect_container(name)["NetworkSettings"]["Networks"]["hehe"]["IPAddress"]
    links = json.loads(host.namespace.run("ip", "-j", "link", "show", "master", found["br"]).stdout)
    found["ports"] = ", ".join(link["ifname"] for link in links)
    found["port"] = links[0]["ifname"]
    return found


#: Rules, and for each flow whether it comes through: (sender, receiver, port, outcome, the chain that stops it).
#: "HOST" is the host's address outside; a name the container's.
CASES: dict[str, tuple[str, tuple[tuple[str, str, int, str, str], ...]]] = {
    "netdev ingress on eth0": (
        """table netdev lab { chain early { type filter hook ingress device "eth0" priority -500;
          tcp dport 443 drop; }; }""",
        (("outside", "HOST", 80, "connected", ""), ("outside", "HOST", 443, "timeout", "early"),
         ("blog", "openresty", 443, "connected", "")),
    ),
    "netdev ingress lets one port in": (
        """table netdev lab { chain early { type filter hook ingress devices = { lo, eth0 } priority 0; policy drop;
          meta protocol arp accept; icmpv6 type != 1 accept; tcp dport { 80, 8080 } accept; }; }""",
        (("outside", "HOST", 80, "connected", ""), ("outside", "HOST", 443, "timeout", "early"),
         ("host", "127.0.0.1", 443, "timeout", "early")),
    ),
    "inet ingress on eth0": (
        """table inet lab { chain early { type filter hook ingress device "eth0" priority 10;
          ip protocol tcp tcp dport 443 counter drop; }; }""",
        (("outside", "HOST", 80, "connected", ""), ("outside", "HOST", 443, "timeout", "early")),
    ),
    "netdev egress on eth0 and the bridge": (
        """table netdev lab { chain late { type filter hook egress devices = { eth0, "%(br)s" } priority 0;
          tcp dport 443 drop; tcp dport 9 drop; }; }""",
        (("outside", "HOST", 80, "connected", ""), ("outside", "HOST", 443, "timeout", "late"),
         ("blog", "198.51.100.2", 9, "timeout", "late"), ("blog", "198.51.100.2", 10, "ECONNREFUSED", ""),
         ("blog", "openresty", 443, "connected", "")),
    ),
    "bridge forward between containers": (
        """table bridge lab { chain passing { type filter hook forward priority filter;
          ether type ip ip saddr %(blog)s tcp dport 80 drop;
          iifname "%(br)s" drop; ip daddr 10.0.0.0/8 drop; }; }""",
        (("blog", "openresty", 80, "timeout", "passing"), ("blog", "openresty", 443, "connected", ""),
         ("outside", "HOST", 80, "connected", "")),
    ),
    "bridge postrouting": (
        """table bridge lab { chain last { type filter hook postrouting priority 0;
          oifname { %(ports)s } iifname != "%(br)s" tcp dport 80 drop; }; }""",
        (("blog", "openresty", 80, "timeout", "last"), ("outside", "HOST", 80, "timeout", "last"),
         ("outside", "HOST", 443, "connected", "")),
    ),
    "bridge prerouting behind the IP hook": (
        """table bridge lab { chain entry { type filter hook prerouting priority 10;
          iifname { %(ports)s } oifname != "%(br)s" tcp dport 443 drop; }; }""",
        (("blog", "openresty", 443, "timeout", "entry"), ("blog", "openresty", 80, "connected", ""),
         ("blog", "198.51.100.2", 443, "timeout", "entry")),
    ),
    "bridge input and output": (
        """table bridge lab { chain entry { type filter hook input priority 0; tcp dport 9 drop; }
          chain away { type filter hook output priority 0; ip daddr %(openresty)s tcp dport 443 drop; }; }""",
        (("blog", "198.51.100.2", 9, "timeout", "entry"), ("blog", "198.51.100.2", 10, "ECONNREFUSED", ""),
         ("outside", "HOST", 443, "timeout", "away"), ("outside", "HOST", 80, "connected", ""),
         ("blog", "openresty", 443, "connected", "")),
    ),
    "netdev ingress on every port": (
        """table netdev lab { chain early { type filter hook ingress devices = { %(ports)s } priority 0;
          ip daddr %(openresty)s tcp dport 80 drop; }; }""",
        (("blog", "openresty", 80, "timeout", "early"), ("blog", "openresty", 443, "connected", ""),
         ("outside", "HOST", 80, "connected", "")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.parametrize("kind", ["20.10-nft", pytest.param("28.5", marks=pytest.mark.long)])
def test_frames_meet_what_netui_says(own_host: Own, kind: str, calls: int) -> None:
    """Each flow ends as netui says, by the chain that it names, with br_netfilter off and on."""
    host = own_host(kind)
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": calls})
    names = setting(host)
    wrong: list[str] = []
    for case, (rules, flows) in CASES.items():
        nft(host, (rules % names).replace("; }", "\n}").replace("{ chain", "{\nchain"))
        found = seen(host)
        for source, target, port, wanted, chain in flows:
            address = HOST if target == "HOST" else names.get(target, target)
            real = outcome(host, source, address, port)
            said = path(found, source, f"{address}:{port}")
            stopped = said.deciding.chain if said.deciding is not None and said.verdict == "dropped" else ""
            ours = (said.verdict, stopped)
            expected = "dropped" if wanted == "timeout" else "delivered"
            if real != wanted or ours != (expected, chain):
                wrong.append(f"{case}: {source} {target}:{port}: {real}, not {wanted}; netui: {ours} {said.reason}")
        family = rules.split()[1]
        nft(host, f"delete table {family} lab")
    assert wrong == []


def test_which_container_is_behind_which_port(own_host: Own) -> None:
    """A container's namespace tells its device's number, and the host's veth its peer's; without it: undecided."""
    host = own_host("28.5")
    host.container("third", serve([80]), networks={"hehe": {}})
    names = setting(host)
    third = host.engine.client.api.inspect_container("third")["NetworkSettings"]["Networks"]["hehe"]["IPAddress"]
    addresses = {"openresty": names["openresty"], "third": third}
    cases = (
        ("netdev", 'type filter hook ingress device "%s" priority 0; tcp dport 80 drop'),
        ("bridge", 'type filter hook forward priority -200; iifname "%s" tcp dport 80 drop'),
        ("bridge", 'type filter hook postrouting priority 0; oifname "%s" tcp dport 80 drop'),
    )
    stopped: set[tuple[str, str]] = set()
    for family, rule in cases:
        for port in names["ports"].split(", "):
            nft(host, f"table {family} lab {{\nchain early {{ {rule % port}; }}\n}}")
            found = seen(host)
            for source, target in (("blog", "openresty"), ("blog", "third"), ("openresty", "third")):
                real = outcome(host, source, addresses[target], 80)
                assert path(found, source, f"{target}:80").verdict == VERDICT[real], (rule % port, source, target)
                stopped |= {(source, target)} if real == "timeout" else set()
            nft(host, f"delete table {family} lab")
    assert len(stopped) == 3
    nft(host, f"table netdev lab {{\nchain early {{ {cases[0][1] % names['port']}; }}\n}}")
    with tempfile.TemporaryDirectory() as folder:
        capture = write_capture(host, Path(folder) / "host")
        shutil.rmtree(capture / "listening")
        answer = path(prepare(read_capture(capture)), "blog", "openresty:80")
    assert (answer.verdict, "by which port" in answer.reason) == ("undecided", True)


def test_live_devices_come_from_the_kernel(own_host: Own) -> None:
    """Live, nft 1.0.6 prints no device in JSON and the kernel tells them: one device, several, a beginning of names."""
    host = own_host("20.10-nft")
    for devices in ('device "eth0"', "devices = { lo, eth0 }", "device lo"):
        base = f"type filter hook ingress {devices} priority 0"
        nft(host, f"table netdev lab {{\nchain c {{ {base}; tcp dport 443 drop; }}\n}}")
        live = inside(host, LIVE_PATH)["paths"]
        assert live["80"][0] == "delivered", live
        assert live["443"][0] == VERDICT[outcome(host, "outside", HOST, 443)], live
        nft(host, "delete table netdev lab")


def test_a_translation_towards_another_port_of_the_bridge(own_host: Own) -> None:
    """DNAT by br_netfilter keeps a frame in the bridge: its forward sees it, its input does not."""
    host = own_host("28.5")
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": 1})
    names = setting(host)
    dnat = f'iifname "{names["br"]}" tcp dport 8088 dnat to {names["openresty"]}:80'
    nft(host, f"table ip labnat {{\nchain p {{ type nat hook prerouting priority -110; {dnat}; }}\n}}")
    for hook, wanted in (("input", "connected"), ("forward", "timeout"), ("output", "connected")):
        nft(host, f"table bridge lab {{\nchain c {{ type filter hook {hook} priority -200; tcp dport 80 drop; }}\n}}")
        assert outcome(host, "blog", HOST, 8088) == wanted
        assert path(seen(host), "blog", f"{HOST}:8088").verdict == VERDICT[wanted]
        nft(host, "delete table bridge lab")


def test_a_bridge_that_drops_arp(own_host: Own) -> None:
    """Containers that do not know one another's hardware address come to no connection: undecided, never delivered."""
    host = own_host("20.10-nft")
    rules = "type filter hook forward priority -200; policy drop; tcp dport 80 accept; tcp sport 80 accept"
    nft(host, f"table bridge lab {{\nchain c {{ {rules}; %s }}\n}}" % "")
    assert outcome(host, "blog", setting(host)["openresty"], 80) != "connected"
    found = path(seen(host), "blog", "openresty:80")
    assert (found.verdict, "ARP" in found.reason) == ("undecided", True)
    nft(host, "add rule bridge lab c meta protocol arp accept")
    # a neighbour that did not answer is asked again a second later
    address = setting(host)["openresty"]
    assert any(outcome(host, "blog", address, 80) == "connected" for _ in range(8))
    assert path(seen(host), "blog", "openresty:80").verdict == "delivered"


def test_a_chain_at_br_netfilters_priority(own_host: Own) -> None:
    """Made after the bridge it drops; a snapshot cannot tell that it was, and says so."""
    host = own_host("28.5")
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": 1})
    nft(host, "table bridge lab {\nchain c { type filter hook forward priority 0; tcp dport 80 drop; }\n}")
    assert outcome(host, "blog", setting(host)["openresty"], 80) == "timeout"
    found = path(seen(host), "blog", "openresty:80")
    assert (found.verdict, "br_netfilter" in found.reason) == ("undecided", True)
    assert path(seen(host), "blog", "openresty:443").verdict == "delivered"


def test_a_table_of_the_arp_family(own_host: Own) -> None:
    """It keeps the neighbours' questions out: who does not know the host does not find it, which a note says."""
    host = own_host("28.5")
    nft(host, "table arp lab {\nchain c { type filter hook input priority 0; policy drop; }\n}")
    for space in (host.namespace, host.outside):
        space.ip("neigh", "flush", "all")
    assert outcome(host, "outside", HOST, 80) in ("timeout", "unreachable")
    found = path(seen(host), "outside", "host:80")
    assert any("keeps out ARP on eth0" in note for note in found.notes)
    nft(host, "insert rule arp lab c arp operation { request, reply } accept")
    assert any(outcome(host, "outside", HOST, 80) == "connected" for _ in range(8))
    assert not any("ARP" in note for note in path(seen(host), "outside", "host:80").notes)
