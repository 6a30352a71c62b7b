"""How often a group of sources is read: as wanted, or less often if that costs too much or the focus is elsewhere."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

#: The longest interval, in seconds.
LONGEST = 60.0
#: The factor of the interval while the terminal does not have the focus.
UNSEEN = 3.0
#: The cheapest of so many readings counts: one with a changed ruleset, or on a busy machine, does not predict the next.
_RECENT = 3
#: The share of the time that readings of another machine may take on the connection.
_LINE = 0.5
#: The share of a core that a burst of events may take.
_BURST = 0.25


class Interval(NamedTuple):
    """The seconds between two readings, and why they differ from the wanted ones ("" where they do not)."""

    seconds: float
    why: str = ""


class ReadInterval:
    """Keeps the cost of readings under a share of one core.

    asked: the wanted seconds between readings. budget: the processor seconds per second that readings may take,
    including their programs.
    """

    def __init__(self, asked: float, budget: float) -> None:
        self._asked, self._budget = asked, budget
        self._costs: deque[float] = deque(maxlen=_RECENT)
        self._lines: deque[float] = deque(maxlen=_RECENT)
        self._stretched = asked
        self._why = "large ruleset"

    def note(self, cost: float, line: float = 0.0) -> None:
        """Note the processor seconds of a reading; the first reading does not count.

        line: the seconds that it took on the connection to another machine.
        """
        self._costs.append(cost)
        self._lines.append(line)
        if len(self._costs) < 2:
            return
        work, wait = min(self._costs) / self._budget, min(self._lines) / _LINE
        needed = max(work, wait)
        self._why = "slow line" if wait > work else "large ruleset"
        # shorten it only if it is clearly too long, because costs vary
        if needed > self._stretched or needed < 0.7 * self._stretched:
            whole = float(-(-needed // 1))
            self._stretched = self._asked if needed <= self._asked else min(whole, max(LONGEST, self._asked))

    def interval(self, *, seen: bool = True) -> Interval:
        """Return the present interval. seen: whether the terminal has the focus."""
        if not seen and self._asked * UNSEEN > self._stretched:
            return Interval(self._asked * UNSEEN, "not in focus")
        return Interval(self._stretched, self._why if self._stretched > self._asked else "")

    def soonest(self, began: float) -> float:
        """Return the earliest time of a reading after an event, given the start of the last reading."""
        return began + (min(self._costs) / _BURST if len(self._costs) > 1 else 0.0)
