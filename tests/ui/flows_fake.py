"""A flow through the blog post's host, as the traversal would give it."""

from __future__ import annotations

from netui.model import Hook, Snapshot
from netui.model.statements import Verdict
from netui.traversal.result import Change, DeliveredTo, Flow, Leg, PacketHeader, Path, Step
from tests.ui.fakes import KEY


def step(snapshot: Snapshot, hook: Hook, table: str, chain: str, rule: int | None, verdict: str, to: str = "") -> Step:
    """Return a step whose text and index are the snapshot's own. to: the new destination."""
    found = snapshot.rulesets[KEY].table(table).chain(chain)
    text = found.rules[rule - 1].text if rule is not None else ""
    index = found.rules[rule - 1].index if rule is not None else found.index
    kind, _, rest = verdict.removeprefix("policy ").partition(" ")
    made = Verdict(kind, rest) if kind in ("jump", "goto") else Verdict(kind, how=rest)
    return Step(hook, "ip", "nft", table, chain, rule, text, made, index, (Change("destination", to),) if to else ())


def published(snapshot: Snapshot, container_id: str) -> tuple[Flow, ...]:
    """Return the flows of openresty: one delivered, one dropped, one undecided; none for others."""
    if not container_id.endswith("3"):
        return ()
    rules = snapshot.rulesets[KEY]
    nat = rules.table("nat").chain("DOCKER")
    dnat = next(rule.number for rule in nat.rules if "--dport 443" in rule.text)
    last = rules.table("filter").chain("DOCKER-USER").rules[-1].number
    steps = (
        step(snapshot, "prerouting", "nat", "PREROUTING", 1, "jump DOCKER"),
        step(snapshot, "prerouting", "nat", "DOCKER", dnat, "dnat 172.18.0.3:443", "172.18.0.3:443"),
        step(snapshot, "forward", "filter", "FORWARD", 1, "jump DOCKER-USER"),
        step(snapshot, "forward", "filter", "DOCKER-USER", last, "return"),
        step(snapshot, "forward", "filter", "FORWARD", 4, "jump DOCKER"),
        step(snapshot, "forward", "filter", "DOCKER", 1, "accept"),
        step(snapshot, "postrouting", "nat", "POSTROUTING", None, "policy accept"),
    )
    packet = PacketHeader("ip", "tcp", "198.51.100.2", "198.51.100.1", 40000, 443, "eth0", "br")
    delivered = Path(
        "outside", "host:443/tcp", "delivered", "filter DOCKER 1 accepts it.",
        DeliveredTo("container", "openresty", "172.18.0.3", 443), (Leg(packet, steps),), deciding=steps[5],
    )  # fmt: skip
    dropped = Path(
        "outside", "172.18.0.3:22/tcp", "dropped", "the policy", None, (Leg(packet, steps[2:4]),), deciding=steps[3]
    )
    undecided = Path("openresty", "127.0.0.11:53/udp", "undecided", "its own rules were not read")
    return (
        Flow("published", "outside → 443/tcp", "outside", "host:443/tcp", delivered),
        Flow("direct", "outside → 172.18.0.3:22/tcp", "outside", "172.18.0.3:22/tcp", dropped),
        Flow("dns", "openresty → 127.0.0.11 53/udp", "openresty", "127.0.0.11:53/udp", undecided),
    )
