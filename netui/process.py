"""Settings of the whole process: garbage collector, switch interval, malloc."""

from __future__ import annotations

import ctypes
import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds between two collections of the young generation, and between two freezes on a host that always changes.
_YOUNG, _EVERY = 3.0, 5.0
#: Seconds without a key that count as idle, and seconds after which it collects in any case.
_QUIET, _PATIENCE = 0.5, 20.0
#: With so many young objects it does not wait for idleness: they take 20 ms to collect, and some 10 MB (measured).
_MANY = 100_000
#: Seconds, and freezes, after which frozen objects are collected, too, because some may be garbage.
_WHOLE, _SETTLINGS = 600.0, 20

#: mallopt(3): M_MMAP_THRESHOLD, and its value in bytes.
_MMAP_THRESHOLD, _SIZE = -3, 256 * 1024
_set: set[str] = set()


def large_blocks_apart() -> None:
    """``mallopt(M_MMAP_THRESHOLD)``: use mmap for each large block, so that free() returns it to the system.

    By default glibc raises this threshold with each freed block, up to 32 MB. Then a save of 50,000 rules leaves
    20 MB of holes in the heap (measured).
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
    """Disable automatic garbage collection for good; :class:`Collector` runs it instead."""
    gc.disable()


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector: walks create no reference cycles, and collections took a seventh of the time.

    The objects of the walks go to the oldest generation at once, which is collected least often.
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
    """Runs the garbage collector while the user is idle, and freezes long-lived objects.

    forget: called before each collection, to clear caches.

    Automatic collection visits all objects every few seconds, often during a key: 40 ms with 1,000 rules, 80 ms
    with 50,000 (measured). So the screen disables it, and calls this class when no key has come for a moment.
    Long-lived objects of snapshots and panes are frozen (``gc.freeze``) when they are new, so a collection only visits
    later objects.

    While the user presses keys, garbage accumulates: opening and closing a screen leaves 10,000 objects, and half
    a minute of that 80 MB (measured). So the young generation is collected when it is large, keys or not. On a
    host that changes all the time, frozen objects are collected sooner.
    """

    def __init__(self, forget: Callable[[], None] = lambda: None) -> None:
        self._forget = forget
        self._changed = False
        self._settlings = 0
        self._looked = self._settled = float("-inf")
        self._whole = self._last_key = time.monotonic()

    def changed(self) -> None:
        """Note that many objects are new, as after a change of rules or containers."""
        self._changed = True

    def key(self) -> None:
        """Note that a key came."""
        self._last_key = time.monotonic()

    def quiet(self) -> bool:
        """Whether no key has come for a moment; thread-safe."""
        return time.monotonic() - self._last_key >= _QUIET

    def tick(self) -> None:
        """Collect if the user is idle and a collection is due; must be called about every second."""
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
