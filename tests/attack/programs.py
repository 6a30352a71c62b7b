"""Hostile programs in place of those that netui runs: they hang, fork, write without end, or lie on PATH."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from netui.sources.machine import command
from netui.text.errors import SourceError
from tests.attack import Attack

#: A question that netui may ask.
ASKED = ("ip", "-j", "-d", "address")

#: What each program does, by name; {pid} is a file for the number of a child that it leaves behind.
SCRIPTS = {
    "sleeps": "exec sleep 60",
    "sleeps deaf to signals": "trap '' TERM INT HUP QUIT; while :; do sleep 60; done",
    "a child holds the output": "sleep 60 & echo $! > {pid}; sleep 60",
    "ends, and its child holds the output": "sleep 60 & echo $! > {pid}; echo '[]'",
    "endless output": "exec cat /dev/zero",
    "endless lines": "exec yes '[]'",
    "endless errors": "exec cat /dev/zero >&2",
    "a child writes without end": "cat /dev/zero & echo $! > {pid}; echo '[]'",
    "closes its output and stays": "exec >&- 2>&-; exec sleep 60",
    "stops itself": "kill -STOP $$",
    "asks the terminal": "read answer < /dev/tty; echo '[]'",
    "reads its input": "cat; echo '[]'",
}
#: The bounds with which it is tried, and what ends after them is too late.
SECONDS, BYTES, SLACK = 0.3, 2**20, 1.0


def write(folder: Path, name: str, script: str) -> Path:
    """Put a program into a folder."""
    path = folder / name
    path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    path.chmod(0o755)
    return path


@contextmanager
def on_path(folder: Path) -> Iterator[None]:
    """Look programs up in one folder alone."""
    with mock.patch.dict(os.environ, PATH=str(folder)), mock.patch.object(command, "SYSTEM", ()):
        yield


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pid: int, seconds: float = 2.0) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def bounded_programs(rounds: int) -> Iterator[tuple[str, bool]]:
    """Each program ends in time, is bounded in size, and leaves no child."""
    for _ in range(rounds):
        for name, script in SCRIPTS.items():
            with tempfile.TemporaryDirectory() as made:
                folder, left = Path(made), Path(made, "pid")
                write(folder, "ip", script.format(pid=left))
                started = time.monotonic()
                size = 0
                with on_path(folder):
                    try:
                        size = len(command.run(ASKED, timeout=SECONDS, limit=BYTES))
                    except SourceError as error:
                        size = 0 if str(error).isprintable() else BYTES + 1
                in_time = time.monotonic() - started < SECONDS + SLACK
                no_child = not left.exists() or gone(int(left.read_text()))
                yield name, in_time and size <= BYTES and no_child


def planted_programs(rounds: int) -> Iterator[tuple[str, bool]]:
    """As root no program is run from a folder that others can change; nobody runs one from the current folder."""
    before = Path.cwd()
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made, "bin")
            folder.mkdir()
            write(folder, "netui-planted", "echo '[]'")
            os.chdir(folder)
            try:
                for name, path in (("the current folder", "."), ("an empty element", "/bin:"), ("relative", "../bin")):
                    with mock.patch.dict(os.environ, PATH=path):
                        yield name, command.find("netui-planted") is None
            finally:
                os.chdir(before)
            if os.geteuid() != 0:
                continue
            with mock.patch.dict(os.environ, PATH=str(folder)):
                for name, mode, owner in (
                    ("a folder that all may change", 0o777, 0),
                    ("a folder that a group may change", 0o775, 0),
                    ("another user's folder", 0o755, 65534),
                    ("a sticky folder", 0o1777, 0),
                ):
                    folder.chmod(mode)
                    os.chown(folder, owner, owner)
                    command._search_path.cache_clear()
                    yield name, command.find("netui-planted") is None
                os.chown(folder, 0, 0)
                folder.chmod(0o755)
                command._search_path.cache_clear()
                yield "root's own folder serves", command.find("netui-planted") is not None
                (folder / "netui-planted").chmod(0o777)
                yield "a program that all may change", command.find("netui-planted") is None
            command._search_path.cache_clear()


ATTACKS: list[Attack] = [bounded_programs, planted_programs]
