"""An index of a chain's rules by what they cannot match without.

It only leaves rules out, never reorders them: for every packet the candidates hold all
rules that the plain walk would match (a property test holds the two equal).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge

from netui.model import Chain, RuleSpec
from netui.traversal.address import Net, parse_net, parse_ports, width
from netui.traversal.transit import Anywhere, Transit


@dataclass(slots=True)
class ChainIndex:
    """Positions of rules by destination, source, interface or destination port; the rest in ``always``."""

    size: int
    width: int
    always: list[int] = field(default_factory=list)
    by_dst: dict[int, list[int]] = field(default_factory=dict)
    by_src: dict[int, list[int]] = field(default_factory=dict)
    by_iif: dict[str, list[int]] = field(default_factory=dict)
    by_oif: dict[str, list[int]] = field(default_factory=dict)
    by_dport: dict[int, list[int]] = field(default_factory=dict)

    _anywhere: dict[tuple[bool, int], tuple[Anywhere, list[int]]] = field(default_factory=dict)

    def candidates(self, packet: Transit) -> Sequence[int]:
        """Return the positions of the rules that could match this packet, in order."""
        if packet.dport is None and self.by_dport and not packet.is_echo:
            return range(self.size)
        found = [
            positions
            for positions in (
                self.always,
                self._at(self.by_dst, packet.dst, packet.any_dst, source=False),
                self._at(self.by_src, packet.src, packet.any_src, source=True),
                self.by_iif.get(packet.iif),
                self.by_oif.get(packet.oif),
                self.by_dport.get(packet.dport) if packet.dport is not None else None,
            )
            if positions
        ]
        if not found:
            return ()
        if len(found) == 1:
            return found[0]
        return list(merge(*found))

    def _at(
        self, addresses: dict[int, list[int]], value: int, vague: Anywhere | None, *, source: bool
    ) -> list[int] | None:
        """The rules for an address; for "some machine outside" those that could mean it."""
        if vague is None or not addresses:
            return addresses.get(value)
        key = (source, id(vague))
        cached = self._anywhere.get(key)
        if cached is None or cached[0] is not vague:
            positions = [
                p for address, at in addresses.items() if vague.within(self.single(address)) is None for p in at
            ]
            cached = (vague, sorted(positions))
            self._anywhere[key] = cached
        return cached[1]

    def single(self, address: int) -> Net:
        """The address as a network of its own."""
        return Net(address, (1 << self.width) - 1, self.width)


def build_index(chain: Chain) -> ChainIndex:
    """Build the index of a chain: each rule under the most telling thing that it requires."""
    index = ChainIndex(len(chain.rules), width(chain.family))
    for position, rule in enumerate(chain.rules):
        spec = rule.spec
        bucket = index.always
        for name, addresses in (("-d", index.by_dst), ("-s", index.by_src)):
            option = spec.basic_option(name)
            if option is not None and not option.negated:
                net = parse_net(option.value, chain.family)
                if net is not None and net.single:
                    bucket = addresses.setdefault(net.value, [])
                    break
        else:
            bucket = _by_interface_or_port(index, rule.spec, bucket)
        bucket.append(position)
    return index


def _by_interface_or_port(index: ChainIndex, spec: RuleSpec, bucket: list[int]) -> list[int]:
    for name, interfaces in (("-o", index.by_oif), ("-i", index.by_iif)):
        option = spec.basic_option(name)
        if option is not None and not option.negated and not option.value.endswith("+"):
            return interfaces.setdefault(option.value, [])
    for match in spec.matches:
        if match.module in ("tcp", "udp", "sctp"):
            option = match.option("--dport", "--destination-port")
            if option is not None and not option.negated:
                limits = parse_ports(option.value)
                if limits is not None and limits[0] == limits[1]:
                    return index.by_dport.setdefault(limits[0], [])
    return bucket
