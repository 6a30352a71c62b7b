"""Base chains of equal priority: whether it matters for a packet which of them runs first.

Each is walked on a copy of the packet, as if it were the first. One that lets the packet pass unchanged can stand
anywhere; the order matters only among those that stop, translate or change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations

from netui.traversal.actions import Unknowable
from netui.traversal.choices import Choices
from netui.traversal.namespace import Base
from netui.traversal.path import Fate, Undecided
from netui.traversal.transit import Transit


class Unsettled(Exception):
    """A walk on trial came to something that a snapshot cannot tell."""


class NoChoice(Choices):
    """The choices of a walk on trial: there are none."""

    def pick(self, ways: int, unknown: Undecided, likely: int = 0) -> int:
        """Give the trial up."""
        raise Unsettled


def copy_of(packet: Transit) -> Transit:
    """Return the packet for a walk on trial: what it meets there leaves the packet itself as it is."""
    return replace(
        packet,
        connection=replace(packet.connection) if packet.connection is not None else None,
        pending=replace(packet.pending) if packet.pending is not None else None,
        any_src=packet.any_src.fresh() if packet.any_src is not None else None,
        any_dst=packet.any_dst.fresh() if packet.any_dst is not None else None,
        touched=set(packet.touched),
    )


def orders(
    bases: Sequence[Base], packet: Transit, walk: Callable[[Base, Transit], Fate], *, translates: bool
) -> list[tuple[Base, ...]]:
    """Return the orders of base chains that could end differently, the given one first.

    walk: walks one of them on trial. translates: they are nat's, of which the first that binds ends the asking.
    """
    try:
        acting, lasting = _acting(bases, packet, walk, translates)
    except (Unsettled, Unknowable):
        return list(permutations(bases))
    if lasting:
        # what one changes, another may ask for
        return list(permutations(bases))
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


def _acting(
    bases: Sequence[Base], packet: Transit, walk: Callable[[Base, Transit], Fate], translates: bool
) -> tuple[dict[int, object], bool]:
    """Return what each of them that does something does to the packet, by position, and whether it goes on changed."""
    acting: dict[int, object] = {}
    for position, base in enumerate(bases):
        tried, before = copy_of(packet), copy_of(packet)
        tried.any_src, tried.any_dst = before.any_src, before.any_dst
        fate = walk(base, tried)
        if fate != "accept":
            acting[position] = fate
        elif tried != before:
            bound = translates and _binds(tried, before)
            if not bound:
                return acting, True
            acting[position] = position
    return acting, False


def _binds(tried: Transit, before: Transit) -> bool:
    now, then = tried.connection, before.connection
    if now is None or then is None:
        return False
    return (now.dst_done and not then.dst_done) or (now.src_done and not then.src_done)
