# ruff: noqa: D102 - the fakes' methods are those of what they stand for
"""The poller posts whole snapshots, each source failing alone, and ends at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from netui.dialects.iptables.save import read_save
from netui.dialects.nft.ruleset import NativeRules
from netui.feed import poller as poller_module
from netui.feed.poller import Poller
from netui.feed.replay import ReplayPoller
from netui.model import Container, Engine, Ruleset, Snapshot
from netui.model.events import Event
from netui.sources.capture.recording import demo
from netui.sources.outputs import GROUPS
from netui.sources.reading import Reading

SAVE = "*filter\n:INPUT ACCEPT [{n}:{n}]\nCOMMIT\n"


class FakeDocker:
    """What the poller asks of the engine."""

    def __init__(self) -> None:
        self.due: float | None = None


class FakeHost:
    """Sources whose answers a test sets; `hang` names groups that do not come back."""

    hostname = "fake"

    def __init__(self) -> None:
        self.docker = FakeDocker()
        self.reads: list[str] = []
        self.hang: dict[str, threading.Event] = {}
        self.silent = False
        self.pings: list[float] = []
        self.fail: set[str] = set()
        self.names: tuple[str, ...] = ("one",)
        self.save = SAVE
        self.closed = threading.Event()
        self._previous: Ruleset | None = None
        self._count = 0

    def _begin(self, group: str) -> None:
        self.reads.append(group)
        if group in self.hang:
            self.hang[group].wait(30)

    def read_docker(self) -> dict[str, Reading]:
        self._begin("docker")
        if "docker" in self.fail:
            return {"docker": Reading(error="no Docker socket")}
        containers = tuple(Container(name, name, pid=1) for name in self.names)
        values: dict[str, Any] = {"engine": Engine("1"), "networks": (), "containers": containers}
        return {"docker": Reading(values, time=time.time())}

    def read_rules(self) -> dict[str, Reading]:
        self._begin("rules")
        if "rules" in self.fail:
            raise RuntimeError("a bug\x1b[31m")
        self._count += 1
        rules = read_save(self.save.format(n=self._count), "ip", "nft", self._previous)
        self._previous = rules[0]
        return {
            "iptables-nft": Reading({"rules": rules}, time=time.time()),
            "nft": Reading({"native": NativeRules()}, time=time.time()),
        }

    def read_host(self, containers: Iterable[Container]) -> dict[str, Reading]:
        self._begin("host")
        listening = {entry.id: () for entry in containers}
        return {
            "address": Reading({"interfaces": ()}, time=time.time()),
            "listening": Reading({"listening": listening}, time=time.time()),
        }

    def read_sets(self) -> dict[str, Reading]:
        self._begin("sets")
        return {"ipset": Reading({"sets": {}}, time=time.time())}

    def engine_answers(self, seconds: float) -> bool:
        self.pings.append(seconds)
        return not self.silent

    def close(self) -> None:
        self.closed.set()


class Watched:
    """A running poller, its snapshots and events."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.poller = Poller(0.5, host=self.host)  # type: ignore[arg-type]
        self.snapshots: list[Snapshot] = []
        self.events: list[Event] = []
        self._news = threading.Condition()

    def start(self) -> Watched:
        self.poller.start(self._take, self.events.append)
        return self

    def _take(self, snapshot: Snapshot) -> None:
        with self._news:
            self.snapshots.append(snapshot)
            self._news.notify_all()

    def until(self, true: Callable[[Snapshot], object], seconds: float = 5.0) -> Snapshot:
        with self._news:
            assert self._news.wait_for(lambda: bool(self.snapshots) and true(self.snapshots[-1]), seconds)
            return self.snapshots[-1]


def wait_for(true: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for a condition that nobody announces."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.002)


@pytest.fixture
def watched() -> Iterator[Watched]:
    """Make a poller over fake sources, stopped at the end."""
    found = Watched()
    yield found
    for event in found.host.hang.values():
        event.set()
    found.poller.stop()


def test_the_first_snapshot_is_whole_and_comes_within_a_second(watched: Watched) -> None:
    """All groups that answer are in it."""
    start = time.monotonic()
    first = watched.start().until(lambda snapshot: True)
    assert time.monotonic() - start < 1.0
    assert [entry.name for entry in first.containers or ()] == ["one"]
    assert first.rulesets
    assert first.nft_chains == ()
    assert first.origin == "live"
    assert first.sources["iptables-nft"].read
    assert not first.sources["sysctl"].read


def test_what_was_read_before_anyone_listens_is_told_then(watched: Watched) -> None:
    """The snapshot is there at once, after it the events, each once and in their order."""
    watched.poller.begin()
    wait_for(lambda: watched.poller._untold)
    for name in ("one", "two"):
        watched.poller.take_event(Event(1.0, "container", "start", name, name))
    assert watched.snapshots == [] and watched.events == []
    watched.start()
    assert watched.snapshots and watched.snapshots[0].containers
    assert [event.name for event in watched.events] == ["one", "two"]
    watched.until(lambda snapshot: len(watched.snapshots) > 1)
    assert len({id(snapshot) for snapshot in watched.snapshots}) == len(watched.snapshots)


def test_a_poller_that_was_stopped_before_anyone_listens_tells_nothing(watched: Watched) -> None:
    """As when the user leaves while the screen is made."""
    watched.poller.begin()
    wait_for(lambda: watched.poller._untold)
    watched.poller.stop()
    watched.start()
    assert watched.snapshots == []


def test_the_host_is_first_read_with_its_containers(watched: Watched) -> None:
    """It waits for the engine a moment: once is enough."""
    watched.host.hang["docker"] = threading.Event()
    watched.start()
    wait_for(lambda: "sets" in watched.host.reads)
    watched.host.hang["docker"].set()
    first = watched.until(lambda snapshot: True)
    assert watched.host.reads.count("host") == 1
    assert all(entry.listening == () for entry in first.containers or ())


def test_counters_move_and_rules_stay_the_same_object(watched: Watched) -> None:
    """A refresh keeps the ruleset and everything else that did not change."""
    first = watched.start().until(lambda snapshot: True)
    key = next(iter(first.rulesets))
    later = watched.until(lambda snapshot: snapshot.counters[key].packets != first.counters[key].packets)
    assert later.rulesets[key] is first.rulesets[key]
    assert later.time > first.time
    assert watched.host.reads.count("host") <= 2


def test_an_event_is_passed_on_and_read_after(watched: Watched) -> None:
    """A container that an event announces is on the screen well within a second."""
    watched.start().until(lambda snapshot: True)
    watched.host.names = ("one", "two")
    start = time.monotonic()
    watched.poller.take_event(Event(1.0, "container", "start", "two", "two"))
    later = watched.until(lambda snapshot: len(snapshot.containers or ()) == 2)
    assert time.monotonic() - start < 0.5
    assert [event.name for event in watched.events] == ["two"]
    later = watched.until(lambda snapshot: all(entry.listening == () for entry in snapshot.containers or ()))
    assert len(later.containers or ()) == 2


def test_changed_rules_make_the_host_and_the_sets_be_read_again(watched: Watched) -> None:
    """The rest is read anew when the rules' text changed."""
    watched.start().until(lambda snapshot: snapshot.rulesets)
    watched.until(lambda snapshot: watched.host.reads.count("rules") >= 2)
    before = watched.host.reads.count("sets")
    watched.host.save = SAVE.replace("ACCEPT", "DROP")
    watched.until(lambda snapshot: watched.host.reads.count("sets") > before)


def test_a_source_that_fails_keeps_its_old_data_with_the_error(watched: Watched) -> None:
    """What was read stays, with the time of its reading and why it is old."""
    first = watched.start().until(lambda snapshot: snapshot.containers)
    watched.host.fail.add("docker")
    watched.poller.refresh()
    later = watched.until(lambda snapshot: snapshot.sources["docker"].error)
    assert later.containers
    state = later.sources["docker"]
    assert state.read
    assert state.time == first.sources["docker"].time
    assert state.error == "no Docker socket"
    watched.host.fail.clear()
    watched.poller.refresh()
    watched.until(lambda snapshot: not snapshot.sources["docker"].error)


def test_a_bug_in_a_source_is_that_sources_error(watched: Watched) -> None:
    """An unexpected exception is shown as a line and stops nothing else."""
    watched.host.fail.add("rules")
    snapshot = watched.start().until(lambda snapshot: True)
    assert "RuntimeError" in snapshot.sources["iptables-nft"].error
    assert snapshot.sources["iptables-nft"].error.isprintable()
    assert snapshot.containers


@pytest.mark.parametrize("group", ["docker", "rules", "host", "sets"])
def test_a_source_that_hangs_holds_up_nothing(watched: Watched, group: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are posted after the first wait, and the one that hangs is said to."""
    monkeypatch.setattr(poller_module, "_DEADLINE", dict.fromkeys(("docker", "rules", "host", "sets"), 1.2))
    watched.host.hang[group] = threading.Event()
    start = time.monotonic()
    watched.start().until(lambda snapshot: True)
    assert time.monotonic() - start < 1.5
    names = GROUPS[group].sources
    watched.until(lambda snapshot: "does not answer since" in snapshot.sources[names[0]].error)
    watched.host.hang.pop(group).set()
    watched.until(lambda snapshot: not snapshot.sources[names[0]].error)


def test_stop_is_immediate_and_nothing_is_posted_after(watched: Watched) -> None:
    """Stopping does not wait for a source that hangs."""
    watched.host.hang = {group: threading.Event() for group in ("docker", "rules")}
    watched.start()
    start = time.monotonic()
    watched.poller.stop()
    assert time.monotonic() - start < 0.1
    assert watched.host.closed.wait(2)
    count = len(watched.snapshots)
    for event in watched.host.hang.values():
        event.set()
    watched.poller.take_event(Event(1.0, "container", "start"))
    assert len(watched.snapshots) == count
    assert watched.events == []


def test_a_process_with_hanging_sources_ends_at_once() -> None:
    """Interpreter exit does not wait for daemon threads."""
    program = """
import threading, time
from netui.feed.poller import Poller
from tests.ui.test_poller import FakeHost
host = FakeHost(); host.hang = {"docker": threading.Event(), "rules": threading.Event()}
poller = Poller(0.5, host=host); poller.start(lambda snapshot: None); time.sleep(0.2); poller.stop()
print(time.monotonic())
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True)
    assert time.monotonic() - float(result.stdout) < 2.0


def test_the_interval_has_a_floor() -> None:
    """Half a second is the shortest."""
    assert Poller(0.01, host=FakeHost()).interval == (0.5, "")  # type: ignore[arg-type]


def test_the_poller_needs_no_textual() -> None:
    """It can be used, and tested, without a screen."""
    program = "import sys, netui.feed.poller; sys.exit('textual' in sys.modules or 'docker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_recording_plays_with_its_own_steps_and_loops() -> None:
    """The demo's counters move, and after the last state comes the first."""
    recording = demo()
    snapshots: list[Snapshot] = []
    done = threading.Event()

    def take(snapshot: Snapshot) -> None:
        snapshots.append(snapshot)
        if len(snapshots) > len(recording) + 3:
            done.set()

    player = ReplayPoller(recording, loop=True, speed=500)
    player.start(take)
    assert done.wait(10)
    player.stop()
    assert snapshots[0].time == snapshots[len(recording)].time
    steps = [later.time - one.time for one, later in pairwise(snapshots[: len(recording)])]
    assert all(0.5 < step < 2.0 for step in steps)
    key = next(iter(snapshots[0].counters))
    assert sum(snapshots[5].counters[key].packets) > sum(snapshots[0].counters[key].packets)
    assert snapshots[5].rulesets[key] is snapshots[0].rulesets[key]
    assert {snapshot.origin for snapshot in snapshots} == {"demo"}


def test_a_recording_stops_at_its_end_and_can_be_refreshed() -> None:
    """Without loop the last state stays, and refresh posts it again."""
    recording = demo()
    snapshots: list[Snapshot] = []
    player = ReplayPoller(recording, speed=5000)
    player.start(snapshots.append)
    deadline = time.monotonic() + 10
    while len(snapshots) < len(recording) and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    player.refresh()
    assert len(snapshots) == len(recording) + 1
    assert snapshots[-1] is snapshots[-2]
    player.stop()
    player.refresh()
    assert len(snapshots) == len(recording) + 1


def test_coming_back_into_focus_reads_at_once(watched: Watched) -> None:
    """Out of focus the interval is longer; the counters are read anew as soon as somebody looks."""
    watched.start()
    watched.until(lambda snapshot: snapshot.rulesets)
    watched.poller.look(seen=False)
    assert watched.poller.interval == (1.5, "not in focus")
    before = len(watched.snapshots)
    watched.poller.look(seen=True)
    assert watched.poller.interval == (0.5, "")
    watched.until(lambda _: len(watched.snapshots) > before)


@pytest.mark.parametrize(
    ("due", "stale", "quiet", "read"),
    [
        ({}, {"host": 90.0}, True, ["host"]),
        ({}, {"host": 90.0}, False, []),
        ({}, {"host": 101.0}, True, []),
        ({}, {"host": 84.0}, False, ["host"]),
        ({"host": 99.0}, {"host": 99.0}, False, ["host"]),
        ({"rules": 99.0, "sets": 101.0}, {"docker": 99.0}, False, ["rules"]),
        ({"rules": 99.0}, {"docker": 99.0, "sets": 99.0}, True, ["rules", "docker", "sets"]),
    ],
)
def test_what_only_grows_old_waits_while_keys_come(
    watched: Watched, due: dict[str, float], stale: dict[str, float], quiet: bool, read: list[str]
) -> None:
    """Addresses and routes are not read again under somebody's fingers, until they have waited as long again."""
    watched.poller.quiet = lambda: quiet
    watched.poller._due, watched.poller._stale = due, stale
    assert watched.poller._to_read(100.0) == read


def test_a_stuck_engine_is_said_with_the_counters() -> None:
    """An engine that sends no event and no answer is asked each interval; once it answers, it is read again."""
    watched = Watched().start()
    try:
        watched.until(lambda snapshot: snapshot.containers)
        wait_for(lambda: watched.host.pings)
        assert watched.host.pings[0] == 3 * 0.5
        watched.host.silent = True
        stuck = watched.until(lambda snapshot: snapshot.sources["docker"].error)
        assert stuck.sources["docker"].error.startswith("does not answer since ") and stuck.containers
        watched.host.silent = False
        watched.until(lambda snapshot: not snapshot.sources["docker"].error)
    finally:
        watched.poller.stop()
