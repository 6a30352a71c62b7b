"""The drawer with the last Docker events and rule changes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType

from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import GoTo
from netui.ui.presenters.events import EventLog, RuleChange, entry_spans
from netui.ui.presenters.selection import ChainItem, RuleItem
from netui.ui.presenters.spans import Spans


class EventsPane(LineView):
    """The events, newest last; Enter unfolds an event's changed rules, or goes to a rule."""

    idle_cursor = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,space",
            "activate",
            "Rules",
            key_display="Enter",
            id="events.open",
            tooltip="Show the event's rules; go to one",
        ),
    ]

    def __init__(self, log: EventLog, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.log_kept = log
        self._open: set[int] = set()
        self._lines: list[tuple[int, RuleChange | None, Spans]] = []
        self.border_title = " Events "

    def update_events(self) -> None:
        """Show the log; a cursor on the newest line follows new lines."""
        at_end = self.cursor >= len(self._lines) - 1
        self._lines = []
        for entry in self.log_kept.entries:
            self._lines.append((entry.number, None, entry_spans(entry)))
            if entry.number in self._open:
                for change in entry.changes[:200]:
                    sign = "+" if change.added else "−"
                    spans: Spans = [
                        (f"            {sign} ", "good" if change.added else "bad"),
                        (f"{change.identity[0]} ", "target"),
                        (change.identity[2], "" if change.added else "dim"),
                    ]
                    self._lines.append((entry.number, change, spans))
        if not self._lines:
            self._lines = [(0, None, [(" nothing yet: Docker events and rule changes will stand here", "dim")])]
        keys: list[Hashable] = [(number, change) for number, change, _ in self._lines]
        self.set_keys(keys)
        if at_end and not self.has_focus:
            self.move_to(len(self._lines) - 1)

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line's text."""
        return self._lines[index][2]

    def activated(self, index: int) -> None:
        """Unfold an event's rules, or go to a rule."""
        number, change, _ = self._lines[index]
        if change is None:
            self._open ^= {number}
            self.update_events()
        elif change.added:
            self.post_message(GoTo(RuleItem(change.ruleset, change.identity)))
        else:
            self.post_message(GoTo(ChainItem(change.ruleset, change.identity[0], change.identity[1])))
