"""Reads files that others made: only regular files, optionally no links, and opening never blocks."""

from __future__ import annotations

import errno
import os
import stat

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class NotAFile(OSError):
    """The path exists and is no regular file; ``strerror`` names its kind."""


def open_regular(path: str | os.PathLike[str], *, folder: int | None = None, follow: bool = True) -> int:
    """Open a regular file for reading and return its descriptor; raise OSError, NotAFile for anything else.

    folder: a folder's descriptor, from which a relative path counts. follow: whether the path may
    end in a link.

    Its kind is checked before it is opened (O_PATH), because opening a pipe blocks and opening a device has
    effects. Then the same file is opened, even if its path was replaced.
    """
    try:
        seen = os.open(path, os.O_PATH | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW), dir_fd=folder)
    except ValueError:
        # a NUL byte, or text outside the file system's encoding
        raise FileNotFoundError(errno.ENOENT, "no file can have this name") from None
    try:
        mode = os.fstat(seen).st_mode
        if not stat.S_ISREG(mode):
            raise NotAFile(0, _kind(mode))
        return os.open(f"/proc/self/fd/{seen}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(seen)


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "is a link, which netui does not follow"
    if stat.S_ISDIR(mode):
        return "is a folder"
    return "is no regular file"


def read_regular(path: str | os.PathLike[str], limit: int, *, folder: int | None = None, follow: bool = True) -> bytes:
    """Return at most ``limit`` bytes of a regular file; raise OSError as ``open_regular`` does."""
    with open(open_regular(path, folder=folder, follow=follow), "rb") as file:
        return file.read(limit)


def open_inner(root: str | os.PathLike[str], parts: tuple[str, ...] = ()) -> int:
    """Open a folder within a folder and return its descriptor; no link is followed below ``root``."""
    folder = os.open(root, _FOLDER)
    for part in parts:
        try:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    return folder
