"""The file that a driver's writing thread writes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TextIO


class Backlog:
    """The file that the writing thread writes to: keeps nothing back, and knows whether all has left."""

    def __init__(self, file: TextIO, lost: Callable[[], None]) -> None:
        self._file = file
        self._lost = lost
        #: pieces given to the thread, and those that it is done with; each counted in one place alone
        self.given = self.gone = 0
        #: at the end of the program: what still waits is not for the terminal any more
        self.discards = False

    @property
    def empty(self) -> bool:
        """Whether the terminal has all that was given to the thread."""
        return self.given == self.gone

    def write(self, data: str | bytes) -> None:
        """Write, and let it go; bytes as they are. Where the terminal is gone, say so."""
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
        """Nothing is kept back."""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the file's own
        return getattr(self._file, name)
