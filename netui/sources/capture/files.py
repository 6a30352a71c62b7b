"""The files of a capture: a folder, or a tar that is never unpacked to disk."""

from __future__ import annotations

import gzip
import os
import re
import stat
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from netui.files.reading import NotAFile, open_inner, open_regular, read_regular
from netui.sources.capture.archive import members
from netui.sources.outputs import BY_FILE
from netui.text.errors import SourceError, plain, quoted_path

#: Folders with one file for each container, named by its hexadecimal ID.
FOLDERS = ("listening", "namespaces")
_OF_CONTAINER = re.compile(r"[0-9a-f]{1,64}\.txt")
FRAMES = "frames"

#: The most bytes of a file; on a large host it has a few MB.
MAX_FILE = 256 * 2**20
#: The most files of a tar: a recording of hours.
MAX_MEMBERS = 100_000
#: The most compressed bytes of a tar in memory.
MAX_PACKED = 512 * 2**20
#: The latest valid time, in seconds since 1970 (the year 5138).
_LATEST = 1e11


@dataclass(frozen=True, slots=True, eq=False)
class CaptureFile:
    """One file; compared by identity, so an unchanged file is not parsed again.

    load: returns its bytes; raises SourceError. modified: seconds since 1970.
    """

    name: str
    load: Callable[[], bytes]
    modified: float = 0.0

    def text(self) -> str:
        """Return the text; bytes that are not UTF-8 become lone surrogates."""
        return self.load().decode("utf-8", "surrogateescape").removeprefix("\ufeff")


def capture_files(path: Path) -> dict[str, CaptureFile]:
    """Return the files of a capture by name (``ss.txt``, ``frames/0001/ss.txt``), without unknown files.

    Raises SourceError where the path is missing, unreadable or no capture.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            files = _folder(path)
        elif stat.S_ISREG(mode):
            files = _tar(path)
        else:
            hint = "; a pipe's text is read from standard input, named -" if stat.S_ISFIFO(mode) else ""
            raise SourceError(f"{quoted_path(path)} is neither a folder nor a file{hint}")
    except NotAFile as error:
        raise SourceError(f"{quoted_path(path)} {error.strerror}") from None
    except FileNotFoundError:
        raise SourceError(f"{quoted_path(path)} does not exist; give a folder or .tar.gz of record") from None
    except PermissionError:
        raise SourceError(f"{quoted_path(path)} may not be read by you; run as its owner or with sudo") from None
    except OSError as error:
        raise SourceError(f"{quoted_path(path)} cannot be read: {plain(error.strerror or error)}") from None
    except ValueError:
        raise SourceError(f"{quoted_path(path)} is no path") from None
    if not files:
        raise SourceError(f"{quoted_path(path)} is no capture: it holds none of {', '.join(list(BY_FILE)[:2])}, …")
    return files


def known(name: str) -> bool:
    """Whether a name is in the layout of captures."""
    parts = name.split("/")
    if len(parts) > 2 and parts[0] == FRAMES:
        parts = parts[2:]
    if len(parts) == 1:
        return parts[0] in BY_FILE
    return len(parts) == 2 and parts[0] in FOLDERS and _OF_CONTAINER.fullmatch(parts[1]) is not None


def _folder(root: Path) -> dict[str, CaptureFile]:
    files: dict[str, CaptureFile] = {}
    folders: list[tuple[str, ...]] = [(), *((name,) for name in FOLDERS)]
    for frame in _listed(root, (FRAMES,)):
        folders += [(FRAMES, frame), *((FRAMES, frame, name) for name in FOLDERS)]
    for parts in folders:
        for inner, modified in _listed(root, parts).items():
            name = "/".join((*parts, inner))
            if known(name):
                files[name] = CaptureFile(name, partial(_read, root, parts, inner), modified)
    return files


def _listed(root: Path, parts: tuple[str, ...]) -> dict[str, float]:
    """Return the names in a folder of a capture with their times of change; {} where it is no folder."""
    try:
        folder = open_inner(root, parts)
    except FileNotFoundError:
        return {}
    except NotADirectoryError:
        if (root / "/".join(parts)).is_symlink():
            inner = quoted_path(root / "/".join(parts))
            raise SourceError(f"{inner} is a link, which netui does not follow") from None
        return {}
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat(follow_symlinks=False).st_mtime for entry in sorted(entries, key=_name_of)}
    finally:
        os.close(folder)


def _name_of(entry: os.DirEntry[str]) -> str:
    return entry.name


def _read(root: Path, parts: tuple[str, ...], name: str) -> bytes:
    try:
        folder = open_inner(root, parts)
        try:
            data = read_regular(name, MAX_FILE + 1, folder=folder, follow=False)
        finally:
            os.close(folder)
    except NotAFile as error:
        raise SourceError(str(error.strerror)) from None
    except OSError as error:
        raise SourceError(f"cannot be read: {plain(error.strerror or error)}") from None
    if len(data) > MAX_FILE:
        raise _too_large()
    return data


def _too_large() -> SourceError:
    return SourceError(f"is larger than {MAX_FILE // 2**20} MB, which no capture is")


def _tar(path: Path) -> dict[str, CaptureFile]:
    """Read the members of the layout into memory, compressed; names are only keys, never paths."""
    files: dict[str, CaptureFile] = {}
    room = MAX_PACKED
    try:
        with os.fdopen(open_regular(path), "rb") as raw:
            for count, (member, archive) in enumerate(members(raw)):
                if count > MAX_MEMBERS:
                    raise SourceError(f"{quoted_path(path)} holds more than {MAX_MEMBERS} files: no capture")
                name = _inner_name(member.name)
                if name and member.isreg():
                    files[name], size = _member(archive, member, name)
                    room -= size
                    if room < 0:
                        raise SourceError(f"{quoted_path(path)} is larger than what netui keeps of a capture")
    except _BROKEN:
        raise SourceError(f"{quoted_path(path)} is no .tar.gz, or is cut off; record it again") from None
    return files


#: The errors of tarfile and zlib for damaged data; hostile headers cause others than TarError.
_BROKEN = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, RecursionError, ArithmeticError, ValueError,
           IndexError, KeyError)  # fmt: skip


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> tuple[CaptureFile, int]:
    """Return a member and its size in memory."""
    modified = member.mtime if 0 <= member.mtime < _LATEST else 0.0
    if member.size > MAX_FILE:
        return CaptureFile(name, _refuse, modified), 0
    file = archive.extractfile(member)
    packed = zlib.compress(file.read() if file else b"", 1)
    return CaptureFile(name, lambda: zlib.decompress(packed), modified), len(packed)


def _refuse() -> bytes:
    raise _too_large()


def _inner_name(name: str) -> str:
    """Return the name in the capture, without a top folder; "" for unknown names."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    for start in (0, 1):
        inner = "/".join(parts[start:])
        if known(inner):
            return inner
    return ""
