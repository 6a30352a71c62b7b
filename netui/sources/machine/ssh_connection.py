"""One ssh connection to another machine, by the system's own ssh: shells, and a socket that is forwarded.

Host keys, keys, agents, jump hosts and aliases are ssh's business: nothing of it is changed here. The first ssh is
the master of the connection (ssh_config(5), ControlMaster), on a socket in a private folder; it runs ``cat`` there,
whose input ends when netui does, however that comes. Shells and the forwarding go through that master.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import IO

from netui.sources import command
from netui.sources.errors import SourceError, plain, quoted

#: Seconds for connecting: where nobody is asked anything, and where somebody may have to type.
CONNECT, TYPING = 20.0, 180.0
#: Seconds for a shell to begin there, and for what it is asked.
BEGIN, ANSWER = 15.0, 30.0
#: Seconds that a shell there lives at most.
LIFE = 900
#: Bytes of one round trip; 10,000 rules are 1.5 MB, as nft's JSON 10 MB.
MOST = 256 * 2**20
#: What a login shell may print before ours begins, and what is kept of complaints.
_BANNER, _COMPLAINTS = 2**20, 2**14
_PIECE = 2**18
#: For master and shells alike. What newer versions alone know comes behind IgnoreUnknown.
_COMMON = (
    "-T", "-x", "-a",
    "-o", "IgnoreUnknown=SessionType,ForkAfterAuthentication,StdinNull",
    "-o", "SessionType=default", "-o", "ForkAfterAuthentication=no", "-o", "StdinNull=no",
    "-o", "RemoteCommand=none", "-o", "RequestTTY=no", "-o", "PermitLocalCommand=no",
)  # fmt: skip
_MASTER = (
    "-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", "ClearAllForwardings=yes", "-o", "Compression=yes",
    "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
)  # fmt: skip
#: Without its master it would connect by itself: it must not.
_CLIENT = ("-o", "ControlMaster=no", "-o", "BatchMode=yes", "-o", "ProxyCommand=false")

#: A shell that ends by itself after 15 minutes, should the line be lost; a word for any login shell.
_SHELL = (
    f"exec /bin/sh -c 'if timeout -k 1 {LIFE} true 2>/dev/null; then exec timeout -k 1 {LIFE} /bin/sh; "
    "else exec /bin/sh; fi'"
)

_open: set[Connection] = set()


class Lost(SourceError):
    """The connection, or a shell of it, is not there any more."""


class Refused(Lost):
    """Ssh did not connect where nobody could be asked: a person at a terminal may be let in."""


def checked(destination: str) -> str:
    """Return a destination as ssh takes it; raise SourceError for what ssh would take for something else."""
    if not destination.strip() or destination.startswith("-") or any(not sign.isprintable() for sign in destination):
        raise SourceError(f"{quoted(destination)} is no machine; write it as ssh takes it: name, user@name, ssh://…")
    return destination


class Connection:
    """A connection that is up when it has been made; raises SourceError where it cannot be.

    ask: whether ssh may ask the person at the terminal (a password, an unknown host key).
    """

    def __init__(self, destination: str, *, ask: bool) -> None:
        self._destination = checked(destination)
        program = command.find("ssh")
        if program is None:
            raise SourceError("ssh is not installed: install the package openssh-client")
        self._program = program
        self._lock = threading.Lock()
        self._shells: set[Shell] = set()
        self._closed = False
        self._lock_of_folder: int | None
        self._folder, self._lock_of_folder = _private_folder()
        _open.add(self)
        try:
            self._begin(ask)
        except BaseException:
            self.close()
            raise

    def _arguments(self, *more: str) -> list[str]:
        return [self._program, "-S", f"{self._folder}/c", *_COMMON, *more]

    def _begin(self, ask: bool) -> None:
        batch = () if ask else ("-o", "BatchMode=yes")
        arguments = self._arguments(*_MASTER, *batch, "--", self._destination, "exec cat")
        self._master = Shell(arguments, apart=not ask)
        word = secrets.token_hex(16).encode()
        try:
            self._master.send(b"\n" + word + b"\n")
            self._master.until(b"\n" + word + b"\n", TYPING if ask else CONNECT, _BANNER)
        except Lost as error:
            why = self._master.complaints()
            text = f"ssh {quoted(self._destination)}: {why or error}"
            refused = any(words in why.lower() for words in ("permission denied", "host key verification failed"))
            raise (Refused if refused and not ask else Lost)(text) from None

    @property
    def alive(self) -> bool:
        """Whether the master still runs."""
        return not self._closed and self._master.alive

    @property
    def warnings(self) -> list[str]:
        """What ssh warned of while it connected."""
        lines = self._master.complaints(whole=True).splitlines()
        return [plain(line) for line in lines if line.startswith(("@", "WARNING", "Warning"))]

    def shell(self) -> Shell:
        """Begin a POSIX shell there, whatever the login shell is; raise Lost."""
        arguments = self._arguments(*_CLIENT, "--", self._destination, _SHELL)
        with self._lock:
            if self._closed:
                raise Lost("disconnected")
            shell = Shell(arguments, apart=True)
            self._shells.add(shell)
        return shell

    def end(self, shell: Shell) -> None:
        """End a shell."""
        with self._lock:
            self._shells.discard(shell)
        shell.close()

    def forward(self, path: str) -> str:
        """Forward a unix socket of that machine; return the path of the one here. Raises Lost."""
        here = f"{self._folder}/{secrets.token_hex(4)}"
        wanted = ["-O", "forward", "-L", f"{here}:{path}", "--", self._destination]
        try:
            done = subprocess.run(
                self._arguments(*_CLIENT, *wanted),
                check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=BEGIN, start_new_session=True,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Lost(f"the engine's socket is not forwarded: {plain(error)}") from None
        if done.returncode != 0:
            raise Lost(f"the engine's socket is not forwarded: {plain(done.stderr.decode('utf-8', 'replace'))}")
        return here

    def close(self) -> None:
        """End all of it: no process stays, here or there. Returns soon; any number of times."""
        with self._lock:
            self._closed = True
            shells, self._shells = self._shells, set()
            lock, self._lock_of_folder = self._lock_of_folder, None
        for shell in shells:
            shell.close()
        if hasattr(self, "_master"):
            self._master.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        _open.discard(self)
        if lock is not None:
            os.close(lock)


def close_all() -> None:
    """End all connections, as where a signal ends netui."""
    for connection in tuple(_open):
        connection.close()


def _private_folder() -> tuple[str, int]:
    """Make a folder for this user alone, locked while it is in use; return its path and the lock's descriptor.

    The path is short, for that of a socket may have 107 letters.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    with suppress(OSError):
        if base.startswith("/") and len(base) < 50 and Path(base).stat().st_uid == os.geteuid():
            _sweep(Path(base))
            return _locked(tempfile.mkdtemp(prefix="netui-", dir=base))
    try:
        return _locked(tempfile.mkdtemp(prefix="netui-", dir="/tmp"))
    except OSError as error:
        raise SourceError(f"no folder for ssh's socket can be made: {plain(error.strerror or error)}") from None


def _locked(folder: str) -> tuple[str, int]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def _sweep(base: Path) -> None:
    """Remove the folders of those that were killed: nobody holds their locks any more."""
    for folder in base.glob("netui-????????"):
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid():
                _, lock = _locked(str(folder))
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


class Shell:
    """A process of ssh that is written to and read from, with a deadline and a limit for each answer."""

    def __init__(self, arguments: Sequence[str], *, apart: bool) -> None:
        try:
            self._process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                start_new_session=apart,
            )
        except OSError as error:
            raise Lost(f"ssh cannot be run: {plain(error.strerror or error)}") from None
        self._buffer = bytearray()
        self._errors = bytearray()
        self._unsent = bytearray()
        self._deaf = False
        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)

    def _pipes(self) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        return process.stdin, process.stdout, process.stderr

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def complaints(self, *, whole: bool = False) -> str:
        """Return the last line that ssh wrote to stderr, or all of it."""
        with suppress(OSError, ValueError):
            self._errors += os.read(self._pipes()[2].fileno(), _COMPLAINTS)
        text = bytes(self._errors[-_COMPLAINTS:]).decode("utf-8", "replace").replace("\r", "\n")
        lines = [line for line in text.splitlines() if line.strip()]
        return text if whole else plain(lines[-1]) if lines else ""

    def send(self, data: bytes) -> None:
        """Write something; what does not fit into the pipe goes with the next :meth:`until`."""
        self._unsent += data

    def until(self, end: bytes, seconds: float, limit: int = MOST) -> bytes:
        """Return what comes before ``end``; raise Lost where it does not come in time, or too much does."""
        deadline = time.monotonic() + seconds
        stdin, stdout, stderr = self._pipes()
        try:
            with DefaultSelector() as selector:
                for pipe in (stdout,) if self._deaf else (stdout, stderr):
                    selector.register(pipe, EVENT_READ)
                if self._unsent:
                    selector.register(stdin, EVENT_WRITE)
                looked = 0
                while (place := self._buffer.find(end, max(0, looked - len(end)))) < 0:
                    looked = len(self._buffer)
                    if looked > limit:
                        raise Lost(f"more than {limit // 2**20} MB came")
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise Lost(f"no answer within {seconds:g} s")
                    for key, _ in selector.select(left):
                        if key.fileobj is stdin:
                            self._unsent = self._unsent[os.write(stdin.fileno(), self._unsent[:_PIECE]) :]
                            if not self._unsent:
                                selector.unregister(stdin)
                        elif key.fileobj is stdout:
                            self._take(os.read(stdout.fileno(), _PIECE))
                        elif not (said := os.read(stderr.fileno(), _PIECE)):
                            self._deaf = True
                            selector.unregister(stderr)
                        else:
                            self._errors = (self._errors + said)[-_COMPLAINTS:]
        except (OSError, ValueError) as error:
            raise Lost(f"disconnected: {self.complaints() or plain(error)}") from None
        found = bytes(self._buffer[:place])
        del self._buffer[: place + len(end)]
        return found

    def _take(self, data: bytes) -> None:
        if not data:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
            raise Lost(f"disconnected{': ' if self.complaints() else ''}{self.complaints()}")
        self._buffer += data

    def close(self) -> None:
        """End it: what it wrote to sees the end of its input."""
        for pipe in self._pipes():
            with suppress(OSError, ValueError):
                pipe.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self.alive:
                return
            with suppress(ProcessLookupError):
                self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
