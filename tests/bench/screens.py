"""The program itself in a terminal: processor time, bytes, keys, start, memory."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time

from tests.bench.keys import KEYS, Latency, list_latencies, netui_latencies
from tests.bench.largehost import LargeHost
from tests.bench.measure import Row, at_most, in_turns, ratio
from tests.bench.terminal import Cell, Terminal

#: All tables of both families, as netui reads them, every second.
WATCH = [
    "watch",
    "-n1",
    "for t in raw mangle nat filter; do iptables -t $t -nvL; ip6tables -t $t -nvL; done",
]
_SETTLE = 12.0
#: Presses of each key in a round, and rounds.
_PRESSES, _ROUNDS = 100, 5


def shares(terminal: Terminal, windows: int, seconds: float) -> list[float]:
    """Percent of a core, window by window."""
    found = []
    for _ in range(windows):
        cpu, began = terminal.cpu(), time.perf_counter()
        terminal.settle(seconds)
        found.append(100 * (terminal.cpu() - cpu) / (time.perf_counter() - began))
    return found


def idle_rows() -> list[Row]:
    """An idle screen at 1,000 rules against watch, and what it writes."""
    with LargeHost(100, 1_000) as host:
        host.traffic()
        with Terminal([*host.inside, *WATCH]) as watch, Terminal(host.netui, host.environment) as netui:
            netui.wait_text("Docker ", 60)
            netui.settle(_SETTLE)
            watch.settle(2.0)
            ours, theirs = [], []
            for _ in range(5):
                ours += shares(netui, 1, 15.0)
                theirs += shares(watch, 1, 15.0)
                netui.settle(0.1)
            mine, other = statistics.median(ours), statistics.median(theirs)
            rows = [
                ratio(
                    "CPU of an idle screen, 1,000 rules / watch -n1 iptables -nvL, all tables", mine, other, "%", 1, 2
                )
            ]
            netui.settle(1.0)
            rows.append(_bytes(netui))
    return rows


def _bytes(netui: Terminal) -> Row:
    """Bytes of each idle frame against those of a writer that moves to each changed run and writes it."""
    found, total, cells = [], 0, 0
    for frame in netui.read(12.0):
        before = list(netui.grid.cells)
        netui.grid.feed(frame.data)
        least = least_bytes(before, netui.grid.cells, netui.grid.width)
        if least:
            found.append(len(frame.data) / least)
            total += len(frame.data)
            cells += netui.grid.changed(before)
    value = statistics.median(found) if found else 0.0
    measured = f"{value:.2f} × ({total / max(1, len(found)):.0f} bytes for {cells / max(1, len(found)):.1f} cells)"
    return Row(
        "bytes of an idle refresh / the changed cells, each run placed and styled", measured, "≤ 3 ×", value <= 3
    )


def least_bytes(before: list[Cell], after: list[Cell], width: int) -> int:
    """Bytes that the changed cells need: for each run its place, its style, its text, its style's end."""
    needed, last = 0, -2
    for place, (then, now) in enumerate(zip(before, after, strict=True)):
        if then == now:
            continue
        if place != last + 1 or place % width == 0 or after[last][1] != now[1]:
            row, column = divmod(place, width)
            needed += len(f"\x1b[{row + 1};{column + 1}H") + len(f"\x1b[{now[1]}m\x1b[0m")
        needed += len(now[0].encode())
        last = place
    return needed


def large_rows() -> list[Row]:
    """At 50,000 rules: the interval, processor time, and what a rule takes in memory."""
    memory: dict[int, float] = {}
    rows: list[Row] = []
    for size in (200, 50_000):
        with LargeHost(10, size) as host:
            host.traffic()
            with Terminal(host.netui, host.environment) as netui:
                netui.wait_text("Docker ", 60)
                # the doctor looks again 15 s after its first look; what it takes meanwhile goes back
                netui.settle(45.0)
                memory[size] = netui.memory()
                if size == 50_000:
                    share = statistics.median(shares(netui, 5, 13.0))
                    head = netui.grid.text().split("\n")[0]
                    said = head[head.find("every ") :].strip() if "every " in head else "the screen does not say so"
                    rows.append(at_most("CPU at 50,000 rules, children counted", share, "%", 5, more=f" ({said})"))
    rows.append(at_most("resident memory at 200 rules", memory[200], "MB", 90))
    a_rule = (memory[50_000] - memory[200]) * 1024 / 49_800
    rows.append(
        at_most("each rule more, at 50,000", a_rule, "kB", 1, digits=2, more=f" ({memory[50_000]:.0f} MB in all)")
    )
    return rows


def key_rows() -> list[Row]:
    """Key press to painted frame while polling, against the ten-line list: rounds in which all take turns."""
    sizes = ((100, 1_000, 1.5), (1_000, 50_000, 2.0))
    least: list[dict[str, Latency]] = []
    ours: dict[int, list[dict[str, Latency]]] = {size: [] for _, size, _ in sizes}
    with contextlib.ExitStack() as stack:
        hosts = [(size, stack.enter_context(LargeHost(containers, size))) for containers, size, _ in sizes]
        for _ in range(_ROUNDS):
            least.append(list_latencies(_PRESSES))
            for size, host in hosts:
                host.traffic()
                ours[size].append(netui_latencies(host, _PRESSES))
                host.quiet()
    rows = []
    for _, size, limit in sizes:
        for name, _, _ in KEYS:
            mine, other = (Latency.middle([each[name] for each in rounds]) for rounds in (ours[size], least))
            row = ratio(f"{name}, {size:,} rules / ten-line list, p99", mine.p99, other.p99, "ms", limit)
            more = f" (medians {mine.median:.1f} and {other.median:.1f} ms)"
            rows.append(Row(row.what, row.measured + more, row.reach, row.reached))
    return rows


def start_rows() -> list[Row]:
    """Start to the first whole frame, and to a report, against importing the two libraries."""
    bare = [sys.executable, "-c", "import textual, docker"]

    def imports() -> float:
        began = time.perf_counter()
        subprocess.run(bare, check=True)
        return (time.perf_counter() - began) * 1000

    with LargeHost(10, 200) as host:

        def first_frame() -> float:
            with Terminal(host.netui, host.environment) as netui:
                return (netui.wait_text("PREROUTING", 30) - netui.started) * 1000

        first_frame(), imports()
        whole, alone = in_turns(first_frame, imports)
    program = [
        sys.executable,
        "-c",
        "import docker, runpy; runpy.run_module('tests.bench.listapp', run_name='__main__')",
    ]

    def list_frame() -> float:
        with Terminal(program) as terminal:
            return (terminal.wait_text("line 9", 30) - terminal.started) * 1000

    floor, alone_again = in_turns(list_frame, imports)
    what = "{} / python -c 'import textual, docker'"
    return [
        ratio(what.format("start to the first full frame"), whole, alone, "ms", 1.8, digits=0),
        ratio(
            what.format("the ten-line list with docker imported, start to its frame"), floor, alone_again, "ms", None, 0
        ),
    ]
