"""The garbage collector, kept off the keys.

A full collection looks at all objects: 40 ms with 1,000 rules, more with more (measured),
every few seconds, in the middle of whatever key was pressed. What a snapshot and the panes
hold for long is therefore set aside (``gc.freeze``) when it is new, and collections look
at what came since. Until the first screen stands there is no collection at all, which
is a tenth of the time to it.
"""

from __future__ import annotations

import gc
import time

#: Seconds after a change, and between two settlings while the host changes all the time.
_SOON, _EVERY = 0.5, 5.0
#: Seconds after which what was set aside is looked through too: some of it may be of no use any more.
_WHOLE = 600.0


class Collector:
    """Sets aside what is there to stay."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._whole = time.monotonic()
        self._waiting = False

    def due(self) -> float | None:
        """Say that much is new; return in how many seconds to settle it, None if that is being waited for."""
        if self._waiting:
            return None
        self._waiting = True
        return max(_SOON, self._last + _EVERY - time.monotonic())

    def settle(self) -> None:
        """Collect what is of no use and set the rest aside."""
        self._waiting = False
        self._last = time.monotonic()
        if self._last - self._whole > _WHOLE:
            self._whole = self._last
            gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.enable()
