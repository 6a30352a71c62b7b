"""Running another program for its output: bounded in time, in plain words where it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence

from netui.sources import permits
from netui.sources.errors import SourceError, plain

#: Where administration programs lie, which an ordinary user's PATH often leaves out.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_DENIED = ("permission denied", "you must be root", "operation not permitted")
#: An output of so many bytes costs memory that is to be given back.
_LARGE = 500_000
NEEDS_ROOT = "needs root: run netui with sudo"

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def find(program: str) -> str | None:
    """Return a program's path, None where it is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SBIN])
    return shutil.which(program, path=path)


def run(arguments: Sequence[str], timeout: float = 10.0, environment: Mapping[str, str] | None = None) -> str:
    """Run a program and return what it wrote; bytes that are no UTF-8 are kept as lone surrogates.

    timeout: seconds, after which it is killed. Raises SourceError where it is not
    installed, is not allowed to, fails or takes too long.
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
            env={**os.environ, "LC_ALL": "C", **(environment or {})},
        )
    except OSError as error:
        raise SourceError(f"{name} cannot be run: {plain(error.strerror or error)}") from None
    with _lock:
        _running.add(process)
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise SourceError(f"{name} did not finish within {timeout:g} s") from None
    finally:
        with _lock:
            _running.discard(process)
    if len(output) > _LARGE:
        # ctypes takes longer to import than most programs to run
        from netui.sources.heap import large_blocks_apart

        large_blocks_apart()
    if process.returncode != 0:
        raise SourceError(_failure(name, process.returncode, errors.decode("utf-8", "replace")))
    return output.decode("utf-8", "surrogateescape")


def stop_all() -> None:
    """Kill what still runs, so that nothing is left behind when netui ends."""
    with _lock:
        for process in _running:
            process.kill()


def _failure(name: str, status: int, errors: str) -> str:
    if any(words in errors.lower() for words in _DENIED):
        return NEEDS_ROOT if os.geteuid() != 0 else f"{name} was refused: {plain(errors)}"
    return f"{name} failed: {plain(errors) if errors.strip() else f'status {status}'}"
