"""Lines of the detail pane, and their input."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netui.model import Snapshot
from netui.text.visible import escape
from netui.traversal.result import Flow
from netui.ui.presenters.chains.counters import CounterTrack
from netui.ui.presenters.names import Names
from netui.ui.presenters.selection import Item
from netui.ui.presenters.spans import Role, Spans, wrap

if TYPE_CHECKING:
    from netui.explain.names import Names as Words


@dataclass(frozen=True, slots=True)
class DetailLine:
    """One line; action: the target of Enter, an item or a flow."""

    key: Hashable
    spans: Spans
    action: Item | Flow | None = None


@dataclass(frozen=True, slots=True)
class DetailInput:
    """The input of the details.

    flows: None while they are being computed. opened: the open flow; followed: whether the tree's cursor opened
    it. width: of the pane. words: the names for sentences, made on first use.
    """

    snapshot: Snapshot
    names: Names
    track: CounterTrack
    words: Callable[[], Words]
    flows: tuple[Flow, ...] | None = ()
    flows_problem: str = ""
    opened: Flow | None = None
    followed: bool = False
    width: int = 80


_LABEL = 11


def field(label: str, text: str, role: Role = "", action: Item | Flow | None = None) -> DetailLine:
    """Return one line of "label  text"; the text is escaped here."""
    return DetailLine((label, text), [(f"{label:<{_LABEL}} ", "key"), (escape(text), role)], action)


def wrapped(lines: list[DetailLine], width: int) -> list[DetailLine]:
    """Wrap long lines, so that a whole rule is readable without scrolling sideways."""
    result: list[DetailLine] = []
    for line in lines:
        if isinstance(line.action, Flow):
            result.append(line)
        else:
            indent = len(line.spans[0][0]) if line.spans and line.spans[0][1] == "key" else 2
            result.extend(DetailLine(line.key, part, line.action) for part in wrap(line.spans, width, indent))
    return result


def heading(text: str) -> DetailLine:
    """Return a heading within the pane."""
    return DetailLine(("heading", text), [(escape(text), "title")])


def gone(what: str) -> DetailLine:
    """Return the line of an item that no longer exists."""
    return field("", f"this {what} is gone", "warn")
