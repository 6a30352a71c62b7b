"""Base chains of equal priority: whether their order matters for a packet.

Each chain is tried on a copy of the packet, as if it were the first. A chain that passes the packet unchanged may have
any position; the order matters only among chains that stop, translate or change the packet.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

from netui.traversal.host.namespace import BaseChain
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Fate
from netui.traversal.rules.target_action import Unknowable
from netui.traversal.unknowns import Patience, Unknowns, explore


def copy_of(packet: PacketState) -> PacketState:
    """Return a copy of the packet for a trial walk."""
    return replace(
        packet,
        connection=replace(packet.connection) if packet.connection is not None else None,
        pending=replace(packet.pending) if packet.pending is not None else None,
        any_src=packet.any_src.fresh() if packet.any_src is not None else None,
        any_dst=packet.any_dst.fresh() if packet.any_dst is not None else None,
        touched=set(packet.touched),
    )


class _Few(Patience):
    """The limit of ways that are tried of one chain."""

    @property
    def ways(self) -> int:
        """A small number: a chain with more ways has more orders than are walked."""
        return 32


#: Walks a base chain with a packet, as a trial.
Trial = Callable[[BaseChain, PacketState, Unknowns], Fate]


def orders(
    bases: Sequence[BaseChain], packet: PacketState, walk: Trial, *, translates: bool
) -> list[tuple[BaseChain, ...]]:
    """Return the orders of base chains with possibly different outcomes, the given order first.

    translates: they are nat chains, of which the first binding wins.
    """
    acting: dict[int, object] = {}
    for position, base in enumerate(bases):
        does = _does(base, packet, walk, translates)
        if "changes" in does:
            # one chain's change may be another chain's match
            return list(permutations(bases))
        if does != {"nothing"}:
            acting[position] = next(iter(does)) if len(does) == 1 and "binds" not in does else position
    if len(acting) < 2 or len(set(acting.values())) == 1:
        return [tuple(bases)]
    positions = list(acting)
    result = []
    for chosen in permutations(positions):
        order = list(bases)
        for position, other in zip(positions, chosen, strict=True):
            order[position] = bases[other]
        result.append(tuple(order))
    return result


def _does(base: BaseChain, packet: PacketState, walk: Trial, translates: bool) -> set[str]:
    """Return the possible effects of a chain on the packet: nothing, drop, reject, binds, changes, or an unknown."""

    def one(unknowns: Unknowns) -> str:
        tried, before = copy_of(packet), copy_of(packet)
        tried.any_src, tried.any_dst = before.any_src, before.any_dst
        try:
            fate = walk(base, tried, unknowns)
        except Unknowable:
            return "unknown"
        if fate != "accept":
            return fate
        if tried == before:
            return "nothing"
        return "binds" if translates and _binds(tried, before) else "changes"

    explored = explore(one, patience=_Few())
    return set(explored.outcomes) if explored.complete else {"changes"}


def _binds(tried: PacketState, before: PacketState) -> bool:
    now, then = tried.connection, before.connection
    if now is None or then is None:
        return False
    return (now.dst_done and not then.dst_done) or (now.src_done and not then.src_done)
