"""The judge's host: a network of every kind, a container for every way to be reached.

Addresses are given, so that two runs and two engines compare.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docker.types import IPAMConfig, IPAMPool

from .engines import Options
from .hosts import HOST, HOST_LAN, LAN, Host, serve
from .namespaces import call_in

BRIDGE = "com.docker.network.bridge."


@dataclass(frozen=True)
class Net:
    """One network: subnet, and what is special about it."""

    name: str
    subnet: str
    options: dict[str, str] = field(default_factory=dict)
    internal: bool = False
    subnet6: str | None = None
    driver: str = "bridge"
    gateway: str | None = None
    ip_range: str | None = None
    only: str = ""
    """Engine version that alone knows this kind."""


@dataclass(frozen=True)
class Box:
    """One container: its addresses by network, what it serves, what is published."""

    name: str
    networks: dict[str, str]
    tcp: tuple[int, ...] = (80,)
    udp: tuple[int, ...] = ()
    ports: dict[str, Any] = field(default_factory=dict)
    host: bool = False
    only: str = ""


NETWORKS = (
    Net("web", "172.28.0.0/16"),
    Net("vault", "172.29.0.0/16", internal=True),
    Net("quiet", "172.30.0.0/16", {f"{BRIDGE}enable_icc": "false"}),
    Net("other", "172.31.0.0/24", {f"{BRIDGE}name": "br-other"}),
    Net("plain", "172.31.1.0/24", {f"{BRIDGE}enable_ip_masquerade": "false"}),
    Net("dual", "172.27.0.0/16", subnet6="fd00:27::/64"),
    Net(
        "mac",
        "203.0.113.0/24",
        {"parent": "lan0"},
        driver="macvlan",
        gateway=LAN,
        ip_range="203.0.113.128/25",
    ),
    Net("open", "172.31.2.0/24", {f"{BRIDGE}gateway_mode_ipv4": "routed"}, only="28.5"),
    Net("bare", "172.31.3.0/24", {f"{BRIDGE}gateway_mode_ipv4": "nat-unprotected"}, only="28.5"),
)

BOXES = (
    Box(
        "shop",
        {"web": "172.28.0.10"},
        tcp=(80, 7000, 7001),
        udp=(53,),
        # 7002 is published and nothing listens there.
        ports={"80/tcp": 8080, "53/udp": 5353, "7000/tcp": 7000, "7001/tcp": 7001, "7002/tcp": 7002},
    ),
    Box("till", {"web": "172.28.0.11", "vault": "172.29.0.11"}, tcp=(8080,)),
    Box("safe", {"vault": "172.29.0.12"}, tcp=(80,), ports={"80/tcp": 8443}),
    Box("shy", {"quiet": "172.30.0.10"}, ports={"80/tcp": ("127.0.0.1", 8081)}),
    Box("shy2", {"quiet": "172.30.0.11"}, tcp=(8080,)),
    Box("lone", {"other": "172.31.0.10"}, ports={"80/tcp": (HOST, 8082)}),
    Box("nomasq", {"plain": "172.31.1.10"}, ports={"80/tcp": (HOST_LAN, 8083)}),
    Box("six", {"dual": "172.27.0.10"}, udp=(53,), ports={"80/tcp": 8084, "53/udp": 5354}),
    Box("six2", {"dual": "172.27.0.11"}, tcp=(8080,)),
    Box("old", {"bridge": ""}, ports={"80/tcp": 8085}),
    Box("mv", {"mac": "203.0.113.130"}),
    Box("onhost", {}, tcp=(9000,), udp=(9053,), host=True),
    Box("routed", {"open": "172.31.2.10"}, tcp=(80, 81), ports={"80/tcp": 8086}, only="28.5"),
    Box("unprot", {"bare": "172.31.3.10"}, tcp=(80, 81), ports={"80/tcp": 8087}, only="28.5"),
)


def wide_host(kind: str, options: Options | None = None, *, bridge_calls: bool = True) -> Host:
    """The judge's host, up. `bridge_calls` off: same-bridge packets are not shown to the rules."""
    host = Host(kind, options, lan=True)
    try:
        for net in NETWORKS:
            if net.only in ("", host.engine.version):
                _network(host, net)
        for box in BOXES:
            if box.only in ("", host.engine.version):
                _container(host, box)
                for port in box.udp:
                    host.echo.add(host.sandbox(box.name), port)
        value = int(bridge_calls)
        call = {"bridge/bridge-nf-call-iptables": value, "bridge/bridge-nf-call-ip6tables": value}
        host.namespace.sysctl(**call)
        wake(host)
    except BaseException:
        host.close()
        raise
    return host


def _network(host: Host, net: Net) -> None:
    pools = [IPAMPool(subnet=net.subnet, gateway=net.gateway, iprange=net.ip_range)]
    if net.subnet6:
        pools.append(IPAMPool(subnet=net.subnet6))
    host.engine.client.networks.create(
        net.name,
        driver=net.driver,
        internal=net.internal,
        enable_ipv6=net.subnet6 is not None,
        options=net.options,
        ipam=IPAMConfig(pool_configs=pools),
    )


def _container(host: Host, box: Box) -> None:
    command = serve(box.tcp)
    if box.host:
        host.container(box.name, command, network_mode="host")
        return
    networks: dict[str, dict[str, str]] = {}
    for network, address in box.networks.items():
        networks[network] = {"ipv4_address": address} if address else {}
        if network == "dual":
            networks[network]["ipv6_address"] = f"fd00:27::{address.rpartition('.')[2]}"
    host.container(box.name, command, networks=networks, ports=box.ports)


def wake(host: Host) -> None:
    """Wait until no IPv6 address is tentative any more."""

    def addresses() -> str:
        return Path("/proc/thread-self/net/if_inet6").read_text()

    deadline = time.monotonic() + 5
    for path in [host.sandbox("host"), *(host.sandbox(box.name) for box in BOXES if box.name in ("six", "six2"))]:
        # Flag 0x40: tentative, the kernel still asks whether the address is anybody else's.
        while time.monotonic() < deadline:
            lines = call_in(path, addresses).splitlines()
            if not any(int(line.split()[4], 16) & 0x40 for line in lines):
                break
            time.sleep(0.05)
