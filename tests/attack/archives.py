"""Archives that claim more than they hold, hold more than they claim, or keep tarfile busy."""

from __future__ import annotations

import gzip
import io
import os
import resource
import subprocess
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from tests.attack import Attack
from tests.attack.screen import NETUI
from tests.attack.streams import one_line_or_nothing

#: What a run may take: seconds, and bytes of address space.
SECONDS, MEMORY = 20.0, 3 * 2**30
NAME = "iptables-nft-save.txt"
GOOD = b"*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"


def header(name: str, size: int, kind: bytes = b"0", raw_size: bytes | None = None) -> bytes:
    """Return a header of 512 bytes with any size, true or not."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = raw_size if raw_size is not None else tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]  # not public
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Return data filled up to a block."""
    return data + b"\0" * (-len(data) % 512)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    """Return an extended header."""
    return header("pax", len(records), kind) + padded(records)


def record(key: str, value: str) -> bytes:
    """Return one record of an extended header, with its length in front."""
    rest = f" {key}={value}\n".encode()
    length = len(rest)
    while length != len(rest) + len(str(length)):
        length = len(rest) + len(str(length))
    return str(length).encode() + rest


def member(data: bytes = GOOD, name: str = NAME) -> bytes:
    """Return a whole member."""
    return header(name, len(data)) + padded(data)


END = b"\0" * 1024


def zeros(size: int) -> bytes:
    """Return so many zeros, packed."""
    packer = zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(b"\0" * 2**20) for _ in range(size // 2**20)]
    return b"".join([*pieces, packer.flush()])


def _sparse(*records: tuple[str, str]) -> bytes:
    return pax(b"".join(record(*each) for each in records)) + member(b"7\n" * 256) + END


def _claims(size: int) -> bytes:
    return header(NAME, size) + GOOD


#: Each hostile archive, by name.
ARCHIVES: dict[str, Callable[[], bytes]] = {
    "claims 2^62 bytes": lambda: _claims(2**62) + END,
    "claims 200 GB": lambda: _claims(200 * 2**30),
    "claims a negative size": lambda: header(NAME, -512) + GOOD + END,
    "an unknown file claims 2^62 bytes": lambda: header("x", 2**62) + member() + END,
    "pax: size of 2^62": lambda: pax(record("size", str(2**62))) + member() + END,
    "pax: a negative size": lambda: pax(record("size", "-512")) + member() + END,
    "pax: 10^4 digits of size": lambda: pax(record("size", "9" * 1900)) + member() + END,
    "pax: a header of 1 GB": lambda: header("pax", 2**30, b"x") + b"1" * 4096,
    "pax: digits without end": lambda: pax(b"1" * 2**20) + member() + END,
    "pax: digits, allowed": lambda: pax(b"1" * 2048) + member() + END,
    "pax: many headers of digits": lambda: (pax(b"1" * 2000) + member(name="x")) * 500 + END,
    "pax: hdrcharset": lambda: pax(record("hdrcharset", "BINARY") + b"5 hdrcharset=" * 100) + member() + END,
    "pax: length 0": lambda: pax(b"0 a=b\n" * 100) + member() + END,
    "pax: a length beyond its end": lambda: pax(b"99999999999999999999 a=b\n") + member() + END,
    "pax: 5000 headers in a row": lambda: pax(record("a", "b")) * 5000 + member() + END,
    "pax: global headers": lambda: pax(record("path", "x" * 2000), b"g") * 2000 + member() + END,
    "pax: a time that is none": lambda: pax(record("mtime", "nan")) + member() + END,
    "pax: a time at the end of days": lambda: pax(record("mtime", "1e308")) + member() + END,
    "pax: a name with NUL": lambda: pax(record("path", "a\0b")) + member() + END,
    "GNU: a long name of 1 GB": lambda: header("x", 2**30, b"L") + b"y" * 4096,
    "GNU: 5000 long names": lambda: (header("x", 4, b"L") + padded(b"abc\0")) * 5000 + member() + END,
    "GNU: sparse": lambda: header(NAME, 2**40, b"S") + member() + END,
    "pax: sparse 0.0": lambda: _sparse(("GNU.sparse.size", str(2**60)), ("GNU.sparse.numblocks", "1")),
    "pax: sparse 0.1": lambda: _sparse(("GNU.sparse.map", "0,1"), ("GNU.sparse.size", str(2**60))),
    "pax: sparse 1.0": lambda: _sparse(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")),
    "pax: sparse 1.0, cut off": lambda: _sparse(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"))[:1600],
    "a gzip of 3 GB of zeros": lambda: zeros(3 * 2**30),
    "a member of 300 MB, 300 KB packed": lambda: gzip.compress(header(NAME, 300 * 2**20)) + zeros(300 * 2**20),
    "a hundred thousand members": lambda: gzip.compress(member(b"", "x") * 100_100 + END, 1),
    "random bytes": lambda: os.urandom(100_000),
    "random bytes behind gzip's mark": lambda: b"\x1f\x8b\x08" + os.urandom(100_000),
    "a gzip that is cut off": lambda: gzip.compress(member(os.urandom(100_000)))[:50_000],
    "empty": lambda: b"",
}


#: For the long form alone.
_LARGE = ("a gzip of 3 GB of zeros", "a hundred thousand members", "pax: many headers of digits")


def hostile_archives(rounds: int) -> Iterator[tuple[str, bool]]:
    """Each archive is answered in time and in memory: with a line, or as far as it is a capture."""
    for _ in range(rounds):
        for name, make in ARCHIVES.items():
            if rounds == 1 and name in _LARGE:
                continue
            yield name, _held(make())


def damaged_archives(rounds: int) -> Iterator[tuple[str, bool]]:
    """A good archive with bytes changed, as a bad disk and a curious person change them."""
    random = Random(rounds)
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for path in sorted((Path(__file__).parent.parent / "cases" / "engine-20.10" / "host").glob("*.txt")):
            archive.add(path, path.name)
    good = target.getvalue()
    for turn in range(rounds * 4):
        data = bytearray(good)
        for _ in range(random.randint(1, 200)):
            data[random.randrange(len(data))] = random.randrange(256)
        yield f"bytes changed {turn}", _held(bytes(data))


def _held(data: bytes) -> bool:
    with tempfile.NamedTemporaryFile(suffix=".tar.gz") as file:
        file.write(data)
        file.flush()
        started = time.monotonic()
        try:
            done = subprocess.run(
                [*NETUI, "explain", "--replay", file.name], check=False, capture_output=True, timeout=SECONDS * 2,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
    in_time = time.monotonic() - started < SECONDS
    return in_time and done.returncode in (0, 1, 2, 3) and one_line_or_nothing(done.stderr)


ATTACKS: list[Attack] = [hostile_archives, damaged_archives]
