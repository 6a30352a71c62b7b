"""A host with many containers, as a snapshot: networks and rules as Engine 29 makes them."""

from __future__ import annotations

from netui.dialects.iptables.save import read_save
from netui.model import (
    Address,
    Container,
    Endpoint,
    Engine,
    Interface,
    Network,
    PublishedPort,
    Route,
    Ruleset,
    Snapshot,
    Socket,
    Subnet,
)


def big_snapshot(containers: int = 1000, networks: int = 20) -> Snapshot:
    """Return a host whose containers each publish one port and listen on another."""
    nets, boxes = [], []
    interfaces = [Interface(1, "lo", addresses=(Address("ip", "127.0.0.1", 8, "host"),))]
    interfaces.append(Interface(2, "eth0", addresses=(Address("ip", "198.51.100.1", 24),)))
    routes = [
        Route("ip", "0.0.0.0/0", dev="eth0", gateway="198.51.100.2"),
        Route("ip", "198.51.100.0/24", dev="eth0"),
    ]
    for number in range(networks):
        ident = f"{number:012x}".ljust(64, "0")
        subnet = f"10.{number}.0.0/16"
        nets.append(Network(ident, f"net{number}", "bridge", subnets=(Subnet(subnet, f"10.{number}.0.1"),)))
        bridge = nets[-1].bridge
        interfaces.append(
            Interface(3 + number, bridge, kind="bridge", addresses=(Address("ip", f"10.{number}.0.1", 16),))
        )
        routes.append(Route("ip", subnet, dev=bridge))
    sockets = []
    for number in range(containers):
        net, rank = nets[number % networks], number // networks + 2
        address = f"10.{number % networks}.{rank // 250}.{rank % 250 + 1}"
        endpoint = Endpoint(net.id, net.name, ipv4=address, ipv4_prefix=16, gateway4=net.subnets[0].gateway)
        bound = (PublishedPort(80, "tcp", "0.0.0.0", 20000 + number),)
        listening = (Socket("tcp", "0.0.0.0", 80), Socket("tcp", "0.0.0.0", 9000))
        boxes.append(
            Container(
                f"{number:064x}",
                f"box{number}",
                endpoints=(endpoint,),
                bound_ports=bound,
                requested_ports=bound,
                listening=listening,
            )
        )
        sockets.append(Socket("tcp", "0.0.0.0", 20000 + number, "docker-proxy"))
    return Snapshot(
        time=0.0,
        hostname="big",
        engine=Engine("29.0"),
        networks=tuple(nets),
        containers=tuple(boxes),
        rulesets={ruleset.key: ruleset for ruleset in (_rules(nets, boxes),)},
        nft_chains=(),
        ipsets={},
        interfaces=tuple(interfaces),
        routes={"ip": tuple(routes)},
        sysctls={
            "net.ipv4.ip_forward": "1",
            "net.ipv4.conf.all.forwarding": "1",
            "net.bridge.bridge-nf-call-iptables": "1",
        },
        sockets=tuple(sockets),
    )


def _rules(nets: list[Network], boxes: list[Container]) -> Ruleset:
    raw, nat, user, internal = [], [], ["-A FORWARD -j DOCKER-USER", "-A FORWARD -j DOCKER-FORWARD"], []
    bridges = {net.id: net.bridge for net in nets}
    for box in boxes:
        address, bridge = box.endpoints[0].ipv4, bridges[box.endpoints[0].network_id]
        raw.append(f"-A PREROUTING -d {address}/32 ! -i {bridge} -j DROP")
        port = box.bound_ports[0].host_port
        nat.append(f"-A DOCKER ! -i {bridge} -p tcp -m tcp --dport {port} -j DNAT --to-destination {address}:80")
        internal.append(f"-A DOCKER -d {address}/32 ! -i {bridge} -o {bridge} -p tcp -m tcp --dport 80 -j ACCEPT")
    for net in nets:
        internal.append(f"-A DOCKER ! -i {net.bridge} -o {net.bridge} -j DROP")
        user.append(f"-A DOCKER-BRIDGE -o {net.bridge} -j DOCKER")
        user.append(f"-A DOCKER-CT -o {net.bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        nat.append(f"-A POSTROUTING -s {net.subnets[0].subnet} ! -o {net.bridge} -j MASQUERADE")
    user += ["-A DOCKER-FORWARD -j DOCKER-CT", "-A DOCKER-FORWARD -j DOCKER-BRIDGE"]
    user += [f"-A DOCKER-FORWARD -i {net.bridge} -j ACCEPT" for net in nets]
    chains = "".join(
        f":{name} - [0:0]\n" for name in ("DOCKER", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-FORWARD", "DOCKER-USER")
    )
    lines = ["*raw", ":PREROUTING ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]", *raw, "COMMIT"]
    lines += ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]", chains.rstrip()]
    lines += [*user, *internal, "COMMIT", "*nat", ":PREROUTING ACCEPT [0:0]", ":INPUT ACCEPT [0:0]"]
    lines += [":OUTPUT ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", ":DOCKER - [0:0]"]
    lines += ["-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"]
    lines += ["-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER", *nat, "COMMIT", ""]
    return read_save("\n".join(lines), "ip", "nft")[0]
