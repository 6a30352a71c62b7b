"""From a key press to the frame that it painted whole, in netui while it polls and in the ten-line list."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.largehost import LargeHost
from tests.bench.terminal import Cell, Terminal

#: Name, the key, the key that undoes it.
KEYS: Sequence[tuple[str, str, str]] = (
    ("cursor down", "\x1b[B", "\x1b[A"),
    ("page down", "\x1b[6~", "\x1b[5~"),
    ("fold", " ", " "),
    ("next step", "n", "N"),
)
_LIMIT = 2.0
#: More cells than a refresh of counters changes.
_MUCH = 400


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds: of one program's presses of one key."""

    median: float
    p99: float

    @staticmethod
    def of(milliseconds: Sequence[float]) -> Latency:
        """Sum up presses: the p99 is the smallest that 99 in a hundred do not exceed."""
        ordered = sorted(milliseconds)
        return Latency(statistics.median(ordered), ordered[math.ceil(len(ordered) * 0.99) - 1])

    @staticmethod
    def middle(rounds: Sequence[Latency]) -> Latency:
        """Return the median of several rounds' figures."""
        return Latency(
            statistics.median(each.median for each in rounds), statistics.median(each.p99 for each in rounds)
        )


def _looks(cells: Sequence[Cell]) -> list[str]:
    """The backgrounds of the cells: a refresh of counters changes none, a cursor does."""
    return [style.rpartition(";48;")[2] for _, style in cells]


def press(terminal: Terminal, key: str) -> float:
    """Press a key; milliseconds to the first frame in which a cursor moved or much text changed.

    Raises AssertionError where there is none: the key did something else than is to be measured.
    """
    before = list(terminal.grid.cells)
    looks = _looks(before)

    began = terminal.press(key)
    painted: float | None = None
    for _ in range(5):
        for frame in terminal.read(_LIMIT / 5, quiet=0.04):
            terminal.grid.feed(frame.data)
            cells = terminal.grid.cells
            if painted is None and (terminal.grid.changed(before) > _MUCH or _looks(cells) != looks):
                painted = frame.time
        if painted is not None:
            return (painted - began) * 1000
    raise AssertionError(f"{key!r} moved nothing within {_LIMIT:g} s:\n{terminal.grid.text()}")


def many(terminal: Terminal, key: str, back: str, presses: int) -> Latency:
    """Press there and back at uneven moments, so that refreshes are met too."""
    took = []
    for number in range(presses):
        terminal.settle(0.015 + 0.037 * (number % 5))
        took.append(press(terminal, key if number % 2 == 0 else back))
    return Latency.of(took)


def list_latencies(presses: int) -> dict[str, Latency]:
    """The list app's own."""
    with Terminal([sys.executable, "-m", "tests.bench.listapp"]) as terminal:
        terminal.wait_text("line 9")
        terminal.settle(1.0)
        return {name: many(terminal, key, back, presses) for name, key, back in KEYS}


def netui_latencies(host: LargeHost, presses: int) -> dict[str, Latency]:
    """netui's, with the chain table in focus; for the steps a flow of the first container is open."""
    found: dict[str, Latency] = {}
    with Terminal(host.netui, host.environment) as terminal:
        terminal.wait_text("Docker ", 60)
        terminal.settle(6.0)
        open_flow(terminal)
        for name, key, back in KEYS:
            terminal.settle(0.5)
            found[name] = many(terminal, key, back, presses)
    return found


def open_flow(terminal: Terminal) -> None:
    """Put the tree's cursor on the first container, whose first flow then opens, and go to its first step."""
    for key in "jj":
        terminal.press(key)
        terminal.settle(0.2)
    terminal.wait_text("▶ ✓ outside → 20000/tcp", 20)
    for key in "2n":
        terminal.press(key)
        terminal.settle(0.5)
