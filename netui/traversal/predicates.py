"""What a compiled match is: a question to a packet, answered yes, no or unknown (None)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from netui.model import IpSet, Option
from netui.traversal.routing import Fib
from netui.traversal.transit import Transit

Answer = bool | None


Predicate = Callable[[Transit], Answer]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What matches need to know of the namespace: its routes, sets and bridge ports."""

    fib: Fib
    sets: Mapping[str, IpSet] | None
    #: bridge of each port, by the port's name
    bridge_of: Mapping[str, str]


def unknown(_packet: Transit) -> Answer:
    """What cannot be known."""
    return None


def yes(_packet: Transit) -> Answer:
    """Always."""
    return True


def no(_packet: Transit) -> Answer:
    """Never."""
    return False


def invert(predicate: Predicate) -> Predicate:
    """Invert a predicate; unknown stays unknown."""

    def inverted(packet: Transit) -> Answer:
        answer = predicate(packet)
        return None if answer is None else not answer

    return inverted


def maybe(predicate: Predicate, option: Option) -> Predicate:
    """Invert a predicate where its option is negated."""
    return invert(predicate) if option.negated else predicate


Compiled = list[tuple[Predicate, Option | None]]
