"""The order of fast keys: each key takes effect before the next one is dispatched.

Textual sends each key to the widget with the focus, and the widget handles it later in its own task. When
``/openresty`` arrives at once (a paste or a slow connection), the ``o`` would still go to the pane. Here the app itself
handles each key before it takes the next one.

Work that follows a key elsewhere, such as the details of a new cursor line, is done a moment later. Otherwise the
key's own frame would wait for the processor (1 ms for one in ten, measured). Pending work is done before the next key.
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

#: Seconds until a frame has reached the terminal; less than between two repeated keys.
_AFTER = 0.015
#: Seconds after a key in which work counts as caused by the key, not by a snapshot.
_ITS_OWN = 0.1


class TypeAheadApp(App[int]):
    """An app that finishes one key before the next."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Textual's own
        super().__init__(**options)
        #: whether a key's work has priority, also over reading and computing threads
        self.keys_first = False
        self._following: Callable[[], None] | None = None
        self._key_came = float("-inf")

    def after_key(self, work: Callable[[], None]) -> None:
        """Call a function a moment after its key; a later key's function replaces it.

        Without a recent key, call it at once.
        """
        if not self.keys_first or time.monotonic() - self._key_came > _ITS_OWN:
            self._following = None
            work()
            return
        if self._following is None:
            asyncio.get_running_loop().call_later(_AFTER, self.call_later, self.catch_up)
        self._following = work

    def catch_up(self) -> None:
        """Do the pending work now."""
        work, self._following = self._following, None
        if work is not None:
            work()

    async def on_event(self, event: Event) -> None:
        """Handle a key; Textual handles other events."""
        if isinstance(event, events.InputEvent):
            self.catch_up()
            self._key_came = time.monotonic()
        if isinstance(event, events.Key) and not event.is_forwarded and fast():
            if not self.screen_stack:
                return  # keys while the app ends
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
        """Run the key's binding, or insert its letter into the focused input; False for neither."""
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
