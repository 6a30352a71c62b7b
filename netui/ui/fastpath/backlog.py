"""The output file of a driver's writing thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO


class Backlog:
    """The output file of the writing thread: unbuffered, and it knows whether everything is written."""

    def __init__(self, file: TextIO, lost: Callable[[], None]) -> None:
        self._file = file
        self._lost = lost
        #: the numbers of pieces that the thread was given and has finished; each has only one writer
        self.given = self.gone = 0
        #: at the end of the program: discard what still waits
        self.discards = False

    @property
    def empty(self) -> bool:
        """Whether the terminal has received everything."""
        return self.given == self.gone

    def write(self, data: str | bytes) -> None:
        """Write text or bytes and flush; report a terminal that is gone."""
        try:
            if self.discards:
                return
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
        """Do nothing: there is no buffer."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the file's own
        return getattr(self._file, name)
