"""Root folders of Debian suites, debootstrapped once into the cache: the engines', their neighbours', and bare ones.

A root is built under another name and renamed when whole, so that an interrupted build is never
taken for a finished one. Whatever Debian or Ubuntu the machine is, the roots are the same.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from .cache import LabUnavailable, cache_root, ensure_files, locked

#: Engine → the Debian suite whose docker.io it is.
SUITES = {"20.10": "bookworm", "26.1": "trixie", "28.5": "forky"}

_ENGINE = ("docker.io", "iptables", "nftables", "iproute2", "ipset", "busybox-static")
# Docker's neighbours as Debian 12 has them (see neighbours.py and libvirt.py). Some depend on systemd
# beforehand, which debootstrap does not order: apt installs them in a root that is ready.
_OLD_NEIGHBOURS = ("firewalld", "dbus", "fail2ban", "netavark", "libvirt-daemon", "libvirt-clients", "dnsmasq-base")
# The newest of them with native nftables tables, as Debian 13 has them (see newest.py).
_NEW_NEIGHBOURS = (
    *("firewalld", "dbus", "netavark", "nftables", "iptables", "iproute2", "incus-base", "dnsmasq-base"),
    *("libvirt-daemon", "libvirt-daemon-driver-network", "libvirt-clients", "crowdsec-firewall-bouncer"),
)
_BARE = ("python3", "make", "git", "ca-certificates")

#: The oldest Debian that the single file is to run on: it is built there, with a Python of its own.
OLDEST = "bullseye"
_TO_BUILD = ("gcc", "libc6-dev", "make", "binutils", "zlib1g-dev", "libssl-dev", "libffi-dev", "ca-certificates", "git")
_PYTHON = "pool/main/p/python3.13/python3.13_3.13.5.orig.tar.xz"
_PYTHON_SHA256 = "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640"

#: Where Debian is to be had by everybody, for a machine whose own apt names no mirror of it.
_PUBLIC = "http://deb.debian.org/debian"
# Debian 12's debootstrap knows no forky; every Debian suite uses the script of sid. Ubuntu has both
# the script and the keyring, the keyring as a package of its own; newer Debians name it .pgp.
_SCRIPT = "/usr/share/debootstrap/scripts/sid"
_KEYRINGS = [f"/usr/share/keyrings/debian-archive-keyring.{ending}" for ending in ("gpg", "pgp")]

#: Suites of Ubuntu that the lab is also run on; not every Debian has Ubuntu's keys as a package.
UBUNTU = ("noble",)
_UBUNTU_PUBLIC = "http://archive.ubuntu.com/ubuntu"
_UBUNTU_KEYS = "pool/main/u/ubuntu-keyring/ubuntu-keyring_2023.11.28.1_all.deb"
_UBUNTU_KEYS_SHA256 = "36de43b15853ccae0028e9a767613770c704833f82586f28eb262f0311adb8a8"


def engine_root(version: str) -> Path:
    """The root folder that holds the engine of this version, debootstrapped when missing.

    About 45 s and 400 MB each, once.
    """
    # docker-cli is a package of its own from trixie on.
    packages = _ENGINE if version == "20.10" else (*_ENGINE, "docker-cli")
    return _root(version, SUITES[version], packages)


def old_neighbours_root() -> Path:
    """Debian 12 with firewalld, fail2ban, netavark and libvirt: the same ones whatever the machine has."""
    return _root(
        "neighbours-bookworm", "bookworm", (), (*_OLD_NEIGHBOURS, "iptables", "nftables", "iproute2", "busybox-static")
    )


def new_neighbours_root() -> Path:
    """Debian 13 with firewalld, netavark, libvirt, Incus and CrowdSec's bouncer: about 750 MB and two minutes, once."""
    return _root("neighbours-trixie", "trixie", (), _NEW_NEIGHBOURS)


def bare_root(suite: str) -> Path:
    """A Debian or Ubuntu of this suite with Python, make and git: what netui must start on. Copy it; it stays."""
    return _root(f"bare-{suite}", suite, _BARE)


def slim_root() -> Path:
    """A minimal Debian forky, what the image debian:forky-slim is made of."""
    return _root("slim-forky", "forky", ())


def build_root() -> Path:
    """Debian 11 with a compiler and a Python 3.13 under /opt/python: ten minutes on two cores, once."""
    root = _root("build-bullseye", OLDEST, (), ("python3", "xz-utils", *_TO_BUILD))
    with locked("build-bullseye-python"):
        if not (root / "opt/python").is_dir():
            _build_python(root)
    return root


_COMPILE = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot "$1" sh -c '
  set -e
  cd /tmp/python
  tar -xJf source.tar.xz --strip-components=1
  ./configure -q --prefix=/opt/python --enable-shared --disable-test-modules
  make -s -j2
  make -s install DESTDIR=/opt/.partial
'
"""


def _build_python(root: Path) -> None:
    partial = root / "opt/.partial"
    shutil.rmtree(partial, ignore_errors=True)
    source = root / "tmp/python"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    with urllib.request.urlopen(f"{mirror_of('trixie')}/{_PYTHON}", timeout=60) as answer:
        (source / "source.tar.xz").write_bytes(answer.read())
    if hashlib.sha256((source / "source.tar.xz").read_bytes()).hexdigest() != _PYTHON_SHA256:
        raise LabUnavailable("Python's source is not the one that is known")
    command = ["unshare", "-m", "--propagation", "private", "sh", "-c", _COMPILE, "sh", str(root)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise LabUnavailable(f"Python's build failed: {'; '.join(done.stdout.strip().splitlines()[-2:])}")
    shutil.rmtree(source)
    (partial / "opt/python").rename(root / "opt/python")


_INSTALL = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
printf '#!/bin/sh\\nexit 101\\n' > "$1/usr/sbin/policy-rc.d"
chmod 755 "$1/usr/sbin/policy-rc.d"
root=$1
shift
export DEBIAN_FRONTEND=noninteractive
chroot "$root" apt-get update -q
exec chroot "$root" apt-get install -y -q --no-install-recommends "$@"
"""


def _root(name: str, suite: str, packages: tuple[str, ...], then: tuple[str, ...] = ()) -> Path:
    root = cache_root() / name
    if root.is_dir():
        return root
    with locked(name):
        if root.is_dir():
            return root
        partial = cache_root() / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        # A mount namespace of its own: an abort leaves no mount behind.
        apart = ["unshare", "-m", "--propagation", "private"]
        include = [f"--include={','.join(packages)}"] if packages else []
        commands = [
            [
                *(*apart, "debootstrap", "--variant=minbase", f"--keyring={_keyring(suite)}", *include),
                *(suite, str(partial), mirror_of(suite), _script(suite)),
            ],
            *([[*apart, "sh", "-c", _INSTALL, "sh", str(partial), *then]] if then else []),
        ]
        for command in commands:
            done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                last = "; ".join(done.stdout.strip().splitlines()[-2:])
                shutil.rmtree(partial, ignore_errors=True)
                raise LabUnavailable(f"debootstrap of {suite} failed: {last}")
        for waste in (*partial.glob("var/cache/apt/archives/*.deb"), *partial.glob("var/lib/apt/lists/*_*")):
            waste.unlink()
        partial.rename(root)
    return root


def _script(suite: str) -> str:
    return "/usr/share/debootstrap/scripts/gutsy" if suite in UBUNTU else _SCRIPT


def _keyring(suite: str) -> str:
    """The distribution's own keys, installed where another one leaves them out."""
    if suite in UBUNTU:
        return _ubuntu_keyring()
    ensure_files(_KEYRINGS, "debian-archive-keyring")
    return next(path for path in _KEYRINGS if Path(path).exists())


def _ubuntu_keyring() -> str:
    """Ubuntu's own keys: out of its package, which is the one of this checksum."""
    keys = cache_root() / "ubuntu-archive-keyring.gpg"
    if not keys.exists():
        with tempfile.TemporaryDirectory() as folder:
            package = Path(folder) / "keys.deb"
            with urllib.request.urlopen(f"{_UBUNTU_PUBLIC}/{_UBUNTU_KEYS}", timeout=60) as answer:
                package.write_bytes(answer.read())
            if hashlib.sha256(package.read_bytes()).hexdigest() != _UBUNTU_KEYS_SHA256:
                raise LabUnavailable("Ubuntu's keyring package is not the one that is known")
            subprocess.run(["dpkg-deb", "-x", str(package), folder], check=True)
            shutil.copy(Path(folder) / "usr/share/keyrings" / keys.name, keys)
    return str(keys)


def mirror_of(suite: str) -> str:
    """Where the packages of this suite are to be had."""
    return _UBUNTU_PUBLIC if suite in UBUNTU else mirror()


def mirror(apt: Path = Path("/etc/apt")) -> str:
    """Return where the machine's own apt gets Debian from, else Debian's public name; NETUI_LAB_MIRROR wins."""
    given = os.environ.get("NETUI_LAB_MIRROR")
    if given:
        return given
    for file in (apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))):
        if file.is_file() and file.suffix in (".list", ".sources"):
            read = _stanzas if file.suffix == ".sources" else _lines
            for places, components in read(file.read_text(errors="replace")):
                # Others than Debian end in /debian, too; they have no main.
                for place in places if "main" in components else ():
                    if place.startswith(("http://", "https://")) and place.rstrip("/").endswith("/debian"):
                        return place
    return _PUBLIC


def _lines(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (places, components) of a sources.list: deb [options] place suite component …"""
    for line in text.splitlines():
        words = line.partition("#")[0].partition("]")[2].split() if "[" in line else line.split()[1:]
        if line.split()[:1] == ["deb"] and len(words) > 2:
            yield words[:1], words[2:]


def _stanzas(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (places, components) of a .sources file: fields by stanza, an indented line goes on with the last."""
    for stanza in text.split("\n\n"):
        fields: dict[str, list[str]] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            field, _, words = ("", "", line) if line[:1].isspace() else line.partition(":")
            name = field.lower() or name
            fields.setdefault(name, []).extend(words.split())
        if "deb" in fields.get("types", ()) and fields.get("enabled") != ["no"]:
            yield fields.get("uris", []), fields.get("components", [])
