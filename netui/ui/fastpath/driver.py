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
import atexit
import contextlib
import os
import select
import signal
import termios
import threading
import time
from codecs import getincrementaldecoder
from types import FrameType
from typing import Any

from textual import constants, events
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from netui.ending import ENDING, end_by
from netui.ui.fastpath.backlog import Backlog

#: What is read at once: a paste comes in several.
_BYTES = 4096
#: Pieces that wait for a terminal that does not read; Textual's queue blocks at 30.
_MOST_WAITING = 29
#: Seconds that a terminal gets at the end to take what waits; after them it is discarded.
_PATIENCE = 0.1
#: Seconds between two looks whether a terminal reads again.
_LOOK = 0.2
#: The largest screen that is painted, in columns and rows; of a larger terminal the rest stays blank.
LARGEST = (500, 150)
#: What start_application_mode switched on, switched off: synchronised output, mouse, paste, sizes, wrap, kitty's
#: keys, alternate screen, cursor, focus, colours.
GIVE_BACK = (
    "\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?2048l\x1b[?7h"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m"
)


class FrameDriver(LinuxDriver):
    """Textual's driver, without threads where that is possible, and frame by frame."""

    _loop: asyncio.AbstractEventLoop
    #: whether the terminal is netui's, and to be given back
    _taken = False
    #: what is no frame and waits for a terminal that does not read; None while it reads
    _held_up: list[str] | None = None

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        if self._size is None:
            self._size = self._get_terminal_size()
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
        self._loop = asyncio.get_running_loop()
        self._taken = True
        self._end_with_signals()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._key_thread is before:
            # in the background still: it will be started again
            self._taken = False
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
        """End the writing thread, when all is written; a terminal that does not read is not waited for."""
        if self._drained():
            super().close()
            self._taken = False
        else:
            self.give_back()
        self._stop_writing()

    # The end, however it comes.

    def _end_with_signals(self) -> None:
        """Give the terminal back before a signal or a crash ends the program."""
        atexit.register(self.give_back)
        if threading.current_thread() is threading.main_thread():
            for number in (*ENDING, signal.SIGINT):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._end_by)

    def _end_by(self, number: int, _frame: FrameType | None) -> None:
        self.give_back()
        end_by(number)

    def give_back(self) -> None:
        """Leave the terminal as it was before, at once; does nothing where that is done already."""
        taken, self._taken = self._taken, False
        if not taken:
            return
        with contextlib.suppress(OSError, ValueError, termios.error):
            # from the background, too
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
            if not self._drained():
                self._discard()
            self._file.discards = True
            number = self._out if self._out is not None else self._file.fileno()
            if select.select([], [number], [], _PATIENCE)[1]:
                os.write(number, GIVE_BACK.encode())
            termios.tcflush(self.fileno, termios.TCIFLUSH)
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)

    def _drained(self) -> bool:
        """Wait for the terminal to take what waits; False where it does not."""
        deadline = time.monotonic() + _PATIENCE
        while not self._file.empty and self._held_up is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return self._file.empty and self._held_up is None

    def _discard(self) -> None:
        """Throw away what waits for a terminal that does not read."""
        self._file.discards = True
        deadline = time.monotonic() + _PATIENCE / 2
        while not self._file.empty and time.monotonic() < deadline:
            # The thread may be in the middle of a piece that is larger than what fits in at once;
            # a pseudo terminal that is emptied does not wake it, one that is switched on again does.
            termios.tcflush(self.fileno, termios.TCOFLUSH)
            termios.tcflow(self.fileno, termios.TCOOFF)
            termios.tcflow(self.fileno, termios.TCOON)
            time.sleep(0.0005)
        termios.tcflush(self.fileno, termios.TCOFLUSH)

    # Sizes.

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return the size of what is painted."""
        width, height = super()._get_terminal_size()
        return min(width, LARGEST[0]), min(height, LARGEST[1])

    def process_message(self, message: Any) -> None:  # noqa: ANN401 - Textual's messages
        """Take a message of the terminal; it may tell any size."""
        if isinstance(message, events.Resize) and (message.size.width > LARGEST[0] or message.size.height > LARGEST[1]):
            size = Size(min(message.size.width, LARGEST[0]), min(message.size.height, LARGEST[1]))
            message = events.Resize(size, size)
        super().process_message(message)

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
        text = self._decoder.decode(data)
        for event in self._parser.feed(text) if text else ():  # half a letter is none yet, and none ends the parser
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
            if self._held_up is None and self._file.given - self._file.gone >= _MOST_WAITING:
                self._held_up = []
                self._loop.call_soon_threadsafe(self._loop.call_later, _LOOK, self._look_again)
            if self._held_up is not None:
                # A later frame does not stand alone: the whole screen is painted when the terminal reads again.
                if not text.startswith(SYNC_START):
                    self._held_up.append(text)
                return
            self._file.given += 1
            thread.write(data)

    def _look_again(self) -> None:
        """Go on where the terminal has read all that waited, with a whole screen."""
        if self._held_up is None or not self._taken:
            return
        if not self._file.empty:
            self._loop.call_later(_LOOK, self._look_again)
            return
        waiting, self._held_up = self._held_up, None
        for text in waiting:
            self._put(text)
        self._app.screen.refresh()


def opened(descriptor: int, how: int) -> int | None:
    """Open a terminal once more, so that nothing waits for it; None where it is none, or is not to be opened.

    how: os.O_RDONLY or os.O_WRONLY. The flag is one of the open file, which the shell's
    standard streams share: on theirs it would make other programs fail, netui's end or not.
    """
    try:
        return os.open(os.ttyname(descriptor), how | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
