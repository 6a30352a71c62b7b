# ruff: noqa: D102 - the fakes' methods are those of what they stand for
"""The engine is listed whole once, then only where events say so, and survives its daemon."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netui.model.events import Event
from netui.sources.docker.engine import DockerEngine, FirstReading
from netui.sources.docker.events import _timestamp
from netui.text.errors import SourceError
from tests.sources.fake_engine import FakeEngine
from tests.sources.waiting import _stale, until


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    """Run an engine that answers from a captured host."""
    engine = FakeEngine(tmp_path / "d.sock").start()
    yield engine
    engine.stop()


class Watched:
    """A DockerEngine and the events that it passed on."""

    def __init__(self, fake: FakeEngine) -> None:
        self.events: list[Event] = []
        self.engine = DockerEngine(fake.environ, self.events.append)

    def names(self) -> list[str]:
        return [entry.name for entry in self.engine.read().values["containers"]]


@pytest.fixture
def watched(fake: FakeEngine) -> Iterator[Watched]:
    """Watch that engine."""
    found = Watched(fake)
    yield found
    found.engine.close()


def test_the_first_reading_lists_everything(fake: FakeEngine, watched: Watched) -> None:
    """Networks with members, containers with ports, the engine with its API version."""
    part = watched.engine.read()
    assert part.values["engine"].version.startswith("20.10")
    assert part.values["engine"].local
    assert len(part.values["networks"]) == 7
    assert len(part.values["containers"]) == 8
    assert any(network.members for network in part.values["networks"])
    assert part.via == "API 1.41"
    assert watched.events[0].action == "connected"


def test_an_event_costs_one_inspect(fake: FakeEngine, watched: Watched) -> None:
    """Only the container that an event names, and its network, are asked for again."""
    watched.engine.read()
    until(lambda: fake.streams)
    assert watched.engine.due is None
    identity = next(key for key, entry in fake.containers.items() if entry["Name"] == "/shop")
    changed = copy.deepcopy(fake.containers[identity])
    changed["Name"] = "/store"
    fake.containers[identity] = changed
    fake.requests.clear()
    fake.emit("container", "rename", identity, name="store")
    until(lambda: watched.engine.due is not None)
    names = watched.names()
    assert "store" in names
    assert "shop" not in names
    inspected = [path for path in fake.requests if path.endswith("/json") and path != "/containers/json"]
    assert inspected == [f"/containers/{identity}/json"]
    assert [path for path in fake.requests if path.startswith("/networks/")] == [
        f"/networks/{entry['NetworkID']}" for entry in changed["NetworkSettings"]["Networks"].values()
    ]
    assert watched.events[-1] == Event(10**9, "container", "rename", "store", identity, {"name": "store"})


def test_unchanged_containers_stay_the_same_objects(watched: Watched) -> None:
    """A second reading builds nothing anew."""
    first, second = watched.engine.read(), watched.engine.read()
    pairs = zip(first.values["containers"], second.values["containers"], strict=True)
    assert all(one is other for one, other in pairs)


def test_what_is_gone_from_the_listing_is_gone(fake: FakeEngine, watched: Watched) -> None:
    """A removed network and container leave with the next reading."""
    watched.engine.read()
    fake.containers.pop(next(iter(fake.containers)))
    fake.networks.pop(next(iter(fake.networks)))
    part = watched.engine.read()
    assert len(part.values["containers"]) == 7
    assert len(part.values["networks"]) == 6


def test_twenty_restarts_leak_nothing(fake: FakeEngine, watched: Watched) -> None:
    """After each kill the engine is found again, read whole, and no thread or descriptor stays."""
    watched.engine.read()
    until(lambda: fake.streams)
    threads, descriptors = 0, 0
    for turn in range(20):
        fake.stop()
        until(lambda: watched.engine.due is not None)
        with pytest.raises(SourceError, match="no Docker socket"):
            watched.engine.read()
        fake.start()
        fake.requests.clear()
        assert len(watched.names()) == 8
        assert sum(path.startswith("/containers/") for path in fake.requests) == 9
        until(lambda: fake.streams)
        if turn == 1:
            threads, descriptors = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    until(lambda: threading.active_count() <= threads)
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
    assert [event.action for event in watched.events].count("disconnected") == 20


def _read_elsewhere(fake: FakeEngine) -> FirstReading:
    """A reading as another process makes it and sends it."""
    engine = DockerEngine(fake.environ)
    part = engine.read()
    engine.close()
    sent: FirstReading = pickle.loads(pickle.dumps(FirstReading(engine.listing, part)))
    fake.requests.clear()
    return sent


@pytest.fixture
def after(fake: FakeEngine) -> Iterator[Watched]:
    """Watch an engine that was read elsewhere first."""
    found = Watched(fake)
    found.engine = DockerEngine(fake.environ, found.events.append, lambda: _read_elsewhere(fake))
    yield found
    found.engine.close()


def test_after_a_reading_elsewhere_nothing_is_asked_twice(fake: FakeEngine, after: Watched) -> None:
    """Its part is the first one; then two listings and the events since, and what was built stays the same."""
    part = after.engine.read()
    assert len(part.values["containers"]) == 8
    assert fake.requests == []
    assert after.engine.due is not None and after.engine.due > time.monotonic()
    later = after.engine.read()
    assert not any(
        path.startswith(("/containers/", "/networks/")) for path in set(fake.requests) - {"/containers/json"}
    )
    assert all(new is old for new, old in zip(later.values["containers"], part.values["containers"], strict=True))
    assert after.engine.due is None
    until(lambda: fake.streams)
    assert fake.since == ["1795477602.500000000"]
    assert [event.action for event in after.events] == ["connected"]


def test_what_happens_between_the_reading_elsewhere_and_the_stream_is_not_lost(
    fake: FakeEngine, after: Watched
) -> None:
    """One that came and one that ended are seen by the listing, the rest by the events since."""
    assert len(after.names()) == 8
    gone = next(iter(fake.containers))
    fake.containers["0e"] = {**fake.containers.pop(gone), "Id": "0e", "Name": "/new"}
    assert "new" in after.names()
    until(lambda: fake.streams)
    fake.containers["0e"] = {**fake.containers["0e"], "Name": "/newer"}
    fake.emit("container", "rename", "0e", name="newer")
    until(lambda: after.engine.due is not None)
    assert "newer" in after.names()


def test_without_the_engines_time_everything_is_read_again(fake: FakeEngine, after: Watched) -> None:
    """Nobody knows then which events to ask for."""
    del fake.info["SystemTime"]
    assert len(after.names()) == 8
    after.engine.read()
    assert sum(path.startswith("/containers/") and path != "/containers/json" for path in fake.requests) == 8
    assert after.engine.due is None


def test_an_engine_that_dies_after_the_reading_elsewhere_is_read_anew(fake: FakeEngine, after: Watched) -> None:
    """The error comes at the next reading, and once it is there again all is listed."""
    assert len(after.names()) == 8
    fake.stop()
    with pytest.raises(SourceError, match="no Docker socket"):
        after.engine.read()
    fake.start()
    fake.requests.clear()
    assert len(after.names()) == 8
    assert sum(path.startswith("/containers/") and path != "/containers/json" for path in fake.requests) == 8


def test_a_report_opens_no_stream(fake: FakeEngine) -> None:
    """Without a listener for events there is none."""
    engine = DockerEngine(fake.environ)
    engine.read()
    engine.close()
    assert "/events" not in fake.requests


def test_close_ends_the_stream_at_once(fake: FakeEngine, watched: Watched) -> None:
    """The event thread does not outlive close()."""
    watched.engine.read()
    until(lambda: fake.streams)
    watched.engine.close()
    until(lambda: not any(thread.name == "docker events" for thread in threading.enumerate()), 2)


def test_docker_desktop_is_another_machine(fake: FakeEngine, watched: Watched) -> None:
    """Its engine runs in a virtual machine: the rules here are not its rules."""
    fake.info["OperatingSystem"] = "Docker Desktop"
    part = watched.engine.read()
    assert not part.values["engine"].local
    assert "another machine" in part.note


def test_a_strange_answer_is_an_error_in_one_line(fake: FakeEngine, watched: Watched) -> None:
    """An engine that answers with something else gives a line, no traceback."""
    fake.answer = lambda path: {"ApiVersion": "1.41"} if path == "/version" else {"a\x1b[31m": [None]}  # type: ignore[method-assign]
    with pytest.raises(SourceError) as raised:
        watched.engine.read()
    assert str(raised.value).isprintable()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "no Docker socket at .*systemctl start docker"),
        (_stale, "daemon is not running"),
        (lambda path: path.write_text("x"), "daemon is not running"),
    ],
    ids=["missing", "stale socket", "a file"],
)
def test_no_engine_says_what_to_do(tmp_path: Path, make: Callable[[Path], object], says: str) -> None:
    """Each way of not being there has its own line, and a time for the next try."""
    make(tmp_path / "s")
    engine = DockerEngine({"DOCKER_HOST": f"unix://{tmp_path / 's'}"}, lambda event: None)
    with pytest.raises(SourceError, match=says):
        engine.read()
    assert engine.due is not None
    assert engine.due <= time.monotonic() + 2.5


def test_ssh_is_another_machine() -> None:
    """An engine behind ssh is elsewhere, and what to do is said."""
    with pytest.raises(
        SourceError, match=r"another machine: netui --host ssh://nobody@host.invalid reads its rules with it"
    ):
        DockerEngine({"DOCKER_HOST": "ssh://nobody@host.invalid"}).read()


@pytest.mark.parametrize(
    ("since", "stamp"),
    [
        ("2026-11-23T23:46:42.123456789Z", "1795477602.123456789"),
        ("2026-11-23T23:46:42Z", "1795477602.000000000"),
        ("2026-11-24T01:46:42.5+02:00", "1795477602.500000000"),
        ("", None),
        ("yesterday", None),
    ],
)
def test_the_engines_clock_becomes_a_since(since: str, stamp: str | None) -> None:
    """The stream begins where the listing began, to the nanosecond."""
    assert _timestamp(since) == stamp
