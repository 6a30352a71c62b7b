"""The garbage collector, kept off the keys.

Left to itself it looks at all objects every few seconds, in the middle of whatever key was
pressed: 40 ms with 1,000 rules, 80 ms with 50,000 (measured). The program therefore switches
its own pace off before the first screen, and it is asked here, when no key has come for a
moment. What a snapshot and the panes hold for long is set aside (``gc.freeze``) when it is
new, so that a collection looks at what came since.

While keys come, what they leave behind adds up: a screen that is opened and closed leaves
10,000 objects, and half a minute of that 80 MB (measured). So the young are looked at when
they are many, keys or not; and on a host that changes all the time, what was set aside is
looked through sooner.
"""

from __future__ import annotations

import gc
import time

from textual._styles_cache import StylesCache

#: Seconds between two looks at what is young, and between two settlings while the host changes all the time.
_YOUNG, _EVERY = 3.0, 5.0
#: Seconds without a key that make a good moment, and those after which any moment is good enough.
_QUIET, _PATIENCE = 0.5, 20.0
#: Objects that are too many to wait for a good moment: 20 ms of looking at them, some 10 MB (measured).
_MANY = 100_000
#: Seconds after which what was set aside is looked through too, and settlings: some of it may be of no use any more.
_WHOLE, _SETTLINGS = 600.0, 20


class Collector:
    """Collects at good moments, and sets aside what is there to stay."""

    def __init__(self) -> None:
        self._changed = False
        self._settlings = 0
        self._looked = self._settled = float("-inf")
        self._whole = self._last_key = time.monotonic()

    def changed(self) -> None:
        """Note that much is new, as after a change of the structure."""
        self._changed = True

    def key(self) -> None:
        """Note that a key came."""
        self._last_key = time.monotonic()

    def quiet(self) -> bool:
        """Whether no key has come for a moment; may be called from any thread."""
        return time.monotonic() - self._last_key >= _QUIET

    def tick(self) -> None:
        """Collect if this is a good moment and something is due; to be called every second or so."""
        now = time.monotonic()
        if not self.quiet() and now - self._looked < _PATIENCE:
            if gc.get_count()[0] >= _MANY:
                gc.collect(1)
            return
        _forget()
        if now - self._whole >= _WHOLE or self._settlings >= _SETTLINGS:
            self._whole = now
            self._settlings = 0
            gc.unfreeze()
            self._settle(now)
        elif self._changed and now - self._settled >= _EVERY:
            self._settle(now)
        elif now - self._looked >= _YOUNG:
            self._looked = now
            gc.collect(1)

    def _settle(self, now: float) -> None:
        self._changed = False
        self._settlings += 1
        self._looked = self._settled = now
        gc.collect()
        gc.freeze()


def _forget() -> None:
    """Let go of the screens of before.

    In Textual 8 a cache of 1,024 colours has the painted rows of the widget that asked in its key
    (``StylesCache.get_inner_outer``, which was to be a class method): 2 MB for each hundred
    screens that were opened (measured), until it is full.
    """
    clear = getattr(StylesCache.get_inner_outer, "cache_clear", None)
    if clear is not None:
        clear()
