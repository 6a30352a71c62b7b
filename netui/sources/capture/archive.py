"""Reads an untrusted tar, member by member, with limits of bytes, headers and time.

tarfile trusts headers: it reads an extended header of any size at once, runs regular expressions over it that
can take forever (CVE-2024-6232), and follows endless maps of sparse files. A capture needs none of these.
"""

from __future__ import annotations

import gzip
import tarfile
import time
from collections.abc import Iterator
from typing import IO, Any, NoReturn, cast

from netui.text.errors import SourceError

#: The most bytes of a tar, unpacked: a recording of hours.
MAX_TOTAL = 2 * 2**30
#: The most bytes of an extended header, which has a long name or a time.
MAX_HEADER = 2048
#: Seconds for reading the whole tar.
MAX_SECONDS = 30.0
#: The most reads after the end of the file; skipping a truncated member causes such reads.
_BEHIND_END = 64
_EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
             tarfile.GNUTYPE_LONGLINK)  # fmt: skip


def members(raw: IO[bytes]) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    """Yield each member of a tar or .tar.gz with its archive; it can be read until the next member is yielded.

    Raises SourceError where a limit is exceeded, and the errors of tarfile and zlib for damaged data.
    """
    head = raw.read(2)
    raw.seek(0)
    stream = gzip.GzipFile(fileobj=raw) if head == b"\x1f\x8b" else raw
    bounded = cast("IO[bytes]", _Bounded(cast("IO[bytes]", stream)))
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=_Header) as archive:
        while (member := archive.next()) is not None:
            yield member, archive
            # it keeps a list of all that it has seen
            archive.members = []  # type: ignore[attr-defined]


def _no_sparse(*_anything: object) -> NoReturn:
    raise SourceError("the archive holds a sparse file, which no capture does")


class _Header(tarfile.TarInfo):
    """The header of a capture's member."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: Any, errors: Any) -> _Header:  # noqa: ANN401 - tarfile's own
        """Read a header of 512 bytes; refuse kinds of headers without a limit."""
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENDED and not 0 <= header.size <= MAX_HEADER:
            raise SourceError(f"the archive has a header of {header.size} bytes, which no capture has")
        if header.type == tarfile.GNUTYPE_SPARSE:
            _no_sparse()
        if not 0 <= header.size <= MAX_TOTAL:
            raise _too_much()
        return header

    # How tarfile reads sparse files of each kind; they are not public, and a test tries each kind.
    _proc_sparse = _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _no_sparse


def _too_much() -> SourceError:
    return SourceError(f"the archive unpacks to more than {MAX_TOTAL // 2**30} GB: no capture")


class _Bounded:
    """A reader that stops where a small file unpacks to a huge one, or takes too long."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = MAX_TOTAL
        self._behind_end = 0
        self._deadline = time.monotonic() + MAX_SECONDS

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise _too_much()
        self._behind_end += not data
        if self._behind_end > _BEHIND_END:
            raise EOFError
        if time.monotonic() > self._deadline:
            raise SourceError(f"the archive takes more than {MAX_SECONDS:g} s to unpack: no capture")
        return data
