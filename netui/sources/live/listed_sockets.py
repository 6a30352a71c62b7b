"""Another machine's listening sockets and their programs: /proc/net, ``ls -l /proc/*/fd`` and /proc/*/comm."""

from __future__ import annotations

from netui.dialects.sockets import open_sockets
from netui.model import Socket
from netui.sources.live.proc_sockets import FILES, named, safe_name
from netui.sources.machine import Ask, Lines, Links, Machine, Read
from netui.sources.machine.links import first_holders
from netui.text.errors import SourceError

_TABLES = tuple(f"/proc/net/{name}" for name in FILES)
_FOLDERS, _NAMES = "/proc/*/fd", "/proc/*/comm"


class ListedSockets:
    """Reads a machine's sockets repeatedly; it searches for their processes only when there is a new socket."""

    def __init__(self) -> None:
        #: socket by inode: process ID, file descriptor, program
        self._holders: dict[int, tuple[int, str, str]] = {}
        self._looked_for: set[int] = set()
        self._begun = False

    def asks(self) -> tuple[Ask, ...]:
        """Return the questions of the next reading, as far as they are known."""
        if not self._begun:
            return (Read(_TABLES), Links((_FOLDERS,)), Lines((_NAMES,)))
        return (Read(_TABLES), *((Links(self._held()),) if self._holders else ()))

    def _held(self) -> tuple[str, ...]:
        return tuple(f"/proc/{pid}/fd/{file}" for pid, file, _ in self._holders.values())

    def read(self, machine: Machine) -> tuple[Socket, ...]:
        """Return the sockets that accept new packets; raise SourceError where /proc/net cannot be read."""
        try:
            listeners = list(open_sockets(machine.read(*_TABLES)))
        except OSError as error:
            raise SourceError(f"/proc/net cannot be read: {error.strerror}") from None
        inodes = {listener.inode for listener in listeners if listener.inode}
        if self._holders:
            still = first_holders(machine.links(*self._held()), self._holders)
            self._holders = {
                inode: held
                for inode, held in self._holders.items()
                if inode in inodes and still.get(inode) == (held[0], held[1])
            }
        unknown = inodes - self._holders.keys()
        if unknown - self._looked_for:
            machine = machine.fetch((Links((_FOLDERS,)), Lines((_NAMES,))))
            names = machine.lines((_NAMES,))
            for inode, (process, file) in first_holders(machine.links(_FOLDERS), unknown).items():
                program = safe_name("\n".join(names.get(f"/proc/{process}/comm", [])))
                self._holders[inode] = (process, file, program)
            self._looked_for = inodes - self._holders.keys()
        self._begun = True
        return tuple(
            dict.fromkeys(named(listener, *_holder(self._holders.get(listener.inode))) for listener in listeners)
        )


def _holder(held: tuple[int, str, str] | None) -> tuple[int, str]:
    return (held[0], held[2]) if held is not None else (0, "")
