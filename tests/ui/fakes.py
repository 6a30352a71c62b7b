"""Hosts and pollers for the tests of the screen: no clock, no thread, no real source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from netui.model import (
    Backend,
    BaseHook,
    Chain,
    Container,
    Counters,
    Endpoint,
    Engine,
    Family,
    Hook,
    Network,
    PublishedPort,
    Rule,
    Ruleset,
    RulesetKey,
    Snapshot,
    SourceState,
    Subnet,
    Table,
)
from netui.model.events import Event

TIME = 1_700_000_000.0


class FakePoller:
    """Hands over the snapshots that it was given, when asked."""

    def __init__(self, *snapshots: Snapshot) -> None:
        self.snapshots = list(snapshots)
        self.on_snapshot: Callable[[Snapshot], None] = lambda snapshot: None
        self.on_event: Callable[[Event], None] = lambda event: None
        self.stopped = 0

    def start(self, on_snapshot: Callable[[Snapshot], None], on_event: Callable[[Event], None]) -> None:
        """Keep the callables and hand over the first snapshots."""
        self.on_snapshot, self.on_event = on_snapshot, on_event
        for snapshot in self.snapshots:
            on_snapshot(snapshot)

    def stop(self) -> None:
        """Count how often it was stopped."""
        self.stopped += 1


def ruleset(
    tables: dict[str, dict[str, Sequence[str]]],
    *,
    family: Family = "ip",
    backend: Backend = "nft",
    policy: str = "ACCEPT",
) -> Ruleset:
    """Build a ruleset from {table: {chain: [rule text without -A CHAIN]}}."""
    index = 0
    made = []
    for table, chains in tables.items():
        built = []
        for name, texts in chains.items():
            base = name.isupper() and name in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
            hook = BaseHook(cast(Hook, name.lower()), 0, "nat" if table == "nat" else "filter") if base else None
            place = index
            index += 1
            rules = []
            for number, text in enumerate(texts, 1):
                rules.append(Rule(number, f"-A {name} {text}", index))
                index += 1
            built.append(Chain(family, backend, table, name, policy if base else None, hook, place, tuple(rules)))
        made.append(Table(family, backend, table, tuple(built)))
    return Ruleset(family, backend, tuple(made), skeleton="")


def counters(rules: Ruleset, packets: int = 0, moved: dict[int, int] | None = None) -> Counters:
    """Return counters of a ruleset: all the same, but those in ``moved``."""
    total = rules.rule_count() + sum(1 for _ in rules.chains())
    numbers = [(moved or {}).get(index, packets) for index in range(total)]
    return Counters(tuple(numbers), tuple(number * 60 for number in numbers))


HEHE = Network(
    id="f" * 64, name="hehe", driver="bridge", subnets=(Subnet("172.18.0.0/16", "172.18.0.1"),)
)  # fmt: skip
EMPTY = Network(id="e" * 64, name="lonely", driver="bridge", subnets=(Subnet("172.19.0.0/16", "172.19.0.1"),))
HOST = Network(id="d" * 64, name="host", driver="host")
BRIDGE = HEHE.bridge


def container(
    name: str, number: int, *ports: PublishedPort, state: str = "running", network: Network = HEHE, **more: Any
) -> Container:
    """Return a container at the network's address ``number``."""
    prefix = network.subnets[0].subnet.rsplit(".", 2)[0] if network.subnets else "10.0"
    running = state == "running"
    address = f"{prefix}.{number // 250}.{number % 250}" if running and network.subnets else ""
    endpoint = Endpoint(
        network.id, network.name, ipv4=address, ipv4_prefix=16, gateway4=f"{prefix}.0.1" if running else ""
    )
    return Container(
        id=f"{number:064x}", name=name, image="lab/busybox", state=state, endpoints=(endpoint,),
        requested_ports=ports, bound_ports=ports if running else (), **more,
    )  # fmt: skip


def blog_rules(extra_user: Sequence[str] = (), extra_nat: Sequence[str] = ()) -> Ruleset:
    """Return the rules of the blog post's host (Engine 20.10), with more of them where given."""
    return ruleset(
        {
            "filter": {
                "INPUT": [],
                "FORWARD": [
                    "-j DOCKER-USER",
                    "-j DOCKER-ISOLATION-STAGE-1",
                    f"-o {BRIDGE} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                    f"-o {BRIDGE} -j DOCKER",
                    f"-i {BRIDGE} ! -o {BRIDGE} -j ACCEPT",
                    f"-i {BRIDGE} -o {BRIDGE} -j ACCEPT",
                ],
                "OUTPUT": [],
                "DOCKER": [
                    f"-d 172.18.0.3/32 ! -i {BRIDGE} -o {BRIDGE} -p tcp -m tcp --dport 443 -j ACCEPT",
                    f"-d 172.18.0.3/32 ! -i {BRIDGE} -o {BRIDGE} -p tcp -m tcp --dport 80 -j ACCEPT",
                ],
                "DOCKER-ISOLATION-STAGE-1": [f"-i {BRIDGE} ! -o {BRIDGE} -j DOCKER-ISOLATION-STAGE-2", "-j RETURN"],
                "DOCKER-ISOLATION-STAGE-2": [f"-o {BRIDGE} -j DROP", "-j RETURN"],
                "DOCKER-USER": [*extra_user, "-j RETURN"],
            },
            "nat": {
                "PREROUTING": ["-m addrtype --dst-type LOCAL -j DOCKER"],
                "INPUT": [],
                "OUTPUT": ["! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER"],
                "POSTROUTING": [f"-s 172.18.0.0/16 ! -o {BRIDGE} -j MASQUERADE"],
                "DOCKER": [
                    f"-i {BRIDGE} -j RETURN",
                    *extra_nat,
                    f"! -i {BRIDGE} -p tcp -m tcp --dport 443 -j DNAT --to-destination 172.18.0.3:443",
                    f"! -i {BRIDGE} -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.18.0.3:80",
                ],
            },
        }
    )


KEY = RulesetKey("ip", "nft")


def blog_host(
    rules: Ruleset | None = None, *, time: float = TIME, packets: int = 5, moved: dict[int, int] | None = None
) -> Snapshot:
    """Return the blog post's host: network hehe with openresty (80, 443) and blog (not published)."""
    rules = rules or blog_rules()
    return Snapshot(
        time=time,
        hostname="lab",
        engine=Engine("20.10.24", "1.41", firewall="iptables"),
        networks=(HEHE, EMPTY, HOST),
        containers=(
            container("openresty", 3, *(PublishedPort(port, "tcp", "0.0.0.0", port) for port in (80, 443))),
            container("blog", 2, labels={"com.docker.compose.project": "site"}),
            container("old", 9, state="exited"),
        ),
        rulesets={KEY: rules},
        counters={KEY: counters(rules, packets, moved)},
        sources={
            "docker": SourceState("docker", True, TIME),
            "iptables-nft": SourceState("iptables-nft", True, TIME),
            "nft": SourceState("nft", False, None, "nft is not installed"),
        },
    )  # fmt: skip


def later(snapshot: Snapshot, seconds: float, **changes: Any) -> Snapshot:
    """Return the snapshot as it is some seconds later."""
    return replace(snapshot, time=snapshot.time + seconds, **changes)


CASES = Path(__file__).parent.parent / "cases"
