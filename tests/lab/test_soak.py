"""A short soak on a real engine, and the judge of flatness on made-up figures and on a process that leaks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from .flatness import Sample, Sampler, judge, sample
from .hosts import Host
from .soak import ALLOWED, ALLOWED_SHORT, soak
from .terminal import ROOT

#: Uses of a program at rest: (memory in kB, threads, files, children).
REST = Sample(0, 60_000, 7, 20, 0)
_LEAK = """
import sys, threading
kept = []
for line in sys.stdin:
    if line == "file\\n":
        kept.append(open("/dev/null"))
    elif line == "memory\\n":
        kept.append(bytearray(b"x" * 200_000))
    elif line == "thread\\n":
        thread = threading.Thread(target=threading.Event().wait, daemon=True)
        thread.start()
    print("done", flush=True)
"""


def over_an_hour(change: Callable[[int], dict[str, int]]) -> list[Sample]:
    """A sample every ten seconds: at rest but for what changes, by the number of the sample."""
    return [replace(REST, seconds=number * 10.0, **change(number)) for number in range(361)]


@pytest.mark.parametrize(
    ("change", "grown"),
    [
        pytest.param(lambda number: {}, set(), id="rest"),
        pytest.param(lambda number: {"memory": 60_000 + 30 * number}, {"memory"}, id="3 kB a second"),
        pytest.param(lambda number: {"memory": 60_000 + 90 * min(number, 80)}, set(), id="only while it warms up"),
        pytest.param(lambda number: {"memory": 60_000 + 200 * (number % 60)}, set(), id="a saw that comes back"),
        pytest.param(lambda number: {"memory": 60_000 - 10 * number}, set(), id="less and less"),
        pytest.param(lambda number: {"threads": 7 + number // 60}, {"threads"}, id="a thread each ten minutes"),
        pytest.param(lambda number: {"threads": 7 + 5 * (number % 7 == 0)}, set(), id="threads that come and go"),
        pytest.param(lambda number: {"files": 20 + number // 30}, {"files"}, id="a file each five minutes"),
        pytest.param(lambda number: {"files": 20 - 12 * (number % 30 == 0)}, set(), id="files gone for a moment"),
        pytest.param(lambda number: {"children": number // 60}, {"children"}, id="children that nobody reaps"),
    ],
)
def test_the_judge_names_what_grows(change: Callable[[int], dict[str, int]], grown: set[str]) -> None:
    """What grows steadily is named; what swings, warms up or shrinks is flat."""
    assert {each.kind for each in judge(over_an_hour(change), ALLOWED) if not each.flat} == grown


def test_too_few_samples_are_no_verdict() -> None:
    """The judge does not call flat what it has not seen."""
    with pytest.raises(ValueError, match="say nothing"):
        judge(over_an_hour(lambda number: {})[:8], ALLOWED)


@pytest.mark.parametrize(("what", "kind"), [("file", "files"), ("memory", "memory"), ("thread", "threads")])
def test_a_process_that_leaks_is_found(what: str, kind: str) -> None:
    """Samples of a real process that keeps what it opens are judged to grow, in just that figure."""
    with subprocess.Popen(
        [sys.executable, "-c", _LEAK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        samples = []
        for number in range(80):
            process.stdin.write(f"{what if number > 10 else 'nothing'}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            samples.append(sample(process.pid, float(number)))
        process.stdin.close()
    assert {each.kind for each in judge(samples, ALLOWED) if not each.flat} == {kind}


def test_the_sampler_ends_with_its_process() -> None:
    """A process that ends in the middle leaves its samples, and no error."""
    said: list[str] = []
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        with Sampler(process.pid, 0.001, lambda: 5, said.append) as sampler:
            process.stdin.close()
            process.wait()
    assert all(each.events == 5 and each.children == 0 for each in sampler.samples)
    assert len(said) == 1 + len(sampler.samples)


def test_half_a_minute_of_unrest_leaves_netui_flat(own_host: Callable[..., Host]) -> None:
    """Ten times a busy host's events, a killed daemon and keys all the time: flat, alive, and as `docker ps` has it."""
    result = soak(own_host("20.10-nft"), 0.5, restart_every=12, allowed=ALLOWED_SHORT)
    assert result.good, "\n".join(result.lines)
    assert result.samples[-1].events > 60
    assert result.visits >= 10


_LEGACY = """
import gc, subprocess
from netui.sources.live import iptables as iptables_live
from netui.sources.legacy import tables as legacy_iptc, library as legacy_library

printed = []
of_library = legacy_library.Library.rule
legacy_library.Library.rule = lambda *all: printed.append(1) or of_library(*all)
read, tables = legacy_iptc.LegacyTables(), iptables_live.legacy_tables("ip")

def change(number):
    rule = ["DOCKER-USER", "-s", f"203.0.113.{number}", "-p", "tcp", "--dport", "80", "-j", "DROP"]
    subprocess.run(["iptables-legacy", "-w", "-A", *rule], check=True)
    read("ip", tables)
    subprocess.run(["iptables-legacy", "-w", "-D", *rule], check=True)

for number in range(10):
    change(number)
gc.collect()
first, known = len(printed), len(gc.get_objects())
for number in range(10, 60):
    change(number)
    read("ip", tables)
gc.collect()
print(len(printed) - first, len(gc.get_objects()) - known)
"""


def test_reading_legacy_rules_leaves_nothing_behind(own_host: Callable[..., Host]) -> None:
    """Of fifty changed rules each is printed once, and nothing of it stays."""
    host = own_host("20.10-legacy")
    environment = host.engine.environment() | {"PYTHONPATH": str(ROOT)}
    place = ["nsenter", f"--net={host.namespace.path}"]
    said = subprocess.run(
        [*place, sys.executable, "-c", _LEGACY], env=environment, check=True, capture_output=True, text=True
    )
    printed, objects = map(int, said.stdout.split())
    assert printed == 50
    assert objects < 100
