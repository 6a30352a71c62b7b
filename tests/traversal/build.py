"""Small hosts for tests: a router with two networks, rules as ``iptables-save`` text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from netui.dialects.iptables.save import read_save
from netui.model import (
    Address,
    Backend,
    Container,
    Endpoint,
    Family,
    Interface,
    IpSet,
    Network,
    PublishedPort,
    Route,
    Ruleset,
    RulesetKey,
    Snapshot,
    Socket,
    Subnet,
)
from netui.traversal import PreparedHost, prepare

HEHE = "a" * 64
SIDE = "b" * 64
OPENRESTY = "c" * 64
BLOG = "d" * 64
OTHER = "e" * 64
STOPPED = "f" * 64
BRIDGE = f"br-{HEHE[:12]}"
SIDE_BRIDGE = f"br-{SIDE[:12]}"

SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.forwarding": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.all.route_localnet": "0",
    "net.ipv4.conf.eth0.forwarding": "1",
    "net.ipv4.conf.eth0.rp_filter": "0",
    "net.ipv6.conf.all.forwarding": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
}


def ruleset(rules: str, family: Family = "ip", backend: Backend = "nft") -> Ruleset:
    """Parse save text."""
    return read_save(rules, family, backend)[0]


def filter_rules(*rules: str, forward: str = "ACCEPT", chains: tuple[str, ...] = ()) -> str:
    """Return a filter table with these rules."""
    own = "".join(f":{chain} - [0:0]\n" for chain in chains)
    body = "".join(f"{rule}\n" for rule in rules)
    return f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD {forward} [0:0]\n:OUTPUT ACCEPT [0:0]\n{own}{body}COMMIT\n"


def nat_rules(*rules: str, chains: tuple[str, ...] = ()) -> str:
    """Return a nat table with these rules."""
    own = "".join(f":{chain} - [0:0]\n" for chain in chains)
    body = "".join(f"{rule}\n" for rule in rules)
    policies = "".join(f":{c} ACCEPT [0:0]\n" for c in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))
    return f"*nat\n{policies}{own}{body}COMMIT\n"


def interfaces() -> tuple[Interface, ...]:
    """Loopback, eth0 outside, the bridges of two networks and their ports."""
    return (
        Interface(1, "lo", addresses=(Address("ip", "127.0.0.1", 8, "host"), Address("ip6", "::1", 128, "host"))),
        Interface(
            2,
            "eth0",
            addresses=(Address("ip", "198.51.100.1", 24), Address("ip6", "2001:db8:1::1", 64)),
        ),
        Interface(3, BRIDGE, kind="bridge", addresses=(Address("ip", "172.18.0.1", 16),)),
        Interface(4, SIDE_BRIDGE, kind="bridge", addresses=(Address("ip", "172.19.0.1", 16),)),
        Interface(5, "veth1", kind="veth", master=BRIDGE),
        Interface(6, "veth2", kind="veth", master=BRIDGE),
        Interface(7, "veth3", kind="veth", master=SIDE_BRIDGE),
    )


def routes() -> dict[Family, tuple[Route, ...]]:
    """The routes that go with the interfaces."""
    return {
        "ip": (
            Route("ip", "0.0.0.0/0", dev="eth0", gateway="198.51.100.2"),
            Route("ip", "198.51.100.0/24", dev="eth0", prefsrc="198.51.100.1"),
            Route("ip", "172.18.0.0/16", dev=BRIDGE, prefsrc="172.18.0.1"),
            Route("ip", "172.19.0.0/16", dev=SIDE_BRIDGE, prefsrc="172.19.0.1"),
            *(
                Route("ip", text, type="local", table="local", dev=dev)
                for text, dev in (
                    ("127.0.0.0/8", "lo"),
                    ("198.51.100.1/32", "eth0"),
                    ("172.18.0.1/32", BRIDGE),
                    ("172.19.0.1/32", SIDE_BRIDGE),
                )
            ),
        ),
        "ip6": (
            Route("ip6", "::/0", dev="eth0", gateway="2001:db8:1::2"),
            Route("ip6", "2001:db8:1::/64", dev="eth0"),
            Route("ip6", "::1/128", type="local", table="local", dev="lo"),
            Route("ip6", "2001:db8:1::1/128", type="local", table="local", dev="eth0"),
        ),
    }


def networks() -> tuple[Network, ...]:
    """Two bridge networks: hehe and side."""
    return (
        Network(HEHE, "hehe", "bridge", subnets=(Subnet("172.18.0.0/16", "172.18.0.1"),)),
        Network(SIDE, "side", "bridge", subnets=(Subnet("172.19.0.0/16", "172.19.0.1"),)),
    )


def container(container_id: str, name: str, address: str, *, network: str = "hehe", **fields: Any) -> Container:
    """A container on one network."""
    gateway = "172.18.0.1" if network == "hehe" else "172.19.0.1"
    network_id = HEHE if network == "hehe" else SIDE
    endpoint = Endpoint(network_id, network, ipv4=address, ipv4_prefix=16, gateway4=gateway, mac="02:42:ac:12:00:02")
    return replace(Container(container_id, name, network_mode=network, endpoints=(endpoint,)), **fields)


def snapshot(rules: str = "", rules6: str = "", **fields: Any) -> Snapshot:
    """A host with openresty (80 published), blog on the same network and other beside it."""
    found = {RulesetKey("ip", "nft"): ruleset(rules), RulesetKey("ip6", "nft"): ruleset(rules6, "ip6")}
    # legacy tables were read, and there are none
    found[RulesetKey("ip", "legacy")] = Ruleset("ip", "legacy", (), "")
    made = Snapshot(
        time=0.0,
        hostname="test",
        networks=networks(),
        containers=(
            container(OPENRESTY, "openresty", "172.18.0.3", bound_ports=(PublishedPort(80, "tcp", "0.0.0.0", 80),)),
            container(BLOG, "blog", "172.18.0.2"),
            container(OTHER, "other", "172.19.0.2", network="side"),
            Container(STOPPED, "stopped", state="exited"),
        ),
        rulesets=found,
        interfaces=interfaces(),
        routes=routes(),
        nft_chains=(),
        sysctls=SYSCTLS,
        sockets=(Socket("tcp", "0.0.0.0", 22, "sshd"), Socket("tcp", "0.0.0.0", 80, "docker-proxy")),
    )
    return replace(made, **fields)


def host(rules: str = "", rules6: str = "", **fields: Any) -> PreparedHost:
    """The same, prepared."""
    return prepare(snapshot(rules, rules6, **fields))


def ip_set(name: str, kind: str, *entries: str) -> IpSet:
    """A set of IPv4 entries."""
    return IpSet(name, kind, "ip", entries)
