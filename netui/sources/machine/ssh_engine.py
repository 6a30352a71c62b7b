"""Another machine's engine: its socket there, and the local socket that is forwarded to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from netui.sources.docker.context import DEFAULT, EngineAddress, engine_address
from netui.sources.docker.ping import answers
from netui.sources.machine import Ask, Exists, Lines, Read, Real, permits
from netui.sources.machine.fetched import Fetched
from netui.sources.machine.ssh_connection import BEGIN, Connection
from netui.sources.machine.ssh_script import Answer, by_path
from netui.text.errors import SourceError, quoted

if TYPE_CHECKING:
    from netui.sources.machine.ssh_session import About

_SOCKETS = "/proc/net/unix"
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
#: The flag of a socket that listens (__SO_ACCEPTCON).
_LISTENS = "00010000"


class Fetching(Protocol):
    """A machine whose answers are fetched in one round trip."""

    name: str

    def fetch(self, asks: Sequence[Ask]) -> Fetched:
        """Return the machine with these questions answered; raise SourceError where it cannot be reached."""


class RemoteEngine:
    """The engine of a machine, by the settings of the user there; for the thread that reads the engine."""

    def __init__(self, machine: Fetching) -> None:
        self._machine = machine
        self._known: tuple[Connection, EngineAddress] | None = None
        self._answers: Mapping[Ask, Answer] = {}

    def address(self, connection: Connection, about: About) -> EngineAddress:
        """Return the local socket that is forwarded to the engine's; raise SourceError."""
        if self._known is not None and self._known[0] is connection:
            return self._known[1]
        there = self._look(about)
        name = quoted(self._machine.name)
        if not there.path:
            raise SourceError(f"the engine of {name} is at {quoted(there.url, 100)}: netui asks that of a socket alone")
        if self._answers[Exists(there.path)].status != 0:
            raise SourceError(f"no Docker socket at {quoted(there.path, 100)} on {name}")
        here, costly = connection.forward(there.path), False
        if about.by_sudo and not answers(here, BEGIN) and (bridged := _bridge(connection, about, there.path)):
            here, costly = bridged, True
        address = EngineAddress(f"unix://{here}", f"ssh {self._machine.name}", there=there.url, costly=costly)
        self._known = (connection, address)
        return address

    def _look(self, about: About) -> EngineAddress:
        """Find the engine's address there; one round trip for the default or the environment's address."""
        home = about.environment.get("HOME", "")
        settings = Read((f"{about.environment.get('DOCKER_CONFIG') or f'{home}/.docker'}/config.json",))
        named = about.environment.get("DOCKER_HOST", "").strip()
        usual = EngineAddress(named or DEFAULT)
        fetched = self._machine.fetch([settings, *_asks(usual.path)])

        def text(path: Path) -> str:
            return fetched.read(str(path))

        there = engine_address(about.environment, text)
        if there.path and Exists(there.path) not in fetched.answers:
            fetched = self._machine.fetch(_asks(there.path))
        self._answers = fetched.answers
        return there

    def is_here(self, address: EngineAddress) -> bool | None:
        """Whether the engine listens in the namespace that is read: /proc/net/unix lists its sockets."""
        path = address.there.removeprefix("unix://")
        name = PurePosixPath(path).name
        _, ask_real, ask_lines = _asks(path)
        real = self._answers[ask_real].text.strip()
        words = [line.split(None, 7) for line in by_path(self._answers[ask_lines].text).get(_SOCKETS, [])]
        listening = {entry[7] for entry in words if len(entry) == 8 and entry[3] == _LISTENS}
        if listening & {path, real, f"/var{real}"}:
            return True
        return False if real and not any(PurePosixPath(socket_path).name == name for socket_path in listening) else None


def _asks(path: str) -> tuple[Ask, ...]:
    """Return what is asked of a socket: whether it is there, where its path leads, and who listens by its name."""
    if not path:
        return ()
    return Exists(path), Real(path), Lines((_SOCKETS,), re.escape(PurePosixPath(path).name).replace(r"\-", "-"))


def _bridge(connection: Connection, about: About, path: str) -> str:
    """Reach a socket that root alone may open there, by the program docker; "" where it is not there."""
    docker = about.programs.get("docker", "")
    if not _PLAIN.fullmatch(docker):
        return ""
    words = (docker, "-H", f"unix://{path}", "system", "dial-stdio")
    permits.check(words)
    return connection.bridge(f"exec sudo -n {' '.join(words)}")
