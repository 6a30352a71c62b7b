"""The first readings of the engine and the host, by a child process, while this one imports and lays out its screen.

The docker SDK takes longer to import than the engine to answer, and threads of one interpreter
take turns: a second process really does it at the same time. It is forked before there is any
thread, reads as :class:`LiveHost` does, sends what it read through a pipe, and is gone.

The child leaves the terminal alone: it has a session of its own, so that no key's signal finds it,
and no file that is open here but its end of the pipe. It ends as soon as the other end is closed,
however this process came to its end.
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

#: Seconds after which a child that sends nothing more is given up; what it did not send is read here.
_PATIENCE = 15.0


def first_readings() -> Iterator[object]:
    """Read the engine, then the host with the engine's containers, as the child does.

    An engine behind a network is left to the one that shows it: it is worth no second connection.
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
    """A child that reads once, from here on until its results are taken or it is closed.

    read: what the child does and sends; another one for tests. Where there can be no
    child there are no results.
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
        """Wait for what the child read of the engine; None where it sent nothing of use. To be called first."""
        from netui.sources.docker.engine import FirstReading

        found = self._next()
        if isinstance(found, FirstReading):
            self._first = found
            return found
        self.close()
        return None

    def host(self, containers: tuple[Container, ...]) -> HostReading | None:
        """Wait for what the child read of the host; None unless it was read with these containers. Not twice."""
        from netui.sources.live.machine_sources import HostReading, local_containers

        first, self._first = self._first, None
        try:
            if first is None or local_containers(first.part) != containers:
                return None
            found = self._next()
            return found if isinstance(found, HostReading) else None
        finally:
            if first is not None:
                self.close()

    def close(self) -> None:
        """End the child at once; who waits for a result gets none. From any thread, any number of times."""
        with self._lock:
            self._kill()
            if not self._taking:
                self._clear_up()

    def _next(self) -> object:
        """Return the next thing that was sent, None where nothing whole came before the pipe's end."""
        with self._lock:
            if self._pipe is None or self._taking:
                return None
            self._taking = True
        found: object
        try:
            # It comes from our own child through our own pipe.
            found = pickle.load(self._pipe)
        except Exception:  # half a message can be any error
            found = None
        with self._lock:
            self._taking = False
            if found is None:
                self._kill()
            if self._killed:
                self._clear_up()
        return found

    def _kill(self) -> None:
        """Kill the child and what it runs: it leads a group of its own, as soon as it has got so far."""
        if self._pid:
            self._killed = True
            for kill in (os.kill, os.killpg):
                with suppress(ProcessLookupError):
                    kill(self._pid, signal.SIGKILL)

    def _clear_up(self) -> None:
        """Leave neither a zombie nor the pipe behind."""
        if self._pid:
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        if self._pipe is not None:
            self._pipe.close()
        self._pid, self._pipe = 0, None


def _start(read: Callable[[], Iterable[object]], patience: float) -> tuple[int, int]:
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
            _child(read, patience, its)
    except OSError:
        os.close(ours)
        return 0, -1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(its)
    return pid, ours


def _child(read: Callable[[], Iterable[object]], patience: float, pipe: int) -> NoReturn:
    """Be the child: read, send, and end without what this process does at its end."""
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
            with suppress(OSError):  # the listing's own
                os.close(number)


def _end_with_reader(pipe: int) -> NoReturn:
    """End, with what runs for us, when nobody can read the pipe any more: poll(2) says POLLERR, asked or not."""
    poll = select.poll()
    poll.register(pipe, 0)
    poll.poll()
    os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
