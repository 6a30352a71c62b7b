"""Inside a namespace: the save program alone, and a whole refresh as the poller makes it with it.

``python -m tests.bench.refresh nft|legacy RUNS`` prints wall and processor milliseconds of each;
``dump RUNS`` those of python-iptables' dump_table over all tables, in a process of its own, for
the library is for one thread.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from netui.model import RulesetKey, Snapshot
from netui.sources.legacy.tables import LegacyTables
from netui.sources.live.iptables import LiveRules
from netui.sources.machine.local import LocalMachine
from netui.ui.presenters.chains.counters import CounterTrack
from tests.bench.measure import in_turns, median_ms


def _spent() -> float:
    children, own = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return children.ru_utime + children.ru_stime + own.ru_utime + own.ru_stime


def pair(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = _spent(), time.perf_counter()
    work()
    return (time.perf_counter() - wall) * 1000, (_spent() - cpu) * 1000


def figure(work: Callable[[], object], measure: int) -> float:
    """One of the figures of a pair, by its place."""
    return pair(work)[measure]


def main() -> int:
    """Print the figures."""
    backend, runs = sys.argv[1], int(sys.argv[2])
    if backend == "dump":
        return _dump(runs)
    source = f"iptables-{backend}"
    rules, local = LiveRules(LegacyTables()), LocalMachine()
    key = RulesetKey("ip", "nft" if backend == "nft" else "legacy")
    track = CounterTrack()

    def alone() -> None:
        subprocess.run([f"{source}-save", "-c"], check=True, capture_output=True)

    def refresh() -> None:
        ruleset, counters = rules._read(source, key, local).values["rules"]
        track.add(Snapshot(time=time.time(), rulesets={key: ruleset}, counters={key: counters}))
        # what the visible rows ask for
        for table in ruleset.tables:
            for chain in table.chains[:8]:
                for rule in chain.rules[:5]:
                    track.reading(key, (table.name, chain.name, rule.text, 0))

    for _ in range(2):
        alone()
        refresh()
    for measure in (0, 1):
        print(*in_turns(partial(figure, refresh, measure), partial(figure, alone, measure), runs))
    return 0


def _dump(runs: int) -> int:
    import iptc.easy

    names = Path("/proc/net/ip_tables_names").read_text().split()
    print(median_ms(lambda: [iptc.easy.dump_table(name) for name in names], runs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
