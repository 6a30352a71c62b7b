"""The first reading of the engine, by a child process, while this one imports and lays out its screen.

The docker SDK takes longer to import than the engine to answer, and threads of one interpreter
take turns: a second process really does it at the same time. It is forked before there is any
thread, reads as :class:`DockerEngine` does, sends what it read through a pipe, and is gone.

The child leaves the terminal alone: it has a session of its own, so that no key's signal finds it,
and no file that is open here but its end of the pipe. It ends as soon as the other end is closed,
however this process came to its end.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from netui.sources.docker_engine import FirstReading

#: Seconds after which a child that sends nothing is given up; the engine is then read here.
_PATIENCE = 15.0
_CHUNK = 1 << 20


def first_reading() -> FirstReading | None:
    """Read the engine whole, as the child does; None where it is to be read by who shows it.

    That is an engine behind a network: it is worth no second connection.
    """
    from netui.sources.docker_context import engine_address
    from netui.sources.docker_engine import DockerEngine, FirstReading
    from netui.sources.errors import SourceError
    from netui.sources.parts import Part

    engine = DockerEngine(os.environ)
    try:
        if not engine_address(os.environ).path:
            return None
        part = engine.read()
    except SourceError as error:
        part = Part(error=str(error))
    return FirstReading(engine.listing, part)


class HeadStart:
    """A child that reads the engine once, from here on until its result is taken or it is closed.

    read: what the child does; another one for tests. Where there can be no child
    there is no result.
    """

    def __init__(self, read: Callable[[], object] = first_reading, patience: float = _PATIENCE) -> None:
        self._until = time.monotonic() + patience
        self._lock = threading.Lock()
        self._taking = False
        self._pid, self._pipe = _start(read)

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reading(self) -> FirstReading | None:
        """Wait for what the child read; None where it sent nothing of use. To be called once."""
        with self._lock:
            if not self._pid:
                return None
            self._taking = True
        try:
            data = self._received()
        finally:
            with self._lock:
                self._end()
        return _understood(data)

    def close(self) -> None:
        """End the child at once; who waits for its result gets none. From any thread, any number of times."""
        with self._lock:
            if self._taking:
                self._kill()  # its end of the pipe closes with it, and who waits there clears up
            else:
                self._end()

    def _received(self) -> bytes:
        """Return what came before the pipe's end; nothing where that did not come in time."""
        pieces: list[bytes] = []
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while poll.poll(max(0.0, self._until - time.monotonic()) * 1000):
            piece = os.read(self._pipe, _CHUNK)
            if not piece:
                return b"".join(pieces)
            pieces.append(piece)
        return b""

    def _kill(self) -> None:
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)

    def _end(self) -> None:
        """Leave neither the child nor the pipe behind."""
        self._kill()
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
            os.close(self._pipe)
        self._pid = 0


def _understood(data: bytes) -> FirstReading | None:
    """Return the reading that was sent; None for a child that had none, or came to its end before."""
    from netui.sources.docker_engine import FirstReading

    try:
        # It comes from our own child through our own pipe.
        found = pickle.loads(data)
    except Exception:  # half a message can be any error
        return None
    return found if isinstance(found, FirstReading) else None


def _start(read: Callable[[], object]) -> tuple[int, int]:
    """Fork the child; returns its number and our end of the pipe, (0, -1) where there is none."""
    if sys.platform != "linux":
        return 0, -1  # elsewhere the system's own libraries do not survive a fork
    try:
        ours, its = os.pipe()
    except OSError:
        return 0, -1
    # A Ctrl-C between the fork and the child's own session would be for both of them.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pid = os.fork()
        if not pid:
            _child(read, its)
    except OSError:
        os.close(ours)
        return 0, -1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(its)
    return pid, ours


def _child(read: Callable[[], object], pipe: int) -> NoReturn:
    """Be the child: read, send, and end without what this process does at its end."""
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        _leave_files(pipe)
        threading.Thread(target=_end_with_reader, args=(pipe,), daemon=True).start()
        data = memoryview(pickle.dumps(read(), pickle.HIGHEST_PROTOCOL))
        while data:
            data = data[os.write(pipe, data) :]
    except BaseException:  # nothing of it may reach the code that was going on here
        os._exit(1)
    os._exit(0)


def _leave_files(pipe: int) -> None:
    """Close what was open in the parent; the terminal becomes /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are numbers here
        if (number := int(name)) > 2 and number != pipe:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(number)


def _end_with_reader(pipe: int) -> NoReturn:
    """End when nobody can read the pipe any more: poll(2) then says POLLERR, asked or not."""
    poll = select.poll()
    poll.register(pipe, 0)
    poll.poll()
    os._exit(1)
