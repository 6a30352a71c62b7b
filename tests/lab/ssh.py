"""A real sshd on a lab host, with users of many kinds, and an ssh that knows them from the machine outside.

sshd runs in a mount namespace of its own, in which the machine's users are the lab's; nothing is written to the
machine's own /etc.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from . import cache
from .hosts import HOST, Host
from .namespaces import state_folder

ROOT = Path(__file__).parents[2]
#: Program that shows a package is there → the Debian package.
PACKAGES = {"/usr/sbin/sshd": "openssh-server", "ssh": "openssh-client", "fish": "fish", "tcsh": "tcsh", "sudo": "sudo"}
#: User → login shell. root's is the machine's own.
SHELLS = {
    "root": "/bin/bash",
    "fish": "/usr/bin/fish",
    "csh": "/usr/bin/tcsh",
    "banner": "/bin/bash",
    "busybox": "/bin/sh",
    "plain": "/bin/sh",
    "trusted": "/bin/sh",
}
#: Those that are root under another name: what they see is what root sees.
AS_ROOT = ("root", "fish", "csh", "banner", "busybox")
#: ssh's ProxyCommand: a line with a delay, as tc's netem makes one where the kernel has it.
RELAY = """
import os, socket, sys, threading, time
delay, host, port = sys.argv[1:]
line = socket.create_connection((host, int(port)))
def carry(read, write):
    waiting, come = [], threading.Condition()
    def later():
        while True:
            with come:
                come.wait_for(lambda: waiting)
                when, data = waiting.pop(0)
            time.sleep(max(0, when - time.monotonic()))
            if not data:
                os._exit(0)
            write(data)
    threading.Thread(target=later, daemon=True).start()
    while True:
        data = read(65536)
        with come:
            waiting.append((time.monotonic() + float(open(delay).read() or 0), data))
            come.notify()
        if not data:
            return
def out(data):
    while data:
        data = data[os.write(1, data):]
there = threading.Thread(target=carry, args=(lambda size: os.read(0, size), line.sendall))
there.start()
carry(line.recv, out)
there.join()
"""
_numbers = itertools.count(1)


class SshHost:
    """sshd on a lab host. Its users are destinations: ``server.netui("fish", "exposed", "--json")``."""

    def __init__(self, host: Host) -> None:
        cache.ensure(PACKAGES)
        self.host = host
        self.state = state_folder(f"ssh-{next(_numbers)}")
        self._daemon: subprocess.Popen[bytes] | None = None
        self._write()
        self.start()

    # ---- what it is made of -----------------------------------------------------------------

    def _write(self) -> None:
        state = self.state
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(state / name)], check=True)
        passwd = [line for line in Path("/etc/passwd").read_text().splitlines() if not line.startswith("root:")]
        shadow, groups = [], Path("/etc/group").read_text()
        for number, (user, shell) in enumerate(SHELLS.items()):
            home = state / "home" / user
            home.mkdir(parents=True)
            uid = 0 if user in AS_ROOT else 7000 + number
            os.chown(home, uid, uid)
            passwd.insert(0 if user == "root" else len(passwd), f"{user}:x:{uid}:{uid}::{home}:{shell}")
            shadow.append(f"{user}:*:19000:0:99999:7:::")
        (state / "home/banner/.bashrc").write_text("echo 'Welcome!'; echo; printf 'no newline at the end'\n")
        (state / "passwd").write_text("\n".join(passwd) + "\n")
        (state / "shadow").write_text("\n".join([*shadow, "sshd:!:19000::::::", "nobody:*:19000:0:99999:7:::", ""]))
        (state / "group").write_text(groups)
        path = f"{self.host.engine.bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        (state / "sudoers").write_text(f'Defaults secure_path="{path}"\ntrusted ALL=(root) NOPASSWD: ALL\n')
        (state / "sudoers").chmod(0o440)
        small = state / "busybox"
        small.mkdir()
        for applet in subprocess.run(
            ["/bin/busybox", "--list"], check=True, capture_output=True, text=True
        ).stdout.split():
            if applet not in ("ip", "nsenter", "ssh"):
                (small / applet).symlink_to("/bin/busybox")
        (state / "sshd_config").write_text(
            f"""
Port 22
ListenAddress {HOST}
HostKey {state}/host
PidFile {state}/sshd.pid
AuthorizedKeysFile {state}/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH={path} DOCKER_HOST={self.host.engine.url}
Match User busybox
  SetEnv PATH={small}:{path} DOCKER_HOST={self.host.engine.url}
"""
        )
        users = "".join(f"Host {user}\n  User {user}\n" for user in SHELLS)
        users += "Host behind\n  User root\n  ProxyJump fish\n"
        users += f"Host slow\n  User root\n  ProxyCommand {sys.executable} {state}/relay.py {state}/delay %h %p\n"
        (state / "ssh_config").write_text(
            f"{users}Host nobody\n  User nobody-here\nHost gone\n  HostName 198.51.100.77\n"
            f"Host *\n  HostName {HOST}\n  IdentityFile {state}/user\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {state}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        )
        (state / "relay.py").write_text(RELAY)
        self.slow(0)
        (state / "known_hosts").write_text(f"{HOST} {(state / 'host.pub').read_text()}")
        (state / "bin").mkdir()
        (state / "bin/ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {state}/ssh_config "$@"\n')
        (state / "bin/ssh").chmod(0o755)

    def start(self) -> None:
        """Start sshd and wait until it listens."""
        state = self.state
        mounts = "".join(
            f"mount --bind {state}/{name} /etc/{name}\n" for name in ("passwd", "shadow", "group", "sudoers")
        )
        script = f"set -e\nmkdir -p /run/sshd\n{mounts}exec /usr/sbin/sshd -D -e -f {state}/sshd_config\n"
        with (state / "sshd.log").open("ab") as log:
            log.write(b"\n\n")
            log.flush()
            self._daemon = subprocess.Popen(
                ["nsenter", f"--net={self.host.namespace.path}", "unshare", "-m", "--propagation", "private",
                 "/bin/sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        until(lambda: "Server listening" in (state / "sshd.log").read_text(errors="replace").rpartition("\n\n")[2])

    def processes(self) -> list[int]:
        """All processes of sshd there: the daemon's children, and what they run."""
        assert self._daemon is not None
        return descendants(self._daemon.pid)

    def quiet(self) -> None:
        """Wait until no connection is left, nor anything that it ran."""
        until(lambda: not self.processes(), 10)

    def kill(self) -> None:
        """kill -9 of sshd with all its connections and what they run."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()

    def __enter__(self) -> SshHost:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    # ---- from the machine outside -------------------------------------------------------------

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of netui on the machine outside: an ssh that knows the users, no engine of its own."""
        runtime = self.state / "runtime"
        runtime.mkdir(exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER")}
        path = f"{self.state}/bin:{os.environ['PATH']}"
        return {**kept, "PATH": path, "XDG_RUNTIME_DIR": str(runtime), "PYTHONPATH": str(ROOT), **more}

    def netui(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run netui on the machine outside, without a terminal."""
        return subprocess.run(
            ["nsenter", f"--net={self.host.outside.path}", "setsid", sys.executable, "-m", "netui", *arguments],
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
            env=self.environment(**more),
        )  # fmt: skip

    def there(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run netui on the host itself, as root."""
        environment: Mapping[str, str] = {**os.environ, **self.host.engine.environment(), "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["nsenter", f"--net={self.host.namespace.path}", sys.executable, "-m", "netui", *arguments],
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=dict(environment), timeout=120,
        )  # fmt: skip

    def python(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program that is given a destination on the machine outside, else on the host itself, as root."""
        place = self.host.outside if arguments else self.host.namespace
        environment = self.environment() if arguments else {**os.environ, **self.host.engine.environment()}
        return subprocess.run(
            ["nsenter", f"--net={place.path}", "setsid", sys.executable, "-c", program, *arguments],
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120,
            env={**environment, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def slow(self, milliseconds: int) -> None:
        """Delay what goes over the line of the destination ``slow``, each way by half of this; 0: no more."""
        (self.state / "delay").write_text(str(milliseconds / 2000))

    def cut(self, *, off: bool) -> None:
        """Cut the line, or join it again."""
        self.host.outside.ip("link", "set", "eth0", "down" if off else "up")
        if not off:
            self.host.outside.ip("route", "replace", "default", "via", HOST)

    def left(self) -> list[str]:
        """What netui's connections left here: files in the runtime folder."""
        return sorted(str(path.relative_to(self.state)) for path in (self.state / "runtime").glob("*"))


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to hold"
        time.sleep(0.02)


def descendants(root: int) -> list[int]:
    """All processes below one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
                )
            except OSError:
                continue
    found, waiting = [], [root]
    while waiting:
        parent = waiting.pop()
        children = [pid for pid, above in parents.items() if above == parent]
        found += children
        waiting += children
    return found
