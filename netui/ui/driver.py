"""The terminal's driver: keys are read, and frames written, by the thread that paints.

Textual 8 has a thread that reads and one that writes. On a busy host each is put on a processor
that has other work, and gets its turn when that is done: a key came up to 3 ms late, and its
frame left with what followed it, 2 ms later (measured). So the loop itself waits for keys, and
what the terminal takes without waiting is written at once, both through open files of netui's
own, for "without waiting" would else be said of the shell's too. What the terminal does not take,
and all that comes while it is behind, goes to the writing thread: the screen waits for no slow
line. Where the terminal cannot be opened (it is another user's, say), Textual's threads do it all.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any, TextIO

from textual import constants
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

#: What is read at once: a paste comes in several.
_BYTES = 4096


class Backlog:
    """The file that the writing thread writes to: keeps nothing back, and knows whether all has left."""

    def __init__(self, file: TextIO, lost: Callable[[], None]) -> None:
        self._file = file
        self._lost = lost
        #: pieces given to the thread, and those that it is done with; each counted in one place alone
        self.given = self.gone = 0

    @property
    def empty(self) -> bool:
        """Whether the terminal has all that was given to the thread."""
        return self.given == self.gone

    def write(self, data: str | bytes) -> None:
        """Write, and let it go; bytes as they are. Where the terminal is gone, say so."""
        try:
            if isinstance(data, bytes):
                self._file.buffer.write(data)
            else:
                self._file.write(data)
            self._file.flush()
        except OSError:
            self._lost()
        finally:
            self.gone += 1

    def flush(self) -> None:
        """Nothing is kept back."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the file's own
        return getattr(self._file, name)


class FrameDriver(LinuxDriver):
    """Textual's driver, without threads where that is possible, and frame by frame."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file: Any = Backlog(self._file, self._lost)
        self._frame: list[str] | None = None
        self._out: int | None = None
        self._in: int | None = None
        self._parser = XTermParser(debug)
        self._decoder = getincrementaldecoder("utf-8")("replace")
        # Where a thread reads the keys, it writes too when it learns what the terminal can do.
        self._turn = threading.Lock()

    # From start to stop; a suspended program stops and starts again.

    def start_application_mode(self) -> None:
        """Take the terminal."""
        before = self._key_thread
        self._out = opened(self._file.fileno(), os.O_WRONLY)
        self._in = opened(self.fileno, os.O_RDONLY)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._key_thread is before:
            # in the background still: it will be started again
            self._stop_reading()
            self._stop_writing()
        elif self._in is not None:
            asyncio.get_running_loop().add_reader(self._in, self._take)

    def run_input_thread(self) -> None:
        """Read the keys as Textual does, where the loop cannot."""
        if self._in is None:
            super().run_input_thread()

    def disable_input(self) -> None:
        """Take no more keys."""
        self._stop_reading()
        super().disable_input()

    def close(self) -> None:
        """End the writing thread, when all is written."""
        super().close()
        self._stop_writing()

    # Keys.

    def _take(self) -> None:
        """Take what was typed; a bug in what reads it ends the program in plain sight, as in Textual's thread."""
        try:
            self._read()
        except Exception as error:
            self._stop_reading()
            self._app.call_later(self._app._handle_exception, error)

    def _read(self) -> None:
        assert self._in is not None
        try:
            data = os.read(self._in, _BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._stop_reading()
            self._lost()
            return
        for event in self._parser.feed(self._decoder.decode(data)):
            self.process_message(event)
        if self._parser._timeout_time is not None:
            # an Escape, or the beginning of what another key sends
            asyncio.get_running_loop().call_later(constants.ESCAPE_DELAY + 0.001, self._tick)

    def _tick(self) -> None:
        """Say that the rest of a key did not come."""
        for event in self._parser.tick():
            self.process_message(event)

    def _lost(self) -> None:
        """End: the terminal is gone, and nothing else said so, as a hangup mostly does."""
        self._app.call_later(self._app.exit, return_code=1)

    def _stop_reading(self) -> None:
        inward, self._in = self._in, None
        if inward is not None:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().remove_reader(inward)
            os.close(inward)

    def _stop_writing(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            os.close(out)

    def send_message(self, message: Any) -> None:  # noqa: ANN401 - Textual's messages
        """Give a message to the app."""
        if self._in is None:
            super().send_message(message)
        else:
            self._app.post_message(message)

    # Frames.

    def write(self, data: str) -> None:
        """Write what stands alone; keep the pieces of a frame until its end is there."""
        if self._frame is not None:
            self._frame.append(data)
            if data == SYNC_END:
                frame, self._frame = self._frame, None
                self._put("".join(frame))
        elif data == SYNC_START:
            self._frame = [data]
        else:
            self._put(data)

    def _put(self, text: str) -> None:
        """Write now what the terminal takes without waiting; the thread writes the rest."""
        thread = self._writer_thread
        assert thread is not None, "Driver must be in application mode"
        with self._turn:
            data: Any = text
            if self._out is not None and self._file.empty:
                data = text.encode(self._file.encoding, self._file.errors or "strict")
                # what is wrong with the terminal is the thread's to find
                with contextlib.suppress(OSError):
                    data = data[os.write(self._out, data) :]
                if not data:
                    return
            self._file.given += 1
            thread.write(data)


def opened(descriptor: int, how: int) -> int | None:
    """Open a terminal once more, so that nothing waits for it; None where it is none, or is not to be opened.

    how: os.O_RDONLY or os.O_WRONLY. The flag is one of the open file, which the shell's
    standard streams share: on theirs it would make other programs fail, netui's end or not.
    """
    try:
        return os.open(os.ttyname(descriptor), how | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
