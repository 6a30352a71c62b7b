"""A program in a pseudo terminal of its own, with the moment at which each of its frames was whole.

The terminal says that it knows synchronised output, so Textual puts each frame between
``CSI ? 2026 h`` and ``CSI ? 2026 l``: a frame is painted when the second one is there.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import selectors
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_ASKED, _ANSWER = b"\x1b[?2026$p", b"\x1b[?2026;2$y"
_END = b"\x1b[?2026l"
_TICKS = os.sysconf("SC_CLK_TCK")
_TOKEN = re.compile(
    r"\x1b\[([0-9;?<>=$]*)([A-Za-z~])|\x1b[()][A-Z0-9]|\x1b[=>]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|(.)", re.S
)

Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Frame:
    """What was written for one frame (with what came since the one before), and when it was whole."""

    time: float
    data: bytes


class Grid:
    """The cells of a screen: what Textual's output makes of them."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.cells: list[Cell] = [(" ", "")] * (width * height)
        self._x = self._y = 0
        self._style = ""
        self._attributes: list[str] = []
        self._colours = {"38": "", "48": ""}

    def feed(self, data: bytes) -> None:
        """Take what was written."""
        for found in _TOKEN.finditer(data.decode("utf-8", "replace")):
            numbers, final, letter = found.groups()
            if letter is not None:
                self._put(letter)
            elif final == "m":
                self._look(numbers)
            elif final == "H":
                row, _, column = numbers.partition(";")
                self._y, self._x = int(row or 1) - 1, int(column or 1) - 1
            elif final == "J":
                self.cells = [(" ", "")] * (self.width * self.height)

    def _look(self, numbers: str) -> None:
        """Take an SGR: what it does not name stays."""
        codes = numbers.split(";")
        while codes:
            code = codes.pop(0)
            if code in ("38", "48"):
                count = 4 if codes[0] == "2" else 2
                self._colours[code], codes = ";".join([code, *codes[:count]]), codes[count:]
            elif code in ("39", "49"):
                self._colours[code[0] + "8"] = ""
            elif code in ("", "0"):
                self._attributes, self._colours = [], {"38": "", "48": ""}
            elif len(code) > 1 and (code[0] in "34" or code[0] == "9" or code.startswith("10")):
                self._colours["38" if code[0] in "39" else "48"] = code
            else:
                self._attributes = sorted({*self._attributes, code})
        self._style = ";".join(filter(None, [*self._attributes, self._colours["38"], self._colours["48"]]))

    def _put(self, letter: str) -> None:
        if letter == "\n":
            self._y += 1
        elif letter == "\r":
            self._x = 0
        elif letter >= " ":
            if self._x < self.width and self._y < self.height:
                self.cells[self._y * self.width + self._x] = (letter, self._style)
            self._x += 1

    def text(self) -> str:
        """The screen's text, row by row."""
        letters = [cell[0] for cell in self.cells]
        return "\n".join("".join(letters[start : start + self.width]) for start in range(0, len(letters), self.width))

    def changed(self, before: Sequence[Cell]) -> int:
        """How many cells differ from an older state."""
        return sum(now != then for now, then in zip(self.cells, before, strict=True))


def _plain(data: bytes) -> str:
    """Return what was written behind the last frame, a traceback, say, without its escape sequences."""
    return "".join(found[3] or "" for found in _TOKEN.finditer(data.decode("utf-8", "replace")))


class Terminal:
    """One program and its screen, until it is closed."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        width: int = 160,
        height: int = 45,
    ) -> None:
        self.started = time.perf_counter()
        self.grid = Grid(width, height)
        self._open = b""
        self._seen: list[Frame] = []
        pid, self._master = pty.fork()
        if pid == 0:
            setting = dict(os.environ) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | dict(environment or {})
            time.sleep(0.01)  # the size is set meanwhile
            os.execvpe(command[0], list(command), setting)
        self.pid = pid
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._master, selectors.EVENT_READ)

    def press(self, key: str) -> float:
        """Write a key; returns when that was."""
        now = time.perf_counter()
        os.write(self._master, key.encode())
        return now

    def read(self, seconds: float, quiet: float | None = None) -> list[Frame]:
        """Take what comes within that time; the frames that became whole. None comes twice.

        quiet: end sooner, once there is a frame and nothing has come for so long. Nothing
        is looked at meanwhile, so that the moments are those of the arrival.
        """
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            wait = min(left, quiet) if quiet is not None and self._seen else left
            if self._selector.select(wait):
                self._take()
            elif quiet is not None and self._seen:
                break
        found, self._seen = self._seen, []
        return found

    def until(self, true: Callable[[Frame], bool], seconds: float) -> Frame | None:
        """Wait for a frame that it is true of, after which the grid shows it; None where none came in time."""
        until = time.perf_counter() + seconds
        while True:
            while self._seen:
                frame = self._seen.pop(0)
                self.grid.feed(frame.data)
                if true(frame):
                    return frame
            left = until - time.perf_counter()
            if left <= 0:
                return None
            if self._selector.select(left):
                self._take()

    def _take(self) -> None:
        try:
            data = os.read(self._master, 1 << 20)
        except OSError:
            data = b""
        if not data:
            raise EOFError(f"the program ended:\n{self.grid.text()}\n{_plain(self._open)}")
        now = time.perf_counter()
        if _ASKED in data:
            os.write(self._master, _ANSWER)
        self._open += data
        while (end := self._open.find(_END)) >= 0:
            end += len(_END)
            self._seen.append(Frame(now, self._open[:end]))
            self._open = self._open[end:]

    def wait_text(self, wanted: str, seconds: float = 20.0) -> float:
        """Wait until the screen holds a text; returns when the frame was whole."""
        if wanted in self.grid.text():
            return time.perf_counter()
        frame = self.until(lambda _: wanted in self.grid.text(), seconds)
        if frame is None:
            raise AssertionError(f"{wanted!r} did not come:\n{self.grid.text()}")
        return frame.time

    def settle(self, seconds: float) -> None:
        """Let the program go on for a while, its screen with it."""
        for frame in self.read(seconds):
            self.grid.feed(frame.data)

    def cpu(self) -> float:
        """Seconds of processor time that the program and its children that have ended took."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS

    def memory(self) -> float:
        """Resident megabytes of the program."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def close(self) -> None:
        """End the program."""
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        self._selector.close()
        os.close(self._master)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()
