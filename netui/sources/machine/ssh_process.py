"""A process of ssh with its input and output, and limits of time and bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import IO

from netui.text.errors import SourceError, plain

#: The most bytes of one round trip; 10,000 rules are 1.5 MB, and 10 MB in nft's JSON.
MOST = 256 * 2**20
#: The bytes of stderr that are kept.
_COMPLAINTS = 2**14
_PIECE = 2**18
#: Seconds between two checks whether another thread closed it.
_LOOK = 0.25


class Lost(SourceError):
    """The connection, or a shell of it, is lost."""


class Disconnected(Lost):
    """The connection is lost; it will be made again."""

    disconnected = True


class NoAnswer(Lost):
    """No answer came in time."""


class Shell:
    """A process of ssh with its input and output, and a deadline and a limit for each answer."""

    def __init__(self, arguments: Sequence[str], *, apart: bool) -> None:
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                start_new_session=apart,
            )
        except OSError as error:
            raise Lost(f"ssh cannot be run: {plain(error.strerror or error)}") from None
        self._buffer = bytearray()
        self._errors = bytearray()
        self._unsent = bytearray()
        self._deaf = self._closed = False
        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        return process.stdin, process.stdout, process.stderr

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def complaints(self, *, whole: bool = False) -> str:
        """Return the last line of ssh's stderr, or all of it."""
        with suppress(OSError, ValueError):
            self._errors += os.read(self._pipes()[2].fileno(), _COMPLAINTS)
        text = bytes(self._errors[-_COMPLAINTS:]).decode("utf-8", "replace").replace("\r", "\n")
        lines = [line for line in text.splitlines() if line.strip()]
        return text if whole else plain(lines[-1]) if lines else ""

    def send(self, data: bytes) -> None:
        """Write data; what does not fit into the pipe is written by the next :meth:`until`."""
        self._unsent += data

    def until(self, end: bytes, seconds: float, limit: int = MOST) -> bytes:
        """Return the output before ``end``; raise Lost where that does not come in time, or after too many bytes."""
        deadline = time.monotonic() + seconds
        stdin, stdout, stderr = self._pipes()
        try:
            with DefaultSelector() as selector:
                for pipe in (stdout,) if self._deaf else (stdout, stderr):
                    selector.register(pipe, EVENT_READ)
                if self._unsent:
                    selector.register(stdin, EVENT_WRITE)
                looked = 0
                while (index := self._buffer.find(end, max(0, looked - len(end)))) < 0:
                    looked = len(self._buffer)
                    if looked > limit:
                        raise Lost(f"more than {limit // 2**20} MB came")
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise NoAnswer(f"no answer within {seconds:g} s")
                    if self._closed:
                        raise Disconnected("disconnected")
                    # closing a descriptor here wakes no waiting thread
                    for key, _ in selector.select(min(left, _LOOK)):
                        if key.fileobj is stdin:
                            self._unsent = self._unsent[os.write(stdin.fileno(), self._unsent[:_PIECE]) :]
                            if not self._unsent:
                                selector.unregister(stdin)
                        elif key.fileobj is stdout:
                            self._take(os.read(stdout.fileno(), _PIECE))
                        elif not (complaint := os.read(stderr.fileno(), _PIECE)):
                            self._deaf = True
                            selector.unregister(stderr)
                        else:
                            self._errors = (self._errors + complaint)[-_COMPLAINTS:]
        except (OSError, ValueError) as error:
            raise Disconnected(f"disconnected: {self.complaints() or plain(error)}") from None
        output = bytes(self._buffer[:index])
        del self._buffer[: index + len(end)]
        return output

    def _take(self, data: bytes) -> None:
        if not data:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            raise Disconnected(f"disconnected{': ' if self.complaints() else ''}{self.complaints()}")
        self._buffer += data

    def close(self) -> None:
        """End it: its input ends, and a thread that waits for an answer gets none."""
        self._closed = True
        for pipe in self._pipes():
            with suppress(OSError, ValueError):
                pipe.close()
        end(self._process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process, and wait until it has."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
