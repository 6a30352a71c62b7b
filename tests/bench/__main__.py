"""``make bench``: figures of this machine, each as a median of several runs.

``--write`` also writes them to docs/benchmarks.md; ``--only NAME`` measures one part. Of
several, each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tests.bench.largehost import compiled
from tests.bench.measure import RUNS, Row, at_most, in_turns, median_ms, ratio, run, took_ms

ROOT = Path(__file__).parent.parent.parent


def traversal_rows() -> list[Row]:
    """The walk of one packet, all flows of one container, the exposure of a whole host."""
    from netui.audit.exposure import exposures
    from netui.model import parse_rule
    from netui.traversal import flows, path, prepare
    from tests.bench.large import large_snapshot
    from tests.traversal.build import filter_rules, host

    plain = host(filter_rules(*(f"-A FORWARD -s 10.0.{n}.0/24 -j DROP" for n in range(200)), "-A FORWARD -j ACCEPT"))
    took = median_ms(lambda: [path(plain, "outside:198.51.100.7", "openresty:80") for _ in range(50)]) / 50
    rows = [at_most("one packet through 200 rules, none left out by the index", took, "ms", 1, digits=2)]
    snapshot = large_snapshot(1000, 10_000)
    assert snapshot.containers is not None
    container = snapshot.containers[500].id
    count = len(flows(prepare(snapshot), container))

    def cold() -> None:
        parse_rule.cache_clear()
        flows(prepare(snapshot), container)

    what = f"all {count} flows of one container, 10,000 rules, 1,000 containers"
    rows.append(at_most(f"{what}, the first time", median_ms(cold), "ms", 50))
    prepared = prepare(snapshot)
    rows.append(at_most(f"{what}, after that", median_ms(lambda: flows(prepared, container)), "ms", 50))
    for containers in (10, 300):
        fewer = large_snapshot(containers, 10_000)
        took = median_ms(lambda fewer=fewer: exposures(prepare(fewer)), 5) / 1000  # type: ignore[misc]
        rows.append(at_most(f"exposed for the whole host, 10,000 rules, {containers} containers", took, "s", None, 2))
    whole = median_ms(lambda: exposures(prepare(snapshot)), 5) / 1000
    rows.append(at_most("exposed for the whole host, 10,000 rules, 1,000 containers", whole, "s", 2, digits=2))
    more = large_snapshot(1000, 50_000)
    growth = median_ms(lambda: exposures(prepare(more)), 1) / 1000
    rows.append(ratio("the same with 50,000 rules / with 10,000", growth, whole, "s", 1.5, digits=2))
    return rows


def senders_rows() -> list[Row]:
    """Allow lists and block lists: to whom each port is open, for a whole host."""
    from netui.audit.exposure import exposures
    from netui.model import IpSet, Snapshot
    from netui.traversal import path, prepare
    from tests.bench.large import large_snapshot

    def exposed(of: Snapshot) -> float:
        return took_ms(lambda: exposures(prepare(of))) / 1000

    plain = large_snapshot(1000, 10_000)
    rows = []
    for what, device in (("200 networks allowed in DOCKER-USER", ""), ("the same, each rule with -i eth0", "-i eth0 ")):
        nets = [f"-s 203.{n // 100}.{n % 100 * 2}.0/24 {device}-j RETURN" for n in range(200)]
        allowed = large_snapshot(1000, 10_000, [*nets, "-i eth0 -j DROP"])
        took, without = in_turns(lambda allowed=allowed: exposed(allowed), lambda: exposed(plain))  # type: ignore[misc]
        rows.append(ratio(f"exposed for 1,000 containers, {what} / without", took, without, "s", 1.5, digits=2))
    blocked = tuple(f"20.{n // 65536}.{n // 256 % 256}.{n % 256}" for n in range(0, 200_000, 2))
    sets = {"blocked": IpSet("blocked", "hash:ip", "ip", blocked)}
    rule = "-i eth0 -m set --match-set blocked src -j DROP"
    block_list = replace(large_snapshot(100, 0, [rule]), ipsets=sets)

    def one() -> None:
        # a set of its own each time: what was read of the last one is remembered
        again = {"blocked": replace(sets["blocked"])}
        path(prepare(replace(block_list, ipsets=again)), "outside", "host:20000", reply=True)

    rows.append(at_most("path with a block list of 100,000 addresses", median_ms(one, 5) / 1000, "s", 1, digits=2))
    took = median_ms(lambda: exposures(prepare(block_list)), 5) / 1000
    rows.append(at_most("exposed for 100 containers with that list", took, "s", 5, digits=2))
    return rows


def refresh_rows() -> list[Row]:
    """A refresh in which only counters moved, against the save program alone, on real kernel tables."""
    from tests.bench.largehost import LargeHost

    rows = []
    for backend, sizes, limit in (
        ("nft", (200, 1_000, 10_000, 50_000), 1.25),
        ("legacy", (200, 1_000, 10_000, 50_000), 2.0),
    ):
        for size in sizes:
            with LargeHost(min(1000, max(10, size // 10)), size, backend) as host:
                command = [*host.inside, sys.executable, "-m", "tests.bench.refresh", backend, str(RUNS)]
                lines = run(command, {**os.environ, **host.environment}).splitlines()
                dump = ""
                if backend == "legacy" and size == 10_000:
                    command[-2:] = ["dump", "5"]
                    dump = run(command, {**os.environ, **host.environment})
            wall, cpu = ([float(word) for word in line.split()] for line in lines[:2])
            reach = limit if size == 10_000 else None
            program = f"iptables-{backend}-save -c alone"
            rows.append(ratio(f"one refresh of {size:,} rules / {program}, wall", wall[0], wall[1], "ms", reach))
            rows.append(ratio(f"one refresh of {size:,} rules / {program}, CPU", cpu[0], cpu[1], "ms", reach))
            if dump:
                what = f"one refresh of {size:,} legacy rules / python-iptables' dump_table"
                rows.append(ratio(what, wall[0], float(dump), "ms", 0.02))
    return rows


def report_rows() -> list[Row]:
    """A report on a capture, against importing the two libraries."""
    case = ROOT / "tests" / "cases" / "engine-29" / "host"
    command = [sys.executable, "-m", "netui", "path", "outside", "host:8080", "--replay", str(case)]
    bare = [sys.executable, "-c", "import textual, docker"]
    environment = {**os.environ, **compiled()}
    run(command, environment)
    report, alone = in_turns(
        lambda: took_ms(lambda: run(command, environment)), lambda: took_ms(lambda: run(bare, environment))
    )
    return [ratio("netui path on a capture / python -c 'import textual, docker'", report, alone, "ms", 1.8, digits=0)]


def _screens(name: str) -> Callable[[], list[Row]]:
    def rows() -> list[Row]:
        from tests.bench import screens

        found: list[Row] = getattr(screens, f"{name}_rows")()
        return found

    return rows


def _native() -> list[Row]:
    from tests.bench.native import native_rows

    return native_rows()


PARTS: Mapping[str, Callable[[], list[Row]]] = {
    "refresh": refresh_rows,
    "idle": _screens("idle"),
    "large": _screens("large"),
    "key": _screens("key"),
    "start": _screens("start"),
    "report": report_rows,
    "traversal": traversal_rows,
    "senders": senders_rows,
    "native": _native,
}
#: Seconds after which a part is given up; most take two to five minutes.
_LIMIT, _LIMITS = 900, {"key": 2400}
#: Seconds that a part given up has to take its hosts down.
_GRACE = 60
_NEED_KERNEL = ("refresh", "idle", "large", "key", "start", "native")


def main() -> int:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", choices=PARTS, action="append")
    options = parser.parse_args()
    kernel = os.geteuid() == 0 and shutil.which("iptables-nft-save") is not None
    lines = ["| what | measured | to reach | reached |", "|---|---|---|---|"]
    failed = False
    print("\n".join(lines), flush=True)
    for name, part in PARTS.items():
        if options.only and name not in options.only:
            continue
        if name in _NEED_KERNEL and not kernel:
            rows = [Row(name, "not run: needs root and iptables").cells()]
        elif options.only == [name]:
            rows = [row.cells() for row in _in_time(name, part)]
        else:
            try:
                rows = _apart(name)
            except RuntimeError as error:
                rows, failed = [Row(name, "failed", reached=False).cells()], True
                print(f"{name} failed:\n{error}", file=sys.stderr, flush=True)
        lines += rows
        print("\n".join(rows), flush=True)
    if options.write and not failed:
        write(lines)
    return 1 if failed else 0


def _in_time(name: str, part: Callable[[], list[Row]]) -> list[Row]:
    """Measure a part here; raises TimeoutError where it does not end, after which its hosts are taken down."""
    seconds = _LIMITS.get(name, _LIMIT)

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"{name} did not end within {seconds} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        return part()
    finally:
        signal.alarm(0)


def _apart(name: str) -> list[str]:
    """Measure a part in a process of its own: none is to measure what another one left in memory.

    Raises RuntimeError with the reason where it fails.
    """
    command = [sys.executable, "-m", "tests.bench", "--only", name]
    seconds = _LIMITS.get(name, _LIMIT) + _GRACE
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"it did not end within {seconds} s") from None
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()[2:]


def write(lines: list[str]) -> None:
    """Put the table into docs/benchmarks.md; the notes behind it stay."""
    target = ROOT / "docs" / "benchmarks.md"
    target.parent.mkdir(exist_ok=True)
    notes = target.read_text().partition("\n## Notes\n")[2] if target.exists() else ""
    target.write_text(
        "# Benchmarks\n\nMade by `make bench` (`python -m tests.bench --write`): medians of at least five, each ratio "
        "from one run in which both sides take turns.\nReal kernel tables in a network namespace; the program in a "
        "pseudo terminal of 160 × 45 cells; an engine of the tests answers for the containers.\n\n"
        f"Machine: {platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}.\n\n" + "\n".join(lines) + "\n\n## Notes\n" + notes
    )


if __name__ == "__main__":
    sys.exit(main())
