"""A real rootless engine on a lab host: Docker's own script, by a user that the machine does not have.

The user stands in copies of the account files, seen in a mount namespace of the engine's own; there
/dev/net/tun is open to it too. RootlessKit is in the host's network namespace, the engine in
RootlessKit's: from outside a published port is a socket of RootlessKit's.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType

from . import cache
from .hosts import Host, serve
from .namespaces import cgroup_parent
from .neighbours import wait_for
from .roots import engine_root

#: Program → Debian package (see cache.ensure). The machine's own dockerd: netui is to follow into its mounts.
PROGRAMS = {"dockerd": "docker.io", "newuidmap": "uidmap", "rootlesskit": "rootlesskit", "slirp4netns": "slirp4netns"}

#: Docker's own script, as Debian's package has it; Ubuntu's leaves it out.
_SCRIPT = "usr/share/docker.io/contrib/dockerd-rootless.sh"
_UID = 61234
_IMAGE = "lab/busybox"
# A cgroup of the lab's: its shims are children of nobody, and are ended with it whatever happens.
_START = """
set -e
for top in /sys/fs/cgroup/pids /sys/fs/cgroup; do
  if [ -w $top/cgroup.procs ]; then
    mkdir -p "$top$CGROUP/rootless"
    echo $$ > "$top$CGROUP/rootless/cgroup.procs"
    break
  fi
done
mount --make-rprivate /
mount --make-rshared /
for file in passwd group subuid subgid; do
  touch /etc/$file
  mount --bind "$FOLDER/$file" /etc/$file
done
mount -t tmpfs tmpfs /dev/net
mknod -m 666 /dev/net/tun c 10 200
[ ! -d /etc/docker ] || mount -t tmpfs tmpfs /etc/docker
cd "$FOLDER"
exec setpriv --reuid $ID --regid $ID --clear-groups env -i USER=rootless HOME="$FOLDER/home" \
  XDG_RUNTIME_DIR="$FOLDER/run" PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  sh "$SCRIPT" \
  --data-root "$FOLDER/home/data" --exec-root "$FOLDER/run/exec" --storage-driver vfs
"""


class Rootless:
    """A rootless engine, up as long as the context is."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.folder: Path = host.engine.state / "rootless"
        #: XDG_RUNTIME_DIR of its user: docker.sock and docker.pid are there.
        self.run = self.folder / "run"
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Rootless:
        # the data folder too: dockerd follows the links that RootlessKit makes in /run for one that is there
        for folder in (self.folder, self.folder / "home", self.folder / "home/data", self.run):
            folder.mkdir()
            os.chown(folder, _UID, _UID)
        accounts = {
            "passwd": f"rootless:x:{_UID}:{_UID}::{self.folder}/home:/bin/sh\n",
            "group": f"rootless:x:{_UID}:\n",
        }
        for name, line in accounts.items():
            (self.folder / name).write_text(Path("/etc", name).read_text() + line)
        for name in ("subuid", "subgid"):
            (self.folder / name).write_text("rootless:300000:65536\n")
        # RootlessKit starts it once more, by its name
        script = self.folder / "dockerd-rootless.sh"
        script.write_text((engine_root("20.10") / _SCRIPT).read_text())
        script.chmod(0o755)
        log = self.folder / "log"
        with log.open("wb") as file:
            self._daemon = subprocess.Popen(
                ["nsenter", f"--net={self._host.namespace.path}", "unshare", "-m", "sh", "-c", _START],
                env={
                    **os.environ,
                    "FOLDER": str(self.folder),
                    "ID": str(_UID),
                    "SCRIPT": str(self.folder / "dockerd-rootless.sh"),
                    "CGROUP": cgroup_parent(self._host.namespace.name),
                },
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
        wait_for(lambda: self._docker("info").returncode == 0, "the rootless engine", log)
        self.docker("import", "-", _IMAGE, stdin=cache.busybox_image())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for container in self._docker("ps", "-q").stdout.decode().split():
            self._docker("rm", "-f", container)
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(timeout=20)

    @property
    def url(self) -> str:
        """Its socket, as DOCKER_HOST has it."""
        return f"unix://{self.run}/docker.sock"

    def container(self, name: str, publish: str) -> None:
        """Run a container that serves port 80, published."""
        self.docker("run", "-d", "--name", name, "-p", publish, _IMAGE, "sh", "-c", serve([80]))

    def docker(self, *words: str, stdin: bytes | None = None) -> str:
        """Run docker on it; what it prints."""
        done = self._docker(*words, stdin=stdin)
        if done.returncode:
            raise RuntimeError(f"docker {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def _docker(self, *words: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "DOCKER_HOST": self.url}
        docker = str(self._host.engine.bin / "docker")
        return subprocess.run([docker, *words], env=environment, check=False, capture_output=True, input=stdin)
