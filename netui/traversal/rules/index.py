"""Index of a chain's rules by one condition that each requires: destination, source, interface or port.

It only leaves rules out and never reorders them. For every packet, the candidates include all rules that match it (a
property test compares both).
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain as chained

from netui.dialects.conditions import conditions_of
from netui.model import Chain, Family, Rule, Table, packet_family
from netui.model.statements import Compare, Note, Opaque, SetField, Statement
from netui.net.addresses import parse_net
from netui.net.conditions import ADDRESSES, DPORT, IIF, INTERFACES, OIF, Condition
from netui.traversal.any_outside import AnyOutside
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.buckets import Buckets
from netui.traversal.several import Several

_VALUE = r'([^\s"!-][^\s"]*)'
#: The first options of a rule in iptables-save, without quotes, and the port that most often follows. Later options
#: cannot cancel them, so they are always required. Parsing each whole rule takes ten times as long.
_HEAD = re.compile(
    rf'-A [^\s"]+(?: (! )?-s {_VALUE})?(?: (! )?-d {_VALUE})?(?: (! )?-i {_VALUE})?(?: (! )?-o {_VALUE})?'
    rf"(?: (?:! )?-p {_VALUE})?(?= -[mjg] |\Z)"
    r"(?: -m (?:tcp|udp|sctp) --dport (0|[1-9]\d{0,5})(?= -[mjg] | --[a-z]|\Z))?"
)

#: The size of the cache of rules for sets of senders.
_MOST_MEANT = 1024
#: The keys of the index.
_FILED = frozenset({*ADDRESSES, *INTERFACES, DPORT})
#: Fewer rules for networks than this are not indexed.
_FEW_NETS = 16

#: The key of rules without a destination port.
_NO_PORT = -1


@dataclass(slots=True)
class ChainIndex:
    """Positions of rules by destination, source, interface or destination port; the rest in ``always``."""

    size: int
    always: list[int] = field(default_factory=list)
    by_dst: Buckets[int] = field(default_factory=Buckets)
    by_src: Buckets[int] = field(default_factory=Buckets)
    by_iif: Buckets[str] = field(default_factory=Buckets)
    by_oif: Buckets[str] = field(default_factory=Buckets)
    by_dport: Buckets[int] = field(default_factory=Buckets)

    #: rules for a source network, by mask
    by_net: dict[int, Buckets[int]] = field(default_factory=dict)
    #: the out-interface and the in-interface of those rules
    devices: dict[int, tuple[str, str]] = field(default_factory=dict)
    #: the source addresses in ``by_src`` by the destination port of their rules, _NO_PORT without one
    sources: Buckets[int] = field(default_factory=Buckets)

    _anywhere: dict[tuple[str, int, tuple[int | None, ...] | None], tuple[object, list[int]]] = field(
        default_factory=dict
    )

    def add_source(self, address: int, position: int, dport: int) -> None:
        """Add a rule under its source address."""
        self.by_src.add(address, position)
        self.sources.add(dport, address)

    def candidates(self, packet: PacketState) -> Sequence[int]:
        """Return the positions of the rules that could match this packet, in order."""
        if packet.dport is None and self.by_dport and not packet.is_echo:
            return range(self.size)
        runs: list[Sequence[int]] = [self.always] if self.always else []
        if self.by_dst:
            vague = packet.any_dst
            at = self.by_dst.get(packet.dst) if vague is None else self._meant("-d", vague, packet)
            if at is not None:
                runs.append((at,) if isinstance(at, int) else at)
        if self.by_src:
            vague = packet.any_src
            at = self.by_src.get(packet.src) if vague is None else self._meant("-s", vague, packet)
            if at is not None:
                runs.append((at,) if isinstance(at, int) else at)
        if self.by_net:
            if packet.any_src is not None:
                runs.append(self._meant("net", packet.any_src, packet))
            else:
                for mask, nets in self.by_net.items():
                    if (at := nets.get(packet.src & mask)) is not None:
                        runs.append((at,) if isinstance(at, int) else at)
        if self.by_iif and (at := self.by_iif.get(packet.iif)) is not None:
            runs.append((at,) if isinstance(at, int) else at)
        if self.by_oif and (at := self.by_oif.get(packet.oif)) is not None:
            runs.append((at,) if isinstance(at, int) else at)
        if self.by_dport and packet.any_dport is not None:
            runs.append(self._of_ports(packet.any_dport))
        elif self.by_dport and packet.dport is not None and (at := self.by_dport.get(packet.dport)) is not None:
            runs.append((at,) if isinstance(at, int) else at)
        if not runs:
            return ()
        if len(runs) == 1:
            return runs[0]
        # sorted() recognizes a few ascending runs and merges them
        return sorted(chained.from_iterable(runs))

    def of_destination(self, packet: PacketState) -> object:
        """Return the candidates that depend on a packet's destination and port."""
        return self.by_dst.get(packet.dst), self.by_dport.get(packet.dport or 0), packet.dport is None

    def _of_ports(self, several: Several) -> list[int]:
        """The rules for any of many ports."""
        key = ("ports", id(self))
        positions: list[int] | None = several.kept.get(key)
        if positions is None:
            numbers = several.numbers
            few = numbers.size() <= len(self.by_dport)
            ports = (n for low, high in numbers for n in range(low, high + 1)) if few else self.by_dport
            named = [self.by_dport.at(port) or [] for port in ports if few or port in numbers]
            positions = several.kept[key] = sorted(chained.from_iterable(named))
        return positions

    def _meant(self, which: str, vague: AnyOutside, packet: PacketState) -> list[int]:
        """The rules for addresses or networks of "any machine outside"."""
        ports = self._ports_of(packet) if which == "-s" and self._asks_ports else None
        key = (which, id(vague.token), ports)
        cached = self._anywhere.get(key)
        if cached is None or cached[0] is not vague.token:
            cached = (vague.token, sorted(set(self._found(which, vague, ports))))
            if len(self._anywhere) > _MOST_MEANT:
                self._anywhere.clear()
            self._anywhere[key] = cached
        return cached[1]

    @property
    def _asks_ports(self) -> bool:
        """Whether rules that are indexed by source also have a destination port."""
        return len(self.sources) > (_NO_PORT in self.sources)

    @staticmethod
    def _ports_of(packet: PacketState) -> tuple[int | None, ...] | None:
        """The destination ports of rules that could match (None: of rules without one); None where any could."""
        if packet.any_dport is not None:
            return None
        if packet.dport is not None:
            return (None, packet.dport)
        # rules for single ports are not about an unnamed client's port (see addresses.client_port_in)
        chosen = packet.dport_range
        return (None,) if packet.is_echo or (chosen is not None and chosen[0] != chosen[1]) else None

    def _found(self, which: str, vague: AnyOutside, ports: tuple[int | None, ...] | None) -> Iterator[int]:
        if which == "net":
            for mask, nets in self.by_net.items():
                for value in nets:
                    if vague.may_meet(value, mask):
                        yield from nets.at(value) or ()
        elif ports is None:
            addresses = self.by_src if which == "-s" else self.by_dst
            for address in addresses:
                if vague.may_be(address):
                    yield from addresses.at(address) or ()
        else:
            for wanted in ports:
                for address in dict.fromkeys(self.sources.at(_NO_PORT if wanted is None else wanted) or ()):
                    if vague.may_be(address):
                        yield from self.by_src.at(address) or ()


def build_index(chain: Chain) -> ChainIndex:
    """Build the index of a chain: each rule under its most selective condition."""
    index = ChainIndex(len(chain.rules))
    family = packet_family(chain.family)
    for position, rule in enumerate(chain.rules):
        _put(index, rule, family, position)
    _few_nets(index)
    return index


def _few_nets(index: ChainIndex) -> None:
    """Index a few rules for networks by their interface, or not at all, because lookups would not pay."""
    if sum(len(nets) for nets in index.by_net.values()) >= _FEW_NETS * len(index.by_net):
        return
    moved: list[tuple[int, str, str]] = sorted(
        (position, *index.devices.get(position, ("", "")))
        for nets in index.by_net.values()
        for value in nets
        for position in nets.at(value) or ()
    )
    index.by_net = {}
    for position, oif, iif in moved:
        if oif:
            index.by_oif.insert(oif, position)
        elif iif:
            index.by_iif.insert(iif, position)
        else:
            insort(index.always, position)


def asks_first(statements: Sequence[Statement]) -> bool:
    """Whether a native rule has no effect before its last comparison, so that it may be skipped if one fails."""
    last = max((at for at, one in enumerate(statements) if isinstance(one, Compare)), default=0)
    return all(isinstance(one, Compare | Note | Opaque) for one in statements[:last])


def rewrites(table: Table) -> bool:
    """Whether rules of a native table write headers, so that a chain may change a packet's fields."""
    return any(
        isinstance(one, SetField) and not one.key.startswith(("meta ", "ct "))
        for chain in table.chains
        for rule in chain.rules
        if rule.native is not None
        for one in rule.native.statements
    )


def _put(index: ChainIndex, rule: Rule, family: Family, position: int) -> None:
    """Index a rule by its first words, or by all conditions where the first words are unusual."""
    if rule.native is not None:
        if not asks_first(rule.native.statements):
            return index.always.append(position)
        return _put_whole(index, rule, family, position)
    match = _HEAD.match(rule.text)
    if match is None:
        return _put_whole(index, rule, family, position)
    not_src, src, not_dst, dst, not_iif, iif, not_oif, oif, _protocol, dport = match.groups()
    for negated, value, addresses in ((not_dst, dst, index.by_dst), (not_src, src, index.by_src)):
        if value and not negated:
            net = parse_net(value, family)
            if net is not None and net.single:
                if addresses is index.by_src:
                    return index.add_source(net.value, position, int(dport) if dport else _NO_PORT)
                return addresses.add(net.value, position)
    net = parse_net(src, family) if src and not not_src else None
    if net is not None and not net.whole and not (free := net.mask ^ ((1 << net.width) - 1)) & (free + 1):
        # a network is the most selective condition
        devices = (_named(not_oif, oif), _named(not_iif, iif))
        if any(devices) or not (dport or " --dport " in rule.text or " --destination-port " in rule.text):
            index.devices[position] = devices
            return index.by_net.setdefault(net.mask, Buckets()).add(net.value, position)
    for negated, value, interfaces in ((not_oif, oif, index.by_oif), (not_iif, iif, index.by_iif)):
        if value and not negated and not value.endswith("+"):
            return interfaces.add(value, position)
    if dport:
        return index.by_dport.add(int(dport), position)
    if " --dport " in rule.text or " --destination-port " in rule.text:
        return _put_whole(index, rule, family, position)
    return index.always.append(position)


def _named(negated: str | None, interface: str | None) -> str:
    return "" if negated or not interface or interface.endswith("+") else interface


def _put_whole(index: ChainIndex, rule: Rule, family: Family, position: int) -> None:
    """Index a rule by all its conditions: an address, else an interface, else a port."""
    required = {
        one.key: needed
        for one in conditions_of(rule, family)
        if isinstance(one, Condition) and one.key in _FILED and (needed := one.required) is not None
    }
    for key, numbers in ((f"{family} daddr", index.by_dst), (f"{family} saddr", index.by_src)):
        if isinstance(number := required.get(key), int):
            if numbers is index.by_src:
                return index.add_source(number, position, _NO_PORT)
            return numbers.add(number, position)
    for key, names in ((OIF, index.by_oif), (IIF, index.by_iif)):
        if isinstance(name := required.get(key), str):
            return names.add(name, position)
    if isinstance(number := required.get(DPORT), int):
        return index.by_dport.add(number, position)
    return index.always.append(position)
