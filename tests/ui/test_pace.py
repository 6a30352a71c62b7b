"""The pace of readings: as asked where they are cheap, slower where they are dear or nobody looks."""

from __future__ import annotations

import pytest

from netui.feed.read_interval import LONGEST, ReadInterval


@pytest.mark.parametrize(
    ("costs", "seconds"),
    [
        ([], 1.0),
        ([0.01, 0.01], 1.0),
        ([2.0], 1.0),
        ([2.0, 0.4], 10.0),
        ([2.0, 0.4, 0.4, 0.4], 10.0),
        ([0.4, 0.4, 9.0], 10.0),
        ([50.0, 50.0], LONGEST),
        ([0.4, 0.4, 0.4, 0.01], 1.0),
    ],
)
def test_the_cheapest_of_the_last_readings_sets_the_pace(costs: list[float], seconds: float) -> None:
    """One dear reading changes nothing; dear ones stretch it, up to a limit; a cheap one resets it."""
    pace = ReadInterval(1.0, 0.04)
    for cost in costs:
        pace.note(cost)
    assert pace.interval() == (seconds, "large ruleset" if seconds > 1 else "")


def test_small_differences_leave_the_pace_alone() -> None:
    """Readings that cost a little less do not make the interval go to and fro."""
    pace = ReadInterval(1.0, 0.04)
    found = set()
    for cost in (0.30, 0.30, 0.29, 0.28, 0.30, 0.27, 0.30, 0.28):
        pace.note(cost)
        found.add(pace.interval().seconds)
    assert found == {1.0, 8.0}


def test_out_of_focus_it_is_slower_and_says_why() -> None:
    """Without focus the interval is three times the asked one, unless it is longer already."""
    pace = ReadInterval(1.0, 0.04)
    assert pace.interval(seen=False) == (3.0, "not in focus")
    pace.note(0.4)
    pace.note(0.4)
    assert pace.interval(seen=False) == (10.0, "large ruleset")


def test_a_burst_of_events_waits_for_its_share() -> None:
    """Where a reading is dear, the next one for an event comes later; a first one says nothing."""
    pace = ReadInterval(1.0, 0.04)
    pace.note(9.0)
    assert pace.soonest(100.0) == 100.0
    pace.note(0.5)
    assert pace.soonest(100.0) == 102.0


def test_a_line_is_not_kept_busy_all_the_time() -> None:
    """Readings of another machine take half of the time at most, and the reason is the line's."""
    pace = ReadInterval(1.0, 0.04)
    for _ in range(3):
        pace.note(0.001, line=0.45)
    assert pace.interval() == (1.0, "")
    for _ in range(3):
        pace.note(0.001, line=1.7)
    assert pace.interval() == (4.0, "slow line")
    for _ in range(3):
        pace.note(0.2, line=0.45)
    assert pace.interval() == (5.0, "large ruleset")
