"""Docker engines, each in a network namespace: start, stop, kill, and their own tools.

All live in debootstrapped roots (roots.py) with tools of their own; "20.10-legacy" has
iptables-legacy first on its PATH. Each runs in a mount namespace of its own, held open by one
sleeping process, so that all mounts go with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from . import cache, roots
from .namespaces import Namespace, cgroup_parent, path_with, reap, state_folder

KINDS = ("20.10-nft", "20.10-legacy", "26.1", "28.5")
IMAGE = "lab/busybox:latest"

_FAMILIES = ("iptables", "ip6tables")
_ACTIONS = ("", "-save", "-restore")
_TABLES = [f"{family}{action}" for family in _FAMILIES for action in _ACTIONS]
_VARIANTS = [
    f"{family}-{variant}{action}" for family in _FAMILIES for variant in ("nft", "legacy") for action in _ACTIONS
]

# The engine's mount namespace becomes one whose root is R. A plain chroot would not do: runc
# wants / to be a mount point. /run is fresh, with the state folder at the same path as outside,
# so that the socket has one name for everybody.
_PIVOT = """
set -e
mount --rbind "$R" "$R"
mount --rbind /proc "$R/proc"
mount --rbind /dev "$R/dev"
mount -t sysfs sysfs "$R/sys"
mount --rbind /sys/fs/cgroup "$R/sys/fs/cgroup"
mount -t tmpfs tmpfs "$R/run"
mount -t tmpfs tmpfs "$R/tmp"
mkdir -p "$R$STATE" "$R/tmp/.old"
mount --rbind "$STATE" "$R$STATE"
cd "$R"
pivot_root . tmp/.old
cd /
umount -l /tmp/.old
echo ready
exec sleep infinity
"""


@dataclass(frozen=True)
class Options:
    """How an engine is started."""

    userland_proxy: bool = True
    ip6tables: bool = False
    flags: tuple[str, ...] = ()


class Engine:
    """One engine in one namespace."""

    def __init__(self, kind: str, namespace: Namespace, options: Options | None = None, label: str = "") -> None:
        if kind not in KINDS:
            raise ValueError(f"no engine {kind!r}; there are {', '.join(KINDS)}")
        self.kind = kind
        self.version = kind.partition("-")[0]
        self.legacy = kind.endswith("-legacy")
        self.namespace = namespace
        self.options = options or Options()
        #: of its own for each engine, also where two share a namespace
        self.state = state_folder(label or namespace.label)
        self.bin = self.state / "bin"
        self._legacy = self.state / "legacy"
        self.socket = self.state / "docker.sock"
        self.url = f"unix://{self.socket}"
        self.log = self.state / "dockerd.log"
        self._root = roots.engine_root(self.version)
        #: Address of a message bus on which the daemon finds firewalld.
        self.bus = ""
        self._holder: subprocess.Popen[str] | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._client: docker.DockerClient | None = None

    # ---- life ----------------------------------------------------------------------------

    def start(self) -> Engine:
        """Start the daemon and wait until it answers; the image is loaded."""
        if self._holder is None:
            self._hold()
            self._write_tools()
        command = [
            *("nsenter", f"--net={self.namespace.path}", *self._into_root()),
            "/usr/sbin/dockerd",
            *("--data-root", str(self.state / "data"), "--exec-root", str(self.state / "exec")),
            *("--pidfile", str(self.state / "docker.pid"), "-H", self.url),
            *("--config-file", str(self.state / "daemon.json")),
            *("--cgroup-parent", cgroup_parent(self.namespace.name)),
            f"--userland-proxy={str(self.options.userland_proxy).lower()}",
            *self._ip6_flags(),
            *self.options.flags,
        ]
        (self.state / "daemon.json").write_text("{}")
        with self.log.open("ab") as log:
            self._daemon = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment()
            )
        self._wait_ready()
        if not self.client.images.list(name=IMAGE.partition(":")[0]):
            data = cache.busybox_image()
            self.client.api.import_image_from_data(data, repository="lab/busybox", tag="latest")
        return self

    def _ip6_flags(self) -> tuple[str, ...]:
        if self.version == "20.10":
            return ("--experimental", "--ip6tables") if self.options.ip6tables else ()
        if self.version == "26.1":
            return ("--experimental", "--ip6tables") if self.options.ip6tables else ()
        return () if self.options.ip6tables else ("--ip6tables=false",)

    def kill(self) -> None:
        """kill -9 of the daemon alone; its containers go with it (no live-restore)."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None
        (self.state / "docker.pid").unlink(missing_ok=True)
        # Its containerd dies with it, and is ours to reap then (namespaces.py).
        containerd = self.state / "exec/containerd/containerd.pid"
        deadline = time.monotonic() + 10
        while containerd.exists() and time.monotonic() < deadline:
            pid = int(containerd.read_text())
            reap({pid})
            if not Path(f"/proc/{pid}").exists():
                containerd.unlink()
            time.sleep(0.01)
        self._client = None

    def stop(self) -> None:
        """Stop the daemon as a service manager would, with SIGTERM."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(timeout=30)
            self._daemon = None
        self._client = None

    def _hold(self) -> None:
        """Start the process that keeps the engine's mount namespace."""
        environment = dict(os.environ, R=str(self._root), STATE=str(self.state))
        self._holder = subprocess.Popen(
            [
                *("nsenter", f"--net={self.namespace.path}"),
                *("unshare", "-m", "--propagation", "private"),
                *("/bin/sh", "-c", _PIVOT),
            ],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None and self._holder.stderr is not None
        if self._holder.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the engine's root: {self._holder.stderr.read().strip()}")

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._daemon is not None
            if self._daemon.poll() is not None:
                break
            try:
                self._client = docker.DockerClient(base_url=self.url, timeout=30)
                self._client.ping()
                return
            except docker.errors.DockerException:
                time.sleep(0.05)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-8:])
        raise RuntimeError(f"engine {self.kind} did not start:\n{tail}")

    # ---- use -----------------------------------------------------------------------------

    def _into_root(self) -> tuple[str, ...]:
        """The options of nsenter that lead into the engine's mount namespace.

        With the root by name: where the lab itself runs in a chroot, the namespace's own is another one.
        """
        assert self._holder is not None
        place = f"/proc/{self._holder.pid}"
        return (f"--mount={place}/ns/mnt", f"--root={place}/root", f"--wd={place}/root")

    @property
    def client(self) -> docker.DockerClient:
        """The SDK's client of this engine."""
        if self._client is None:
            self._client = docker.DockerClient(base_url=self.url, timeout=30)
        return self._client

    @property
    def daemon_pid(self) -> int:
        """The daemon's process."""
        assert self._daemon is not None
        return self._daemon.pid

    def tool(self, *command: str, stdin: str | None = None, check: bool = True, sandbox: str = "") -> str:
        """Run one of the engine's own tools (iptables, nft, docker …) in its namespace.

        `sandbox` is the path of another network namespace to run it in.
        """
        place = sandbox or self.namespace.path
        done = subprocess.run(
            ["nsenter", f"--net={place}", str(self.bin / command[0]), *command[1:]],
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(),
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def nft(self, *arguments: str) -> Any:
        """`nft -j` of the engine: the parsed JSON."""
        return json.loads(self.tool("nft", "-j", *arguments))

    def environment(self) -> dict[str, str]:
        """The environment of a program that is to see this host as its own."""
        return dict(os.environ, DOCKER_HOST=self.url, PATH=path_with([self.bin]))

    def _environment(self) -> dict[str, str]:
        """The daemon's own environment."""
        path = "/usr/sbin:/usr/bin:/sbin:/bin"
        if self.legacy:
            path = f"{self._legacy}:{path}"
        bus = {"DBUS_SYSTEM_BUS_ADDRESS": self.bus} if self.bus else {}
        return {"PATH": path, "HOME": str(self.state), **bus}

    def _write_tools(self) -> None:
        """The folder for the front of PATH: the engine's own tools under their usual names."""
        self.bin.mkdir(exist_ok=True)
        self._legacy.mkdir(exist_ok=True)
        for name in [*_TABLES, *_VARIANTS, "nft", "ipset", "docker"]:
            target = "/usr/bin/docker" if name == "docker" else f"/usr/sbin/{name}"
            if self.legacy and name in _TABLES:
                # For the daemon: a path that is the same inside its root.
                target = str(self._legacy / name)
                (self._legacy / name).symlink_to("/usr/sbin/xtables-legacy-multi")
            link = self.bin / name
            # The network namespace stays the caller's; only the root is the engine's.
            link.write_text(f'#!/bin/sh\nexec nsenter {" ".join(self._into_root())} -- {target} "$@"\n')
            link.chmod(0o755)
