"""One ssh connection to another machine, by the system's ssh: shells, and a forwarded socket.

Host keys, keys, agents, jump hosts and aliases are left to ssh and its configuration. The first ssh process is the
master of the connection (ssh_config(5), ControlMaster), with a socket in a private folder. It runs ``cat`` on the
other machine, whose input ends when netui ends in any way. Shells and the forwarding use that master.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

from netui.sources.machine import command
from netui.sources.machine.ssh_process import Disconnected, Lost, Shell, end
from netui.text.errors import SourceError, plain, quoted

#: Seconds for connecting: without a question to the user, and with one.
CONNECT, TYPING = 20.0, 180.0
#: Seconds for a shell to start, and for its answers.
BEGIN, ANSWER = 15.0, 30.0
#: The longest life of a shell, in seconds.
LIFE = 900
#: The bytes that a login shell may print before the script starts.
_BANNER = 2**20
#: For the master and the shells. IgnoreUnknown comes before options that only newer versions know.
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
#: It must not connect by itself where the master is gone.
_CLIENT = ("-o", "ControlMaster=no", "-o", "BatchMode=yes", "-o", "ProxyCommand=false")

#: A shell that ends by itself after 15 minutes, in case the connection is lost; one word in any login shell.
_SHELL = (
    f"exec /bin/sh -c 'if timeout -k 1 {LIFE} true 2>/dev/null; then exec timeout -k 1 {LIFE} /bin/sh; "
    "else exec /bin/sh; fi'"
)

_open: set[Connection] = set()


class Refused(Lost):
    """Ssh did not connect without a question to the user; with a terminal it might."""


def checked(destination: str) -> str:
    """Return a destination for ssh; raise SourceError for one that ssh would read as an option."""
    if not destination.strip() or destination.startswith("-") or any(not sign.isprintable() for sign in destination):
        raise SourceError(f"{quoted(destination)} is no machine; write it as ssh takes it: name, user@name, ssh://…")
    return destination


class Connection:
    """A connection, which its constructor opens; raises SourceError where that fails.

    ask: whether ssh may ask the user at the terminal (a password, an unknown host key).
    """

    def __init__(self, destination: str, *, ask: bool) -> None:
        self._destination = checked(destination)
        program = command.find("ssh")
        if program is None:
            raise SourceError("ssh is not installed: install the package openssh-client")
        self._program = program
        # reentrant, because a signal may end netui while it starts a shell
        self._lock = threading.RLock()
        self._shells: set[Shell] = set()
        self._closed = False
        self._listeners: list[socket.socket] = []
        self._bridges: list[subprocess.Popen[bytes]] = []
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
        """The warnings of ssh while it connected."""
        lines = self._master.complaints(whole=True).splitlines()
        return [plain(line) for line in lines if line.startswith(("@", "WARNING", "Warning"))]

    def shell(self) -> Shell:
        """Start a POSIX shell there, whatever the login shell is; raise Lost."""
        arguments = self._arguments(*_CLIENT, "--", self._destination, _SHELL)
        with self._lock:
            if self._closed:
                raise Disconnected("disconnected")
            shell = Shell(arguments, apart=True)
            self._shells.add(shell)
        return shell

    def end(self, shell: Shell) -> None:
        """End a shell."""
        with self._lock:
            self._shells.discard(shell)
        shell.close()

    def forward(self, path: str) -> str:
        """Forward a unix socket of that machine; return the path of the local socket. Raises Lost."""
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

    def bridge(self, words: str) -> str:
        """Listen on a local socket, and connect each client to a program on that machine; return the socket's path.

        words: a command of plain words, for any login shell.
        """
        path = f"{self._folder}/{secrets.token_hex(4)}"
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(path)
            listener.listen(16)
        except OSError as error:
            listener.close()
            raise Lost(f"the engine's socket is not forwarded: {plain(error.strerror or error)}") from None
        with self._lock:
            self._listeners.append(listener)
        arguments = self._arguments(*_CLIENT, "--", self._destination, words)
        threading.Thread(target=self._serve, args=(listener, arguments), name="ssh bridge", daemon=True).start()
        return path

    def _serve(self, listener: socket.socket, arguments: list[str]) -> None:
        """Start a program for each client until the listener is closed."""
        with suppress(OSError, ValueError):
            while True:
                connection, _ = listener.accept()
                with connection, self._lock:
                    if self._closed:
                        return
                    self._bridges = [process for process in self._bridges if process.poll() is None]
                    number = connection.fileno()
                    self._bridges.append(
                        subprocess.Popen(
                            arguments,
                            stdin=number,
                            stdout=number,
                            stderr=subprocess.DEVNULL,
                            cwd="/",
                            start_new_session=True,
                        )
                    )

    def close(self) -> None:
        """End the connection: no process stays on either machine. Returns soon; may be called again."""
        with self._lock:
            self._closed = True
            shells, self._shells = self._shells, set()
            lock, self._lock_of_folder = self._lock_of_folder, None
            bridges, listeners = self._bridges, self._listeners
        for listener in listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for process in bridges:
            end(process)
        for shell in shells:
            shell.close()
        if hasattr(self, "_master"):
            self._master.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        _open.discard(self)
        if lock is not None:
            os.close(lock)


def close_all() -> None:
    """End all connections, also when a signal ends netui."""
    for connection in tuple(_open):
        connection.close()


def _private_folder() -> tuple[str, int]:
    """Make a folder that only this user can open, locked while in use; return its path and the lock's descriptor.

    The path is short, for that of a socket may have 107 letters.
    """
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    with suppress(OSError):
        if base.startswith("/") and len(base) < 50 and Path(base).stat().st_uid == os.geteuid():
            _sweep(Path(base))
            return _new_folder(base)
    try:
        return _new_folder("/tmp")
    except OSError as error:
        raise SourceError(f"no folder for ssh's socket can be made: {plain(error.strerror or error)}") from None


def _new_folder(base: str) -> tuple[str, int]:
    """Make a folder that gets its name only when it is locked; else another netui might remove it as a leftover."""
    folder, lock = _locked(tempfile.mkdtemp(prefix=".netui-", dir=base))
    named = f"{base}/netui-{secrets.token_hex(4)}"
    os.rename(folder, named)  # noqa: PTH104 - as the rest here
    return named, lock


def _locked(folder: str) -> tuple[str, int]:
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, lock


def _sweep(base: Path) -> None:
    """Remove the folders of killed processes: their locks are free."""
    for folder in base.glob("netui-????????"):
        with suppress(OSError):
            if folder.stat().st_uid == os.geteuid():
                _, lock = _locked(str(folder))
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
