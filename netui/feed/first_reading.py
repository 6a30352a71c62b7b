"""The first readings of the engine and the host, by a child process, while this process imports and builds the screen.

Importing the docker SDK takes longer than the engine's answer, and threads of one interpreter do not run in parallel.
So a child process reads at the same time. It is forked before there is any thread, reads as :class:`LiveHost` does,
sends the results through a pipe, and ends.

The child does not touch the terminal. It has its own session, so it receives no signals of keys, and of the open files
it keeps only its end of the pipe. It ends as soon as the other end is closed, whatever ended this process.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from netui.model import Container
    from netui.sources.docker.engine import FirstReading
    from netui.sources.live.machine_sources import HostReading

#: Seconds without data after which the child is given up; this process then reads what is missing.
_PATIENCE = 15.0


def first_readings() -> Iterator[object]:
    """Read the engine, then the host with the engine's containers, in the child.

    An engine over the network is not read here, to avoid a second connection.
    """
    from netui.sources.docker.context import engine_address
    from netui.sources.docker.engine import FirstReading
    from netui.sources.live.machine_sources import HostReading, LiveHost, local_containers
    from netui.text.errors import SourceError

    with suppress(SourceError):
        if not engine_address(os.environ).path:
            return
    host = LiveHost()
    part = host.read_docker()["docker"]
    yield FirstReading(host.docker.listing, part)
    yield HostReading(host.read_host(local_containers(part)), host.namespaces)


class HeadStart:
    """A child process that reads once, until its results are taken or it is closed.

    read: yields what the child sends; tests pass another one. Where forking is not possible there are no results.
    """

    def __init__(self, read: Callable[[], Iterable[object]] = first_readings, patience: float = _PATIENCE) -> None:
        self._lock = threading.Lock()
        self._taking = self._killed = False
        self._first: FirstReading | None = None
        self._pid, pipe = _start(read, patience)
        self._pipe = open(pipe, "rb") if self._pid else None  # noqa: PTH123, SIM115 - a number; closed with the child

    def __enter__(self) -> HeadStart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def docker(self) -> FirstReading | None:
        """Wait for the engine's reading; None where the child sent nothing usable. Must be called first."""
        from netui.sources.docker.engine import FirstReading

        reading = self._next()
        if isinstance(reading, FirstReading):
            self._first = reading
            return reading
        self.close()
        return None

    def host(self, containers: tuple[Container, ...]) -> HostReading | None:
        """Wait for the host's reading; None unless it was made with these containers. Call it only once."""
        from netui.sources.live.machine_sources import HostReading, local_containers

        first, self._first = self._first, None
        try:
            if first is None or local_containers(first.part) != containers:
                return None
            reading = self._next()
            return reading if isinstance(reading, HostReading) else None
        finally:
            if first is not None:
                self.close()

    def close(self) -> None:
        """End the child at once; waiting calls return None. May be called again, from any thread."""
        with self._lock:
            self._kill()
            if not self._taking:
                self._clear_up()

    def _next(self) -> object:
        """Return the next object from the pipe, None where the pipe ends before it is complete."""
        with self._lock:
            if self._pipe is None or self._taking:
                return None
            self._taking = True
        reading: object
        try:
            # pickle is safe here: the data come from our own child
            reading = pickle.load(self._pipe)
        except Exception:  # a truncated message can raise any error
            reading = None
        with self._lock:
            self._taking = False
            if reading is None:
                self._kill()
            if self._killed:
                self._clear_up()
        return reading

    def _kill(self) -> None:
        """Kill the child and its programs, by its process group, once it has made one."""
        if self._pid:
            self._killed = True
            for kill in (os.kill, os.killpg):
                with suppress(ProcessLookupError):
                    kill(self._pid, signal.SIGKILL)

    def _clear_up(self) -> None:
        """Reap the child and close the pipe."""
        if self._pid:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        if self._pipe is not None:
            self._pipe.close()
        self._pid, self._pipe = 0, None


def _start(read: Callable[[], Iterable[object]], patience: float) -> tuple[int, int]:
    """Fork the child; return its process ID and our end of the pipe, (0, -1) without a child."""
    if sys.platform != "linux":
        return 0, -1  # on other systems, system libraries do not work after a fork
    try:
        ours, its = os.pipe()
    except OSError:
        return 0, -1
    # a Ctrl-C between the fork and setsid would reach both processes
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pid = os.fork()
        if not pid:
            _child(read, patience, its)
    except OSError:
        os.close(ours)
        return 0, -1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(its)
    return pid, ours


def _child(read: Callable[[], Iterable[object]], patience: float, pipe: int) -> NoReturn:
    """Run the child: read, send, and end without the exit handlers of this process."""
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.setitimer(signal.ITIMER_REAL, patience)
        from netui.sources.machine import command

        command.share_group()
        _leave_files(pipe)
        threading.Thread(target=_end_with_reader, args=(pipe,), daemon=True).start()
        for thing in read():
            data = memoryview(pickle.dumps(thing, pickle.HIGHEST_PROTOCOL))
            while data:
                data = data[os.write(pipe, data) :]
            signal.setitimer(signal.ITIMER_REAL, patience)
    except BaseException:  # no error may reach the parent's code in the child
        os._exit(1)
    os._exit(0)


def _leave_files(pipe: int) -> None:
    """Close the parent's open files; the terminal becomes /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are numbers here
        if (number := int(name)) > 2 and number != pipe:
            with suppress(OSError):  # the descriptor of this listing
                os.close(number)


def _end_with_reader(pipe: int) -> NoReturn:
    """End, with all running programs, when the pipe has no reader: poll(2) then always reports POLLERR."""
    poll = select.poll()
    poll.register(pipe, 0)
    poll.poll()
    os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
