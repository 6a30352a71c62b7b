"""Runs another program for its output, with limits of time and bytes, and a plain message where it fails."""

from __future__ import annotations

import fcntl
import os
import selectors
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from netui.sources.machine import own_container, permits
from netui.text.errors import SourceError, plain

#: The folders of administration programs, which are often not in an ordinary user's PATH.
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_DENIED = ("permission denied", "you must be root", "operation not permitted")
#: After an output of so many bytes, memory is returned to the system.
_LARGE = 500_000
#: More bytes than any host's rules: 10,000 rules are 110 MB in nft's JSON.
MAX_OUTPUT = 512 * 2**20
#: The bytes of a program's stderr that are kept.
_MAX_ERRORS = 64 * 2**10
_PIECE = 2**18
#: Seconds for which the check of PATH's folders is cached: it costs as much as a short program.
_CHECKED = 60.0

_running: set[subprocess.Popen[bytes]] = set()
#: Called when a signal ends netui.
AT_END: list[Callable[[], None]] = []
#: Reentrant, because a signal may end netui while it starts a program.
_lock = threading.RLock()
_apart = True


def share_group() -> None:
    """Let programs stay in this process's group, which its parent kills as a whole."""
    global _apart  # noqa: PLW0603 - said once, by a child that has just been forked
    _apart = False


def search_path(environ: Mapping[str, str] | None = None) -> str:
    """Return the folders to search for programs: those of PATH, then the system's.

    As root, only absolute folders that only root can change.
    """
    named = (os.environ if environ is None else environ).get("PATH", os.defpath)
    return _search_path(named, SYSTEM, os.geteuid() == 0, time.monotonic() // _CHECKED)


@lru_cache(maxsize=4)
def _search_path(named: str, system: tuple[str, ...], root: bool, _when: float) -> str:
    folders = [folder for folder in named.split(os.pathsep) if folder.startswith("/")]
    if root:
        folders = [folder for folder in folders if _only_roots(folder)]
    return os.pathsep.join(dict.fromkeys([*folders, *system]))


def _only_roots(folder: str) -> bool:
    """Whether only root can add a program to a folder, or replace the folder."""
    try:
        path = Path(folder).resolve(strict=True)
        for part in (path, *path.parents):
            status = part.stat()
            writable = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
            # in a sticky folder such as /tmp, others cannot rename root's files
            if status.st_uid != 0 or (writable and (part == path or not status.st_mode & stat.S_ISVTX)):
                return False
    except (OSError, ValueError):
        return False
    return True


def find(program: str) -> str | None:
    """Return a program's path, None where it is not installed."""
    if "/" in program:
        return program if os.access(program, os.X_OK) else None
    for folder in search_path().split(os.pathsep):
        path = Path(folder, program)
        with suppress(OSError):
            status = path.stat()
            if not stat.S_ISREG(status.st_mode) or not os.access(path, os.X_OK):
                continue
            if os.geteuid() == 0 and (status.st_uid != 0 or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
                continue
            return str(path)
    return None


def run(
    arguments: Sequence[str],
    timeout: float = 10.0,
    environment: Mapping[str, str] | None = None,
    limit: int = MAX_OUTPUT,
) -> str:
    """Run a program and return its output; bytes that are not UTF-8 become lone surrogates.

    timeout: seconds, limit: bytes; beyond them the program is killed with all its children.
    Raises SourceError where it is not installed, is denied access, fails, takes too long or
    writes too much.
    """
    permits.check(arguments)
    name = arguments[0]
    path = find(name)
    if path is None:
        raise SourceError(f"{name} is not installed")
    try:
        process = subprocess.Popen(
            [path, *arguments[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PATH": search_path(), "LC_ALL": "C", **(environment or {})},
            cwd="/",
            start_new_session=_apart,
        )
    except OSError as error:
        raise SourceError(f"{name} cannot be run: {plain(error.strerror or error)}") from None
    with _lock:
        _running.add(process)
    try:
        output, errors = _read(process, name, timeout, limit)
    finally:
        # Also what it left running behind it, while its number still names its group.
        _kill(process)
        with _lock:
            _running.discard(process)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    if len(output) > _LARGE:
        # ctypes takes longer to import than most programs to run
        from netui.process import large_blocks_apart

        large_blocks_apart()
    if process.returncode != 0:
        raise failure(name, process.returncode, errors.decode("utf-8", "replace"), own_container.denied())
    return output.decode("utf-8", "surrogateescape")


def _read(process: subprocess.Popen[bytes], name: str, timeout: float, limit: int) -> tuple[bytes, bytes]:
    """Read until the program ends; raise SourceError where it takes too long or writes too much."""
    assert process.stdout is not None and process.stderr is not None
    deadline = time.monotonic() + timeout
    output: list[bytes] = []
    errors: list[bytes] = []
    room = {process.stdout.fileno(): limit, process.stderr.fileno(): _MAX_ERRORS}
    with selectors.DefaultSelector() as selector:
        with suppress(OSError, AttributeError):
            # fewer writes and reads; only Linux has it, and it may be denied
            fcntl.fcntl(process.stdout, fcntl.F_SETPIPE_SZ, _PIECE)
        for number in room:
            os.set_blocking(number, False)
            selector.register(number, selectors.EVENT_READ)
        ended = False
        while True:
            # One that has closed its output is about to end: nothing else is waited for then.
            if not selector.get_map() and not ended:
                time.sleep(0.0001)
            ready = selector.select(0 if ended or not selector.get_map() else min(0.05, deadline - time.monotonic()))
            for key, _ in ready:
                data = _piece(key.fd)
                if data == b"":
                    selector.unregister(key.fd)
                if not data:
                    continue
                is_output = key.fd == process.stdout.fileno()
                if is_output and len(data) > room[key.fd]:
                    raise SourceError(f"{name} wrote more than {limit // 2**20} MB")
                (output if is_output else errors).append(data[: room[key.fd]])
                room[key.fd] = max(0, room[key.fd] - len(data))
            if ended and not ready:
                return b"".join(output), b"".join(errors)
            if time.monotonic() >= deadline:
                raise SourceError(f"{name} did not finish within {timeout:g} s")
            if not ready or not selector.get_map():
                # A program that has ended but left its output open to another one is not waited for.
                ended = _ended(process)


def _piece(number: int) -> bytes | None:
    """Return the content of a pipe, b"" at its end, None where it is empty."""
    try:
        return os.read(number, _PIECE)
    except BlockingIOError:
        return None


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a program has ended; it is not reaped, so its process ID is not reused."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program that was not reaped yet, and its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL) if _apart else os.kill(process.pid, signal.SIGKILL)


def stop_all() -> None:
    """Kill the running programs."""
    with _lock:
        for process in tuple(_running):
            _kill(process)


def end_all() -> None:
    """Kill the running programs, and end all else that must end with netui."""
    stop_all()
    for end in AT_END:
        end()


def failure(name: str, status: int, errors: str, needs_root: str) -> SourceError:
    """Return the message about a program that failed.

    needs_root: what the user can do where only root may run it, "" where root ran it.
    """
    if any(words in errors.lower() for words in _DENIED):
        return SourceError(needs_root or f"{name} was refused: {plain(errors)}")
    return SourceError(f"{name} failed: {plain(errors) if errors.strip() else f'status {status}'}")
