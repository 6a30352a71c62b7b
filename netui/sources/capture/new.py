"""Where ``record`` writes: a folder or a .tar.gz that appears when it is complete."""

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
    """Open a folder, or a .tar.gz by its name, that is there when this ends without an error.

    ending: held while the folder or file is made, so that no signal comes before there is someone to remove it.
    Raises SourceError where there is something already, OSError where it cannot be written.
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
    """Packs files into an archive; used with ``with``, whose end writes the archive's own."""

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
            # Python 3.13 would write what it still holds, and complain, when the object is forgotten.
            self._packed.fileobj = io.BytesIO()
            with suppress(Exception):
                self._packed.close()

    def add(self, name: str, data: bytes) -> None:
        """Pack one file."""
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
        self._tar.addfile(member, io.BytesIO(data))


class Ending:
    """The signals that end a recording, held off while a part of it is being written; used with ``with``.

    SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt: a recording then ends complete, and of a first
    capture nothing is left. In another thread than the main one signals are not netui's.
    """

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self._held = False
        self._came = False
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in self._SIGNALS:
                # what is ignored stays so (nohup)
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
        """Hold the signals off until `release`, or to the end where what is complete is put in place."""
        self._held = True

    def release(self) -> None:
        """Hold the signals off no longer; one that came meanwhile counts now, and no other after it.

        A second one would keep what was begun from being removed.
        """
        self._held = self._came
        if self._came:
            self._came = False
            raise KeyboardInterrupt

    @contextmanager
    def later(self) -> Iterator[None]:
        """Hold the signals off; one that came meanwhile counts at the end, but where an error ends it all."""
        self.hold()
        yield
        self.release()
