"""A recording: a capture with ``frames/0001/`` …, each with the changed files."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from netui.model import Snapshot
from netui.sources.capture.files import FRAMES, CaptureFile, capture_files
from netui.sources.capture.pasted import pasted_text, read_pasted
from netui.sources.capture.reader import CaptureReading


class Recording:
    """The frames of a capture in order; a plain capture is a recording with one frame."""

    def __init__(self, path: str | Path, origin: str = "replay") -> None:
        """Open a folder, a .tar.gz or a file with rules; raise SourceError where it is none of them."""
        self._base: dict[str, CaptureFile] = {}
        self._frames: dict[str, dict[str, CaptureFile]] = {}
        self._reading = CaptureReading(origin)
        pasted = pasted_text(path)
        self._alone = read_pasted(pasted, path, origin) if pasted is not None else None
        if self._alone is not None:
            return
        for name, file in capture_files(Path(path)).items():
            folder, _, rest = name.partition("/")
            if folder == FRAMES:
                frame, _, inner = rest.partition("/")
                self._frames.setdefault(frame, {})[inner] = file
            else:
                self._base[name] = file

    def __len__(self) -> int:
        return 1 + len(self._frames)

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield each state in the order of frame names; unchanged values are the same objects."""
        if self._alone is not None:
            yield self._alone
            return
        files = dict(self._base)
        yield self._reading.snapshot(files)
        for name in sorted(self._frames, key=lambda name: (len(name), name)):
            files |= self._frames[name]
            yield self._reading.snapshot(files)


def demo() -> Recording:
    """Return the recorded host in the package; raise SourceError where it is missing."""
    with resources.as_file(resources.files("netui").joinpath("demo", "demo.tar.gz")) as path:
        return Recording(path, origin="demo")


def read_demo() -> Snapshot:
    """Return the first state of the recorded host in the package."""
    return next(demo().snapshots())
