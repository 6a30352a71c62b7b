"""What a compiled target is: an action, and the scene in which it is carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from netui.model import Hook
from netui.traversal.choices import Choices
from netui.traversal.path import Undecided
from netui.traversal.routing import Fib
from netui.traversal.transit import Transit

Kind = Literal["accept", "drop", "reject", "return", "jump", "goto", "continue", "nat", "queue", "unknown"]


class Unknowable(Exception):
    """What follows cannot be known, whatever is assumed; holds why."""

    def __init__(self, why: Undecided) -> None:
        super().__init__(why.reason)
        self.why = why


@dataclass(slots=True)
class Scene:
    """Where a target is carried out: hook, routes, this way's choices, and what to name."""

    hook: Hook
    fib: Fib
    choices: Choices
    rule: Undecided


#: Carries a target out; returns what it changed, in short ("" for nothing).
Effect = Callable[[Transit, Scene], str]


@dataclass(frozen=True, slots=True)
class Action:
    """A compiled target. verdict: as the step says it; chain: of a jump or goto."""

    kind: Kind
    verdict: str
    chain: str = ""
    effect: Effect | None = None
