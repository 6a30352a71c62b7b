"""The child that reads the engine first: its result, and that nothing of it stays, whatever becomes of it."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from netui.sources.docker_engine import DockerEngine, FirstReading
from netui.sources.docker_listing import Listing
from netui.sources.errors import SourceError
from netui.sources.head_start import HeadStart, first_reading
from netui.sources.parts import Part
from tests.sources.fake_engine import FakeEngine
from tests.sources.test_docker_engine import _stale, until


def children() -> set[str]:
    """Return the processes that this one has started and not yet taken leave of."""
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


def gone(pid: int) -> bool:
    """Whether a process has ended, whoever has still to take leave of it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """No test leaves a child, a zombie or a file behind."""
    before = children(), len(files())
    yield
    gc.collect()  # the SDK leaves a connection that failed to the collector
    assert children() <= before[0]
    assert len(files()) <= before[1]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """Run an engine that answers from a captured host, and let DOCKER_HOST name it."""
    engine = FakeEngine(tmp_path / "d.sock").start()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.path}")
    yield engine
    engine.stop()


def told(**values: object) -> FirstReading:
    """A reading that tells something about the child."""
    return FirstReading(Listing(), Part(values))


def test_the_child_reads_what_the_engine_would_be_read_as_here(fake: FakeEngine) -> None:
    """The same values, words and JSON; asked once."""
    head_start = HeadStart()
    reading = head_start.reading()
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
    assert head_start.reading() is None


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
    engine = DockerEngine(os.environ, first=HeadStart().reading)
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
    reading = HeadStart().reading()
    assert reading is not None
    assert reading.part.error == str(here.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "ssh://nobody@host.invalid"])
def test_an_engine_behind_a_network_is_left_to_the_one_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """It is not connected to twice."""
    monkeypatch.setenv("DOCKER_HOST", address)
    assert first_reading() is None
    assert HeadStart().reading() is None


def _die() -> NoReturn:
    os._exit(3)


def _be_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _fail() -> NoReturn:
    raise RuntimeError("a bug")


def _leave() -> NoReturn:
    raise KeyboardInterrupt


def _hang() -> None:
    threading.Event().wait()


class _Rubbish:
    """What cannot be put together again."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return int, ("rubbish",)


@pytest.mark.parametrize(
    "read",
    [_die, _be_killed, _fail, _leave, _hang, _Rubbish, lambda: "rubbish", lambda: lambda: None, lambda: None],
    ids=["ends", "is killed", "has a bug", "is interrupted", "hangs", "rubbish", "not a reading", "unsendable", "none"],
)
def test_a_child_that_gives_nothing_of_use_counts_as_none(fake: FakeEngine, read: Callable[[], object]) -> None:
    """Then the engine is read here, as if there had been no child."""
    engine = DockerEngine(fake.environ, first=HeadStart(read, patience=0.2 if read is _hang else 15).reading)
    assert len(engine.read().values["containers"]) == 8
    assert engine.due is None
    engine.close()


def test_where_nothing_can_be_forked_there_is_no_head_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host without a process to spare is read as before."""

    def refuse() -> NoReturn:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    with HeadStart() as head_start:
        assert head_start.reading() is None


def test_closing_ends_the_wait_at_once() -> None:
    """Whoever quits while the engine is read waits for nothing, and again does no harm."""
    head_start = HeadStart(_hang)
    taken: list[FirstReading | None] = []
    waiting = threading.Thread(target=lambda: taken.append(head_start.reading()))
    waiting.start()
    until(lambda: head_start._taking)
    head_start.close()
    waiting.join(5)
    assert taken == [None]
    head_start.close()
    assert head_start.reading() is None


def test_closing_before_anyone_asked_leaves_nothing() -> None:
    """As for a program that ends while it imports."""
    with HeadStart(_hang) as head_start:
        assert children()
    assert head_start.reading() is None


def test_the_child_has_neither_the_terminal_nor_the_files_nor_the_signals_of_its_parent() -> None:
    """A session of its own, /dev/null for the terminal, one end of one pipe, and Ctrl-C ends it silently."""

    def look() -> FirstReading:
        handler = signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return told(session=os.getsid(0) == os.getpid(), names=files(), default=handler, blocked=set(blocked))

    with Path("/dev/zero").open() as _open:
        reading = HeadStart(look).reading()
    assert reading is not None
    values = reading.part.values
    assert values["session"] and values["default"] and values["blocked"] == set()
    names = values["names"]
    assert [names.pop(number) for number in ("0", "1", "2")] == [os.devnull] * 3
    assert sum(name.startswith("pipe:") for name in names.values()) == 1
    assert not any("zero" in name or "tty" in name or "pts" in name for name in names.values())


_PARENT = """
import os, signal, sys, threading
from netui.sources.head_start import HeadStart
started = HeadStart(lambda: threading.Event().wait())
print(started._pid, flush=True)
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
