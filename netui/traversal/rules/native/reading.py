"""A reading, the value of a key for a packet: a number, a name, a number that stands for many, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from netui.model import Family, Interface
from netui.traversal.any_outside import AnyOutside
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native.masked import Masked
from netui.traversal.several import Several


class _Absent:
    """The packet has no such field."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class PortSpan:
    """A port that is not chosen yet, from ``low`` to ``high``.

    client: it is the port that the client of an answer chose; rules for single ports are not about it.
    """

    low: int
    high: int
    client: bool = False


@dataclass(frozen=True, slots=True)
class Vague:
    """A number that stands for many: any machine outside (bits: 32 or 128), or many ports (16)."""

    who: AnyOutside | Several | Masked
    bits: int


PORT_BITS = 16


Reading = int | str | Vague | PortSpan | _Absent | None


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What a key reads of the namespace: its routes by family, and its interfaces by name."""

    fibs: Mapping[Family, Fib]
    interfaces: Mapping[str, Interface]


Reader = Callable[[PacketState, KeyContext], Reading]


def unknown(_packet: PacketState, _context: KeyContext) -> Reading:
    """Read a key that netui does not know."""
    return None
