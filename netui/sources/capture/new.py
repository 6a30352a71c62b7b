"""The target of ``record``: a folder or a .tar.gz that appears when it is complete."""

from __future__ import annotations

import gzip
import io
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Protocol, Self

from netui.files.writing import FolderEntry, NewFile, NewFolder
from netui.text.errors import SourceError, plain, quoted_path


class Writer(Protocol):
    """Takes the files of a capture."""

    def add(self, name: str, data: bytes) -> None:
        """Write one file."""


@contextmanager
def new_capture(path: Path, ending: Ending) -> Iterator[Writer]:
    """Open a folder, or a .tar.gz by its name, which appears when this context ends without an error.

    ending: holds signals while the folder or file is made, so that it is removed after a signal.
    Raises SourceError where the path exists, OSError where it cannot be written.
    """
    ending.hold()
    is_archive = path.name.endswith((".tar.gz", ".tgz"))
    try:
        entry = FolderEntry.find(path, make=not is_archive)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    try:
        if is_archive:
            with NewFile(entry, replace=entry.is_own_empty_file()) as file, _Tar(file) as writer:
                ending.release()
                yield writer
        else:
            with NewFolder(entry) as folder:
                ending.release()
                yield folder
    except FileExistsError:
        raise SourceError(f"{quoted_path(path)} exists already: name a new folder or file") from None
    finally:
        entry.close()


def _unwritable(path: Path, error: Exception) -> SourceError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return SourceError(f"{quoted_path(path)} cannot be written: {plain(reason)}")


class _Tar:
    """Packs files into an archive; the end of the ``with`` block writes the archive's end."""

    def __init__(self, file: NewFile) -> None:
        self._packed = gzip.GzipFile(filename="", fileobj=file.file, mode="wb")
        self._tar = tarfile.open(fileobj=self._packed, mode="w")  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._tar.close()
                self._packed.close()
        finally:
            # without this, Python 3.13 writes its buffer and warns when the object is deleted
            self._packed.fileobj = io.BytesIO()
            with suppress(Exception):
                self._packed.close()

    def add(self, name: str, data: bytes) -> None:
        """Pack one file."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
        self._tar.addfile(member, io.BytesIO(data))


class Ending:
    """The signals that end a recording, deferred while a part of it is written; used with ``with``.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt. A recording is then complete, and an unfinished first
    capture is removed. Outside the main thread, signals are not handled.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._held = False
        self._came = False
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._SIGNALS:
                # ignored signals stay ignored (nohup)
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_exc: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if not self._held:
            self.release()

    def hold(self) -> None:
        """Defer the signals until `release`, or to the end while the complete capture is put in place."""
        self._held = True

    def release(self) -> None:
        """Stop deferring; a deferred signal acts now, and later ones are ignored.

        A second signal would interrupt the removal of an unfinished capture.
        """
        self._held = self._came
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    @contextmanager
    def later(self) -> Iterator[None]:
        """Defer the signals in a block; a deferred signal acts at its end, unless an error ends it."""
        self.hold()
        yield
        self.release()
