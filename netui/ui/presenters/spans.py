"""The words between presenters and panes: a line is a list of (text, role)."""

from __future__ import annotations

from typing import Literal

#: What a piece of text is; the look of each role stands in ``netui.tcss``.
Role = Literal[
    "", "dim", "strong", "name", "title", "good", "bad", "warn", "moved", "step", "mark", "target", "key", "number"
]
Span = tuple[str, Role]
Spans = list[Span]


def plain(spans: Spans) -> str:
    """Return the text alone."""
    return "".join(text for text, _ in spans)
