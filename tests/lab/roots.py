"""Root folders of Debian suites, debootstrapped once into the cache: the engines', and bare ones.

A root is built under another name and renamed when whole, so that an interrupted build is never
taken for a finished one. Whatever Debian or Ubuntu the machine is, the roots are the same.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from .cache import LabUnavailable, cache_root, ensure_files, locked

#: Engine → the Debian suite whose docker.io it is.
SUITES = {"20.10": "bookworm", "26.1": "trixie", "28.5": "forky"}

_ENGINE = ("docker.io", "iptables", "nftables", "iproute2", "ipset", "busybox-static")
_BARE = ("python3", "make", "git", "ca-certificates")

#: Where Debian is to be had by everybody, for a machine whose own apt names no mirror of it.
_PUBLIC = "http://deb.debian.org/debian"
# Debian 12's debootstrap knows no forky; every Debian suite uses the script of sid. Ubuntu has both
# the script and the keyring, the keyring as a package of its own; newer Debians name it .pgp.
_SCRIPT = "/usr/share/debootstrap/scripts/sid"
_KEYRINGS = [f"/usr/share/keyrings/debian-archive-keyring.{ending}" for ending in ("gpg", "pgp")]


def engine_root(version: str) -> Path:
    """The root folder that holds the engine of this version, debootstrapped when missing.

    About 45 s and 400 MB each, once.
    """
    # docker-cli is a package of its own from trixie on.
    packages = _ENGINE if version == "20.10" else (*_ENGINE, "docker-cli")
    return _root(version, SUITES[version], packages)


def bare_root(suite: str) -> Path:
    """A Debian of this suite with Python, make and git: what netui must start on. Copy it; it stays as it is."""
    return _root(f"bare-{suite}", suite, _BARE)


def _root(name: str, suite: str, packages: tuple[str, ...]) -> Path:
    root = cache_root() / name
    if root.is_dir():
        return root
    with locked(name):
        if root.is_dir():
            return root
        partial = cache_root() / f"{name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        # A mount namespace of its own: an abort leaves no mount behind.
        command = [
            *("unshare", "-m", "--propagation", "private", "debootstrap", "--variant=minbase"),
            *(f"--keyring={_keyring()}", f"--include={','.join(packages)}"),
            *(suite, str(partial), mirror(), _SCRIPT),
        ]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            last = "; ".join(done.stdout.strip().splitlines()[-2:])
            shutil.rmtree(partial, ignore_errors=True)
            raise LabUnavailable(f"debootstrap of {suite} failed: {last}")
        for waste in (*partial.glob("var/cache/apt/archives/*.deb"), *partial.glob("var/lib/apt/lists/*_*")):
            waste.unlink()
        partial.rename(root)
    return root


def _keyring() -> str:
    """Debian's own keys, installed where another distribution leaves them out."""
    ensure_files(_KEYRINGS, "debian-archive-keyring")
    return next(path for path in _KEYRINGS if Path(path).exists())


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
