"""What a compiled match is: a question to a packet, answered yes, no or unknown (None)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from netui.model import IpSet, Option
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState

Answer = bool | None


Predicate = Callable[[PacketState], Answer]


@dataclass(frozen=True, slots=True)
class MatchContext:
    """What matches need to know of the namespace: its routes, sets and bridge ports."""

    fib: Fib
    sets: Mapping[str, IpSet] | None
    #: bridge of each port, by the port's name
    bridge_of: Mapping[str, str]


def unknown(_packet: PacketState) -> Answer:
    """What cannot be known."""
    return None


@dataclass(frozen=True, slots=True)
class Unsure:
    """A match that a snapshot cannot decide, of which more is known than that.

    bound: how much it takes before it answers otherwise, "" where it does not count. usual: its
    answer to one packet of a quiet sender. chance: the kernel draws lots. why: what would tell.
    asked: answers where a packet shows it.
    """

    bound: str = ""
    usual: bool = False
    chance: bool = False
    why: str = ""
    asked: Predicate = unknown

    def __call__(self, packet: PacketState) -> Answer:
        """Answer where the packet shows it, else None."""
        return self.asked(packet)


def yes(_packet: PacketState) -> Answer:
    """Always."""
    return True


def no(_packet: PacketState) -> Answer:
    """Never."""
    return False


def invert(predicate: Predicate) -> Predicate:
    """Invert a predicate; unknown stays unknown."""
    if isinstance(predicate, Unsure):
        return replace(predicate, usual=not predicate.usual, asked=invert(predicate.asked))

    def inverted(packet: PacketState) -> Answer:
        answer = predicate(packet)
        return None if answer is None else not answer

    return inverted


def maybe(predicate: Predicate, option: Option) -> Predicate:
    """Invert a predicate where its option is negated."""
    return invert(predicate) if option.negated else predicate


Compiled = list[tuple[Predicate, Option | None]]
