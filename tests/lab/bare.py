"""A bare Debian with this checkout in it, as a new user has them: no compiler, no pip, no Docker.

What it takes from the machine is the way to the package servers alone: apt's source and settings,
pip's, certificates and proxies, names. All of that is copied when it runs; nothing of it is written here.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from . import roots
from .cache import cache_root
from .terminal import ROOT

#: An ordinary user's number, and the folders that each of the two calls home.
_USER = 1000
_HOMES = {"root": "root", "user": "home/user"}

# A mount namespace of its own, and one of pids unless the lab runs in there: what is left ends with the command.
_ENTER = """
set -e
# A copy where this kernel or file system stacks no layers.
mount -t overlay bare -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$R" 2>/dev/null || [ -e "$R/usr" ] ||
  { cp -a "$LOWER/." "$R/"; cp -a "$UPPER/." "$R/"; }
mount -t proc proc "$R/proc"
mount --rbind /dev "$R/dev"
mount -t sysfs sysfs "$R/sys"
if [ -n "$CACHE" ]; then
  mount --rbind /sys/fs/cgroup "$R/sys/fs/cgroup"
  mount -t tmpfs tmpfs "$R/run"
  mkdir -p "$R/root/.cache/netui-lab"
  mount --bind "$CACHE" "$R/root/.cache/netui-lab"
fi
for place in $SHARED; do
  mkdir -p "$R$place"
  mount --bind "$place" "$R$place"
done
cd /
if [ -n "$CACHE" ]; then
  # A root of its own, not a chroot: nsenter into another mount namespace comes back to it.
  mkdir -p "$R/.old"
  cd "$R"
  pivot_root . .old
  cd /
  umount -l /.old
  R=/
fi
exec chroot --userspec="$WHO" "$R" env -i $PASSED HOME="$H" USER="$NAME" TERM=xterm-256color LANG=C.UTF-8 \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd ~/netui && $1"
"""

_PASSED = re.compile(r"^PIP_|^(https?|ftp|no|all)_proxy$|^SSL_CERT_|^(REQUESTS_CA|CURL_CA)_BUNDLE$", re.IGNORECASE)
_PIP_FILES = ("/etc/pip.conf", "/etc/xdg/pip", "~/.pip", "~/.config/pip")
_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt", "/etc/apt/auth.conf.d")


class Bare:
    """A suite's bare root, a layer over it with the checkout in `who`'s home, as long as the context is.

    root: another root of this suite.
    lab: the lab is to run in there: cgroups, a fresh /run, the machine's own processes, and the lab's cache.
    """

    def __init__(self, suite: str, who: str, folder: Path, *, lab: bool = False, root: Path | None = None) -> None:
        self._suite, self.who, self._lab = suite, who, lab
        self._folder = folder / f"{suite}-{who}"
        #: What differs from the suite's root.
        self.upper = self._folder / "upper"
        self._lower = root or roots.bare_root(suite)
        self._home = self.upper / _HOMES[who]
        self._environment = {name: value for name, value in os.environ.items() if _PASSED.match(name)}
        self._shared = sorted(set(_package_folders()))

    def __enter__(self) -> Bare:
        for name in ("upper", "work", "root"):
            (self._folder / name).mkdir(parents=True)
        for name in _FILES:
            self._copy(Path(name), self.upper / name.removeprefix("/"))
        for name in _PIP_FILES:
            target = self._home / name[2:] if name.startswith("~") else self.upper / name.removeprefix("/")
            self._copy(Path(name).expanduser(), target)
        apt = self.upper / "etc/apt"
        (apt / "apt.conf.d").mkdir(parents=True, exist_ok=True)
        components = "main universe" if self._suite in roots.UBUNTU else "main"
        (apt / "sources.list").write_text(f"deb {roots.mirror_of(self._suite)} {self._suite} {components}\n")
        settings = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
        lines = [line for line in settings.splitlines() if line.startswith("Acquire::") and not line.endswith('"";')]
        (apt / "apt.conf.d/00machine").write_text("".join(f"{line}\n" for line in lines))
        self._check_out()
        if self.who != "root":
            for name, line in (
                ("passwd", f"user:x:{_USER}:{_USER}::/home/user:/bin/sh\n"),
                ("group", f"user:x:{_USER}:\n"),
            ):
                (self.upper / "etc" / name).write_text((self._lower / "etc" / name).read_text() + line)
            subprocess.run(["chown", "-R", f"{_USER}:{_USER}", str(self._home)], check=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder)

    def show(self, command: str) -> int:
        """Run a command in the checkout, on this process's own streams; its exit status."""
        return subprocess.run(self._command(command), env=self._entered(), check=False).returncode

    def run(self, command: str, seconds: float = 400) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout, without a terminal."""
        return subprocess.run(
            self._command(command), env=self._entered(), check=False, capture_output=True, text=True, timeout=seconds
        )

    def on_terminal(self, command: str, until: bytes, keys: bytes, seconds: float = 300) -> tuple[bytes, int]:
        """Run a command in a terminal; press the keys when it shows something. All that it showed, and its status."""
        master, slave = pty.openpty()
        program = subprocess.Popen(
            self._command(command), env=self._entered(), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        shown, pressed, deadline = b"", False, time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                if not select.select([master], [], [], 1)[0]:
                    continue
                try:
                    shown += os.read(master, 65536)
                except OSError:  # nobody has the other end any more
                    break
                if not pressed and until in shown:
                    pressed = True
                    os.write(master, keys)
            return shown, program.wait(timeout=10)
        finally:
            program.kill()
            os.close(master)

    def _command(self, command: str) -> list[str]:
        pids = () if self._lab else ("--pid",)
        namespaces = ["unshare", "--mount", *pids, "--fork", "--kill-child", "--propagation", "private"]
        return [*namespaces, "sh", "-c", _ENTER, "sh", command]

    def _entered(self) -> dict[str, str]:
        passed = " ".join(f"{name}={value}" for name, value in self._environment.items() if " " not in value)
        who = self.who if self.who == "root" else f"{_USER}:{_USER}"
        cache = str(cache_root()) if self._lab else ""
        layers = {
            "CACHE": cache,
            "LOWER": str(self._lower),
            "UPPER": str(self.upper),
            "WORK": str(self._folder / "work"),
        }
        place = {**layers, "R": str(self._folder / "root"), "H": f"/{_HOMES[self.who]}", "WHO": who, "NAME": self.who}
        return {"PATH": os.environ["PATH"], **place, "PASSED": passed, "SHARED": " ".join(self._shared)}

    def _check_out(self) -> None:
        """Copy what git knows of this checkout, as it is now."""
        listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
        names = subprocess.run(listed, capture_output=True, check=True).stdout.decode().split("\0")
        for name in names:
            if name and (ROOT / name).exists():
                self._copy(ROOT / name, self._home / "netui" / name)

    def _copy(self, source: Path, target: Path) -> None:
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _package_folders() -> Iterator[str]:
    """Folders of packages on the machine's own disk that its pip is told of."""
    done = subprocess.run(["python3", "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if "index-url" in line or "find-links" in line:
            for place in re.findall(r"(?:file://|(?<==')|(?<=\s))(/[^\s']+)", line):
                # An index leads to files beside it.
                folder = Path(place.rstrip("/").removesuffix("/simple"))
                if folder.is_dir():
                    yield str(folder)
