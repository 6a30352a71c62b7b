"""The machine on which netui runs; it answers each question when it is asked, in the fastest way."""

from __future__ import annotations

import glob
import gzip
import os
import re
import shutil
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from netui.files.reading import read_regular
from netui.sources.docker.context import EngineAddress, engine_address
from netui.sources.docker.engine_namespace import engine_is_here
from netui.sources.machine import Ask, command, own_container, permits

#: A larger file is none of /proc or of a kernel's modules.
_LARGEST = 64 * 2**20


class LocalMachine:
    """The machine on which netui runs. environ: the environment with the engine's address."""

    name = ""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ
        self.kept: dict[str, tuple[str, ...]] = {}

    @property
    def is_root(self) -> bool:
        """Whether this process is root."""
        return os.geteuid() == 0

    @property
    def needs_root(self) -> str:
        """What to do where only root may read."""
        return own_container.needs_root()

    def fetch(self, asks: Sequence[Ask]) -> LocalMachine:
        """Return itself: questions need no round trip here."""
        return self

    def run(self, arguments: Sequence[str], timeout: float = 10.0) -> str:
        """Run a program."""
        return command.run(arguments, timeout)

    def find(self, program: str) -> str | None:
        """Return a program's path."""
        return command.find(program)

    def real(self, program: str, *, system: bool = False) -> str | None:
        """Return where a program's link leads."""
        path = shutil.which(program, path=os.pathsep.join(command.SYSTEM)) if system else command.find(program)
        return str(Path(path).resolve()) if path is not None else None

    def loaded(self, module: str) -> bool:
        """Whether a subsystem is there."""
        return permits.loaded(module)

    def read(self, *paths: str) -> str:
        """Return the files that exist, one after the other."""
        if len(paths) == 1:
            return _whole(paths[0])
        texts = [_whole(path) for path in paths if os.path.exists(path)]  # noqa: PTH110 - often four
        if not texts:
            raise FileNotFoundError(2, "No such file or directory", paths[0])
        return "".join(texts)

    def lines(self, patterns: Iterable[str], only: str = "") -> Mapping[str, list[str]]:
        """Return the lines of the files that patterns name."""
        wanted = re.compile(only or ".")
        lines_of: dict[str, list[str]] = {}
        for pattern in patterns:
            for path in glob.glob(pattern) if "*" in pattern else [pattern]:  # noqa: PTH207 - sysctls by the hundred
                if lines := [line for line in _text(path).splitlines() if wanted.search(line)]:
                    lines_of[path] = lines
        return lines_of

    def links(self, *patterns: str) -> str:
        """Return links as ``ls -l`` prints them, without the columns before a link's name."""
        printed: list[str] = []
        for path in (path for pattern in patterns for path in glob.glob(pattern)):  # noqa: PTH207 - as below
            folder = not os.path.islink(path)  # noqa: PTH114 - of thousands
            printed += [f"{path}:"] if folder else []
            with suppress(OSError):
                for name in os.listdir(path) if folder else [path]:  # noqa: PTH208 - as above
                    with suppress(OSError):
                        printed.append(f"l- - {name} -> {os.readlink(os.path.join(path, name))}")  # noqa: PTH115, PTH118
        return "\n".join(printed)

    def exists(self, pattern: str) -> bool:
        """Whether anything is there that a pattern names."""
        return bool(glob.glob(pattern))  # noqa: PTH207 - as below

    @property
    def release(self) -> str:
        """The running kernel's release."""
        return os.uname().release

    @property
    def hostname(self) -> str:
        """The host's own name."""
        return socket.gethostname()

    def engine_address(self) -> EngineAddress:
        """Return where the engine is asked."""
        return engine_address(self._environ)

    def engine_is_here(self, address: EngineAddress) -> bool | None:
        """Whether the engine works in this network namespace."""
        return engine_is_here(address.path)


def _whole(path: str) -> str:
    if path.startswith("/proc/"):
        return Path(path).read_text("utf-8", "replace")
    return read_regular(path, _LARGEST).decode("utf-8", "replace")


def _text(path: str) -> str:
    try:
        if path.startswith("/proc/sys/"):
            # the file of a sysctl cannot be read with a large buffer
            with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - by the hundred
                return file.read()
        with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as packed:  # noqa: PTH123
            return bytes(packed.read(_LARGEST)).decode("utf-8", "replace")
    except (OSError, EOFError):
        return ""


#: This machine, with the environment of this process.
LOCAL = LocalMachine()
