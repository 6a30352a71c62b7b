"""The outcome of a port for one origin: the state, its rule, and the senders with another outcome."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from netui.audit.origins import WIDEST, Origin, Where
from netui.model import Family
from netui.traversal import Step

#: open: packets get through. refused: packets get through, but nothing listens.
State = Literal["open", "refused", "closed", "undecided"]
Listening = Literal["yes", "loopback", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Listed:
    """Machines outside with an outcome of their own: their networks, the outcome, and the rule that causes it."""

    addresses: tuple[str, ...]
    state: State
    step: Step | None
    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The outcome for one origin and family.

    way: the kind of destination ("published", "direct"). source, destination: of the walked path. step: the
    deciding rule. reason: one sentence. condition: the limits of the outcome. senders: for any machine outside,
    the senders with another outcome; the state is that of everyone else.
    """

    origin: Origin
    state: State
    way: str
    destination: str
    reason: str
    step: Step | None
    undecided: tuple[str, ...] = ()
    condition: str = ""
    senders: tuple[Listed, ...] = ()

    @property
    def listed(self) -> tuple[str, ...]:
        """The networks that get through although everyone else does not."""
        if self.state in ("open", "refused"):
            return ()
        return tuple(net for senders in self.senders if senders.state == "open" for net in senders.addresses)


def by_family(cells: Iterable[Cell], where: Where) -> dict[Family, list[Cell]]:
    """Return the cells of a kind of origin, by family."""
    families: dict[Family, list[Cell]] = {}
    for cell in cells:
        if cell.origin.where == where:
            families.setdefault(cell.origin.family, []).append(cell)
    return families


def widest(cells: Iterable[Cell]) -> Where | None:
    """Return the widest kind of origin with an open cell, None if there is none."""
    opened = {cell.origin.where for cell in cells if cell.state == "open"}
    return next((where for where in WIDEST if where in opened), None)
