"""netui in a pseudo terminal that an attack controls: it may be huge, may stop reading, and says how it was left."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

NETUI = (sys.executable, "-m", "netui")
_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])|\x1b\[([<>])\d*u")
#: The modes that are on in a terminal that nobody has taken: the cursor is seen, and lines are wrapped.
_AT_REST = frozenset({25, 7})


class Screen:
    """A program in a terminal; its near end stays open, so that what it left can be looked at."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str] | None = None,
        size: tuple[int, int] = (120, 40),
        program: Sequence[str] = NETUI,
    ) -> None:
        self.far, self.near = pty.openpty()
        fcntl.ioctl(self.near, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.before = termios.tcgetattr(self.near)
        self.raw = b""
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=self.near,
            stdout=self.near,
            stderr=self.near,
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - an attack has one thread
        )

    def read(self, seconds: float) -> bytes:
        """Read what comes within some seconds."""
        deadline = time.monotonic() + seconds
        start = len(self.raw)
        while (left := deadline - time.monotonic()) > 0 and select.select([self.far], [], [], left)[0]:
            data = os.read(self.far, 1 << 16)
            if b"\x1b[?2026$p" in data:
                os.write(self.far, b"\x1b[?2026;2$y")
            self.raw += data
        return self.raw[start:]

    def wait(self, wanted: bytes, seconds: float = 20.0) -> bool:
        """Read until something was written; whether it was."""
        deadline = time.monotonic() + seconds
        while wanted not in self.raw:
            if time.monotonic() > deadline or self.process.poll() is not None:
                return False
            self.read(0.02)
        return True

    def press(self, keys: str) -> None:
        """Write keys."""
        os.write(self.far, keys.encode())

    def ended(self, seconds: float, *, reading: bool = True) -> float | None:
        """Wait for the end; how many seconds it took, None where it did not come."""
        started = time.monotonic()
        while self.process.poll() is None:
            if time.monotonic() - started > seconds:
                return None
            if reading:
                self.read(0.005)
            else:
                time.sleep(0.002)
        took = time.monotonic() - started
        self.read(0.05)
        return took

    def at_rest(self) -> bool:
        """Whether the terminal is as it was before the program: its modes, its keys, its settings."""
        on, keys = set(_AT_REST), 0
        for found in _MODE.finditer(self.raw):
            numbers, switch, stack = found.groups()
            if stack is not None:
                keys = max(0, keys + (1 if stack == b">" else -1))
                continue
            for number in map(int, numbers.split(b";")):
                (on.add if switch == b"h" else on.discard)(number)
        return on == _AT_REST and keys == 0 and termios.tcgetattr(self.near) == self.before

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_exc: object) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.far)
        os.close(self.near)
