"""Keys that come faster than the screen: none goes to the pane that had the focus before.

Textual hands each key to the widget that has the focus when the key arrives, and the
widget acts on it later, in its own turn. Of ``/openresty`` in one burst, a paste or a
slow line, the ``o`` would still go to the pane. Here the app itself acts on each key
before it takes the next.
"""

from __future__ import annotations

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.events import Event
from textual.widgets import Input

from netui.ui.at_once import paint


class TypeAheadApp(App[int]):
    """An app that finishes with one key before it looks at the next."""

    async def on_event(self, event: Event) -> None:
        """Act on a key; all else is Textual's."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            if not self.screen_stack:
                return  # typed on while the app ends
            if isinstance(self.screen, CommandPalette):
                await super().on_event(event)
                return
            if not self.app_focus:
                self.app_focus = True
            if await self._typed(event):
                paint(self.screen)
                return
        await super().on_event(event)

    async def _typed(self, event: events.Key) -> bool:
        """Run the key's binding, or put its letter into the line that has the focus; False if it is neither."""
        if await self._check_bindings(event.key, priority=True):
            return True
        focused = self.focused
        if isinstance(focused, Input) and event.is_printable and event.character is not None:
            if focused.selection.is_empty:
                focused.insert_text_at_cursor(event.character)
            else:
                focused.replace(event.character, *focused.selection)
            return True
        return await self._check_bindings(event.key)
