"""Large hosts, made as Docker 28 makes them: N containers on networks of 25, each with a published port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from netui.dialects.iptables.save import read_save
from netui.model import (
    Address,
    Container,
    Endpoint,
    Engine,
    Interface,
    Member,
    Network,
    PublishedPort,
    Route,
    RulesetKey,
    Snapshot,
    Socket,
    SourceState,
    Subnet,
)

PER_NETWORK = 25


@dataclass(frozen=True, slots=True)
class _Net:
    id: str
    name: str
    bridge: str
    subnet: IPv4Network

    @property
    def gateway(self) -> str:
        return str(self.subnet[1])


def networks(count: int) -> list[_Net]:
    """Return that many networks, each with a subnet and a bridge of its own."""
    found = []
    for number in range(count):
        network_id = f"{number:012x}" + "0" * 52
        subnet = IPv4Network((int(IPv4Address("10.64.0.0")) + number * 256, 24))
        found.append(_Net(network_id, f"net{number}", f"br-{network_id[:12]}", subnet))
    return found


def save_text(containers: int, filler: int = 0) -> str:
    """Return an iptables-save text: the rules of that many containers, and ``filler`` people's rules."""
    nets = networks(-(-containers // PER_NETWORK))
    raw = ["*raw", ":PREROUTING ACCEPT [10:600]", ":OUTPUT ACCEPT [0:0]"]
    chains = (
        "DOCKER DOCKER-BRIDGE DOCKER-CT DOCKER-FORWARD DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2 DOCKER-USER"
    )
    filter_ = ["*filter", ":INPUT ACCEPT [9:540]", ":FORWARD DROP [0:0]", ":OUTPUT ACCEPT [0:0]"]
    filter_ += [f":{chain} - [0:0]" for chain in chains.split()]
    nat = ["*nat", *(f":{chain} ACCEPT [5:300]" for chain in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"))]
    nat += [":DOCKER - [0:0]", "[7:420] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER"]
    nat += ["[1:60] -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"]
    filter_ += ["[9:540] -A FORWARD -j DOCKER-USER", "[9:540] -A FORWARD -j DOCKER-FORWARD"]
    accepts, drops, dnat = [], [], []
    for number in range(containers):
        net = nets[number // PER_NETWORK]
        address = net.subnet[2 + number % PER_NETWORK]
        raw.append(f"[0:0] -A PREROUTING -d {address}/32 ! -i {net.bridge} -j DROP")
        accepts.append(
            f"[3:180] -A DOCKER -d {address}/32 ! -i {net.bridge} -o {net.bridge} -p tcp -m tcp --dport 80 -j ACCEPT"
        )
        dnat.append(
            f"[3:180] -A DOCKER ! -i {net.bridge} -p tcp -m tcp --dport {20000 + number} "
            f"-j DNAT --to-destination {address}:80"
        )
    for net in nets:
        drops.append(f"[0:0] -A DOCKER ! -i {net.bridge} -o {net.bridge} -j DROP")
        filter_.append(f"[4:240] -A DOCKER-BRIDGE -o {net.bridge} -j DOCKER")
        filter_.append(f"[8:480] -A DOCKER-CT -o {net.bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
        filter_.append(
            f"[0:0] -A DOCKER-ISOLATION-STAGE-1 -i {net.bridge} ! -o {net.bridge} -j DOCKER-ISOLATION-STAGE-2"
        )
        filter_.append(f"[0:0] -A DOCKER-ISOLATION-STAGE-2 -o {net.bridge} -j DROP")
        nat.append(f"[2:120] -A POSTROUTING -s {net.subnet} ! -o {net.bridge} -j MASQUERADE")
    filter_ += ["[9:540] -A DOCKER-FORWARD -j DOCKER-CT", "[9:540] -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1"]
    filter_ += ["[9:540] -A DOCKER-FORWARD -j DOCKER-BRIDGE"]
    filter_ += [f"[6:360] -A DOCKER-FORWARD -i {net.bridge} -j ACCEPT" for net in nets]
    for number in range(filler):
        source = IPv4Address(int(IPv4Address("192.168.0.0")) + number)
        filter_.append(f"[0:0] -A DOCKER-USER -s {source}/32 -p tcp -m tcp --dport {1 + number % 65000} -j DROP")
    parts = [*raw, "COMMIT", *filter_, *accepts, *drops, "COMMIT", *nat, *dnat, "COMMIT"]
    return "\n".join(parts) + "\n"


def large_snapshot(containers: int, rules: int = 0, user: Sequence[str] = ()) -> Snapshot:
    """Return a snapshot of such a host with at least that many rules (people's make up the rest).

    user: more rules of DOCKER-USER, behind people's.
    """
    plain = save_text(containers).count(" -A ")
    text = save_text(containers, max(0, rules - plain))
    more = "".join(f"[0:0] -A DOCKER-USER {rule}\n" for rule in user)
    text = text.replace("COMMIT\n*nat\n", f"{more}COMMIT\n*nat\n")
    ruleset, counters = read_save(text, "ip", "nft")
    ruleset6, counters6 = read_save("", "ip6", "nft")
    nets = networks(-(-containers // PER_NETWORK))
    made = []
    members: dict[str, list[Member]] = {net.id: [] for net in nets}
    for number in range(containers):
        net = nets[number // PER_NETWORK]
        address = str(net.subnet[2 + number % PER_NETWORK])
        container_id = f"c{number:011x}" + "0" * 52
        endpoint = Endpoint(net.id, net.name, ipv4=address, ipv4_prefix=24, gateway4=net.gateway)
        made.append(
            Container(
                container_id,
                f"app{number}",
                image="app:1",
                network_mode=net.name,
                endpoints=(endpoint,),
                bound_ports=(PublishedPort(80, "tcp", "0.0.0.0", 20000 + number),),
            )
        )
        members[net.id].append(Member(container_id, f"app{number}", ipv4=f"{address}/24"))
    interfaces = [
        Interface(1, "lo", addresses=(Address("ip", "127.0.0.1", 8, "host"),)),
        Interface(2, "eth0", addresses=(Address("ip", "198.51.100.1", 24),)),
    ]
    routes = [
        Route("ip", "0.0.0.0/0", dev="eth0", gateway="198.51.100.2"),
        Route("ip", "198.51.100.0/24", dev="eth0", prefsrc="198.51.100.1"),
        Route("ip", "127.0.0.0/8", type="local", table="local", dev="lo"),
        Route("ip", "198.51.100.1/32", type="local", table="local", dev="eth0"),
    ]
    for number, net in enumerate(nets):
        interfaces.append(
            Interface(10 + number, net.bridge, kind="bridge", addresses=(Address("ip", net.gateway, 24),))
        )
        routes.append(Route("ip", str(net.subnet), dev=net.bridge, prefsrc=net.gateway))
        routes.append(Route("ip", f"{net.gateway}/32", type="local", table="local", dev=net.bridge))
    return Snapshot(
        time=1_700_000_000.0,
        hostname="large",
        engine=Engine("28.5.2"),
        networks=tuple(
            Network(n.id, n.name, "bridge", subnets=(Subnet(str(n.subnet), n.gateway),), members=tuple(members[n.id]))
            for n in nets
        ),
        containers=tuple(made),
        rulesets={RulesetKey("ip", "nft"): ruleset, RulesetKey("ip6", "nft"): ruleset6},
        counters={RulesetKey("ip", "nft"): counters, RulesetKey("ip6", "nft"): counters6},
        nft_chains=(),
        interfaces=tuple(interfaces),
        routes={"ip": tuple(routes), "ip6": ()},
        sysctls={
            "net.ipv4.ip_forward": "1",
            "net.ipv4.conf.all.forwarding": "1",
            "net.ipv4.conf.all.rp_filter": "0",
            "net.bridge.bridge-nf-call-iptables": "1",
        },
        sockets=tuple(Socket("tcp", "0.0.0.0", 20000 + number, "docker-proxy") for number in range(containers)),
        sources={
            name: SourceState(name, read=True, time=1_700_000_000.0, via=name)
            for name in ("docker", "iptables-nft", "ip6tables-nft", "address", "route", "sysctl", "sockets")
        },
    )
