"""Each tool's output becomes the model; hostile text becomes an error, never an exception of another kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.dialects import iproute, sysctl
from netui.dialects import ipset as ipset_save
from netui.dialects import sockets as socket_text
from netui.model import IpSet, NextHop, PublishedPort, Socket
from netui.sources.docker import api as docker_api
from netui.text import json_text
from netui.text.errors import SourceError, plain, quoted

# -- sockets --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "socket"),
    [
        (
            'udp UNCONN 0 0 0.0.0.0:5353 0.0.0.0:* users:(("docker-proxy",pid=31398,fd=4))',
            Socket("udp", "0.0.0.0", 5353, "docker-proxy", 31398),
        ),
        ("tcp   LISTEN 0      4096   127.0.0.53%lo:53   0.0.0.0:*", Socket("tcp", "127.0.0.53", 53, device="lo")),
        ("tcp LISTEN 0 128 [::]:22 [::]:*", Socket("tcp", "::", 22)),
        ("tcp LISTEN 0 128 *:80 *:*", Socket("tcp", "*", 80)),
        ("udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*", Socket("udp", "fe80::1", 546, device="eth0")),
        ("tcp LISTEN 0 128 :::8080 :::*", Socket("tcp", "::", 8080)),
        (
            'tcp LISTEN 0 1 0.0.0.0:1 0.0.0.0:* users:(("a\x1b"b,(",pid=7,fd=1),("x",pid=8,fd=2))',
            Socket("tcp", "0.0.0.0", 1, 'a\x1b"b,(', 7),
        ),
    ],
)
def test_a_line_of_ss_is_a_socket(line: str, socket: Socket) -> None:
    """Addresses with brackets, devices and stars; the first of several programs."""
    assert socket_text.ss_sockets(line + "\n") == (socket,)


def test_ss_lines_that_take_no_new_packets_are_left_out() -> None:
    """A header, connections, and protocols without ports."""
    text = """Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess
tcp ESTAB 0 0 10.0.0.1:22 10.0.0.2:5000
icmp6 UNCONN 0 0 *:58 *:*
udp UNCONN 0 0 0.0.0.0:* 0.0.0.0:*
"""
    assert socket_text.ss_sockets(text) == ()


TCP = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
UDP = f"  {TCP} ref pointer drops"
ANY6 = "0" * 32


def test_the_files_of_proc_net_are_told_apart_by_their_headers() -> None:
    """TCP listens in state 0A, UDP waits in 07, and addresses are little-endian words."""
    text = f"""{TCP}
   0: 0B00007F:8AA3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 252254 1
   1: 04001CAC:AEAE 03001CAC:0050 06 00000000:00000000 03:00000EDE 00000000     0        0 0 3
{TCP}
   0: {ANY6}:0050 {ANY6}:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: B80D012001000000000000000100000A:01BB {ANY6}:0000 0A 0 0 0 0 0 0
   2: 0000000000000000FFFF00000100007F:0051 {ANY6}:0000 0A 0 0 0 0 0 0
{UDP}
  53: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
  54: 00000000:0036 0100007F:0035 01 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
{UDP}
  53: {ANY6}:0035 {ANY6}:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
"""
    assert socket_text.proc_sockets(text) == (
        Socket("tcp", "127.0.0.11", 35491),
        Socket("tcp", "*", 80),
        Socket("tcp", "2001:db8:0:1::a00:1", 443),
        Socket("tcp", "127.0.0.1", 81),
        Socket("udp", "0.0.0.0", 53),
        Socket("udp", "::", 53),
    )


# -- iproute --------------------------------------------------------------------


def test_policy_rules_of_every_kind() -> None:
    """What ``ip -j rule`` printed for a rule of each kind (iproute2 6.1)."""
    printed = """[{"priority":0,"src":"all","table":"local"},
    {"priority":100,"not":null,"src":"10.0.0.0","srclen":8,"dst":"10.9.0.5","fwmark":"0x10","fwmask":"0xf0","iif":"lo","table":"100"},
    {"priority":101,"src":"all","fwmark":"0xca6c","oif":"d0","oif_detached":null,"table":"7","suppress_prefixlen":0},
    {"priority":102,"src":"all","ipproto":"tcp","sport":80,"dport_start":100,"dport_end":200,"action":"unreachable"},
    {"priority":103,"src":"all","tos":"0x10","uid_start":0,"uid_end":1000,"action":"blackhole"},
    {"priority":104,"src":"all","goto":32766},{"priority":105,"src":"all","nop":null},
    {"priority":107,"src":"all","l3mdev":null},
    {"priority":108,"src":"all","table":"main","suppress_ifgroup":"default"}]"""
    rules = {rule.priority: rule for rule in iproute.policy_rules(json.loads(printed), "ip")}
    assert (rules[100].inverted, rules[100].src, rules[100].dst) == (True, "10.0.0.0/8", "10.9.0.5")
    assert (rules[100].fwmark, rules[100].fwmask, rules[100].iif, rules[100].table) == (16, 240, "lo", "100")
    assert (rules[101].fwmark, rules[101].fwmask, rules[101].suppress_prefixlength) == (51820, 0xFFFFFFFF, 0)
    assert rules[101].other == ()
    assert (rules[102].action, rules[102].sport, rules[102].dport) == ("unreachable", (80, 80), (100, 200))
    assert rules[102].other == ("ipproto tcp",)
    assert (rules[103].uidrange, rules[103].tos, rules[103].table) == ("0-1000", "0x10", "")
    assert (rules[104].action, rules[104].goto) == ("goto", 32766)
    assert rules[105].action == "nop"
    assert rules[107].other == ("l3mdev",)
    assert rules[108].other == ("suppress_ifgroup default",)


def test_routes_of_every_kind() -> None:
    """Multipath, blackhole, a gateway of the other family, a route with a source; each family its own."""
    printed = """[{"type":"unreachable","dst":"10.22.0.0/16","table":"100","metric":5,"flags":[]},
    {"dst":"default","gateway":"10.9.0.2","dev":"d0","prefsrc":"10.9.0.1","flags":["onlink"]},
    {"dst":"10.20.0.0/16","flags":[],"nexthops":[{"gateway":"10.9.0.2","dev":"d0","weight":3,"flags":[]},
                                                 {"gateway":"10.9.0.3","dev":"d0","weight":1,"flags":[]}]},
    {"dst":"10.23.0.0/16","via":{"family":"inet6","host":"fe80::1"},"dev":"d0","flags":[]},
    {"type":"local","dst":"10.9.0.1","dev":"d0","table":"local","scope":"host","prefsrc":"10.9.0.1","flags":[]},
    {"dst":"default","from":"2001:db8:1::/64","gateway":"fe80::3","dev":"d0","metric":1024,"flags":[],"pref":"medium"},
    {"dst":"default","dev":"tun0","metric":1024,"flags":[],"pref":"medium"},
    {"type":"local","dst":"::1","dev":"lo","table":"local","metric":0,"flags":[],"pref":"medium"}]"""
    routes = iproute.routes(json.loads(printed), "ip")
    assert [route.dst for route in routes] == [
        "10.22.0.0/16", "0.0.0.0/0", "10.20.0.0/16", "10.23.0.0/16", "10.9.0.1/32",
    ]  # fmt: skip
    assert (routes[0].type, routes[0].table, routes[0].metric) == ("unreachable", "100", 5)
    assert (routes[1].table, routes[1].gateway, routes[1].flags) == ("main", "10.9.0.2", ("onlink",))
    assert routes[2].nexthops == (NextHop("d0", "10.9.0.2", 3), NextHop("d0", "10.9.0.3", 1))
    assert routes[3].gateway == "fe80::1"
    six = iproute.routes(json.loads(printed), "ip6")
    assert [route.dst for route in six] == ["::/0", "::/0", "::1/128"]
    assert six[0].src == "2001:db8:1::/64"


def test_an_interface_with_its_bridge_settings() -> None:
    """What the bridge and its port say of themselves with ``-d``; without it that is not known."""
    bridge, port, bare = iproute.interfaces([
        {"ifindex": 3, "ifname": "br0", "flags": ["UP"], "linkinfo": {"info_kind": "bridge", "info_data": {
            "nf_call_iptables": 1, "nf_call_ip6tables": 0}}},
        {"ifindex": 4, "ifname": "v@x", "master": "br0", "flags": ["NO-CARRIER"], "linkinfo": {
            "info_kind": "veth", "info_slave_data": {"hairpin": True, "isolated": True}}},
        {"ifindex": 5, "ifname": "eth0", "flags": ["UP"], "addr_info": [
            {"family": "inet", "local": "10.0.0.1", "prefixlen": 32, "address": "10.0.0.2", "scope": "global"}, {}]},
        {},
    ])  # fmt: skip
    assert (bridge.kind, bridge.nf_call_iptables, bridge.nf_call_ip6tables) == ("bridge", True, False)
    assert (port.up, port.hairpin, port.isolated, port.master) == (False, True, True, "br0")
    assert (port.carrier, bare.carrier) == (False, True)
    assert bare.nf_call_iptables is None
    assert bare.addresses[0].peer == "10.0.0.2"


# -- Docker ---------------------------------------------------------------------


def test_ports_asked_for_and_bound() -> None:
    """Null bindings, ranges, sctp, and a port without a protocol."""
    entry = docker_api.container({
        "Id": "1", "Name": "/a", "State": {"Status": "exited"},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8000-8010"}], "53": None}},
        "NetworkSettings": {"IPAddress": "10.0.0.9", "Ports": {"80/tcp": [{"HostIp": "::", "HostPort": "08080"}],
                            "9/sctp": [{"HostIp": "127.0.0.1", "HostPort": "9"}], "x/tcp": [{}], "443/tcp": None}},
        "Config": {"ExposedPorts": {"80/tcp": {}, "443/tcp": {}, "?": {}}},
    })  # fmt: skip
    assert entry.requested_ports == (PublishedPort(80, "tcp", "", 0),)
    assert entry.bound_ports == (PublishedPort(9, "sctp", "127.0.0.1", 9), PublishedPort(80, "tcp", "::", 8080))
    assert entry.exposed == ((80, "tcp"), (443, "tcp"))
    # The top-level address is gone in API 1.52 and never read.
    assert entry.endpoints == ()
    assert not entry.running


@pytest.mark.parametrize(
    ("info", "proxy", "firewall"),
    [
        ({}, None, ""),
        ({"FirewallBackend": {"Driver": "iptables", "Info": [["EnableUserlandProxy", "true"]]}}, True, "iptables"),
        (
            {"FirewallBackend": {"Driver": "nftables", "Info": [["EnableUserlandProxy", "false"], None]}},
            False,
            "nftables",
        ),
        ({"FirewallBackend": {"Driver": "iptables+firewalld", "Info": None}}, None, "iptables"),
    ],
)
def test_the_firewall_backend(info: dict[str, Any], proxy: bool | None, firewall: str) -> None:
    """Said since API 1.49, and the proxy only by development builds of 29."""
    engine = docker_api.engine(info, None)
    assert (engine.userland_proxy, engine.firewall) == (proxy, firewall)


def test_rootless_is_read_from_the_security_options() -> None:
    """Its rules are in a namespace of its own."""
    assert docker_api.engine({"SecurityOptions": ["name=seccomp", "name=rootless"]}, {}).rootless


# -- small ones -----------------------------------------------------------------


def test_sysctl_lines() -> None:
    """Other trees and sysctl's own complaints are left out; a dot in a name is a slash."""
    text = "kernel.x = 1\nsysctl: permission denied on key 'y'\nnet.ipv4.ip_forward = 1\n"
    text += "net.ipv4.conf.eth0/1.rp_filter=2\n"
    assert sysctl.sysctls(text) == {"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/1.rp_filter": "2"}
    assert sysctl.key_of("net/ipv4/conf/eth0.1/rp_filter") == "net.ipv4.conf.eth0/1.rp_filter"
    with pytest.raises(SourceError, match=r"no net\.\* keys"):
        sysctl.sysctls("hello\n")


def test_ipset_lines() -> None:
    """Types with two parts, a family, entries with options."""
    text = (
        "create docker-ext-bridges-v4 hash:net family inet hashsize 1024\n"
        "add docker-ext-bridges-v4 172.18.0.0/16\n"
        "create six hash:ip,port family inet6\n"
        'add six 2001:db8::1,tcp:80 timeout 5 comment "a b"\n'
    )
    assert ipset_save.ipsets(text) == {
        "docker-ext-bridges-v4": IpSet("docker-ext-bridges-v4", "hash:net", "ip", ("172.18.0.0/16",)),
        "six": IpSet("six", "hash:ip,port", "ip6", ('2001:db8::1,tcp:80 timeout 5 comment "a b"',)),
    }
    with pytest.raises(SourceError, match="line 1"):
        ipset_save.ipsets("add nowhere 1\n")


# -- anything -------------------------------------------------------------------

TEXT_PARSERS: list[Callable[[str], object]] = [
    socket_text.ss_sockets, socket_text.proc_sockets, sysctl.sysctls, ipset_save.ipsets, json_text.parse,
]  # fmt: skip
JSON_PARSERS: list[Callable[[object], object]] = [
    docker_api.networks, docker_api.containers, lambda value: docker_api.engine(value, value), iproute.interfaces,
    lambda value: iproute.routes(value, "ip"), lambda value: iproute.policy_rules(value, "ip6"),
]  # fmt: skip


@given(st.text(st.characters(exclude_categories=())) | st.text("tcpudLISTEN 0123456789abcdef:.*%[]()=\n", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Garbage raises SourceError with a printable line, and nothing else."""
    for parse in TEXT_PARSERS:
        try:
            parse(text)
        except SourceError as error:
            assert str(error).isprintable()


KEYS = (
    "Id", "Name", "State", "Config", "HostConfig", "NetworkSettings", "Networks", "Ports", "PortBindings", "IPAM",
    "Labels", "Containers", "Options", "nftables", "chain", "rule", "map", "expr", "vmap", "jump", "mangle", "hook",
    "linkinfo",
    "addr_info", "dst", "via", "nexthops", "priority", "fwmark", "Swarm", "SecurityOptions", "FirewallBackend",
    "80/tcp",
)  # fmt: skip
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["0x10", "all", "@m"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=15,
)


@given(values | st.lists(st.dictionaries(st.sampled_from(KEYS), values, max_size=5), max_size=3))
def test_any_json_is_read_or_refused(value: object) -> None:
    """Null, numbers and lists anywhere a tool would print an object."""
    for parse in JSON_PARSERS:
        try:
            parse(value)
        except SourceError as error:
            assert str(error).isprintable()


@given(st.text(st.characters(exclude_categories=())))
def test_foreign_text_in_a_message_is_printable(text: str) -> None:
    """Escapes, newlines and bidi characters never reach the terminal through an error."""
    assert quoted(text).isprintable()
    assert plain(text).isprintable()
    assert len(quoted(text)) < 700
    assert len(plain(text)) < 2500


def test_a_control_character_in_a_name_spoils_nothing_else() -> None:
    """``ip -j`` prints a network's bridge name as it is, which is no JSON by the letter: the rest is read."""
    text = '[{"ifindex": 1, "ifname": "br\x1b[31m\x07"}, {"ifindex": 2, "ifname": "eth0"}]'
    assert [one.name for one in iproute.interfaces(json_text.parse(text))] == ["br\x1b[31m\x07", "eth0"]
