"""Prepares a namespace for walking: it registers the rulesets' base chains at their hooks, and refuses jump loops."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from netui.model import (
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
from netui.traversal.host.namespace import BaseChain, Namespace
from netui.traversal.host.prepared_chain import Around, PreparedTable
from netui.traversal.host.routing import Fib
from netui.traversal.rules.native.reading import KeyContext
from netui.traversal.rules.predicates import MatchContext

_TARGET = re.compile(r" -[jg] (\S+)")
#: The modules that make the kernel track connections: each calls nf_ct_netns_get when a rule with it is loaded
#: in any table (measured: without one, nat chains are not asked). What a listing
#: left out may be such a rule.
_TRACKING = re.compile(
    r" -m (?:conntrack|state|connmark|connlimit|connbytes|connlabel|helper|cluster|untold) "
    r"| -j (?:DNAT|SNAT|MASQUERADE|REDIRECT|NETMAP|CONNMARK|CT --(?!notrack)|CONNSECMARK|SYNPROXY|CLUSTERIP)\b"
)


class RulesError(Exception):
    """The rules cannot be walked (a loop of jumps); the message names the chains."""


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
    """Prepare a namespace of a snapshot; its rules are compiled when a packet first meets them.

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
    tables: list[PreparedTable] = []
    context = KeyContext(fibs, {interface.name: interface for interface in interfaces or ()})
    surroundings = {family: MatchContext(fibs[family], sets, bridge_of) for family in families}
    for ruleset in rulesets:
        seen_by = _seen_by(ruleset.family)
        family = seen_by[0] if seen_by else "ip"
        around = Around(family, surroundings[family], context)
        for table in ruleset.tables:
            _refuse_loops(table)
            prepared = PreparedTable(table, around)
            tables.append(prepared)
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
    # nf_ct_netns_get of the bridge family takes that of IP along
    bridges_track = any(ruleset.family == "bridge" and _asks(ruleset) for ruleset in rulesets)
    return Namespace(
        name=name,
        fibs=fibs,
        bases={key: [by_priority[priority] for priority in sorted(by_priority)] for key, by_priority in bases.items()},
        interfaces={interface.name: interface for interface in interfaces or ()},
        sysctls=sysctls,
        sockets=sockets,
        rules_read=rules_read,
        tables=tables,
        tracks={
            family: bool(native) or bridges_track or any(_tracks(ruleset, family) for ruleset in rulesets)
            for family in families
        },
        bridges_track=bridges_track,
        bridge_of=bridge_of,
        order=order or {},
        handles=handles or {},
        arp={hook: sorted(chains, key=lambda base: base.priority) for hook, chains in arp.items()},
        low={key: sorted(chains, key=lambda base: base.priority) for key, chains in low.items()},
    )


def _layer(family: str, hook: str) -> str:
    """Return "netdev" or "bridge" for a base chain outside the IP hooks; "" for others."""
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
        return _TRACKING.search(ruleset.skeleton) is not None or any(
            rule.native is not None and tracks(rule.native.statements)
            for chain in ruleset.chains()
            for rule in chain.rules
        )
    return _asks(ruleset)


def _asks(ruleset: Ruleset) -> bool:
    """Return whether a native rule needs conntrack."""
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
        targets = dict.fromkeys(target for rule in chain.rules for target in _jumps(rule, table) if target in names)
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
