"""How things are measured: medians, and ratios whose two sides take turns."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

RUNS = 7


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: what, the figure in words, what is to be reached ("" for no limit), whether it is."""

    what: str
    measured: str
    reach: str = ""
    reached: bool | None = None

    def cells(self) -> str:
        """The line in Markdown."""
        sign = {None: "", True: "yes", False: "**no**"}[self.reached]
        return f"| {self.what} | {self.measured} | {self.reach} | {sign} |"


def median_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median of several runs in milliseconds, after one that is not counted."""
    work()
    return statistics.median(took_ms(work) for _ in range(runs))


def took_ms(work: Callable[[], object]) -> float:
    """Return one run's milliseconds."""
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def in_turns(one: Callable[[], float], other: Callable[[], float], runs: int = RUNS) -> tuple[float, float]:
    """Let two measurements take turns, so that both meet the same machine; return both medians."""
    pairs = [(one(), other()) for _ in range(runs)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def ratio(what: str, ours: float, theirs: float, unit: str, limit: float | None, digits: int = 1) -> Row:
    """Return a row that compares."""
    value = ours / theirs if theirs else float("inf")
    shown = f"{value:.3f}" if value < 0.1 else f"{value:.2f}"
    return Row(
        what,
        f"{ours:.{digits}f} {unit} against {theirs:.{digits}f} {unit}: {shown}",
        f"≤ {limit:g}" if limit is not None else "",
        None if limit is None else value <= limit,
    )


def at_most(what: str, value: float, unit: str, limit: float | None, digits: int = 1, more: str = "") -> Row:
    """Return a row with a limit."""
    return Row(
        what,
        f"{value:.{digits}f} {unit}{more}",
        f"≤ {limit:g} {unit}" if limit is not None else "",
        None if limit is None else value <= limit,
    )


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a program; its output."""
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=dict(environment) if environment else None
    ).stdout
