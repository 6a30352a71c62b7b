"""The host as findings see it: Docker's rules, containers, cached walks, and evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from netui.audit.doctor.finding import Evidence
from netui.audit.input_fate import InputFates
from netui.audit.origins import Origins
from netui.dialects.conditions import conditions_of, first_asked
from netui.dialects.iptables.listed import UNTOLD
from netui.model import (
    Backend,
    Chain,
    Container,
    Endpoint,
    Family,
    Network,
    PublishedPort,
    Rule,
    RulesetKey,
    TableFamily,
    packet_family,
)
from netui.model.statements import Verdict
from netui.net.conditions import Condition
from netui.traversal import EndpointError, Path, PreparedHost, Step, path

_JUMPS = ("DOCKER-FORWARD", "DOCKER", "DOCKER-ISOLATION", "DOCKER-ISOLATION-STAGE-1")


@dataclass(slots=True, eq=False)
class ChainRule:
    """A rule, located: with its chain."""

    chain: Chain
    rule: Rule

    def asked(self, *keys: str) -> Condition | None:
        """Return the rule's first condition on any of these keys, None where it has none."""
        return first_asked(self.rule, packet_family(self.chain.family), *keys)

    def conditions(self) -> list[Condition]:
        """Return what the rule requires, as far as values tell."""
        required = conditions_of(self.rule, packet_family(self.chain.family))
        return [condition for condition in required if isinstance(condition, Condition)]


@dataclass(eq=False)
class View:
    """A host, with the queries of findings."""

    host: PreparedHost
    _paths: dict[tuple[str, str, bool, int | None], Path | None] = field(default_factory=dict)

    @cached_property
    def origins(self) -> Origins:
        """From where packets come."""
        return Origins.of(self.host)

    @cached_property
    def fates(self) -> InputFates:
        """INPUT's fates of packets."""
        return InputFates(self.host)

    @property
    def judged(self) -> bool:
        """Whether Docker's own rules should be in iptables' tables, and those were read."""
        engine = self.host.snapshot.engine
        read = any(key.family == "ip" and key.backend != "nftables" for key in self.host.snapshot.rulesets)
        return self.walked and read and engine is not None and engine.firewall != "nftables"

    @property
    def both_variants_read(self) -> bool:
        """Whether IPv4 rules of iptables-nft and of iptables-legacy were read, so a rule in neither does not exist."""
        return {key.backend for key in self.host.snapshot.rulesets if key.family == "ip"} >= {"nft", "legacy"}

    @property
    def walked(self) -> bool:
        """Whether rules, networks and containers were read, so that walks between containers are meaningful."""
        snapshot = self.host.snapshot
        return (
            snapshot.engine is not None
            and snapshot.joined
            and snapshot.containers is not None
            and snapshot.networks is not None
            and not self.host.namespace.rules_read.get("ip")
        )

    # --- rules -------------------------------------------------------------------------------

    def chains(self, family: TableFamily, table: str, name: str = "") -> Iterator[Chain]:
        """Yield the chains of a table (of that name) in each variant."""
        for key, ruleset in self.host.snapshot.rulesets.items():
            if key.family == family and key.backend != "nftables":
                for chain in ruleset.chains():
                    if chain.table == table and (not name or chain.name == name):
                        yield chain

    def rules(self, family: TableFamily, table: str, name: str = "") -> Iterator[ChainRule]:
        """Yield the rules of a table's chains."""
        for chain in self.chains(family, table, name):
            for rule in chain.rules:
                yield ChainRule(chain, rule)

    def jumps(self, family: TableFamily, table: str, chain: str, *targets: str) -> bool:
        """Whether a rule of the chain jumps to one of the targets."""
        return any(
            located.rule.spec.target is not None and located.rule.spec.target.name in targets
            for located in self.rules(family, table, chain)
        )

    def forwards_to_docker(self, family: TableFamily) -> bool:
        """Whether FORWARD jumps to Docker's own chains."""
        direct = self.jumps(family, "filter", "FORWARD", *_JUMPS)
        return direct and any(True for _ in self.chains(family, "filter", "DOCKER"))

    def told(self, family: TableFamily, table: str) -> bool:
        """Whether all rules of a table are known; a listing may lack tables or chains."""
        targets = (located.rule.spec.target for located in self.rules(family, table))
        return not any(target is not None and target.name == UNTOLD for target in targets)

    def translates(self, family: TableFamily) -> bool:
        """Whether Docker publishes ports in this family: nat has its chain."""
        return any(True for _ in self.chains(family, "nat", "DOCKER"))

    def packets(self, located: ChainRule) -> int:
        """Return the rule's counter."""
        key = RulesetKey(located.chain.family, located.chain.backend)
        return self.host.snapshot.counter(key, located.rule.index).packets

    def rule_evidence(self, located: ChainRule) -> Evidence:
        """Return the rule as evidence, with its counter."""
        chain = located.chain
        where = (chain.family, chain.backend, chain.table, chain.name, located.rule.number)
        return Evidence("rule", located.rule.text, self.packets(located), where)

    def step_evidence(self, step: Step) -> Evidence:
        """Return a walk's step as evidence."""
        packets = self.host.snapshot.counter(RulesetKey(step.family, step.backend), step.index).packets
        where = (step.family, step.backend, step.table, step.chain, step.rule)
        return Evidence("rule" if step.rule is not None else "policy", step.text, packets, where)

    def tool(self, chain: Chain) -> str:
        """Return the command that changes this chain's rules; with the variant in its name where both are in use."""
        return self.command(chain.family, chain.backend)

    def command(self, family: TableFamily, backend: Backend) -> str:
        """Return the command for a ruleset; with the variant in its name where both are in use."""
        name = "iptables" if family == "ip" else "ip6tables"
        rulesets = self.host.snapshot.rulesets
        # native tables are changed by nft, whichever variant iptables is
        variants = {key.backend for key in rulesets if key.backend != "nftables" and rulesets[key].rule_count()}
        return f"{name}-{backend}" if len(variants) > 1 else name

    def key(self, family: Family, step: Step | None = None) -> RulesetKey:
        """Return the ruleset for a new rule before a step: the step's own, else the one with Docker's chains."""
        if step is not None and step.backend != "nftables":
            key = RulesetKey(step.family, step.backend)
            if key in self.host.snapshot.rulesets:
                return key
        for name in ("DOCKER", "DOCKER-USER", "FORWARD"):
            for chain in self.chains(family, "filter", name):
                return RulesetKey(family, chain.backend)
        return RulesetKey(family, "nft")

    def rule_of(self, step: Step) -> ChainRule | None:
        """Return the rule of a step in iptables' tables, None for a policy or a native table."""
        for chain in self.chains(step.family, step.table, step.chain) if step.rule is not None else ():
            if chain.backend == step.backend and step.rule is not None and step.rule <= len(chain.rules):
                return ChainRule(chain, chain.rules[step.rule - 1])
        return None

    # --- containers --------------------------------------------------------------------------

    def bridged(self, family: Family = "ip") -> Iterator[tuple[Container, Endpoint, Network]]:
        """Yield running containers' endpoints on bridge networks that are not internal."""
        for container in self.host.containers:
            if not container.running:
                continue
            for endpoint in container.endpoints:
                network = self.host.network_of(endpoint)
                address = endpoint.ipv4 if family == "ip" else endpoint.ipv6
                if network is not None and network.bridge and not network.internal and address:
                    yield container, endpoint, network

    def published(self) -> Iterator[tuple[Container, PublishedPort]]:
        """Yield the bound ports of running containers on a bridge network that is not internal."""
        seen: set[str] = set()
        for family in ("ip", "ip6"):
            for container, _, _ in self.bridged(family):
                if container.id not in seen:
                    seen.add(container.id)
                    for bound in container.bound_ports:
                        if bound.host_port:
                            yield container, bound

    def addresses(self, container: Container, family: Family) -> set[str]:
        """Return the container's addresses."""
        addresses = {(e.ipv4 if family == "ip" else e.ipv6) for e in container.endpoints}
        return addresses - {""}

    # --- walking -----------------------------------------------------------------------------

    def walk(self, source: str, destination: str, *, reply: bool = False, sport: int | None = None) -> Path | None:
        """Return the path, None where the question does not apply to this host."""
        key = (source, destination, reply, sport)
        if key not in self._paths:
            try:
                self._paths[key] = path(self.host, source, destination, reply=reply, sport=sport)
            except EndpointError:
                self._paths[key] = None
        return self._paths[key]

    def outside_address(self, bound: PublishedPort) -> str:
        """Return the host's address for a published port as machines outside use it, "" for none."""
        if bound.host_ip.startswith("127.") or bound.host_ip == "::1":
            return ""
        if bound.host_ip in ("", "0.0.0.0"):
            return "host"
        if bound.host_ip == "::":
            for origin in self.origins.outer:
                if origin.family == "ip6" and origin.where == "world":
                    return f"[{origin.address}]"
            return ""
        return f"[{bound.host_ip}]" if ":" in bound.host_ip else bound.host_ip


def decided_by_the_administrator(answer: Path) -> bool:
    """Whether the packet was stopped in DOCKER-USER or in a chain to which that jumps: intentionally."""
    inside = False
    for leg in answer.legs:
        for step in leg.steps:
            if step.verdict == Verdict("jump", "DOCKER-USER"):
                inside = True
            elif inside and step.chain in ("FORWARD", "DOCKER-FORWARD"):
                inside = False
    return inside


def mode(network: Network, family: Family) -> str:
    """Return the network's gateway mode, by default "nat"."""
    return network.bridge_option(f"gateway_mode_{'ipv4' if family == 'ip' else 'ipv6'}") or "nat"
