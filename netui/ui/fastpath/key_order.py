"""Keys that come faster than the screen: none goes to the pane that had the focus before.

Textual hands each key to the widget that has the focus when the key arrives, and the
widget acts on it later, in its own turn. Of ``/openresty`` in one burst, a paste or a
slow line, the ``o`` would still go to the pane. Here the app itself acts on each key
before it takes the next.

What follows a key in another place, as details follow a cursor, comes a moment later: else the
key's own frame, which is still on its way to the terminal, waits for the processor (1 ms for one
in ten, measured). What still waits when the next key comes is done first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.command import CommandPalette
from textual.events import Event
from textual.widgets import Input

from netui.ui.fastpath.paint_now import paint
from netui.ui.fastpath.support import fast

#: Seconds in which a frame is at the terminal; less than between two keys that repeat.
_AFTER = 0.015
#: Seconds for which what is asked for is a key's doing, not that of a snapshot.
_ITS_OWN = 0.1


class TypeAheadApp(App[int]):
    """An app that finishes with one key before it looks at the next."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Textual's own
        super().__init__(**options)
        #: whether what a key asks for goes before all else: threads that read and reckon give way, too
        self.keys_first = False
        self._following: Callable[[], None] | None = None
        self._key_came = float("-inf")

    def after_key(self, work: Callable[[], None]) -> None:
        """Do a thing a moment after the key that asked for it; where another key asks sooner, its thing alone.

        Where no key asked, at once.
        """
        if not self.keys_first or time.monotonic() - self._key_came > _ITS_OWN:
            self._following = None
            work()
            return
        if self._following is None:
            asyncio.get_running_loop().call_later(_AFTER, self.call_later, self.catch_up)
        self._following = work

    def catch_up(self) -> None:
        """Do now what is still to follow."""
        work, self._following = self._following, None
        if work is not None:
            work()

    async def on_event(self, event: Event) -> None:
        """Act on a key; all else is Textual's."""
        if isinstance(event, events.InputEvent):
            self.catch_up()
            self._key_came = time.monotonic()
        if isinstance(event, events.Key) and not event.is_forwarded and fast():
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
