"""Base chains of equal priority: whether it matters for a packet which of them runs first.

Each is walked on a copy of the packet, as if it were the first. One that lets the packet pass unchanged can stand
anywhere; the order matters only among those that stop, translate or change it.
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
    """Return the packet for a walk on trial: what it meets there leaves the packet itself as it is."""
    return replace(
        packet,
        connection=replace(packet.connection) if packet.connection is not None else None,
        pending=replace(packet.pending) if packet.pending is not None else None,
        any_src=packet.any_src.fresh() if packet.any_src is not None else None,
        any_dst=packet.any_dst.fresh() if packet.any_dst is not None else None,
        touched=set(packet.touched),
    )


class _Few(Patience):
    """How many ways of one chain are tried."""

    @property
    def ways(self) -> int:
        """Few: a chain with more has more orders than are walked anyhow."""
        return 32


#: Walks a base chain with a packet, on trial.
Trial = Callable[[BaseChain, PacketState, Unknowns], Fate]


def orders(
    bases: Sequence[BaseChain], packet: PacketState, walk: Trial, *, translates: bool
) -> list[tuple[BaseChain, ...]]:
    """Return the orders of base chains that could end differently, the given one first.

    translates: they are nat's, of which the first that binds ends the asking.
    """
    acting: dict[int, object] = {}
    for position, base in enumerate(bases):
        does = _does(base, packet, walk, translates)
        if "changes" in does:
            # what one changes, another may ask for
            return list(permutations(bases))
        if does != {"nothing"}:
            acting[position] = next(iter(does)) if len(does) == 1 and "binds" not in does else position
    if len(acting) < 2 or len(set(acting.values())) == 1:
        return [tuple(bases)]
    places = list(acting)
    found = []
    for chosen in permutations(places):
        order = list(bases)
        for place, other in zip(places, chosen, strict=True):
            order[place] = bases[other]
        found.append(tuple(order))
    return found


def _does(base: BaseChain, packet: PacketState, walk: Trial, translates: bool) -> set[str]:
    """Return all that a chain may do to the packet: nothing, drop, reject, binds, changes, or what cannot be known."""

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

    ways = explore(one, patience=_Few())
    return set(ways.outcomes) if ways.complete else {"changes"}


def _binds(tried: PacketState, before: PacketState) -> bool:
    now, then = tried.connection, before.connection
    if now is None or then is None:
        return False
    return (now.dst_done and not then.dst_done) or (now.src_done and not then.src_done)
