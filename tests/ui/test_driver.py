"""What reaches a terminal, and what comes from it: with the loop alone, and with Textual's threads."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import io
import os
import pty
import signal
import struct
import sys
import termios
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers._writer_thread import WriterThread
from textual.drivers.headless_driver import HeadlessDriver
from textual.events import Event, Key, Paste
from textual.widgets import Static

from netui.ui.app import NetuiApp
from netui.ui.fastpath import driver as driver_module
from netui.ui.fastpath.backlog import Backlog
from netui.ui.fastpath.driver import FrameDriver, opened
from netui.ui.terminal import TerminalApp
from tests.ui.steps import of_the_fast_path

pytestmark = of_the_fast_path


class Pieces:
    """A writing thread that keeps what it is given."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def write(self, text: str) -> None:
        """Take a piece."""
        self.all.append(text)


def open_files() -> int:
    """How many files this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def never() -> None:
    """Fail: the terminal is there."""
    raise AssertionError("lost")


def bare(file: Any, out: int | None, thread: Any) -> FrameDriver:
    """Return a driver that only writes."""
    driver = FrameDriver.__new__(FrameDriver)
    driver._file, driver._out, driver._writer_thread = file, out, thread
    driver._frame, driver._turn = None, threading.Lock()
    return driver


@pytest.fixture
def terminal() -> Iterator[tuple[int, Any]]:
    """Give a pseudo terminal: its far end, and the file that a program has of it."""
    far, near = pty.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    attributes = termios.tcgetattr(near)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(near, termios.TCSANOW, attributes)
    file = io.FileIO(near, "r+")
    yield far, io.TextIOWrapper(io.BufferedWriter(file), "utf-8")
    with contextlib.suppress(OSError, ValueError):
        file.close()
    with contextlib.suppress(OSError):
        os.close(far)


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        (["a", "b"], ["a", "b"]),
        ([SYNC_START, "frame", SYNC_END], [SYNC_START + "frame" + SYNC_END]),
        ([SYNC_START, SYNC_END, "bell"], [SYNC_START + SYNC_END, "bell"]),
        (
            [SYNC_START, "one", SYNC_END, SYNC_START, "two", SYNC_END],
            [SYNC_START + "one" + SYNC_END, SYNC_START + "two" + SYNC_END],
        ),
    ],
)
def test_a_frame_is_one_piece(written: list[str], pieces: list[str]) -> None:
    """A frame goes whole; what stands alone goes as it is."""
    thread = Pieces()
    driver = bare(Backlog(io.StringIO(), never), None, thread)
    for data in written:
        driver.write(data)
    assert thread.all == pieces


def test_a_frame_is_at_the_terminal_when_it_is_written(terminal: tuple[int, Any]) -> None:
    """What the terminal has room for goes there at once, and no thread has to do with it."""
    far, file = terminal
    thread = Pieces()
    out = opened(file.fileno(), os.O_WRONLY)
    assert out is not None
    bare(Backlog(file, never), out, thread).write("日本 frame")
    assert os.read(far, 100).decode() == "日本 frame"
    assert thread.all == []
    os.close(out)


def test_a_slow_terminal_holds_up_nobody_and_loses_nothing(terminal: tuple[int, Any]) -> None:
    """While nobody reads, writing goes on; all of it comes in its order when somebody does."""
    far, file = terminal
    backlog = Backlog(file, never)
    thread = WriterThread(backlog)  # type: ignore[arg-type]
    thread.start()
    out = opened(file.fileno(), os.O_WRONLY)
    driver = bare(backlog, out, thread)
    frames = [f"<{number}>" + "é日x" * (number * 37 % 2000) for number in range(28)]
    began = time.monotonic()
    for frame in frames:
        driver.write(frame)
    assert time.monotonic() - began < 5
    assert not backlog.empty
    wanted = "".join(frames).encode()
    got = b""
    while len(got) < len(wanted):
        got += os.read(far, 1 << 16)
    assert got == wanted
    thread.stop()
    assert backlog.empty
    driver.write("after")
    assert os.read(far, 100) == b"after"
    assert out is not None
    os.close(out)


def test_the_shells_own_streams_stay_as_they_are(terminal: tuple[int, Any]) -> None:
    """Only netui's own open file is told not to wait."""
    _, file = terminal
    before = fcntl.fcntl(file.fileno(), fcntl.F_GETFL)
    out = opened(file.fileno(), os.O_WRONLY)
    assert out is not None
    assert fcntl.fcntl(out, fcntl.F_GETFL) & os.O_NONBLOCK
    assert fcntl.fcntl(file.fileno(), fcntl.F_GETFL) == before
    assert not before & os.O_NONBLOCK
    os.close(out)


def test_what_is_no_terminal_is_not_opened(tmp_path: Path) -> None:
    """A pipe and a file are written as Textual does."""
    inward, outward = os.pipe()
    with (tmp_path / "file").open("w") as file:
        assert opened(file.fileno(), os.O_WRONLY) is None
    assert opened(outward, os.O_WRONLY) is None
    os.close(inward)
    os.close(outward)


def test_nothing_is_kept_back() -> None:
    """Each piece has left the buffer when the thread has written it, bytes too; the file is otherwise the file."""
    raw = io.BytesIO()
    file = Backlog(io.TextIOWrapper(io.BufferedWriter(raw, 1 << 16), "utf-8"), never)
    pieces: list[str | bytes] = ["frame", "日本".encode(), "", "end"]
    for number, text in enumerate(pieces, 1):
        file.given += 1
        assert not file.empty
        file.write(text)
        assert file.empty
        so_far = [each if isinstance(each, bytes) else each.encode() for each in pieces[:number]]
        assert raw.getvalue() == b"".join(so_far)
    assert file.encoding == "utf-8"


def test_a_failed_write_is_no_backlog() -> None:
    """A piece that could not be written does not hold up those that follow, and is told."""
    inward, outward = os.pipe()
    os.close(inward)
    lost: list[bool] = []
    with contextlib.suppress(BrokenPipeError), os.fdopen(outward, "w") as pipe:
        file = Backlog(pipe, lambda: lost.append(True))
        for number in (1, 2):
            file.given += 1
            file.write("frame")
            assert file.empty
            assert len(lost) == number


class Typed(TerminalApp):
    """An app that notes what is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []
        self.pasted: list[str] = []

    def compose(self) -> Iterator[Static]:
        """Show a word to wait for."""
        yield Static("ready")

    async def on_event(self, event: Event) -> None:
        """Note it."""
        if isinstance(event, Key):
            self.keys.append(event.key)
            return
        if isinstance(event, Paste) and not event.is_forwarded:
            self.pasted.append(event.text)
        await super().on_event(event)


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    limit = time.monotonic() + 10
    while not true():
        assert time.monotonic() < limit
        await asyncio.sleep(0.005)


def waiting(descriptor: int) -> int:
    """Return how many bytes were typed and not read yet."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4))
    assert isinstance(count, int)
    return count


class Screen:
    """The far end of a terminal in which an app runs, read all the time."""

    def __init__(self, far: int) -> None:
        self.far = far
        self.data = b""
        os.set_blocking(far, False)
        asyncio.get_running_loop().add_reader(far, self._read)

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            self.data += os.read(self.far, 1 << 16)

    def type(self, text: str | bytes) -> None:
        """Type."""
        os.write(self.far, text.encode() if isinstance(text, str) else text)


@contextlib.asynccontextmanager
async def running(
    terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch, threads: bool
) -> AsyncIterator[tuple[Typed, Screen]]:
    """Run the app in the terminal."""
    far, file = terminal
    monkeypatch.setattr(sys, "__stdin__", file)
    monkeypatch.setattr(sys, "__stderr__", file)
    if threads:
        monkeypatch.setattr(driver_module, "opened", lambda *_: None)
    signals = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
    handlers = [signal.getsignal(each) for each in signals]
    app = Typed()
    screen = Screen(far)
    task = asyncio.create_task(app.run_async())
    await until(lambda: b"ready" in screen.data or task.done())
    assert not task.done()
    try:
        yield app, screen
    finally:
        app.exit()
        await asyncio.wait_for(task, 10)
        asyncio.get_running_loop().remove_reader(far)
        for each, handler in zip(signals, handlers, strict=True):
            signal.signal(each, handler)


TYPED = [
    (["a"], ["a"]),
    (["abc"], ["a", "b", "c"]),
    (["\x1b"], ["escape"]),
    (["\x1b[B"], ["down"]),
    (["\x1b", "[B"], ["down"]),
    (["\x1b[6~", "\x1b[5~"], ["pagedown", "pageup"]),
    (["\x1b\x1b[A"], ["escape", "up"]),
    ([b"\xc3", b"\xa9"], ["é"]),
]


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize(("typed", "keys"), TYPED)
async def test_keys(
    typed: list[Any],
    keys: list[str],
    threads: bool,
    terminal: tuple[int, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Keys come as they are typed: alone, together, in halves, with an Escape that is one."""
    async with running(terminal, monkeypatch, threads) as (app, screen):
        driver: Any = app._driver
        assert (driver._in is None) is threads
        for piece in typed:
            screen.type(piece)
            await asyncio.sleep(0)
            if isinstance(piece, bytes) and not threads:
                # half a letter: it is read before the other half comes (Textual's own thread ends at it)
                await until(lambda: not waiting(terminal[1].fileno()))
        await until(lambda: len(app.keys) >= len(keys))
        assert app.keys == keys


async def test_what_is_no_text(terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that are no text end nothing (in Textual's own thread they do)."""
    async with running(terminal, monkeypatch, threads=False) as (app, screen):
        screen.type(b"\xffx")
        await until(lambda: app.keys == ["replacement_character", "x"])


@pytest.mark.parametrize("threads", [False, True])
async def test_a_paste(threads: bool, terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A long paste comes whole, in one piece."""
    text = "long " * 2000
    async with running(terminal, monkeypatch, threads) as (app, screen):
        rest = f"\x1b[200~{text}\x1b[201~z".encode()
        while rest:
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(screen.far, rest) :]
            await asyncio.sleep(0.001)
        await until(lambda: app.keys == ["z"])
        assert app.pasted == [text]


@pytest.mark.parametrize("threads", [False, True])
async def test_suspended_and_back(threads: bool, terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended program lets go of the terminal, leaks nothing, and goes on with keys and frames."""
    async with running(terminal, monkeypatch, threads) as (app, screen):
        driver = app._driver
        assert driver is not None
        before = open_files()
        for _ in range(3):
            driver.suspend_application_mode()
            assert open_files() <= before
            driver.resume_application_mode()
            assert open_files() == before
        screen.type("k")
        await until(lambda: app.keys == ["k"])
        screen.data = b""
        app.refresh()
        await until(lambda: b"ready" in screen.data)


async def test_a_bug_in_the_reader_is_no_silence(terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where keys cannot be understood at all, the program ends with the reason instead of taking none."""

    def fail(*_: object) -> None:
        raise ValueError("not understood")

    async with running(terminal, monkeypatch, threads=False) as (app, screen):
        driver: Any = app._driver
        monkeypatch.setattr(driver._parser, "feed", fail)
        screen.type("k")
        await until(lambda: not app._running)
        assert app.return_code == 1


@pytest.mark.parametrize("threads", [False, True])
async def test_a_terminal_that_is_gone(
    threads: bool, terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no hangup ended it (nohup), the program ends by itself, with status 1."""
    async with running(terminal, monkeypatch, threads) as (app, screen):
        asyncio.get_running_loop().remove_reader(screen.far)
        os.close(screen.far)
        app.refresh()
        await until(lambda: not app._running)
        assert app.return_code == 1


def test_the_app_writes_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it is netui's driver; one that the environment names stays."""
    assert NetuiApp().driver_class is FrameDriver
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.headless_driver:HeadlessDriver")
    assert NetuiApp().driver_class is HeadlessDriver
