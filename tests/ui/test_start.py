"""The program as it starts in a terminal: quit at any moment, with any engine, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.bench.terminal import Terminal
from tests.sources.fake_engine import FakeEngine
from tests.sources.processes import gone
from tests.sources.waiting import until

NETUI = [sys.executable, "-m", "netui"]


@pytest.fixture(params=["answers", "hangs", "missing"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a program whose engine answers, takes connections in silence, or is not there."""
    path = tmp_path / "d.sock"
    environment = {"DOCKER_HOST": f"unix://{path}", "XDG_CONFIG_HOME": str(tmp_path)}
    if request.param == "answers":
        fake = FakeEngine(path).start()
        yield environment
        fake.stop()
    elif request.param == "hangs":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen(64)
            yield environment
    else:
        yield environment


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    with suppress(OSError):
        return [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    return []


def ended(terminal: Terminal, seconds: float = 5.0) -> int:
    """Wait until the program has ended, reading what it writes; returns its status."""
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(terminal.pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        assert time.monotonic() < deadline, "it does not end"
        with suppress(EOFError):
            terminal.settle(0.02)


def at_once(terminal: Terminal) -> None:
    """As soon as the child is there, long before the screen."""
    until(lambda: children(terminal.pid), 20)


def on_the_first_screen(terminal: Terminal) -> None:
    """As soon as the program reads keys."""
    terminal.wait_text("Networks", 30)


@pytest.mark.parametrize(
    ("when", "quit_by", "status"),
    [
        (on_the_first_screen, lambda terminal: terminal.press("q"), 0),
        (at_once, lambda terminal: terminal.press("\x03"), 130),
        (at_once, lambda terminal: os.kill(terminal.pid, signal.SIGTERM), -signal.SIGTERM),
        (at_once, lambda terminal: os.kill(terminal.pid, signal.SIGKILL), -signal.SIGKILL),
    ],
    ids=["q", "Ctrl-C", "SIGTERM", "SIGKILL"],
)
def test_whoever_quits_at_once_leaves_nothing(
    engine: dict[str, str],
    when: Callable[[Terminal], None],
    quit_by: Callable[[Terminal], object],
    status: int,
) -> None:
    """The program ends at once with its usual status, and its child with it."""
    with Terminal(NETUI, engine) as terminal:
        when(terminal)
        started = children(terminal.pid)
        quit_by(terminal)
        assert ended(terminal) == status
        until(lambda: all(gone(child) for child in started))


@pytest.mark.parametrize("engine", ["answers", "missing"], indirect=True)
def test_no_child_is_left_once_the_screen_is_whole(engine: dict[str, str]) -> None:
    """Neither running nor as a zombie: it has sent what it read."""
    with Terminal(NETUI, engine) as terminal:
        terminal.wait_text("Networks", 30)
        until(lambda: not children(terminal.pid))
