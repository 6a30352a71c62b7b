"""The selected item, and the rules that name it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from netui.dialects.conditions import text_conditions
from netui.model import Chain, Container, Family, NativeRule, Network, PublishedPort, Rule, RulesetKey, Snapshot
from netui.model.statements import Compare, Element, Interval, Key, Nat, NftSet, Text, Value, VerdictMap
from netui.net.addresses import PROTOCOLS
from netui.net.conditions import DESTINATION, DPORT, PROTOCOL, Condition
from netui.ui.presenters.chains.counters import Identity
from netui.ui.presenters.chains.native_sets import (
    element_key,
    holds_address,
    numbers_of,
    ports_named,
    ports_of,
    set_texts,
)
from netui.ui.presenters.names import word_pattern


@dataclass(frozen=True, slots=True)
class HostItem:
    """The host itself."""


@dataclass(frozen=True, slots=True)
class NetworkItem:
    """A Docker network, by ID."""

    network_id: str


@dataclass(frozen=True, slots=True)
class ContainerItem:
    """A container, by ID, and the network under which it was selected ("" for none)."""

    container_id: str
    network_id: str = ""


@dataclass(frozen=True, slots=True)
class PortItem:
    """A published port of a container."""

    container_id: str
    port: PublishedPort
    network_id: str = ""


@dataclass(frozen=True, slots=True)
class GroupItem:
    """A heading of the tree, by name; it has no details."""

    name: str


@dataclass(frozen=True, slots=True)
class ChainItem:
    """A chain of the chain table."""

    ruleset: RulesetKey
    table: str
    chain: str


@dataclass(frozen=True, slots=True)
class RuleItem:
    """A rule of the chain table."""

    ruleset: RulesetKey
    identity: Identity


@dataclass(frozen=True, slots=True)
class NoteItem:
    """A complete note of the chain table, which shows only what fits on a line."""

    text: str


@dataclass(frozen=True, slots=True)
class AskedItem:
    """A question that the user typed."""

    source: str
    destination: str


Item = AskedItem | NoteItem | HostItem | NetworkItem | ContainerItem | PortItem | GroupItem | ChainItem | RuleItem


def container_of(snapshot: Snapshot, container_id: str) -> Container | None:
    """Return a container by ID, or None."""
    return next((each for each in snapshot.containers or () if each.id == container_id), None)


def network_of(snapshot: Snapshot, network_id: str) -> Network | None:
    """Return a network by ID, or None."""
    return next((each for each in snapshot.networks or () if each.id == network_id), None)


def find_rule(snapshot: Snapshot, item: RuleItem) -> tuple[Chain, Rule] | None:
    """Return a rule and its chain by identity, or None where it no longer exists."""
    table_name, chain_name, text, occurrence = item.identity
    ruleset = snapshot.rulesets.get(item.ruleset)
    table = ruleset.table(table_name) if ruleset else None
    chain = table.chain(chain_name) if table else None
    if chain is None:
        return None
    for rule in chain.rules:
        if rule.text == text:
            if occurrence == 0:
                return chain, rule
            occurrence -= 1
    return None


Concerned = Literal["", "address", "bridge"]


class Concern:
    """Finds the rules that name a container's (or network's) address, ports or bridge.

    A rule with its address or port is "address". A rule with only its bridge or subnet, which others share, is
    "bridge".
    """

    def __init__(self, near: set[str], wide: set[str], ports: set[tuple[int, str]] = frozenset()) -> None:  # type: ignore[assignment]
        self._addresses = numbers_of(near)
        self._wide_words = frozenset(wide)
        self._near = word_pattern(near)
        self._wide = word_pattern(wide)
        numbers = "|".join(str(port) for port, _ in sorted(ports))
        #: finds the rules that may have one of its ports: making the conditions of every rule would take too long
        self._ports = re.compile(rf"ports? \S*(?<!\d)(?:{numbers})(?!\d)") if numbers else None
        self._numbers = frozenset(ports)
        self._known: dict[str, Concerned] = {}
        #: cache for native rules, by text and id of their table's sets, kept so that the id is not reused
        self._natives: dict[tuple[str, int], tuple[Mapping[str, NftSet], Concerned]] = {}

    @property
    def empty(self) -> bool:
        """Whether no rule can name it."""
        return self._near is None and self._wide is None and self._ports is None

    def __call__(self, text: str, family: Family = "ip") -> Concerned:
        """Return how the text of an iptables rule names it."""
        concerned = self._known.get(text)
        if concerned is None:
            concerned = self._look(text)
            if concerned != "address" and self._asks_port(text, family):
                concerned = "address"
            self._known[text] = concerned
        return concerned

    def of_rule(self, rule: Rule, sets: Mapping[str, NftSet], family: Family = "ip") -> Concerned:
        """Return how a rule names it; sets: those of a native rule's table, whose elements count, too."""
        if rule.native is None or self.empty:
            return self(rule.text, family)
        cached = self._natives.get((rule.text, id(sets)))
        if cached is None or cached[0] is not sets:
            cached = self._natives[rule.text, id(sets)] = (sets, self._look_at(rule, rule.native, sets))
        return cached[1]

    def _look_at(self, rule: Rule, native: NativeRule, sets: Mapping[str, NftSet]) -> Concerned:
        concerned = {self._look(text) for text in (rule.text, *set_texts(rule, sets))}
        if "address" in concerned or self._port(native, sets):
            return "address"
        return "bridge" if "bridge" in concerned else ""

    def of_element(self, native: NativeRule, element: Element) -> Concerned:
        """Return how an element of a rule's verdict map names it."""
        concerned = self._look(element_key(element))
        keys = [statement.key for statement in native.statements if isinstance(statement, VerdictMap)]
        if concerned == "address" or any(self._known_port(ports_of(key, (element,))) for key in keys):
            return "address"
        if any(holds_address(key, element, self._addresses) for key in keys):
            return "address"
        return "bridge" if concerned or any(self._begins(part) for part in element.parts) else ""

    def _begins(self, part: Value) -> bool:
        """Whether a part of an element is a prefix of the bridge's name (``br-*``)."""
        return isinstance(part, Text) and part.prefix and any(name.startswith(part.text) for name in self._wide_words)

    def _port(self, native: NativeRule, sets: Mapping[str, NftSet]) -> bool:
        """Whether a native rule names a port that it publishes, and no other container's address."""
        return bool(self._numbers) and not _other_place(native) and self._known_port(ports_named(native, sets))

    def _known_port(self, ports: Iterable[tuple[int, str]]) -> bool:
        return any(
            (n, p) in self._numbers or (not p and any(n == number for number, _ in self._numbers)) for n, p in ports
        )

    def _look(self, text: str) -> Concerned:
        if self._near is not None and self._near.search(text):
            return "address"
        if self._wide is not None and self._wide.search(text):
            return "bridge"
        return ""

    def _asks_port(self, text: str, family: Family) -> bool:
        """Whether an iptables rule has a port that it publishes, and no other address."""
        if self._ports is None or not self._ports.search(text) or " --to-destination " in text:
            return False
        conditions = [one for one in text_conditions(text, family) if isinstance(one, Condition)]
        # another container's port of the same number is in that container's rule
        if any(one.key in DESTINATION and not one.negated and not _at_loopback(one) for one in conditions):
            return False
        protocol = next((one.numbers() for one in conditions if one.key == PROTOCOL), None)
        named = ports_asked(text, family)
        return any(
            number in named and (protocol is None or PROTOCOLS.get(name, -1) in protocol)
            for number, name in self._numbers
        )


def ports_asked(text: str, family: Family) -> set[int]:
    """Return the single ports for which an iptables rule asks, also as they were before a translation."""
    return {
        low
        for one in text_conditions(text, family)
        if isinstance(one, Condition) and one.key in _PORTS and not one.negated
        for low, high in one.intervals() or ()
        if low == high
    }


_PORTS = (DPORT, "ct original proto-dst")
_LOOPBACK = (0x7F000000, 0x7FFFFFFF)


def _at_loopback(condition: Condition) -> bool:
    spans = condition.intervals()
    return spans is not None and all(_LOOPBACK[0] <= low <= high <= _LOOPBACK[1] for low, high in spans)


def _other_place(native: NativeRule) -> bool:
    """Whether a rule names an address, whose port it then is; those of the loopback are containers' published ones."""
    for statement in native.statements:
        if isinstance(statement, Nat) and statement.kind == "dnat":
            return True
        if isinstance(statement, Compare) and statement.operator == "==" and isinstance(statement.left, Key):
            if statement.left.words not in ("ip daddr", "ip6 daddr"):
                continue
            values = [part for element in statement.right.elements for part in element.parts]
            if not values or not all(
                isinstance(each, Interval) and _LOOPBACK[0] <= each.low <= each.high <= _LOOPBACK[1] for each in values
            ):
                return True
    return False


def concern_of(snapshot: Snapshot, item: Item | None) -> Concern:
    """Return the marker of rules for a selection; an empty one where engine and rules are of different machines."""
    near: set[str] = set()
    wide: set[str] = set()
    ports: set[tuple[int, str]] = set()
    if snapshot.joined:
        match item:
            case ContainerItem(container_id) | PortItem(container_id):
                container = container_of(snapshot, container_id)
                if container is not None:
                    for endpoint in container.endpoints:
                        near |= {address for address in (endpoint.ipv4, endpoint.ipv6) if address}
                        network = network_of(snapshot, endpoint.network_id)
                        if network is not None:
                            wide |= {network.bridge} | {subnet.subnet for subnet in network.subnets}
                    ports = {(port.host_port, port.protocol) for port in container.bound_ports if port.host_port}
            case NetworkItem(network_id):
                network = network_of(snapshot, network_id)
                if network is not None:
                    near = {network.bridge} | {subnet.subnet for subnet in network.subnets}
                    wide = {member.ipv4.partition("/")[0] for member in network.members} | {
                        member.ipv6.partition("/")[0] for member in network.members
                    }
            case _:
                pass
    return Concern(near - {""}, wide - {""}, ports)
