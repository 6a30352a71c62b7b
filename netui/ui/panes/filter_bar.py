"""The filter line, which filters the tree and the chain table."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input


class FilterBar(Input):
    """The filter applies while the user types; Enter keeps it, Esc clears it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Keep", key_display="Enter", id="filter.submit",
                tooltip="Keep the filter and leave the line"),
        Binding("escape", "clear", "Clear", key_display="Esc", id="filter.clear", tooltip="Clear the filter"),
        Binding("down", "submit", "Keep", show=False, id="filter.keep", tooltip="Keep the filter and leave the line"),
    ]  # fmt: skip

    class Narrowed(Message):
        """The filter changed."""

    def __init__(self, done: Callable[[], None], *, id: str | None = None) -> None:
        super().__init__(placeholder="text, regex, a name; ! inverts", compact=True, id=id, select_on_focus=False)
        self._done = done

    def on_input_changed(self, event: Input.Changed) -> None:
        """Apply the filter while typing."""
        event.stop()
        self.post_message(self.Narrowed())

    async def action_submit(self) -> None:
        """Keep the filter."""
        self._done()

    def action_clear(self) -> None:
        """Clear the filter and leave the line."""
        self.value = ""
        self._done()
