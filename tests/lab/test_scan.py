"""`netui exposed --host` against a scan of every port: from the world, from a link, from a container."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from docker.types import IPAMConfig, IPAMPool

from netui.audit.host_ports import HostPorts, host_ports

from .conftest import Hosts
from .doctor_host import restart, seen
from .engines import Options
from .hosts import HOST, HOST6, HOST_LAN, LAN, OUTSIDE, OUTSIDE6, Host, serve
from .namespaces import call_in
from .neighbours import Firewalld
from .scan import scan_tcp, scan_udp

Own = Callable[..., Host]
WORLD, WORLD6 = "9.9.9.9", "2001:db8:9::9"
#: Engines whose rules are much like another's.
MORE = ("20.10-legacy", "26.1")
UDP = (5300, 5301, 5353, 5354, 9053)
#: ufw's shape: established first, a few ports, one for an office, the rest by the policy.
UFW = """
*filter
:ufw-user-input - [0:0]
:ufw-reject - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -j ufw-user-input
-A INPUT -p tcp -m multiport --dports 6000:6010,7000 -j ufw-reject
-A ufw-user-input -p tcp -m tcp --dport 22 -j ACCEPT
-A ufw-user-input -p udp -m udp --dport 5300 -j ACCEPT
-A ufw-user-input -s 9.9.9.0/24 -p tcp -m tcp --dport 9100 -j ACCEPT
-A ufw-user-input -p tcp -m tcp --dport 10000:10100 -j ACCEPT
-A ufw-reject -p tcp -j REJECT --reject-with tcp-reset
-P INPUT DROP
COMMIT
"""
#: The same over IPv6, where neighbours have to be let in.
UFW6 = UFW.replace("9.9.9.0/24", "2001:db8:9::/64").replace(
    "-A INPUT -j ufw", "-A INPUT -p ipv6-icmp -j ACCEPT\n-A INPUT -j ufw", 1
)
ELSEWHERE = """
*nat
-A PREROUTING -i eth0 -p tcp -m tcp --dport 3000 -j DNAT --to-destination 198.51.100.2:8000
-A PREROUTING -p tcp -m tcp --dport 2200:2299 -j REDIRECT --to-ports 22
-A POSTROUTING -d 198.51.100.2/32 -p tcp -m tcp --dport 8000 -j MASQUERADE
COMMIT
*filter
-I DOCKER-USER 1 -d 198.51.100.2/32 -p tcp -m tcp --dport 8000 -j ACCEPT
COMMIT
"""
ELSEWHERE6 = ELSEWHERE.replace("198.51.100.2:8000", "[2001:db8:1::2]:8000").replace(
    "198.51.100.2/32", "2001:db8:1::2/128"
)


@contextmanager
def listening(host: Host) -> Iterator[None]:
    """Programs of the host: on all addresses, on one of them, on loopback; and one of a machine outside."""
    places = [("host", "0.0.0.0", 22), ("host", HOST, 2100), ("host", "127.0.0.1", 5432), ("host", "172.18.0.1", 8125)]
    made: list[socket.socket] = []
    six = [
        ("host", "::", 22),
        ("host", HOST6, 2101),
        ("host", "::1", 5433),
        ("host", "::", 9100),
        ("outside", "::", 8000),
    ]
    for name, address, port in [*places, ("host", "0.0.0.0", 9100), ("outside", "0.0.0.0", 8000), *six]:

        def opened(address: str = address, port: int = port) -> socket.socket:
            one = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if ":" in address:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address, port))
            one.listen(128)
            return one

        made.append(call_in(host.sandbox(name), opened))
    host.echo.add(host.sandbox("host"), 5300)
    try:
        yield
    finally:
        for one in made:
            one.close()


def expected(found: HostPorts, where: str, name: str, source: str, address: str, protocol: str) -> dict[int, str]:
    """What netui says of each port that is not closed to a sender; `behind`: nobody listens in the container."""
    said: dict[int, str] = {}
    family = "ip6" if ":" in address else "ip"
    asked = f"[{address}]" if family == "ip6" else address
    rank = ("open", "behind", "refused", "undecided")
    for row in found.ports:
        if row.protocol != protocol:
            continue
        for cell in row.cells:
            if (cell.origin.where, cell.origin.name, cell.origin.family) != (where, name, family):
                continue
            sender = ipaddress.ip_address(source)
            listed = (
                one.state for one in cell.senders if any(sender in ipaddress.ip_network(n) for n in one.addresses)
            )
            state: str = next(listed, cell.state)
            if cell.destination.rpartition(":")[0] != asked or state == "closed":
                continue
            if state == "refused" and row.answered_by.kind == "container":
                state = "behind"
            for low, high in row.ports:
                for port in range(low, high + 1):
                    said[port] = min(said.get(port, state), state, key=rank.index)
    return said


def judge(
    host: Host, count: Callable[[str], None], what: str, networks: tuple[str, ...] = ("hehe",), family: str = "ip"
) -> None:
    """Scan the host from each place over a family, and hold what came back against what netui says."""
    prepared = seen(host)
    found = host_ports(prepared)
    assert found.unknown == ()
    six = family == "ip6"
    world, neighbour, own_address = (WORLD6, OUTSIDE6, HOST6) if six else (WORLD, OUTSIDE, HOST)
    host.outside.ip("address", "replace", f"{world}/{128 if six else 32}", "dev", "lo")
    places = [("world", "eth0", "outside", world, own_address), ("lan", "eth0", "outside", neighbour, own_address)]
    if len(host.around) > 1 and not six:
        places += [("lan", "lan0", "lan", LAN, HOST_LAN), ("lan", "lan0", "lan", LAN, HOST)]
    for network in networks:
        here = (cell.origin for row in found.ports for cell in row.cells)
        place = next(one for one in here if (one.where, one.name, one.family) == ("networks", network, family))
        container = prepared.by_id[place.source.partition("@")[0]]
        endpoint = next(one for one in container.endpoints if one.network_name == network)
        own, gateway = (endpoint.ipv6, endpoint.gateway6) if six else (endpoint.ipv4, endpoint.gateway4)
        places += [("networks", network, container.name, own, address) for address in (own_address, gateway)]
    wrong: list[str] = []
    asked = opened = 0
    for where, name, sender, source, address in places:
        sandbox = host.sandbox(sender)
        for protocol, scan in (("tcp", scan_tcp), ("udp", scan_udp)):
            said = expected(found, where, name, source, address, protocol)
            ports = range(1, 65536) if protocol == "tcp" else sorted({*range(1, 65536, 37), *range(1, 1200), *UDP})
            host.namespace.run("conntrack", "-F", check=False)
            seen_there = scan(sandbox, source, address, ports)
            differ = [port for port in ports if not agrees(said.get(port, "closed"), seen_there.get(port, "silent"))]
            # a busy machine loses some: what differs is asked again
            host.namespace.run("conntrack", "-F", check=False)
            seen_there |= scan(sandbox, source, address, differ) if differ else {}
            differ = [port for port in differ if not agrees(said.get(port, "closed"), seen_there.get(port, "silent"))]
            wrong += [
                f"{where} {name} {source} -> {address}:{port}/{protocol}: {said.get(port, 'closed')}, "
                f"really {seen_there.get(port, 'silent')}"
                for port in differ
            ]
            asked += len(ports)
            opened += sum(seen_there.get(port) == "open" for port in ports)
    count(f"exposed --host, {what}: {asked} ports scanned, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong[:40])
    assert opened > 10


def agrees(said: str, really: str) -> bool:
    """Whether what came back is what netui says; a rule's reject is closed, and can look like a refusal."""
    if said == "open":
        return really == "open"
    if said == "behind":
        # docker-proxy takes a connection before it finds nobody
        return really in ("refused", "open")
    if said == "refused":
        return really == "refused"
    return said == "closed" and really in ("silent", "refused", "rejected")


@pytest.mark.parametrize("kind", ["20.10-nft", *(pytest.param(k, marks=pytest.mark.long) for k in MORE), "28.5"])
@pytest.mark.parametrize("rules", ["plain", "ufw"])
def test_a_scan_of_every_port(kind: str, rules: str, own_host: Own, count: Callable[[str], None]) -> None:
    """Published, of a host-network container, of programs, translated elsewhere and here: each port is what it is."""
    host = own_host(kind)
    host.container("direct", serve([8099]), network_mode="host")
    host.engine.tool("iptables-restore", "--noflush", stdin=ELSEWHERE)
    if rules == "ufw":
        host.engine.tool("iptables-restore", "--noflush", stdin=UFW)
    with listening(host):
        judge(host, count, f"{rules} {kind}")


@pytest.mark.long
def test_a_scan_beside_firewalld(own_host: Own, count: Callable[[str], None]) -> None:
    """firewalld's own table lets ssh in, and a port that its zone opens."""
    host = own_host("28.5")
    with Firewalld(host, "nftables") as firewall, listening(host):
        restart(host)
        firewall.cmd("--add-port=9100/tcp")
        judge(host, count, "firewalld 28.5")


@pytest.mark.long
@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_a_scan_of_the_wide_host(kind: str, wide_hosts: Hosts, count: Callable[[str], None]) -> None:
    """A second link, networks of every kind, ports bound to one address, and one behind which nobody listens."""
    judge(wide_hosts(kind), count, f"wide host {kind}", ("web", "quiet", "other", "dual", "bridge"))


@pytest.mark.parametrize("rules", [pytest.param("plain", marks=pytest.mark.long), "ufw"])
def test_a_scan_over_ipv6(rules: str, own_host: Own, count: Callable[[str], None]) -> None:
    """Over IPv6: published by rules and by docker-proxy alone, of programs, translated elsewhere and here."""
    host = own_host("28.5", Options(ip6tables=True))
    pools = [IPAMPool(subnet="172.26.0.0/16"), IPAMPool(subnet="fd00:26::/64")]
    host.engine.client.networks.create("six", enable_ipv6=True, ipam=IPAMConfig(pool_configs=pools))
    ports = {"80/tcp": 8066, "7000/tcp": 7066, "53/udp": 5354}
    host.container("sixer", serve([80]), networks={"six": {}}, ports=ports)
    host.echo.add(host.sandbox("sixer"), 53)
    host.container("direct", serve([8099]), network_mode="host")
    host.engine.tool("ip6tables-restore", "--noflush", stdin=ELSEWHERE6)
    if rules == "ufw":
        host.engine.tool("ip6tables-restore", "--noflush", stdin=UFW6)
    with listening(host):
        judge(host, count, f"IPv6, {rules} 28.5", ("six",), "ip6")


@pytest.mark.long
def test_a_scan_of_the_wide_host_over_ipv6(wide_hosts: Hosts, count: Callable[[str], None]) -> None:
    """The network with both families, and ports that only docker-proxy answers over IPv6."""
    judge(wide_hosts("28.5"), count, "IPv6, wide host 28.5", ("dual",), "ip6")
