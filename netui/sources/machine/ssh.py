"""Another machine over ssh: it answers all questions of a group in one round trip.

netui installs nothing and writes nothing there. After a lost connection it connects again, with growing pauses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from netui.sources.docker.context import EngineAddress
from netui.sources.machine import Ask, Exists, Lines, Links, Loaded, Read, Run, command
from netui.sources.machine.fetched import Fetched
from netui.sources.machine.ssh_connection import ANSWER, Connection, close_all
from netui.sources.machine.ssh_engine import RemoteEngine
from netui.sources.machine.ssh_process import Disconnected, Lost, NoAnswer
from netui.sources.machine.ssh_script import PROGRAM, Answer, compose
from netui.sources.machine.ssh_session import About, Session
from netui.text.errors import SourceError, quoted

#: Seconds before it connects again, longer each time.
_BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
#: Shells at a time; sshd allows ten sessions for a connection (MaxSessions), and the master uses one.
_MOST_SHELLS = 4
command.AT_END.append(close_all)


class SshMachine:
    """A machine by its name for ssh. Any thread may ask it. It connects again by itself, without asking the user."""

    def __init__(self, destination: str) -> None:
        self.name = destination
        self.kept: dict[str, tuple[str, ...]] = {}
        #: round trips so far
        self.trips = 0
        #: by thread: the processor seconds of its round trips on that machine
        self._cost = threading.local()
        self.since: float | None = None
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._connection: Connection | None = None
        self._about: About | None = None
        self._idle: list[Session] = []
        self._sessions = 0
        self._most = _MOST_SHELLS
        self._connecting = self._closed = False
        self._failures = 0
        self._retry_at = 0.0
        self._why = ""
        self._engine = RemoteEngine(self)

    # -- the connection -------------------------------------------------------------

    def connect(self, *, ask: bool = False) -> list[str]:
        """Connect; return the warnings of ssh. Raises SourceError; Refused where ssh would have to ask the user."""
        try:
            return self._connect(ask)
        except SourceError as error:
            with self._lock:
                self._why = str(error)
            raise

    def _connect(self, ask: bool) -> list[str]:
        connection = Connection(self.name, ask=ask)
        try:
            session = Session(connection, sudo=True)
            about = About(session)
        except BaseException as error:
            connection.close()
            if isinstance(error, Lost):
                raise Lost(f"ssh {quoted(self.name)}: no shell there: {error}") from None
            raise
        with self._lock:
            if self._closed:
                connection.close()
                raise Disconnected("disconnected")
            self._connection, self._about = connection, about
            self._idle, self._sessions = [session], 1
            self._most, self._failures, self.since = _MOST_SHELLS, 0, None
            self._changed.notify_all()
        return connection.warnings

    def _up(self) -> tuple[Connection, About]:
        """Return the connection; where there is none, schedule another attempt and raise Lost."""
        with self._lock:
            connection, about = self._connection, self._about
            if connection is not None and about is not None and connection.alive:
                return connection, about
            if connection is not None:
                self._drop(connection, "the connection ended")
            if not self._connecting and not self._closed and time.monotonic() >= self._retry_at:
                self._connecting = True
                threading.Thread(target=self._again, name=f"ssh {self.name}", daemon=True).start()
        raise Disconnected(self._gone())

    def _gone(self) -> str:
        since = f" since {time.strftime('%H:%M:%S', time.localtime(self.since))}" if self.since is not None else ""
        return f"disconnected{since}{f' ({self._why})' if self._why else ''}"

    def _again(self) -> None:
        try:
            with suppress(SourceError):
                self.connect()
        finally:
            with self._lock:
                pause = _BACK_OFF[min(self._failures, len(_BACK_OFF) - 1)]
                self._retry_at, self._connecting = time.monotonic() + pause, False
                self._failures += 1

    def _drop(self, connection: Connection, why: str) -> None:
        """Drop a connection; called with the lock held."""
        if self._connection is not connection:
            return
        self._connection, self._idle, self._sessions = None, [], 0
        self.since, self._why = time.time(), why
        self._retry_at = time.monotonic() + _BACK_OFF[0]
        self._changed.notify_all()
        threading.Thread(target=connection.close, name="ssh close", daemon=True).start()

    def close(self) -> None:
        """End the connection and its processes, on both machines."""
        with self._lock:
            self._closed = True
            connection, self._connection = self._connection, None
            self._changed.notify_all()
        if connection is not None:
            connection.close()

    def _session(self, connection: Connection, about: About) -> Session:
        """Return a shell for exclusive use: an idle one, or a new one below the limit."""
        deadline = time.monotonic() + ANSWER
        with self._lock:
            self._forget_ended(connection)
            while not self._idle:
                if self._connection is not connection:
                    raise Disconnected(self._gone())
                if self._sessions < self._most:
                    self._sessions += 1
                    break
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    raise Lost("its shells are busy")
            else:
                return self._idle.pop()
        try:
            return Session(connection, sudo=about.root)
        except BaseException as error:
            with self._lock:
                self._sessions -= 1
                full = self._sessions > 0 and isinstance(error, Lost) and connection.alive
                if full:
                    # sshd allows no more sessions for the connection (MaxSessions)
                    self._most = self._sessions
                else:
                    self._drop(connection, str(error))
            if not full:
                raise
        return self._session(connection, about)

    def _forget_ended(self, connection: Connection) -> None:
        """Forget idle shells that ended, as each does after some time; called with the lock held."""
        ended = [session for session in self._idle if not session.shell.alive]
        self._idle = [session for session in self._idle if session not in ended]
        if self._connection is connection:
            self._sessions -= len(ended)
        for session in ended:
            session.end()

    # -- questions -------------------------------------------------------------------

    def fetch(self, asks: Sequence[Ask]) -> Fetched:
        """Fetch all answers in one round trip."""
        return Fetched(self, self.ask(tuple(dict.fromkeys(asks))))

    def ask(self, asks: Sequence[Ask]) -> dict[Ask, Answer]:
        """Ask on an exclusive shell; raise Lost where no answer comes."""
        connection, about = self._up()
        script = compose(asks, about.programs)
        for again in (True, False):
            session = self._session(connection, about)
            old = session.answered
            try:
                answers, spent = session.ask(script, len(asks))
            except BaseException as error:
                session.end()
                with self._lock:
                    if self._connection is connection:
                        self._sessions -= 1
                        self._changed.notify_all()
                # an idle shell may have ended (LIFE)
                if again and old and isinstance(error, Lost) and connection.alive and not isinstance(error, NoAnswer):
                    continue
                if isinstance(error, Lost) and not connection.alive:
                    self._up()
                if isinstance(error, NoAnswer):
                    raise Disconnected(f"disconnected: {error}") from None
                raise
            with self._lock:
                self.trips += 1
                if self._connection is connection:
                    self._idle.append(session)
                    self._changed.notify_all()
            self._cost.spent = getattr(self._cost, "spent", 0.0) + spent
            return dict(zip(asks, answers, strict=True))
        raise Disconnected(self._gone())

    def take_cost(self) -> float:
        """Return the processor seconds of this thread's questions on that machine since the last call."""
        spent: float = getattr(self._cost, "spent", 0.0)
        self._cost.spent = 0.0
        return spent

    # -- what is known of it -----------------------------------------------------------

    @property
    def about(self) -> About:
        """The data that was read on connecting; those of the last connection where there is none now."""
        if self._about is None:
            raise Disconnected(self._gone())
        return self._about

    @property
    def is_root(self) -> bool:
        """Whether root reads there."""
        return self.about.root

    @property
    def needs_root(self) -> str:
        """What to do where only root may read."""
        return f"needs root on {quoted(self.name)}: log in as root, or let its sudo run /bin/sh without a password"

    @property
    def release(self) -> str:
        """The kernel's release there."""
        return self.about.release

    @property
    def hostname(self) -> str:
        """The machine's own name."""
        return self._about.hostname if self._about is not None else ""

    def find(self, program: str) -> str | None:
        """Return where a program lies there."""
        return self.about.programs.get(program)

    def real(self, program: str, *, system: bool = False) -> str | None:
        """Return where a program's link leads there."""
        return (self.about.system if system else self.about.links).get(program)

    def run(self, arguments: Sequence[str], timeout: float = PROGRAM) -> str:
        """Run a program there."""
        return self.fetch([Run(tuple(arguments))]).run(arguments, timeout)

    def loaded(self, module: str) -> bool:
        """Whether a subsystem is there."""
        return self.fetch([Loaded(module)]).loaded(module)

    def read(self, *paths: str) -> str:
        """Return the files that exist there."""
        return self.fetch([Read(paths)]).read(*paths)

    def lines(self, patterns: Iterable[str], only: str = "") -> Mapping[str, list[str]]:
        """Return the lines of files there."""
        patterns = tuple(patterns)
        return self.fetch([Lines(patterns, only)]).lines(patterns, only)

    def links(self, *patterns: str) -> str:
        """Return the links there as ``ls -l`` prints them."""
        return self.fetch([Links(patterns)]).links(*patterns)

    def exists(self, pattern: str) -> bool:
        """Whether anything is there that a pattern names."""
        return self.fetch([Exists(pattern)]).exists(pattern)

    # -- the engine ----------------------------------------------------------------------

    def engine_address(self) -> EngineAddress:
        """Return the local socket that is forwarded to that machine's engine; raise SourceError."""
        connection, about = self._up()
        return self._engine.address(connection, about)

    def engine_is_here(self, address: EngineAddress) -> bool | None:
        """Whether the engine runs in the namespace that is read there."""
        return self._engine.is_here(address)
