"""The captured host of Engine 29.7 built again: networks and containers by the lab's 28.5, the rules as captured.

No Debian suite has an engine that writes native tables. 28.5, started without rules of its own, makes the same
bridges, addresses and ports, and the captured ruleset is loaded beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.types import IPAMConfig, IPAMPool

from .engines import Options
from .hosts import HOST, HOST6, OUTSIDE, OUTSIDE6, Host, serve
from .matrix import CLOSED
from .senders import Flow

CASE = Path(__file__).parent.parent / "cases/engine-29.7-nft/host"
_BRIDGE = "com.docker.network.bridge.name"
_OUTER = "vh"


def _read(name: str) -> Any:
    return json.loads((CASE / name).read_text())


def host_of_29_7() -> Host:
    """The host, up, with the captured tables."""
    host = Host("28.5", Options(flags=("--iptables=false",)))
    try:
        _rename(host)
        for network in _read("docker-networks.json"):
            if network["Driver"] == "bridge" and network["Name"] != "bridge":
                _network(host, network)
        for container in _read("docker-containers.json"):
            _container(host, container)
        tool = host.engine.tool
        tool("nft", "-j", "-f", "-", stdin=(CASE / "nft-ruleset.json").read_text())
    except BaseException:
        host.close()
        raise
    return host


def _rename(host: Host) -> None:
    """Give the outer interface the name that the captured rules know."""
    host.namespace.ip("link", "set", "eth0", "down")
    host.namespace.ip("link", "set", "eth0", "name", _OUTER)
    host.namespace.ip("link", "set", _OUTER, "up")
    host.namespace.ip("-6", "address", "replace", f"{HOST6}/64", "dev", _OUTER, "nodad")
    host.namespace.ip("route", "replace", "default", "via", OUTSIDE)
    host.namespace.ip("-6", "route", "replace", "default", "via", OUTSIDE6)
    # the captured input chain drops neighbour discovery: the two know each other
    for space, other, name in ((host.namespace, host.outside, _OUTER), (host.outside, host.namespace, "eth0")):
        device = "eth0" if other is host.outside else _OUTER
        mac = json.loads(other.run("ip", "-j", "link", "show", device).stdout)[0]["address"]
        address = OUTSIDE6 if other is host.outside else HOST6
        space.ip("-6", "neigh", "replace", address, "lladdr", mac, "dev", name, "nud", "permanent")


def _network(host: Host, network: dict[str, Any]) -> None:
    pools = [IPAMPool(subnet=given["Subnet"], gateway=given["Gateway"]) for given in network["IPAM"]["Config"]]
    host.engine.client.networks.create(
        network["Name"],
        driver="bridge",
        internal=network["Internal"],
        options={_BRIDGE: f"br-{network['Id'][:12]}", **network["Options"]},
        ipam=IPAMConfig(pool_configs=pools),
    )


def _container(host: Host, container: dict[str, Any]) -> None:
    networks = {
        name: {} if name == "bridge" else {"ipv4_address": end["IPAddress"]}
        for name, end in container["NetworkSettings"]["Networks"].items()
    }
    ports = {
        inner: [(bound["HostIp"], int(bound["HostPort"])) for bound in outer]
        for inner, outer in container["HostConfig"]["PortBindings"].items()
    }
    host.container(container["Name"].removeprefix("/"), serve([80]), networks=networks, ports=ports)


def containers_of_29_7() -> list[tuple[str, str]]:
    """Its containers by name, each with its address on each network."""
    return [
        (container["Name"].removeprefix("/"), end["IPAddress"])
        for container in _read("docker-containers.json")
        for end in container["NetworkSettings"]["Networks"].values()
    ]


def flows_of_29_7() -> Iterator[Flow]:
    """Every container, the host and the outside to every address and published port."""
    ends: dict[str, list[str]] = {"outside": [], "host": []}
    published: dict[str, set[int]] = {"tcp": {22, CLOSED}, "udp": {CLOSED}}
    for container in _read("docker-containers.json"):
        addresses = [end["IPAddress"] for end in container["NetworkSettings"]["Networks"].values()]
        ends[container["Name"].removeprefix("/")] = addresses
        for inner, outer in container["HostConfig"]["PortBindings"].items():
            published[inner.partition("/")[2]] |= {int(bound["HostPort"]) for bound in outer}
    inside = [address for addresses in ends.values() for address in addresses]
    for source, own in ends.items():
        own_host = [HOST, "172.28.0.1", "172.17.0.1"]
        own_host += ["127.0.0.1", HOST6] if source == "host" else [HOST6] if source == "outside" else []
        for address in own_host:
            yield from (Flow(source, address, port) for port in sorted(published["tcp"]))
            yield from (Flow(source, address, port, "udp") for port in sorted(published["udp"]))
            yield Flow(source, address, 0, "icmp")
        for address in [*inside, *([] if source == "outside" else [OUTSIDE, "192.0.2.77"])]:
            if address not in own:
                yield from (Flow(source, address, port) for port in (80, 81, CLOSED))
                yield Flow(source, address, 53, "udp")
                yield Flow(source, address, 0, "icmp")
