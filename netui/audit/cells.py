"""What one place that packets come from gets of a port: the answer, its rule, and for whom it is otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from netui.audit.origins import WIDEST, Origin, Where
from netui.model import Family
from netui.traversal import Step

#: open: it gets through. refused: it gets through, and nothing listens. none: nobody is there.
State = Literal["open", "refused", "closed", "undecided"]
Listening = Literal["yes", "loopback", "no", "unknown"]


@dataclass(frozen=True, slots=True)
class Listed:
    """Machines outside that rules name: their networks, what becomes of theirs, and the rule that tells them apart."""

    addresses: tuple[str, ...]
    state: State
    step: Step | None
    reason: str


@dataclass(frozen=True, slots=True)
class Cell:
    """The answer for one place and family.

    way: how it is asked for ("published", "direct"). source, destination: the path that was
    walked. step: the deciding rule. reason: in one sentence. condition: up to which limit that holds.
    senders: of some machine outside, those for whom it is otherwise; the state is everyone else's.
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
        """The networks that get through though everyone else does not."""
        if self.state in ("open", "refused"):
            return ()
        return tuple(net for one in self.senders if one.state == "open" for net in one.addresses)


def by_family(cells: Iterable[Cell], where: Where) -> dict[Family, list[Cell]]:
    """Return the cells of a kind of place, by family."""
    found: dict[Family, list[Cell]] = {}
    for cell in cells:
        if cell.origin.where == where:
            found.setdefault(cell.origin.family, []).append(cell)
    return found


def widest(cells: Iterable[Cell]) -> Where | None:
    """Return the widest place of which a cell is open, None if none is."""
    opened = {cell.origin.where for cell in cells if cell.state == "open"}
    return next((where for where in WIDEST if where in opened), None)
