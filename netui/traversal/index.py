"""An index of a chain's rules by what they cannot match without.

It only leaves rules out, never reorders them: for every packet the candidates hold all
rules that the plain walk would match (a property test holds the two equal).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import merge

from netui.model import Chain, RuleSpec
from netui.traversal.address import parse_net, parse_ports
from netui.traversal.transit import Transit


@dataclass(slots=True)
class ChainIndex:
    """Positions of rules by destination, source, interface or destination port; the rest in ``always``."""

    size: int
    always: list[int] = field(default_factory=list)
    by_dst: dict[int, list[int]] = field(default_factory=dict)
    by_src: dict[int, list[int]] = field(default_factory=dict)
    by_iif: dict[str, list[int]] = field(default_factory=dict)
    by_oif: dict[str, list[int]] = field(default_factory=dict)
    by_dport: dict[int, list[int]] = field(default_factory=dict)

    def candidates(self, packet: Transit) -> Sequence[int]:
        """Return the positions of the rules that could match this packet, in order."""
        if packet.any_dst is not None or packet.any_src is not None or packet.dport is None:
            if packet.any_dst is not None and self.by_dst:
                return range(self.size)
            if packet.any_src is not None and self.by_src:
                return range(self.size)
            if packet.dport is None and self.by_dport and not packet.is_echo:
                return range(self.size)
        found = [
            positions
            for positions in (
                self.always,
                self.by_dst.get(packet.dst),
                self.by_src.get(packet.src),
                self.by_iif.get(packet.iif),
                self.by_oif.get(packet.oif),
                self.by_dport.get(packet.dport) if packet.dport is not None else None,
            )
            if positions
        ]
        if len(found) == 1:
            return found[0]
        return list(merge(*found))


def build_index(chain: Chain) -> ChainIndex:
    """Build the index of a chain: each rule under the most telling thing that it requires."""
    index = ChainIndex(len(chain.rules))
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
