"""The one module that writes files: new ones, readable by their owner only, and named when they are complete.

- A file has no name until it is complete (O_TMPFILE, then linkat), or a random name where the file system has
  no O_TMPFILE. So the file is complete or absent, and nobody can put another file in its place.
- Everything works on descriptors. The folder is opened once. A link in its path is followed only if root or
  the user made it.
- An existing file is never opened for writing. It is replaced, by rename, only where the caller asks for it.

Longer than 300 lines: all writing is in one module, and a test allows no other.
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
#: The most links in a path, as in the kernel.
_MOST_LINKS = 40
#: The errors of a file system without hard links.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Owner(NamedTuple):
    """The owner of a file that root writes into a user's folder."""

    uid: int
    gid: int


class FolderEntry:
    """A name in an open folder. owner: of the nearest folder that existed before."""

    def __init__(self, folder: int, name: str, owner: Owner) -> None:
        self.folder, self.name, self.owner = folder, name, owner

    @classmethod
    def find(cls, path: Path, *, make: bool = False, give: bool = False, follow: bool = False) -> Self:
        """Open the folder of a path; raise OSError.

        make: make missing folders; give: make them the property of the owner of the nearest existing one, as
        far as root may. follow: whether the path itself may be a link; the entry is then its target.
        """
        parts = list(reversed(path.parts))
        folder = os.open("/" if path.is_absolute() else ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        created, links = False, 0
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
                        created = True
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
                if not created:
                    owner = _owner(folder)
        except BaseException:
            os.close(folder)
            raise

    def status(self) -> os.stat_result | None:
        """Return the status of the entry (of a link, its own); None where nothing has the name."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def is_own_empty_file(self) -> bool:
        """Whether an empty file of the user has the name, as mktemp makes one."""
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
    """Return the target of a link that root or the user made, and close it; raise OSError for another's link."""
    try:
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if os.fstat(link).st_uid not in (0, os.geteuid()):
            raise OSError(errno.ELOOP, "a link on the way was made by another user")
        return Path(os.readlink("", dir_fd=link))
    finally:
        os.close(link)


def _make(folder: int, name: str, owner: Owner | None) -> int:
    """Make a folder and open it; raise OSError where it was replaced in between."""
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
    """A file that is written completely or not at all, by a ``with`` block that ends without an error.

    replace: whether it may replace a file of that name. mode, owner: of the complete file.
    Raises OSError; FileExistsError where its name exists.
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
            # an own empty file takes the name first, so that the rename replaces nobody's file
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
        """Close it, and remove its random name if it still has one."""
        if self._name:
            with contextlib.suppress(OSError):
                own = os.fstat(self.file.fileno())
                there = os.stat(self._name, dir_fd=self._entry.folder, follow_symlinks=False)
                if os.path.samestat(own, there):
                    os.unlink(self._name, dir_fd=self._entry.folder)
        with contextlib.suppress(OSError):
            # flushing the buffer may fail again; that error is known already, and the file is discarded
            self.file.close()


def _unfinished(folder: int) -> tuple[str, int]:
    """Open a file without a name, or else with a random one; return its name and descriptor."""
    if Path("/proc/self/fd").exists():
        try:
            return "", os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS):
                raise
    name = _random_name()
    return name, os.open(name, _ANEW, 0o600, dir_fd=folder)


def write_new(path: Path, data: bytes) -> None:
    """Write a file; raise OSError, FileExistsError where its name exists.

    Under sudo, in a folder of the user who called it, that user owns the file.
    """
    entry = FolderEntry.find(path)
    is_callers = os.geteuid() == 0 and os.environ.get("SUDO_UID") == str(entry.owner.uid)
    try:
        with NewFile(entry, owner=entry.owner if is_callers else None) as new:
            new.file.write(data)
    finally:
        entry.close()


class NewFolder:
    """A folder that appears with all its files or not at all; used with ``with``, as NewFile is.

    It may replace an empty folder of the user. Raises OSError.
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
        """Write one file of it, with its folders (``frames/0001/ss.txt``)."""
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
    """Whether it is an empty folder of the user."""
    if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.geteuid():
        return False
    folder = os.open(entry.name, _FOLDER, dir_fd=entry.folder)
    try:
        return not _any_in(folder)
    finally:
        os.close(folder)
