"""The filter line: what is typed there narrows the tree and the chain table at once."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterBar(Input):
    """Typed text narrows while it is typed; Enter keeps it, Esc clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "Clear", id="filter.clear", tooltip="Clear the filter"),
        Binding("down", "submit", "Keep", show=False, id="filter.keep", tooltip="Keep the filter and leave the line"),
    ]

    class Narrowed(Message):
        """The filter changed; ``done`` when the line is left."""

        def __init__(self, text: str, *, done: bool, cleared: bool = False) -> None:
            self.text = text
            self.done = done
            self.cleared = cleared
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(placeholder="text, regex, a name; ! inverts", compact=True, id=id, select_on_focus=False)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow while typing."""
        event.stop()
        self.post_message(self.Narrowed(event.value, done=False))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep what was typed."""
        event.stop()
        self.post_message(self.Narrowed(event.value, done=True))

    def action_clear(self) -> None:
        """Clear the filter and leave the line."""
        self.value = ""
        self.post_message(self.Narrowed("", done=True, cleared=True))
