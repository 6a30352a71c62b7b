"""The terminal's driver: a frame is one piece, and is on its way as soon as it is painted.

Textual 8 hands a frame to its writing thread in three pieces, and that thread lets nothing go
while more is waiting: what follows the frame of a key, as a scroll bar does, is mostly there
by then, and the key's frame went out with it, 2 ms later (measured).
"""

from __future__ import annotations

from typing import IO, Any

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver


class _AtOnce:
    """A file that keeps nothing back."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> None:
        """Write, and let it go."""
        self._file.write(text)
        self._file.flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the file's own
        return getattr(self._file, name)


class FrameDriver(LinuxDriver):
    """Textual's driver, writing frame by frame."""

    def __init__(
        self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._file: Any = _AtOnce(self._file)
        self._frame: list[str] | None = None

    def write(self, data: str) -> None:
        """Write what stands alone; keep the pieces of a frame until its end is there."""
        if self._frame is None:
            super().write(data)
            if data == SYNC_START:
                # the thread is awake when the frame comes
                self._frame = []
            return
        self._frame.append(data)
        if data == SYNC_END:
            frame, self._frame = self._frame, None
            super().write("".join(frame))
