"""Predicates, the compiled form of matches: each answers yes, no or unknown (None) for a packet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from netui.model import IpSet, Option
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState

Answer = bool | None


Predicate = Callable[[PacketState], Answer]


@dataclass(frozen=True, slots=True)
class MatchContext:
    """The data of the namespace that matches read: routes, sets and bridge ports."""

    fib: Fib
    sets: Mapping[str, IpSet] | None
    #: bridge of each port, by the port's name
    bridge_of: Mapping[str, str]


def unknown(_packet: PacketState) -> Answer:
    """Always unknown."""
    return None


@dataclass(frozen=True, slots=True)
class Unsure:
    """A match that a snapshot cannot decide, with what is known of it.

    bound: the rate or amount up to which the usual answer holds, "" where it does not count. usual: the answer
    for one packet of a quiet sender. chance: the kernel decides by chance. why: what would decide it. asked: a
    predicate for the packets that decide it themselves.
    """

    bound: str = ""
    usual: bool = False
    chance: bool = False
    why: str = ""
    asked: Predicate = unknown

    def __call__(self, packet: PacketState) -> Answer:
        """Return the answer where the packet decides it, else None."""
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


class CompiledMatch(NamedTuple):
    """One predicate of a rule. words: the match as iptables prints it. key: its condition's, or its module's name.

    key is "" where netui does not understand the match.
    """

    predicate: Predicate
    words: str
    key: str


Compiled = list[tuple[Predicate, Option | None]]
