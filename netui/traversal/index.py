"""An index of a chain's rules by what they cannot match without.

It only leaves rules out, never reorders them: for every packet the candidates hold all
rules that the plain walk would match (a property test holds the two equal).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain as chained
from typing import TypeVar

from netui.model import Chain, Family, Rule, RuleSpec, packet_family
from netui.traversal.address import parse_net, parse_ports
from netui.traversal.transit import Anywhere, Transit

_VALUE = r'([^\s"!-][^\s"]*)'
#: The options with which iptables-save begins a rule, where nothing in them is quoted, and
#: the port that most often follows. What stands behind them cannot take them back, so they
#: are required whatever it is; parsing the whole of each rule takes ten times as long.
_HEAD = re.compile(
    rf'-A [^\s"]+(?: (! )?-s {_VALUE})?(?: (! )?-d {_VALUE})?(?: (! )?-i {_VALUE})?(?: (! )?-o {_VALUE})?'
    rf"(?: (?:! )?-p {_VALUE})?(?= -[mjg] |\Z)"
    r"(?: -m (?:tcp|udp|sctp) --dport (0|[1-9]\d{0,5})(?= -[mjg] | --[a-z]|\Z))?"
)


#: For so many sets of senders the rules that name one of their addresses are remembered.
_MOST_MEANT = 64

Key = TypeVar("Key", int, str)


class Buckets(dict[Key, "int | list[int]"]):
    """Positions by what the rules ask for. Most keys have one: a list of one would take thrice the memory."""

    def add(self, key: Key, position: int) -> None:
        """Put a position behind those that the key has."""
        before = self.get(key)
        if before is None:
            self[key] = position
        elif isinstance(before, list):
            before.append(position)
        else:
            self[key] = [before, position]

    def at(self, key: Key) -> list[int] | None:
        """Return the positions of a key in order, None where there are none."""
        found = self.get(key)
        return [found] if isinstance(found, int) else found


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

    _anywhere: dict[tuple[bool, int], tuple[object, list[int]]] = field(default_factory=dict)

    def candidates(self, packet: Transit) -> Sequence[int]:
        """Return the positions of the rules that could match this packet, in order."""
        if packet.dport is None and self.by_dport and not packet.is_echo:
            return range(self.size)
        found: list[Sequence[int]] = [self.always] if self.always else []
        if self.by_dst:
            vague = packet.any_dst
            at = self.by_dst.get(packet.dst) if vague is None else self._meant(self.by_dst, vague, source=False)
            if at is not None:
                found.append((at,) if isinstance(at, int) else at)
        if self.by_src:
            vague = packet.any_src
            at = self.by_src.get(packet.src) if vague is None else self._meant(self.by_src, vague, source=True)
            if at is not None:
                found.append((at,) if isinstance(at, int) else at)
        if self.by_iif and (at := self.by_iif.get(packet.iif)) is not None:
            found.append((at,) if isinstance(at, int) else at)
        if self.by_oif and (at := self.by_oif.get(packet.oif)) is not None:
            found.append((at,) if isinstance(at, int) else at)
        if self.by_dport and packet.dport is not None and (at := self.by_dport.get(packet.dport)) is not None:
            found.append((at,) if isinstance(at, int) else at)
        if not found:
            return ()
        if len(found) == 1:
            return found[0]
        # sorted() sees that these are a few ascending runs and merges them
        return sorted(chained.from_iterable(found))

    def _meant(self, addresses: Buckets[int], vague: Anywhere, *, source: bool) -> list[int]:
        """The rules for the addresses that "some machine outside" could mean."""
        key = (source, id(vague.token))
        cached = self._anywhere.get(key)
        if cached is None or cached[0] is not vague.token:
            meant = [addresses.at(address) or [] for address in addresses if vague.may_be(address)]
            cached = (vague.token, sorted(chained.from_iterable(meant)))
            if len(self._anywhere) > _MOST_MEANT:
                self._anywhere.clear()
            self._anywhere[key] = cached
        return cached[1]


def build_index(chain: Chain) -> ChainIndex:
    """Build the index of a chain: each rule under the most telling thing that it requires."""
    index = ChainIndex(len(chain.rules))
    family = packet_family(chain.family)
    for position, rule in enumerate(chain.rules):
        _put(index, rule, family, position)
    return index


def _put(index: ChainIndex, rule: Rule, family: Family, position: int) -> None:
    """Put a rule where it belongs, by its first words; by all of them where those are unusual."""
    found = _HEAD.match(rule.text)
    if found is None:
        return _put_parsed(index, rule.spec, family, position)
    not_src, src, not_dst, dst, not_iif, iif, not_oif, oif, _protocol, dport = found.groups()
    for negated, value, addresses in ((not_dst, dst, index.by_dst), (not_src, src, index.by_src)):
        if value and not negated:
            net = parse_net(value, family)
            if net is not None and net.single:
                return addresses.add(net.value, position)
    for negated, value, interfaces in ((not_oif, oif, index.by_oif), (not_iif, iif, index.by_iif)):
        if value and not negated and not value.endswith("+"):
            return interfaces.add(value, position)
    if dport:
        return index.by_dport.add(int(dport), position)
    if " --dport " in rule.text or " --destination-port " in rule.text:
        return _put_parsed(index, rule.spec, family, position)
    return index.always.append(position)


def _put_parsed(index: ChainIndex, spec: RuleSpec, family: Family, position: int) -> None:
    for name, addresses in (("-d", index.by_dst), ("-s", index.by_src)):
        option = spec.basic_option(name)
        if option is not None and not option.negated:
            net = parse_net(option.value, family)
            if net is not None and net.single:
                return addresses.add(net.value, position)
    for name, interfaces in (("-o", index.by_oif), ("-i", index.by_iif)):
        option = spec.basic_option(name)
        if option is not None and not option.negated and not option.value.endswith("+"):
            return interfaces.add(option.value, position)
    for match in spec.matches:
        if match.module in ("tcp", "udp", "sctp"):
            option = match.option("--dport", "--destination-port")
            if option is not None and not option.negated:
                limits = parse_ports(option.value)
                if limits is not None and limits[0] == limits[1]:
                    return index.by_dport.add(limits[0], position)
    return index.always.append(position)
