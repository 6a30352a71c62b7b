"""How often a group of sources is read: as asked, or less often where that costs too much or nobody looks."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

#: Seconds between two readings are never stretched further than this.
LONGEST = 60.0
#: While the terminal is not in focus, readings are this many times rarer.
UNSEEN = 3.0
#: The cheapest of so many readings counts: one that met a changed ruleset, or a busy
#: machine, says nothing about the next.
_RECENT = 3
#: Readings of another machine may take this share of the time, else the line does nothing else.
_LINE = 0.5
#: A burst of events may take this share of a core.
_BURST = 0.25


class Interval(NamedTuple):
    """Seconds between two readings, and why they are not those asked for ("" where they are)."""

    seconds: float
    why: str = ""


class ReadInterval:
    """Keeps the cost of readings under a share of one core.

    asked: seconds between readings, as the user or the source's nature wants them.
    budget: processor seconds a second that readings may take, children counted.
    """

    def __init__(self, asked: float, budget: float) -> None:
        self._asked, self._budget = asked, budget
        self._costs: deque[float] = deque(maxlen=_RECENT)
        self._lines: deque[float] = deque(maxlen=_RECENT)
        self._stretched = asked
        self._why = "large ruleset"

    def note(self, cost: float, line: float = 0.0) -> None:
        """Take the processor seconds of one reading; they count from the second one on.

        line: the seconds that it took on the line to another machine.
        """
        self._costs.append(cost)
        self._lines.append(line)
        if len(self._costs) < 2:
            return
        work, wait = min(self._costs) / self._budget, min(self._lines) / _LINE
        needed = max(work, wait)
        self._why = "slow line" if wait > work else "large ruleset"
        # back only where it is clearly too long: readings cost now a little more, now a little less
        if needed > self._stretched or needed < 0.7 * self._stretched:
            whole = float(-(-needed // 1))
            self._stretched = self._asked if needed <= self._asked else min(whole, max(LONGEST, self._asked))

    def interval(self, *, seen: bool = True) -> Interval:
        """Return the interval that holds now. seen: whether the terminal is in focus."""
        if not seen and self._asked * UNSEEN > self._stretched:
            return Interval(self._asked * UNSEEN, "not in focus")
        return Interval(self._stretched, self._why if self._stretched > self._asked else "")

    def soonest(self, began: float) -> float:
        """Return when an event may ask again, where the last reading began at that moment."""
        return began + (min(self._costs) / _BURST if len(self._costs) > 1 else 0.0)
