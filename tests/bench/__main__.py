"""``make bench``: figures of this machine, each as a median of several runs.

``--write`` also writes them to docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

RUNS = 7


def median_ms(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median of several runs in milliseconds, after one that is not counted."""
    work()
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def traversal_rows() -> list[tuple[str, str, str]]:
    """The walk of one packet and all flows of one container."""
    from netui.traversal import flows, path, prepare
    from tests.bench.large import large_snapshot
    from tests.traversal.build import filter_rules, host

    rows = []
    plain = host(filter_rules(*(f"-A FORWARD -s 10.0.{n}.0/24 -j DROP" for n in range(200)), "-A FORWARD -j ACCEPT"))
    source, destination = "outside:198.51.100.7", "openresty:80"
    took = median_ms(lambda: [path(plain, source, destination) for _ in range(50)]) / 50
    rows.append(("one packet through 200 rules, none left out by the index", f"{took:.2f} ms", "< 1 ms"))
    snapshot = large_snapshot(1000, 10_000)
    rows.append(("prepare 10,000 rules, 1,000 containers", f"{median_ms(lambda: prepare(snapshot)):.1f} ms", ""))
    began = time.perf_counter()
    prepared = prepare(snapshot)
    container = snapshot.containers[500].id if snapshot.containers else ""
    count = len(flows(prepared, container))
    rows.append(
        (f"all {count} flows of one container, the first time", f"{(time.perf_counter() - began) * 1000:.0f} ms", "")
    )
    took = median_ms(lambda: flows(prepared, container))
    rows.append((f"all {count} flows of one container of 1,000, 10,000 rules", f"{took:.1f} ms", "≤ 50 ms"))
    return rows


def refresh_rows(sizes: tuple[int, ...]) -> list[tuple[str, str, str]]:
    """A refresh in which only counters moved, against iptables-nft-save alone, on real kernel tables."""
    from tests.bench.large import save_text

    if os.geteuid() != 0 or shutil.which("iptables-nft-save") is None:
        return [("refresh against iptables-nft-save", "not run: needs root and iptables", "")]
    rows = []
    name = f"netui-bench-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        for size in sizes:
            containers = min(1000, max(10, size // 10))
            filler = max(0, size - save_text(containers).count(" -A "))
            with tempfile.NamedTemporaryFile("w", suffix=".rules") as file:
                file.write(save_text(containers, filler))
                file.flush()
                inside = ["ip", "netns", "exec", name]
                subprocess.run([*inside, "iptables-nft-restore", file.name], check=True)
            command = [*inside, sys.executable, "-m", "tests.bench.refresh", str(RUNS)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            alone, whole = float(answer[0]), float(answer[1])
            shown = f"{whole:.1f} ms against {alone:.1f} ms: {whole / alone:.2f}"
            reach = "≤ 1.25" if size == 10_000 else ""
            rows.append((f"one refresh of {size:,} rules / iptables-nft-save -c alone", shown, reach))
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)
    return rows


def start_rows() -> list[tuple[str, str, str]]:
    """Start to the first report, against importing the two libraries."""
    bare = median_ms(lambda: subprocess.run([sys.executable, "-c", "import textual, docker"], check=True), 5)
    case = Path(__file__).parent.parent / "cases" / "engine-29" / "host"
    command = [sys.executable, "-m", "netui", "path", "outside", "host:8080", "--replay", str(case)]
    report = median_ms(lambda: subprocess.run(command, check=True, capture_output=True), 5)
    return [
        (
            "netui path on a capture / python -c 'import textual, docker'",
            f"{report:.0f} ms against {bare:.0f} ms: {report / bare:.2f}",
            "≤ 1.8",
        )
    ]


def main() -> int:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = traversal_rows() + refresh_rows((200, 1_000, 10_000, 50_000)) + start_rows()
    lines = ["| what | measured | reach |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
    print("\n".join(lines))
    if options.write:
        head = (
            "# Benchmarks\n\nMade by `make bench`: the median of several runs, each ratio from one run.\n\n"
            f"Machine: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
            f"Python {platform.python_version()}.\n\n"
        )
        target = Path(__file__).parent.parent.parent / "docs" / "benchmarks.md"
        target.parent.mkdir(exist_ok=True)
        target.write_text(head + "\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
