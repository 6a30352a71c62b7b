"""The one place that writes files: made anew, for their owner alone, in place only when they are complete.

- A file has no name until it is complete (O_TMPFILE, then linkat); where the file system has no such
  files, a random one. So it is whole or absent, and nobody can put a file of theirs in its place.
- All is done by descriptor: the folder is opened once, and a link on the way to it is followed only
  where root or the user made it.
- Nothing that is there is written into. It is replaced only where the caller says so, by rename.

Longer than 300 lines: all writing stands in one module, and a test allows no other.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: Links on the way to a folder, as many as the kernel follows.
_MOST_LINKS = 40
#: What a file system says that has no hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Owner(NamedTuple):
    """To whom a file is given that root writes into a user's folder."""

    uid: int
    gid: int


class FolderEntry:
    """A name in an open folder. owner: whose the nearest folder is that was there before."""

    def __init__(self, folder: int, name: str, owner: Owner) -> None:
        self.folder, self.name, self.owner = folder, name, owner

    @classmethod
    def find(cls, path: Path, *, make: bool = False, give: bool = False, follow: bool = False) -> Self:
        """Open the folder of a path; raise OSError.

        make: make the folders that are not there; give: to the owner of the nearest one that is,
        as far as root may. follow: whether the path itself may be a link; the place is then where
        it leads to.
        """
        parts = list(reversed(path.parts))
        folder = os.open("/" if path.is_absolute() else ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        made, links = False, 0
        owner = _owner(folder)
        try:
            while True:
                name = parts.pop() if parts else "."
                if name == "/":
                    continue
                if not parts and name in (".", ".."):
                    raise OSError(errno.EISDIR, "it names a folder")
                try:
                    inner = os.open(name, _LOOK, dir_fd=folder)
                except FileNotFoundError:
                    if parts and make:
                        inner = _make(folder, name, owner if give else None)
                        made = True
                    elif parts:
                        raise
                    else:
                        return cls(folder, name, owner)
                mode = os.fstat(inner).st_mode
                if stat.S_ISLNK(mode) and (parts or follow):
                    links += 1
                    target = _target(inner, links)
                    parts += reversed(target.parts)
                    if target.is_absolute():
                        inner = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
                    else:
                        continue
                elif not parts:
                    os.close(inner)
                    return cls(folder, name, owner)
                os.close(folder)
                folder = inner
                if not made:
                    owner = _owner(folder)
        except BaseException:
            os.close(folder)
            raise

    def status(self) -> os.stat_result | None:
        """Return what stands there, a link as itself; None for nothing."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_own_empty_file(self) -> bool:
        """Whether an empty file of the user's own has the name, as mktemp makes one."""
        there = self.status()
        return (
            there is not None
            and stat.S_ISREG(there.st_mode)
            and there.st_size == 0
            and there.st_uid == os.geteuid()
            and there.st_nlink == 1
        )

    def close(self) -> None:
        """Close the folder."""
        os.close(self.folder)


def _owner(folder: int) -> Owner:
    there = os.fstat(folder)
    return Owner(there.st_uid, there.st_gid)


def _target(link: int, links: int) -> Path:
    """Return where a link leads that root or the user made, and close it; raise OSError for another's."""
    try:
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if os.fstat(link).st_uid not in (0, os.geteuid()):
            raise OSError(errno.ELOOP, "a link on the way was made by another user")
        return Path(os.readlink("", dir_fd=link))
    finally:
        os.close(link)


def _make(folder: int, name: str, owner: Owner | None) -> int:
    """Make a folder and open it; raise OSError where another stands in its place by then."""
    os.mkdir(name, 0o700, dir_fd=folder)
    inner = os.open(name, _FOLDER, dir_fd=folder)
    try:
        if os.fstat(inner).st_uid != os.geteuid() or _any_in(inner):
            raise FileExistsError(errno.EEXIST, "another folder was put in its place")
        os.fchmod(inner, 0o700)
        if owner is not None and os.geteuid() == 0:
            os.fchown(inner, *owner)
    except BaseException:
        os.close(inner)
        raise
    return inner


def _any_in(folder: int) -> bool:
    with os.scandir(folder) as entries:
        return next(entries, None) is not None


def _random_name() -> str:
    return f".netui-{secrets.token_hex(8)}"


class NewFile:
    """A file that is written whole or not at all; used with ``with``, whose end without an error completes it.

    replace: whether a file of that name gives way to it. mode, owner: what it has in the end.
    Raises OSError; FileExistsError where something has its name.
    """

    def __init__(
        self, entry: FolderEntry, *, replace: bool = False, mode: int = 0o600, owner: Owner | None = None
    ) -> None:
        self._entry, self._replace, self._mode, self._owner = entry, replace, mode, owner
        if not replace and entry.status() is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        self._name, descriptor = _unfinished(entry.folder)
        self.file: BinaryIO = open(descriptor, "wb")  # noqa: PTH123, SIM115 - a descriptor; __exit__ closes it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        try:
            if kind is None:
                self._complete()
        finally:
            self._discard()

    def _complete(self) -> None:
        self.file.flush()
        descriptor = self.file.fileno()
        if self._owner is not None:
            os.fchown(descriptor, *self._owner)
        os.fchmod(descriptor, self._mode)
        os.fsync(descriptor)
        entry = self._entry
        if self._replace:
            if not self._name:
                self._name = self._link(_random_name())
            self._rename()
            return
        try:
            self._link(entry.name)
        except OSError as error:
            if not self._name or error.errno not in _NO_LINKS:
                raise
            # the name is taken first, by a file of our own, so that the rename replaces nobody's
            os.close(os.open(entry.name, _ANEW, 0o600, dir_fd=entry.folder))
            self._rename()

    def _link(self, name: str) -> str:
        folder = self._entry.folder
        if self._name:
            os.link(self._name, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        else:
            os.link(f"/proc/self/fd/{self.file.fileno()}", name, dst_dir_fd=folder, follow_symlinks=True)
        return name

    def _rename(self) -> None:
        folder = self._entry.folder
        os.rename(self._name, self._entry.name, src_dir_fd=folder, dst_dir_fd=folder)
        self._name = ""

    def _discard(self) -> None:
        """Close it, and take its random name away if it still has one."""
        if self._name:
            with contextlib.suppress(OSError):
                own = os.fstat(self.file.fileno())
                there = os.stat(self._name, dir_fd=self._entry.folder, follow_symlinks=False)
                if os.path.samestat(own, there):
                    os.unlink(self._name, dir_fd=self._entry.folder)
        with contextlib.suppress(OSError):
            # what the buffer still holds may not fit: then it is said already, and the file is discarded
            self.file.close()


def _unfinished(folder: int) -> tuple[str, int]:
    """Open a file without a name, or where there are none with a random one; its name and descriptor."""
    if Path("/proc/self/fd").exists():
        try:
            return "", os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS):
                raise
    name = _random_name()
    return name, os.open(name, _ANEW, 0o600, dir_fd=folder)


def write_new(path: Path, data: bytes) -> None:
    """Write a whole file; raise OSError, FileExistsError where something has its name.

    Under sudo, in a folder of the user who called it, the file is that user's.
    """
    entry = FolderEntry.find(path)
    is_callers = os.geteuid() == 0 and os.environ.get("SUDO_UID") == str(entry.owner.uid)
    try:
        with NewFile(entry, owner=entry.owner if is_callers else None) as new:
            new.file.write(data)
    finally:
        entry.close()


class NewFolder:
    """A folder that appears with all its files or not at all; used with ``with``, as NewFile.

    An empty folder of the user's own gives way to it. Raises OSError.
    """

    def __init__(self, entry: FolderEntry) -> None:
        self._entry = entry
        there = entry.status()
        if there is not None and not _may_give_way(entry, there):
            raise FileExistsError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        self._name = _random_name()
        self._folder = _make(entry.folder, self._name, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        folder = self._entry.folder
        try:
            if kind is None:
                os.rename(self._name, self._entry.name, src_dir_fd=folder, dst_dir_fd=folder)
                self._name = ""
        finally:
            os.close(self._folder)
            if self._name:
                shutil.rmtree(self._name, ignore_errors=True, dir_fd=folder)

    def add(self, name: str, data: bytes) -> None:
        """Write one file of it, in folders of its own (``frames/0001/ss.txt``)."""
        *folders, last = name.split("/")
        folder = os.dup(self._folder)
        try:
            for part in folders:
                try:
                    inner = os.open(part, _FOLDER, dir_fd=folder)
                except FileNotFoundError:
                    inner = _make(folder, part, None)
                os.close(folder)
                folder = inner
            descriptor = os.open(last, _ANEW, 0o600, dir_fd=folder)
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
                os.fchmod(descriptor, 0o600)
                file.write(data)
        finally:
            os.close(folder)


def _may_give_way(entry: FolderEntry, there: os.stat_result) -> bool:
    """Whether it is an empty folder of the user's own."""
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid():
        return False
    folder = os.open(entry.name, _FOLDER, dir_fd=entry.folder)
    try:
        return not _any_in(folder)
    finally:
        os.close(folder)
