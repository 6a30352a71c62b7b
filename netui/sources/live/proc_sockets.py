"""Listening sockets and their programs from /proc, without running a program.

``ss`` would load the kernel's diag modules, and prints a process's name unescaped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from netui.dialects.sockets import OpenSocket, open_sockets
from netui.model import Socket
from netui.sources.machine import Machine
from netui.text.errors import SourceError

FILES = ("tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "sctp/eps")
_SOCKET = re.compile(r"socket:\[(\d+)\]")
#: The letters allowed in a program's name; others become "?".
_UNSAFE = re.compile(r"[^A-Za-z0-9_.:+/@-]")


@dataclass(slots=True)
class ProcSockets:
    """Reads the sockets of this network namespace repeatedly.

    It searches for the sockets' processes only when there is a new socket, because it must then read the open files of
    all processes. root: the path of /proc.
    """

    root: Path = Path("/proc")
    #: socket by inode: process ID, file descriptor, program
    _holders: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    _looked_for: set[int] = field(default_factory=set)

    def read(self, machine: Machine | None = None) -> tuple[Socket, ...]:
        """Return the sockets that accept new packets; raise SourceError where /proc cannot be read.

        machine: another machine than this one.
        """
        listeners = list(self._open())
        inodes = {listener.inode for listener in listeners if listener.inode}
        self._holders = {inode: held for inode, held in self._holders.items() if inode in inodes and self._still(inode)}
        unknown = inodes - self._holders.keys()
        if unknown - self._looked_for:
            self._look(unknown)
            self._looked_for = inodes - self._holders.keys()
        return tuple(dict.fromkeys(self._named(listener) for listener in listeners))

    def _open(self) -> Iterator[OpenSocket]:
        texts: list[str] = []
        for name in FILES:
            path = self.root / "net" / name
            try:
                texts.append(path.read_text("utf-8", "replace"))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise SourceError(f"{path} cannot be read: {error.strerror}") from None
        if not texts:
            raise SourceError(f"{self.root}/net has no sockets to be read")
        return open_sockets("".join(text if text.endswith("\n") else f"{text}\n" for text in texts))

    def _named(self, one: OpenSocket) -> Socket:
        pid, _file, program = self._holders.get(one.inode, (0, "", ""))
        return named(one, pid, program)

    def _still(self, inode: int) -> bool:
        pid, file, _program = self._holders[inode]
        return _target(self.root / str(pid) / "fd" / file) == inode

    def _look(self, wanted: Iterable[int]) -> None:
        """Find the first process of each socket; those of other users are visible only to root."""
        missing = set(wanted)
        for process in _numbered(self.root):
            if not missing:
                return
            folder = self.root / str(process) / "fd"
            try:
                files = os.listdir(folder)  # noqa: PTH208 - names alone, of thousands of files
            except OSError:
                continue
            for file in files:
                inode = _target(folder / file)
                if inode in missing:
                    missing.discard(inode)
                    self._holders[inode] = (process, file, self._program(process))

    def _program(self, process: int) -> str:
        try:
            name = (self.root / str(process) / "comm").read_bytes().rstrip(b"\n").decode("utf-8", "replace")
        except OSError:
            return ""
        return safe_name(name)


def safe_name(name: str) -> str:
    """Return a process's name with only printable letters."""
    return _UNSAFE.sub("?", name)[:32]


def named(one: OpenSocket, pid: int, program: str) -> Socket:
    """Return a socket with its process."""
    if program == "docker-proxy" and one.uid != 0:
        # any user may give a process this name; the engine's runs as root
        program = "docker-proxy?"
    return replace(one.socket, program=program, pid=pid)


def _numbered(root: Path) -> list[int]:
    return sorted(int(name) for name in os.listdir(root) if name.isdigit())  # noqa: PTH208 - as above


def _target(path: Path) -> int:
    """The inode of a file descriptor's socket, 0 for other files."""
    try:
        match = _SOCKET.fullmatch(os.readlink(path))  # noqa: PTH115 - of thousands of files
    except OSError:
        return 0
    return int(match[1]) if match else 0


def as_ss(sockets: Iterable[Socket]) -> str:
    """Print sockets in the columns of ``ss -Hltunp``."""
    lines = []
    for listener in sockets:
        address = f"[{listener.address}]" if ":" in listener.address else listener.address
        device = f"%{listener.device}" if listener.device else ""
        peer = "[::]" if ":" in listener.address else "*" if listener.address == "*" else "0.0.0.0"
        state = "UNCONN" if listener.protocol.startswith("udp") else "LISTEN"
        user = f' users:(("{listener.program}",pid={listener.pid},fd=0))' if listener.program else ""
        lines.append(
            f"{listener.protocol:<5} {state:<6} 0      0      {address}{device}:{listener.port} {peer}:*{user}"
        )
    return "".join(f"{line}\n" for line in lines)
