"""What the lab needs from outside: the machine's Debian packages, the image, and a cache outside the checkout."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# Program that shows a package is there → the Debian package.
TOOLS = {
    "iptables-nft-save": "iptables",
    "nft": "nftables",
    "ipset": "ipset",
    "/bin/busybox": "busybox-static",
    "debootstrap": "debootstrap",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "tmux": "tmux",
}


# Service → its program: neighbours of Docker's, and sshd, that single tests install.
_NEIGHBOURS = {
    "firewalld": "firewalld",
    "fail2ban": "fail2ban-server",
    "ufw": "ufw",
    "ssh": "/usr/sbin/sshd",
}


class LabUnavailable(RuntimeError):
    """The lab cannot run here; the message says why and what would help."""


def cache_root() -> Path:
    """The cache folder, made when missing; NETUI_LAB_CACHE and XDG_CACHE_HOME choose it."""
    chosen = os.environ.get("NETUI_LAB_CACHE")
    if chosen:
        root = Path(chosen)
    else:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        root = Path(home) / "netui-lab"
    root.mkdir(parents=True, exist_ok=True)
    return root


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a file lock, so that two labs started together fetch a thing once."""
    with (cache_root() / f".{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def missing_packages() -> list[str]:
    """The Debian packages whose program is not on this machine."""
    missing = []
    for program, package in TOOLS.items():
        if shutil.which(program) is None:
            missing.append(package)
    busybox = Path("/bin/busybox")
    if "busybox-static" not in missing and b"ld-linux" in busybox.read_bytes()[:4096]:
        missing.append("busybox-static")  # Debian's plain busybox needs a libc in the image.
    return missing


def ensure_tools() -> None:
    """Install what the lab needs; LabUnavailable with the reason when that cannot be."""
    if os.uname().sysname != "Linux":
        raise LabUnavailable("the lab needs Linux")
    if os.geteuid() != 0:
        raise LabUnavailable("the lab makes network namespaces: run it as root")
    install(missing_packages())


def ensure(programs: Mapping[str, str]) -> None:
    """Install what a single test needs: program → Debian package."""
    install([package for program, package in programs.items() if shutil.which(program) is None])


def ensure_files(any_of: Sequence[str], package: str) -> None:
    """Install a package whose files are no programs, where none of these is there."""
    if not any(Path(path).exists() for path in any_of):
        install([package])


def install(missing: list[str]) -> None:
    """Install Debian packages; LabUnavailable with the reason when that cannot be.

    No service is started or left enabled: the installation is kept from starting any, and
    where a service manager runs, what it enabled is switched off again.
    """
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise LabUnavailable(f"the lab needs {', '.join(missing)}, and there is no apt-get here")
    with locked("apt"), _no_services():
        environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        for command in (
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
        ):
            done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise LabUnavailable(f"{' '.join(command[:2])} failed: {last}")


@contextmanager
def _no_services() -> Iterator[None]:
    """Keep packages from starting services (invoke-rc.d's policy layer), and leave Docker's off."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    had_docker = shutil.which("dockerd") is not None
    units = [f"{name}.service" for name, program in _NEIGHBOURS.items() if shutil.which(program) is None]
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)
        if not had_docker:
            units += ["docker.service", "docker.socket", "containerd.service"]
        if units and Path("/run/systemd/system").is_dir():
            subprocess.run(["systemctl", "disable", "-q", *units], check=False, capture_output=True)


def busybox_image() -> bytes:
    """A tar of a root with a static busybox, a link for each applet and a page to serve."""
    binary = Path("/bin/busybox").read_bytes()
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in ("bin", "etc", "tmp", "www"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        _add_file(tar, "bin/busybox", binary, 0o755)
        for applet in sorted(set(applets.stdout.split()) - {"busybox"}):
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        _add_file(tar, "www/index.html", b"netui lab\n", 0o644)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    """Put one regular file into the tar."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
