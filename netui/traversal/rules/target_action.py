"""What a target is compiled to: an action, and the context in which it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from netui.model import Hook
from netui.model.statements import Verdict
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Change, Undecided
from netui.traversal.unknowns import Unknowns

Kind = Literal["accept", "drop", "reject", "return", "jump", "goto", "continue", "nat", "queue", "unknown"]


class Unknowable(Exception):
    """The rest of the walk cannot be known, whatever is assumed; it holds the reason."""

    def __init__(self, why: Undecided) -> None:
        super().__init__(why.reason)
        self.why = why


@dataclass(slots=True)
class TargetContext:
    """Where a target is carried out: hook, routes, the walk's unknowns, and the rule to name."""

    hook: Hook
    fib: Fib
    unknowns: Unknowns
    rule: Undecided


#: Executes a target; returns the changes.
Effect = Callable[[PacketState, TargetContext], tuple[Change, ...]]


@dataclass(frozen=True, slots=True)
class Action:
    """A compiled target. kind: how the walk goes on; verdict: that of the step."""

    kind: Kind
    verdict: Verdict
    effect: Effect | None = None
