"""The child that reads the engine first: its result, and that nothing of it stays, whatever becomes of it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from netui.feed.first_reading import HeadStart, first_readings
from netui.model import Container
from netui.sources.docker.engine import DockerEngine, FirstReading
from netui.sources.docker.listing import Listing
from netui.sources.live.machine_sources import HostReading, LiveHost, local_containers
from netui.sources.reading import Reading
from netui.text.errors import SourceError
from tests.sources.fake_engine import FakeEngine
from tests.sources.processes import gone
from tests.sources.waiting import _stale, until

PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 36, 37
#: Children of the tests before: those of the lab's hosts, where one worker runs both.
_OTHERS: set[str] = set()


def children() -> set[str]:
    """Return the processes that this one has started since the test began and has not yet taken leave of."""
    return _children() - _OTHERS


def _children() -> set[str]:
    return {
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    }  # fmt: skip


def files() -> dict[str, str]:
    """Return the open files of this process, by number: what each is."""
    found = {}
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are numbers here
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            found[number] = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115 - no path, a name
    return found


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No test leaves a child, a zombie or a file behind."""
    # the lab takes orphans in, where one worker runs both; here they go to init, as on any machine
    libc, was = ctypes.CDLL(None), ctypes.c_int()
    libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(was), 0, 0, 0)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    _OTHERS.clear()
    _OTHERS.update(_children())
    before = len(files())
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, was.value, 0, 0, 0)
    gc.collect()  # the SDK leaves a connection that failed to the collector
    assert not children()
    assert len(files()) <= before


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """Run an engine that answers from a captured host, and let DOCKER_HOST name it."""
    engine = FakeEngine(tmp_path / "d.sock").start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.path}")
    yield engine
    engine.stop()


def told(**values: Any) -> FirstReading:
    """A reading that tells something about the child."""
    return FirstReading(Listing(), Reading(values))


def test_the_child_reads_what_the_engine_would_be_read_as_here(fake: FakeEngine) -> None:
    """The same values, words and JSON; asked once."""
    head_start = HeadStart()
    reading = head_start.docker()
    assert reading is not None
    asked = list(fake.requests)
    engine = DockerEngine(fake.environ)
    part = engine.read()
    engine.close()
    assert reading.part.values == part.values
    assert (reading.part.via, reading.part.note, reading.part.error) == (part.via, part.note, "")
    assert reading.listing.containers == engine.listing.containers
    assert reading.listing.networks == engine.listing.networks
    assert fake.requests[len(asked) :] == asked
    head_start.close()
    assert head_start.docker() is None


@pytest.mark.parametrize(
    "make",
    [lambda path: None, _stale, lambda path: path.write_text("x"), lambda path: path.mkdir()],
    ids=["missing", "stale socket", "a file", "a folder"],
)
def test_an_engine_that_cannot_be_read_gives_the_same_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    """The child's error is the one that a reading here raises, with the time for the next try."""
    make(tmp_path / "s")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 's'}")
    with pytest.raises(SourceError) as here:
        DockerEngine(os.environ).read()
    with HeadStart() as head_start:
        engine = DockerEngine(os.environ, first=head_start.docker)
        with pytest.raises(SourceError) as there:
            engine.read()
    assert str(there.value) == str(here.value)
    assert engine.due is not None
    assert time.monotonic() < engine.due < time.monotonic() + 2.5


def test_a_context_that_is_not_there_gives_the_same_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is wrong before any engine is asked arrives as it is."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_CONTEXT", "nowhere")
    with pytest.raises(SourceError) as here:
        DockerEngine(os.environ).read()
    with HeadStart() as head_start:
        reading = head_start.docker()
    assert reading is not None
    assert reading.part.error == str(here.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "ssh://nobody@host.invalid"])
def test_an_engine_behind_a_network_is_left_to_the_one_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """It is not connected to twice."""
    monkeypatch.setenv("DOCKER_HOST", address)
    assert list(first_readings()) == []
    assert HeadStart().docker() is None


def _die() -> NoReturn:
    os._exit(3)


def _be_killed() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _fail() -> NoReturn:
    raise RuntimeError("a bug")


def _leave() -> NoReturn:
    raise KeyboardInterrupt


def _hang() -> NoReturn:
    threading.Event().wait()
    raise AssertionError


def _sending(*things: object) -> Callable[[], Iterable[object]]:
    return lambda: things


class _Rubbish:
    """What cannot be put together again."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return int, ("rubbish",)


@pytest.mark.parametrize(
    "read",
    [
        _die, _be_killed, _fail, _leave, _hang,
        _sending(_Rubbish()), _sending("rubbish"), _sending(threading.Lock()), _sending(None), _sending(),
    ],
    ids=[
        "ends", "is killed", "has a bug", "is interrupted", "hangs",
        "rubbish", "not a reading", "unsendable", "none", "nothing",
    ],
)  # fmt: skip
def test_a_child_that_gives_nothing_of_use_counts_as_none(
    fake: FakeEngine, read: Callable[[], Iterable[object]]
) -> None:
    """Then the engine is read here, as if there had been no child."""
    engine = DockerEngine(fake.environ, first=HeadStart(read, patience=0.2 if read is _hang else 15).docker)
    assert len(engine.read().values["containers"]) == 8
    assert engine.due is None
    engine.close()


def test_the_host_is_read_with_the_engines_containers(fake: FakeEngine) -> None:
    """Once, by the child; the same parts as here, and after it the host is read here."""
    here = LiveHost()
    expected = here.read_host(local_containers(here.read_docker()["docker"]))
    here.close()
    asked: list[tuple[Container, ...]] = []

    class Asked(HeadStart):
        def host(self, containers: tuple[Container, ...]) -> HostReading | None:
            asked.append(containers)
            return super().host(containers)

    with Asked() as head_start:
        host = LiveHost(head_start=head_start)
        docker = host.read_docker()["docker"]
        parts = host.read_host(local_containers(docker))
        assert not children()
        again = host.read_host(local_containers(docker))
        host.close()
    assert parts.keys() == again.keys() == expected.keys()
    for name, part in parts.items():
        assert part.values.keys() == expected[name].values.keys()
        assert (part.error, part.note, part.via) == (expected[name].error, expected[name].note, expected[name].via)
    assert len(asked) == 2 and len(asked[0]) == 8


READING = FirstReading(Listing(), Reading())
HOST = HostReading({"address": Reading({"interfaces": ()})}, {("a", 1): ()})


def _then_hang() -> Iterator[object]:
    yield READING
    _hang()


@pytest.mark.parametrize(
    ("read", "containers", "found"),
    [
        (_sending(READING, HOST), (), HOST),
        (_sending(READING, HOST), (Container("b", "b"),), None),
        (_sending(READING), (), None),
        (_sending(READING, _Rubbish()), (), None),
        (_sending(READING, "rubbish"), (), None),
        (_then_hang, (), None),
    ],
    ids=["the same containers", "other containers", "the engine alone", "rubbish", "not a reading", "hangs"],
)
def test_what_is_of_no_use_of_the_host_is_read_here(
    read: Callable[[], Iterable[object]], containers: tuple[Container, ...], found: HostReading | None
) -> None:
    """The child is ended as soon as its second reading is taken or refused."""
    head_start = HeadStart(read, patience=0.2 if read is _then_hang else 15)
    assert head_start.host(containers) is None, "the engine comes first"
    assert head_start.docker() is not None
    assert head_start.host(containers) == found
    assert not children()
    assert head_start.host(containers) is None


def test_programs_that_the_child_runs_end_with_it() -> None:
    """Whatever it is reading when the user quits."""

    def run() -> Iterator[object]:
        with subprocess.Popen(["sleep", "60"]) as program:
            yield told(program=program.pid)

    with HeadStart(run) as head_start:
        reading = head_start.docker()
        assert reading is not None
    until(lambda: gone(reading.part.values["program"]))


def test_where_nothing_can_be_forked_there_is_no_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without a process to spare is read as before."""

    def refuse() -> NoReturn:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    with HeadStart() as head_start:
        assert head_start.docker() is None


def test_closing_ends_the_wait_at_once() -> None:
    """Whoever quits while the engine is read waits for nothing, and again does no harm."""
    head_start = HeadStart(_hang)
    taken: list[FirstReading | None] = []
    waiting = threading.Thread(target=lambda: taken.append(head_start.docker()))
    waiting.start()
    until(lambda: head_start._taking)
    head_start.close()
    waiting.join(5)
    assert taken == [None]
    head_start.close()
    assert head_start.docker() is None


def test_closing_before_anyone_asked_leaves_nothing() -> None:
    """As for a program that ends while it imports."""
    with HeadStart(_hang) as head_start:
        assert children()
    assert head_start.docker() is None


def test_the_child_has_neither_the_terminal_nor_the_files_nor_the_signals_of_its_parent() -> None:
    """A session of its own, /dev/null for the terminal, one end of one pipe, and Ctrl-C ends it silently."""

    def look() -> Iterator[FirstReading]:
        handler = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        yield told(session=os.getsid(0) == os.getpid(), names=files(), default=handler, blocked=set(blocked))

    with Path("/dev/zero").open() as _open, HeadStart(look) as head_start:
        reading = head_start.docker()
    assert reading is not None
    values = reading.part.values
    assert values["session"] and values["default"] and values["blocked"] == set()
    names = values["names"]
    assert [names.pop(number) for number in ("0", "1", "2")] == [os.devnull] * 3
    assert sum(name.startswith("pipe:") for name in names.values()) == 1
    assert not any("zero" in name or "tty" in name or "pts" in name for name in names.values())


_PARENT = """
import os, signal, sys, threading
from netui.feed.first_reading import HeadStart
started = HeadStart(lambda: threading.Event().wait())
print(started._pid, flush=True)
# as nohup leaves it, a hangup would be ignored
signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.kill(os.getpid(), getattr(signal, sys.argv[1]))
threading.Event().wait()
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"])
def test_the_child_does_not_outlive_its_parent(name: str) -> None:
    """However the parent ends, the pipe closes with it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    output, _ = parent.communicate(timeout=20)
    until(lambda: gone(int(output)))
