"""A network namespace prepared for walking: base chains by hook, routes, bridges, sysctls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netui.model import (
    Chain,
    Family,
    Hook,
    Interface,
    IpSet,
    NativeChain,
    PolicyRule,
    Route,
    Rule,
    Ruleset,
    Socket,
    Table,
    TableFamily,
)
from netui.model.references import targets_of, tracks
from netui.model.statements import Text, Verdict
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Step, Undecided
from netui.traversal.rules.compile_target import compile_target
from netui.traversal.rules.index import ChainIndex, build_index, rewrites
from netui.traversal.rules.matches import compile_match
from netui.traversal.rules.native.evaluate import TableSets
from netui.traversal.rules.native.keys import Place
from netui.traversal.rules.native.program import Program
from netui.traversal.rules.predicates import MatchContext, Predicate
from netui.traversal.rules.target_action import Action
from netui.traversal.several import Asked

_TARGET = re.compile(r" -[jg] (\S+)")
#: What makes the kernel track connections: the modules that call nf_ct_netns_get when a
#: rule with them is loaded, wherever it stands (measured: without one nat chains are not asked).
_TRACKING = re.compile(
    r" -m (?:conntrack|state|connmark|connlimit|connbytes|connlabel|helper|cluster) "
    r"| -j (?:DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP|CONNMARK|CT --(?!notrack)|CONNSECMARK|SYNPROXY|CLUSTERIP)\b"
)


#: Priorities of the two translations (NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC).
_DST_NAT, _SRC_NAT = -100, 100
#: Fewer rules than this are asked one after the other: to look up which could match takes longer.
_FEW = 8


#: The words of matches that ask for an address.
_OF_SEVERAL = ("-s ", "! -s ", "-d ", "! -d ", "iprange ", "set ")


class RulesError(Exception):
    """The rules cannot be walked (a loop of jumps); the message names the chains."""


#: A native rule's action is what its program says.
_RUNS = Action("continue", Verdict("continue"))


@dataclass(frozen=True, slots=True)
class Around:
    """What the rules of a table need: the family of iptables' own, its surroundings, and the place for native rules."""

    family: Family
    surroundings: MatchContext
    place: Place


@dataclass(frozen=True, slots=True)
class AsksFor:
    """For whom a rule asks in its plainest words (None where it has others), and its other predicates.

    simple: these ask for nothing but interfaces, the protocol, the destination port and the connection's state.
    """

    whom: Asked | None
    others: list[Predicate]
    simple: bool


@dataclass(slots=True)
class PreparedRule:
    """A rule with its predicates and action."""

    rule: Rule
    predicates: list[tuple[Predicate, str]]
    action: Action
    #: the chain to which it jumps or goes, once a packet did
    inner: PreparedChain | None = None
    #: its steps, each made once: by hook, and by what they changed where they did
    steps: dict[Hook | tuple[Hook, str], Step] = field(default_factory=dict)
    #: a native rule's statements, which take the place of predicates and action
    program: Program | None = None
    #: for whom it asks, by what of the packet stands for several, and its other predicates (see runs)
    asks: dict[str, AsksFor] = field(default_factory=dict)
    _named: dict[Hook, Undecided] = field(default_factory=dict)

    def named(self, hook: Hook, chain: Chain) -> Undecided:
        """Return what names this rule of a chain where its target cannot tell what it does."""
        found = self._named.get(hook)
        if found is None:
            target = self.rule.spec.target
            found = self._named[hook] = Undecided(
                target.name if target else "",
                "",
                hook,
                chain.family,
                chain.backend,
                chain.table,
                chain.name,
                self.rule.number,
                self.rule.text,
            )
        return found

    @property
    def does(self) -> tuple[str, str]:
        """The kind of what it does, and the chain to which it jumps or goes."""
        if self.program is not None:
            outcome = self.program.verdict()
            return outcome.kind, outcome.verdict.chain
        return self.action.kind, self.action.verdict.chain

    def usual_step(self, hook: Hook, chain: Chain) -> Step:
        """Return its step where it changes nothing."""
        if self.program is None:
            return self.steps.get(hook) or self.step(hook, chain, "")
        made = self.steps.get(hook)
        if made is None:
            made = self.steps[hook] = self.program.step(hook, self.program.verdict())
        return made

    def step(self, hook: Hook, chain: Chain, change: str) -> Step:
        """Return the step of this rule of a chain."""
        key = (hook, change) if change else hook
        made = self.steps.get(key)
        if made is not None:
            return made
        made = Step(
            hook=hook,
            family=chain.family,
            backend=chain.backend,
            table=chain.table,
            chain=chain.name,
            rule=self.rule.number,
            text=self.rule.text,
            verdict=self.action.verdict,
            index=self.rule.index,
            change=change,
        )
        self.steps[key] = made
        return made


class PreparedChain:
    """A chain whose rules are compiled when a packet first comes to them."""

    def __init__(self, chain: Chain, table: PreparedTable, around: Around) -> None:
        self.chain = chain
        self.table = table
        self._around = around
        self.compiled: list[PreparedRule | None] = [None] * len(chain.rules)
        #: made when a packet first comes to it, None for a few rules
        self.index: ChainIndex | None = None
        self._all = range(len(chain.rules))
        self._few = len(chain.rules) < _FEW or table.rewrites
        self._left: dict[Hook, Step] = {}
        #: ways through it as a base chain (see remembered)
        self.passages: dict[tuple[object, ...], list[Any]] = {}
        #: whether a packet's walk through it and the chains that it jumps to was given up
        self.endless = False

    def rule(self, position: int) -> PreparedRule:
        """Return the compiled rule at a position counted from 0."""
        prepared = self.compiled[position]
        if prepared is None:
            rule = self.chain.rules[position]
            if rule.native is not None:
                program = Program(rule, self.chain, rule.native.statements, self._around.place, self.table.sets)
                prepared = PreparedRule(rule, [], _RUNS, program=program)
                self.compiled[position] = prepared
                return prepared
            spec = rule.spec
            predicates: list[tuple[Predicate, str]] = []
            for match in spec.matches:
                predicates.extend(compile_match(match, self._around.family, self._around.surroundings))
            # what may hold for some of several is asked last: most often something else tells already
            predicates.sort(key=lambda asked: asked[1].startswith(_OF_SEVERAL))
            action = compile_target(spec.target, self.table.names, self._around.family)
            prepared = PreparedRule(rule, predicates, action)
            self.compiled[position] = prepared
        return prepared

    def inner(self, rule: PreparedRule) -> PreparedChain:
        """Return the chain to which a rule of this one jumps or goes."""
        rule.inner = self.table.chain(rule.action.verdict.chain)
        return rule.inner

    def candidates(self, packet: PacketState) -> Sequence[int]:
        """Return the positions of the rules that could match, in order.

        The plain walk asks every rule; the index only leaves out rules whose in- or
        out-interface, destination or port cannot be the packet's.
        """
        if self._few:
            return self._all
        if self.index is None:
            self.index = build_index(self.chain)
        return self.index.candidates(packet)

    def left_by_policy(self, hook: Hook) -> Step:
        """Return the step by which a base chain is left by its policy."""
        found = self._left.get(hook)
        if found is None:
            chain = self.chain
            policy = chain.policy or "ACCEPT"
            found = self._left[hook] = Step(
                hook=hook,
                family=chain.family,
                backend=chain.backend,
                table=chain.table,
                chain=chain.name,
                rule=None,
                text=f"policy {policy.lower()}" if chain.backend == "nftables" else f"-P {chain.name} {policy}",
                verdict=Verdict(policy.lower()),
                index=chain.index,
            )
        return found


class PreparedTable:
    """A table's chains by name."""

    def __init__(self, table: Table, around: Around) -> None:
        self.table = table
        self.sets = TableSets(table.sets)
        self.names = frozenset(chain.name for chain in table.chains)
        self._around = around
        self._by_name = {chain.name: chain for chain in table.chains}
        #: whether a packet may leave a chain with other addresses or ports than it came with
        self.rewrites = rewrites(table)
        self._prepared: dict[str, PreparedChain] = {}

    def words(self) -> Iterator[str]:
        """Yield the words of the table's rules and the names in its sets, each beginning of names with ``*``."""
        for chain in self.table.chains:
            for rule in chain.rules:
                yield from (word.strip('"') for word in rule.text.replace(",", " ").split())
        for each in self.table.sets.values():
            for element in each.elements or ():
                for part in element.parts:
                    if isinstance(part, Text):
                        yield part.text + ("*" if part.prefix else "")

    def chain(self, name: str) -> PreparedChain:
        """Return a chain of the table, prepared."""
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = PreparedChain(self._by_name[name], self, self._around)
            self._prepared[name] = prepared
        return prepared


@dataclass(slots=True)
class BaseChain:
    """A base chain at a hook: one of iptables', or a native one that is only known by its effects."""

    priority: int
    type: str
    backend: str
    chain: PreparedChain | None = None
    native: NativeChain | None = None

    @property
    def does_something(self) -> bool:
        """Whether the order in which it runs could matter."""
        if self.native is not None:
            return bool(self.native.effects)
        assert self.chain is not None
        return bool(self.chain.chain.rules) or self.chain.chain.policy not in (None, "ACCEPT", "-")

    @property
    def devices(self) -> tuple[str, ...]:
        """The devices of one at ingress or egress, () where they are not told."""
        if self.native is not None:
            return self.native.devices
        assert self.chain is not None
        return self.chain.chain.devices

    @property
    def place(self) -> tuple[str, str, str]:
        """Family, table and name."""
        one: NativeChain | Chain | None = self.native or (self.chain.chain if self.chain is not None else None)
        assert one is not None
        return one.family, one.table, one.name


@dataclass(frozen=True, slots=True)
class HookChains:
    """What happens at a hook.

    groups: the base chains by priority, without nat's (nat's priorities with none left). nat:
    nat's, which are asked at priority nat_at. tracks: whether conntrack sees packets first
    here. unread: why the rules are not known, "" where they are.
    """

    nat: tuple[BaseChain, ...]
    groups: tuple[tuple[int, tuple[BaseChain, ...]], ...]
    nat_at: int
    tracks: bool
    unread: str


@dataclass(slots=True)
class Namespace:
    """One network namespace, prepared. name: "" for the host's own."""

    name: str
    fibs: Mapping[Family, Fib]
    bases: Mapping[tuple[Family, Hook], Sequence[Sequence[BaseChain]]]
    interfaces: Mapping[str, Interface]
    sysctls: Mapping[str, str] | None
    sockets: Sequence[Socket] | None
    rules_read: Mapping[Family, str]
    #: whether conntrack is at work for the family
    tracks: Mapping[Family, bool] = field(default_factory=dict)
    bridge_of: Mapping[str, str] = field(default_factory=dict)
    #: base chains outside the IP hooks, by (family, hook): of devices ("netdev") and of bridges
    low: Mapping[tuple[str, Hook], Sequence[BaseChain]] = field(default_factory=dict)
    #: base chains of the arp family, which see what neighbours ask and answer
    arp: Mapping[Hook, Sequence[BaseChain]] = field(default_factory=dict)
    #: what hangs on a (family, hook), in the kernel's order (see Snapshot.hook_order)
    order: Mapping[tuple[str, str], Sequence[tuple[str, ...]]] = field(default_factory=dict)
    #: the tables' numbers, a greater one of a younger table (see Snapshot.table_handles)
    handles: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: IPv4 sources whose way back is known to lead by the interface that they came in by
    right_ways: set[tuple[int, str]] = field(default_factory=set)
    #: False: that the source has a way back by the interface it came by is taken for granted (see alone.by_hand)
    filters_sources: bool = True
    #: whether what comes in by an interface is forwarded, where it is known
    forwarding: dict[tuple[Family, str], bool] = field(default_factory=dict)
    #: by which port of a bridge a container's address is reached, where that is told (see own_routes.bridge_ports)
    guests: Mapping[tuple[str, Family, int], str] = field(default_factory=dict)
    _low_names: tuple[frozenset[str], tuple[str, ...]] | None = None
    _stages: dict[tuple[Family, Hook], HookChains] = field(default_factory=dict)
    _ports: dict[str, list[Interface]] = field(default_factory=dict)
    _of_device: dict[tuple[str, str, str], int | None] = field(default_factory=dict)

    def stages(self, family: Family, hook: Hook) -> HookChains:
        """Return the base chains at a hook."""
        found = self._stages.get((family, hook))
        if found is None:
            groups = self.bases.get((family, hook), ())
            first = hook in ("prerouting", "output")
            found = self._stages[family, hook] = HookChains(
                tuple(base for group in groups for base in group if base.type == "nat"),
                tuple((group[0].priority, tuple(base for base in group if base.type != "nat")) for group in groups),
                _DST_NAT if first else _SRC_NAT,
                first and self.tracks.get(family, True),
                self.rules_read.get(family, ""),
            )
        return found

    def in_order(self, family: str, hook: Hook, bases: Sequence[BaseChain]) -> list[BaseChain] | None:
        """Return base chains in the kernel's order; None where it is not told."""
        told = self.order.get((family, hook))
        if told is None or not all(base.place in told for base in bases):
            return None
        return sorted(bases, key=lambda base: told.index(base.place))

    def youngest_first(self, bases: Sequence[BaseChain]) -> list[BaseChain] | None:
        """Return base chains of equal priority as the kernel has them if each stands since its table was made.

        A new one is put before those that are there (nf_hook_entries_grow); when a chain was made is not told.
        None where the tables' age is not told either.
        """
        numbers = {base.place: self.handles.get(base.place[:2], 0) for base in bases if base.backend != "legacy"}
        if len(numbers) < len(bases) or not all(numbers.values()):
            return None
        # of one table's chains the last printed is the youngest
        return sorted(bases, key=lambda base: numbers[base.place])[::-1]

    def behind(self, base: BaseChain, hook: Hook, function: str) -> bool | None:
        """Return whether a chain of the bridge family hangs behind a function; None where it is not told."""
        told = self.order.get(("bridge", hook), ())
        where = next((at for at, entry in enumerate(told) if len(entry) == 1 and entry[0].startswith(function)), None)
        return None if where is None or base.place not in told else told.index(base.place) > where

    def low_names(self) -> tuple[frozenset[str], tuple[str, ...]]:
        """Return the names of interfaces, and beginnings of names, that the chains outside the IP hooks may ask for."""
        if self._low_names is None:
            names: set[str] = set()
            tables: dict[int, PreparedTable] = {}
            for base in (base for bases in self.low.values() for base in bases):
                names.update(base.devices)
                if base.chain is not None:
                    tables[id(base.chain.table)] = base.chain.table
            for prepared in tables.values():
                names.update(prepared.words())
            prefixes = tuple(sorted(name[:-1] for name in names if name.endswith("*")))
            self._low_names = frozenset(name for name in names if not name.endswith("*")), prefixes
        return self._low_names

    def sysctl(self, name: str) -> str | None:
        """Return a sysctl's value; None where it was not read."""
        return None if self.sysctls is None else self.sysctls.get(name)

    def device_sysctl(self, family: str, device: str, name: str) -> int | None:
        """Return ``net.<family>.conf.<device>.<name>``; None where it is not known."""
        key = (family, device, name)
        if key not in self._of_device:
            value = self.sysctl(f"net.{family}.conf.{device}.{name}")
            if value is None and "." in device:
                value = self.sysctl(f"net.{family}.conf.{device.replace('.', '/')}.{name}")
            self._of_device[key] = int(value) if value is not None and value.lstrip("-").isdigit() else None
        return self._of_device[key]

    def calls_iptables(self, bridge: str, family: Family) -> bool | None:
        """Return whether the IP hooks see the bridge's frames (br_netfilter); None if not known."""
        interface = self.interfaces.get(bridge)
        own = None
        if interface is not None:
            own = interface.nf_call_iptables if family == "ip" else interface.nf_call_ip6tables
        if own:
            return True
        if self.sysctls is None:
            return None
        name = "iptables" if family == "ip" else "ip6tables"
        # no key under net.bridge: br_netfilter is not loaded
        return self.sysctls.get(f"net.bridge.bridge-nf-call-{name}", "0") == "1"

    def ports(self, bridge: str) -> list[Interface]:
        """Return the bridge's ports."""
        found = self._ports.get(bridge)
        if found is None:
            found = self._ports[bridge] = [i for i in self.interfaces.values() if i.master == bridge]
        return found


def prepare_namespace(
    *,
    name: str,
    rulesets: Sequence[Ruleset],
    native: Sequence[NativeChain],
    interfaces: Sequence[Interface] | None,
    routes: Mapping[Family, Sequence[Route]],
    policy_rules: Mapping[Family, Sequence[PolicyRule]],
    sysctls: Mapping[str, str] | None,
    sockets: Sequence[Socket] | None,
    sets: Mapping[str, IpSet] | None,
    rules_read: Mapping[Family, str],
    order: Mapping[tuple[str, str], Sequence[tuple[str, ...]]] | None = None,
    handles: Mapping[tuple[str, str], int] | None = None,
) -> Namespace:
    """Prepare a namespace once for a snapshot; rules are compiled when first met.

    rules_read: for each family "" if its rules were read, else why not. Raises RulesError
    where rules loop by jump.
    """
    families: tuple[Family, Family] = ("ip", "ip6")
    fibs: dict[Family, Fib] = {
        family: Fib(family, routes.get(family), policy_rules.get(family), interfaces) for family in families
    }
    bridge_of = {interface.name: interface.master for interface in interfaces or () if interface.master}
    bases: dict[tuple[Family, Hook], dict[int, list[BaseChain]]] = {}
    low: dict[tuple[str, Hook], list[BaseChain]] = {}
    arp: dict[Hook, list[BaseChain]] = {}
    place = Place(fibs, {interface.name: interface for interface in interfaces or ()})
    surroundings = {family: MatchContext(fibs[family], sets, bridge_of) for family in families}
    for ruleset in rulesets:
        seen_by = _seen_by(ruleset.family)
        family = seen_by[0] if seen_by else "ip"
        around = Around(family, surroundings[family], place)
        for table in ruleset.tables:
            _refuse_loops(table)
            prepared = PreparedTable(table, around)
            for chain in table.chains:
                if chain.base is None:
                    continue
                layer = _layer(ruleset.family, chain.base.hook)
                if layer:
                    low.setdefault((layer, chain.base.hook), []).append(
                        BaseChain(chain.base.priority, chain.base.type, ruleset.backend, prepared.chain(chain.name))
                    )
                    continue
                if ruleset.family == "arp":
                    base = BaseChain(chain.base.priority, chain.base.type, ruleset.backend, prepared.chain(chain.name))
                    arp.setdefault(chain.base.hook, []).append(base)
                for family in seen_by:
                    base = BaseChain(chain.base.priority, chain.base.type, ruleset.backend, prepared.chain(chain.name))
                    _hang(bases, (family, chain.base.hook), base)
    for chain_native in native:
        if (layer := _layer(chain_native.family, chain_native.hook)) and chain_native.effects:
            base = BaseChain(chain_native.priority, chain_native.type, "native", native=chain_native)
            low.setdefault((layer, chain_native.hook), []).append(base)  # type: ignore[arg-type]
            continue
        for family in families:
            if chain_native.family in (family, "inet") and chain_native.effects:
                hook = chain_native.hook
                if hook in ("prerouting", "input", "forward", "output", "postrouting"):
                    base = BaseChain(chain_native.priority, chain_native.type, "native", native=chain_native)
                    _hang(bases, (family, hook), base)  # type: ignore[arg-type]
    return Namespace(
        name=name,
        fibs=fibs,
        bases={key: [found[priority] for priority in sorted(found)] for key, found in bases.items()},
        interfaces={interface.name: interface for interface in interfaces or ()},
        sysctls=sysctls,
        sockets=sockets,
        rules_read=rules_read,
        tracks={family: bool(native) or any(_tracks(ruleset, family) for ruleset in rulesets) for family in families},
        bridge_of=bridge_of,
        order=order or {},
        handles=handles or {},
        arp={hook: sorted(found, key=lambda base: base.priority) for hook, found in arp.items()},
        low={key: sorted(found, key=lambda base: base.priority) for key, found in low.items()},
    )


def _layer(family: str, hook: str) -> str:
    """Return whose base chain it is where the IP hooks are not: a device's or a bridge's; "" else."""
    if hook in ("ingress", "egress"):
        return "netdev"
    return "bridge" if family == "bridge" else ""


def _seen_by(family: TableFamily) -> tuple[Family, ...]:
    """Return the families of the packets that a table's base chains see at the IP hooks."""
    if family == "inet":
        return ("ip", "ip6")
    return (family,) if family in ("ip", "ip6") else ()


def _tracks(ruleset: Ruleset, family: Family) -> bool:
    """Return whether the ruleset's rules make the kernel track connections of the family."""
    if family not in _seen_by(ruleset.family):
        return False
    if ruleset.backend != "nftables":
        return _TRACKING.search(ruleset.shape) is not None or any(
            rule.native is not None and tracks(rule.native.statements)
            for chain in ruleset.chains()
            for rule in chain.rules
        )
    return any(
        rule.native is not None and tracks(rule.native.statements) for chain in ruleset.chains() for rule in chain.rules
    )


def _hang(
    bases: dict[tuple[Family, Hook], dict[int, list[BaseChain]]], key: tuple[Family, Hook], base: BaseChain
) -> None:
    # nf_nat runs all nat chains of a hook inside one hook of its own, in their order.
    bases.setdefault(key, {}).setdefault(base.priority, []).append(base)


def _jumps(rule: Rule, table: Table) -> Sequence[str]:
    """Return the chains that a rule may jump or go to."""
    if rule.native is not None:
        return targets_of(rule.native.statements, table.sets)
    return _TARGET.findall(rule.text)


def _refuse_loops(table: Table) -> None:
    """Raise RulesError if chains jump in a circle, which the kernel refuses and a capture can hold."""
    names = {chain.name for chain in table.chains}
    edges: dict[str, list[str]] = {}
    for chain in table.chains:
        targets = dict.fromkeys(found for rule in chain.rules for found in _jumps(rule, table) if found in names)
        edges[chain.name] = list(targets)
    done: set[str] = set()
    for start, first in edges.items():
        if start in done:
            continue
        path: list[str] = [start]
        iterators = [iter(first)]
        while iterators:
            following = next(iterators[-1], None)
            if following is None:
                done.add(path.pop())
                iterators.pop()
            elif following in path:
                circle = " → ".join([*path[path.index(following) :], following])
                raise RulesError(
                    f"table {table.name}: chains jump in a circle: {circle}; the kernel refuses such rules"
                )
            elif following not in done:
                path.append(following)
                iterators.append(iter(edges.get(following, ())))
