"""The terminal's driver: the UI thread itself reads keys and writes frames.

Textual 8 has a reading and a writing thread. On a busy host, each must wait for a processor: a key came up to
3 ms late, and its frame left 2 ms late, together with the next one (measured). So the event loop itself waits for
keys, and writes at once what the terminal accepts without blocking. It uses its own open files, because O_NONBLOCK on
the standard streams would also apply to the shell. What the terminal does not accept, and all output until it has
caught up, goes to the writing thread, so a slow connection never blocks the screen. Where the terminal cannot be
opened (it may be another user's), Textual's threads are used.
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

#: The bytes of one read; a paste takes several.
_BYTES = 4096
#: The most pieces that wait for a blocked terminal; Textual's queue blocks at 30.
_MOST_WAITING = 29
#: Seconds at the end for waiting output; afterwards it is discarded.
_PATIENCE = 0.1
#: Seconds between two checks whether a blocked terminal reads again.
_LOOK = 0.2
#: The largest painted screen, in columns and rows; the rest of a larger terminal stays blank.
LARGEST = (500, 150)
#: The sequences that undo start_application_mode: synchronised output, mouse, paste, sizes, wrap, kitty's keys,
#: alternate screen, cursor, focus, colours.
GIVE_BACK = (
    "\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[?2004l\x1b[?2048l\x1b[?7h"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m"
)


class FrameDriver(LinuxDriver):
    """Textual's driver, if possible without threads, and frame by frame."""

    _loop: asyncio.AbstractEventLoop
    #: whether netui has taken the terminal and must restore it
    _taken = False
    #: output outside frames that waits for a blocked terminal; None while it reads
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
        # a thread that reads keys also writes, when it learns the terminal's features
        self._turn = threading.Lock()

    # from start to stop; suspending the program stops and starts it again

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
            # still in the background: it will be started again
            self._taken = False
            self._stop_reading()
            self._stop_writing()
        elif self._in is not None:
            asyncio.get_running_loop().add_reader(self._in, self._take)

    def run_input_thread(self) -> None:
        """Read the keys on a thread, as Textual does, where the loop cannot."""
        if self._in is None:
            super().run_input_thread()

    def disable_input(self) -> None:
        """Stop reading keys."""
        self._stop_reading()
        super().disable_input()

    def close(self) -> None:
        """End the writing thread when all is written, without waiting for a blocked terminal."""
        if self._drained():
            super().close()
            self._taken = False
        else:
            self.give_back()
        self._stop_writing()

    # The end, in any way.

    def _end_with_signals(self) -> None:
        """Restore the terminal before a signal or a crash ends the program."""
        atexit.register(self.give_back)
        if threading.current_thread() is threading.main_thread():
            for number in (*ENDING, signal.SIGINT):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._end_by)

    def _end_by(self, number: int, _frame: FrameType | None) -> None:
        self.give_back()
        end_by(number)

    def give_back(self) -> None:
        """Restore the terminal at once; does nothing the second time."""
        taken, self._taken = self._taken, False
        if not taken:
            return
        with contextlib.suppress(OSError, ValueError, termios.error):
            # also from the background
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
        """Wait until the terminal has received the waiting output; False where it does not."""
        deadline = time.monotonic() + _PATIENCE
        while not self._file.empty and self._held_up is None and time.monotonic() < deadline:
            time.sleep(0.002)
        return self._file.empty and self._held_up is None

    def _discard(self) -> None:
        """Discard the output that waits for a blocked terminal."""
        self._file.discards = True
        deadline = time.monotonic() + _PATIENCE / 2
        while not self._file.empty and time.monotonic() < deadline:
            # the thread may block in a write that is larger than the terminal's buffer; flushing a pseudo terminal
            # does not wake it, but restarting its output does
            termios.tcflush(self.fileno, termios.TCOFLUSH)
            termios.tcflow(self.fileno, termios.TCOOFF)
            termios.tcflow(self.fileno, termios.TCOON)
            time.sleep(0.0005)
        termios.tcflush(self.fileno, termios.TCOFLUSH)

    # Sizes.

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return the painted size."""
        width, height = super()._get_terminal_size()
        return min(width, LARGEST[0]), min(height, LARGEST[1])

    def process_message(self, message: Any) -> None:  # noqa: ANN401 - Textual's messages
        """Handle a message of the terminal, which may have any size."""
        if isinstance(message, events.Resize) and (message.size.width > LARGEST[0] or message.size.height > LARGEST[1]):
            size = Size(min(message.size.width, LARGEST[0]), min(message.size.height, LARGEST[1]))
            message = events.Resize(size, size)
        super().process_message(message)

    # Keys.

    def _take(self) -> None:
        """Read typed bytes; an error in the parser ends the program visibly, as in Textual's thread."""
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
        for event in self._parser.feed(text) if text else ():  # an empty text would end the parser
            self.process_message(event)
        if self._parser._timeout_time is not None:
            # an Escape key, or the start of another key's sequence
            asyncio.get_running_loop().call_later(constants.ESCAPE_DELAY + 0.001, self._tick)

    def _tick(self) -> None:
        """Tell the parser that the rest of a key did not come."""
        for event in self._parser.tick():
            self.process_message(event)

    def _lost(self) -> None:
        """End, because the terminal is gone without a hangup."""
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
        """Pass a message to the app."""
        if self._in is None:
            super().send_message(message)
        else:
            self._app.post_message(message)

    # Frames.

    def write(self, data: str) -> None:
        """Write output outside frames; collect the pieces of a frame until its end."""
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
        """Write what the terminal accepts without blocking; the thread writes the rest."""
        thread = self._writer_thread
        assert thread is not None, "Driver must be in application mode"
        with self._turn:
            data: Any = text
            if self._out is not None and self._file.empty:
                data = text.encode(self._file.encoding, self._file.errors or "strict")
                # the thread reports errors of the terminal
                with contextlib.suppress(OSError):
                    data = data[os.write(self._out, data) :]
                if not data:
                    return
            if self._held_up is None and self._file.given - self._file.gone >= _MOST_WAITING:
                self._held_up = []
                self._loop.call_soon_threadsafe(self._loop.call_later, _LOOK, self._look_again)
            if self._held_up is not None:
                # later frames depend on skipped ones: the whole screen is painted when the terminal reads again
                if not text.startswith(SYNC_START):
                    self._held_up.append(text)
                return
            self._file.given += 1
            thread.write(data)

    def _look_again(self) -> None:
        """Paint the whole screen if the terminal has received all waiting output."""
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
    """Open a terminal again with O_NONBLOCK; None where it is none, or cannot be opened.

    how: os.O_RDONLY or os.O_WRONLY. O_NONBLOCK belongs to the open file, which the shell's standard streams share:
    on these it would make other programs fail, even after netui's end.
    """
    try:
        return os.open(os.ttyname(descriptor), how | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
