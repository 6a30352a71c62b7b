"""Network namespaces of one run, and their removal whatever happens.

Every name carries the process that made it (pid and start time), so that two labs run side by
side and a later run can sweep what a killed one left. Interfaces are made inside the namespaces:
the machine's own network never sees them.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
STATE = Path("/run/netui-lab")
NETNS = Path("/run/netns")
PREFIX = "netui-lab-"
CLONE_NEWNET = 0x40000000
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def _start_time(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat (clock ticks since boot): a pid and this name one process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def run_id() -> str:
    """The name of this process's run."""
    return f"{os.getpid()}-{_start_time(os.getpid())}"


def call_in(path: Path | str, function: Callable[[], T]) -> T:
    """Call the function on a thread that is in the network namespace of this path.

    A socket that it makes stays in that namespace; nothing else of this process moves there.
    """
    result: list[T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            with Path(path).open() as handle:
                if _libc.setns(handle.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {path}")
            result.append(function())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return result[0]


def write_sysctls(path: Path | str, values: Mapping[str, int | str]) -> None:
    """Set net sysctls of the network namespace of this path, which need not be ours by name."""

    def write() -> None:
        for key, value in values.items():
            # A kernel without this one has nothing to be set.
            if Path(f"/proc/sys/net/{key}").exists():
                Path(f"/proc/sys/net/{key}").write_text(str(value))

    call_in(path, write)


class Namespace:
    """One named network namespace, with lo up; `delete` also ends all processes in it."""

    def __init__(self, label: str) -> None:
        sweep_dead_runs()
        self.label = label
        self.name = f"{PREFIX}{run_id()}-{label}"
        self.path = NETNS / self.name
        _watch(os.getpid())
        subprocess.run(["ip", "netns", "add", self.name], check=True, capture_output=True)
        self.ip("link", "set", "lo", "up")

    def run(self, *command: str, check: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the namespace (nsenter: `ip netns exec` would hide the cgroups)."""
        done = subprocess.run(
            ["nsenter", f"--net={self.path}", *command], check=False, input=stdin, capture_output=True, text=True
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)} in {self.label}: {done.stderr.strip()}")
        return done

    def ip(self, *arguments: str) -> str:
        """`ip` in the namespace."""
        return self.run("ip", *arguments).stdout

    def sysctl(self, **values: int | str) -> None:
        """Set net sysctls of this namespace: `sysctl(**{"ipv4/ip_forward": 1})`."""
        write_sysctls(self.path, values)

    def connect(self, other: Namespace, here: str, there: str) -> None:
        """A veth pair, made inside: `here` in this namespace, `there` in the other; both up."""
        peer = ("peer", "name", there, "netns", other.name)
        self.ip("link", "add", here, "type", "veth", *peer)
        self.ip("link", "set", here, "up")
        other.ip("link", "set", there, "up")

    def delete(self) -> None:
        """End the processes in the namespace and remove it."""
        end_processes(self.name)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def _inode(path: str) -> str | None:
    try:
        return str(Path(path).readlink())
    except OSError:
        return None


def _in_namespaces(inodes: set[int]) -> set[int]:
    """The pids whose network namespace is one of these."""
    wanted = {f"net:[{inode}]" for inode in inodes}
    pids = (entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return {int(pid) for pid in pids if _inode(f"/proc/{pid}/ns/net") in wanted}


def _descendants(roots: set[int]) -> set[int]:
    """These pids and all that they have started (a container is its shim's child)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = set(roots), list(roots)
    while queue:
        for child in children.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def cgroup_parent(name: str) -> str:
    """The cgroup of a namespace's containers: what is in it can be found after a crash."""
    return f"/{name}"


def _cgroups(name: str) -> list[Path]:
    """The cgroup folders of the namespaces of this name pattern, in every hierarchy, deepest last."""
    tops = [*Path("/sys/fs/cgroup").glob(name), *Path("/sys/fs/cgroup").glob(f"*/{name}")]
    found: list[Path] = []
    for top in tops:
        for folder, _, _ in os.walk(top):
            found.append(Path(folder))
    return found


def _victims(name: str) -> set[int]:
    """Every process of the namespaces of this name pattern: in them, below those, in a cgroup."""
    inodes = set()
    for path in NETNS.glob(name):
        try:
            inodes.add(path.stat().st_ino)
        except OSError:
            continue
    pids = _descendants(_in_namespaces(inodes)) if inodes else set()
    for folder in _cgroups(name):
        try:
            pids.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
        except OSError:
            continue
    return pids - {os.getpid(), 0, 1}


def end_processes(name: str) -> None:
    """Kill all processes of the namespaces of this name pattern, and remove their cgroups."""
    gone = threading.Event()
    for _ in range(200):
        victims = _victims(name)
        if not victims:
            break
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        reap(victims)
        gone.wait(0.02)
    for folder in reversed(_cgroups(name)):
        try:
            folder.rmdir()
        except OSError:
            continue


def reap(pids: set[int]) -> None:
    """Collect our own children among the killed, which would stay as zombies otherwise."""
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except (ChildProcessError, OSError):
            continue


def _remove_run(identity: str) -> None:
    """Remove all that one run has made."""
    prefix = f"{PREFIX}{identity}-"
    end_processes(f"{prefix}*")
    for path in NETNS.glob(f"{prefix}*"):
        subprocess.run(["ip", "netns", "del", path.name], check=False, capture_output=True)
    shutil.rmtree(STATE / identity, ignore_errors=True)


def sweep_dead_runs() -> None:
    """Remove what runs left whose process is gone (a killed test run, a power cut of a shell)."""
    known = {path.name for path in STATE.glob("*-*")}
    for path in NETNS.glob(f"{PREFIX}*"):
        known.add("-".join(path.name.removeprefix(PREFIX).split("-")[:2]))
    for identity in known:
        pid, _, started = identity.partition("-")
        if pid.isdigit() and _start_time(int(pid)) != started:
            _remove_run(identity)


@functools.cache
def _watch(owner: int) -> None:
    """Remove everything of this run when this process (not a fork of it) ends."""
    # Orphans (a killed daemon's containerd) come to us: init may be slow to reap them, and a
    # restarted dockerd takes a zombie of its containerd for a live one.
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    atexit.register(lambda: _remove_run(run_id()) if os.getpid() == owner else None)


def state_folder(label: str) -> Path:
    """A folder of this run for sockets, logs and data; gone with the run."""
    folder = STATE / run_id() / label
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def raise_on_sigterm() -> None:
    """Let SIGTERM end the program like Ctrl-C does, so that everything is taken down."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def path_with(folders: Sequence[Path]) -> str:
    """A PATH with these folders first."""
    return ":".join([*map(str, folders), os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")])
