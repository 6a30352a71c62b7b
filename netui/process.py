"""What is set for the whole process: garbage collector, switch interval, malloc."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two looks at what is young, and between two settlings while the host changes all the time.
_YOUNG, _EVERY = 3.0, 5.0
#: Seconds without a key that make a good moment, and those after which any moment is good enough.
_QUIET, _PATIENCE = 0.5, 20.0
#: Objects that are too many to wait for a good moment: 20 ms of looking at them, some 10 MB (measured).
_MANY = 100_000
#: Seconds after which what was set aside is looked through too, and settlings: some of it may be of no use any more.
_WHOLE, _SETTLINGS = 600.0, 20

#: mallopt(3): M_MMAP_THRESHOLD, and the size in bytes from which a block is mapped by itself.
_MMAP_THRESHOLD, _SIZE = -3, 256 * 1024
_set: set[str] = set()


def large_blocks_apart() -> None:
    """``mallopt(M_MMAP_THRESHOLD)``: map each large block by itself, so that its memory goes back when it is freed.

    Without it glibc's limit grows with each block that is freed, up to 32 MB, and a
    save of 50,000 rules leaves 20 MB of holes in the heap (measured).
    """
    if "malloc" not in _set:
        _set.add("malloc")
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(_MMAP_THRESHOLD, _SIZE)


def short_turns(seconds: float) -> None:
    """``sys.setswitchinterval``: how long a worker may hold the GIL while the UI thread waits."""
    sys.setswitchinterval(seconds)


def collector_off() -> None:
    """Switch the garbage collector's own pace off for good; :class:`Collector` asks it instead."""
    gc.disable()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector: walks leave no cycles, and looking for them took a seventh of the time.

    What the walks leave is set to the oldest generation at once, which is looked through least often.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


class Collector:
    """Collects at good moments, and sets aside what is there to stay.

    forget: called before each collection, to let go of caches.

    Left to itself the garbage collector looks at all objects every few seconds, in the middle of whatever
    key was pressed: 40 ms with 1,000 rules, 80 ms with 50,000 (measured). The screen therefore switches its own
    pace off before it starts, and asks here, when no key has come for a moment. What a snapshot and
    the panes hold for long is set aside (``gc.freeze``) when it is new, so that a collection looks at what came since.

    While keys come, what they leave behind adds up: a screen that is opened and closed leaves
    10,000 objects, and half a minute of that 80 MB (measured). So the young are looked at when
    they are many, keys or not; and on a host that changes all the time, what was set aside is looked through sooner.
    """

    def __init__(self, forget: Callable[[], None] = lambda: None) -> None:
        self._forget = forget
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
        self._forget()
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
