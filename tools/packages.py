"""Packages for Debian's apt and for rpm: which files go where, written down for nfpm, which packs them."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from netui import __version__

ROOT = Path(__file__).parent.parent
_LIBRARY = "/usr/lib/python3/dist-packages"
# -I: nothing from the current folder, the user's own packages or PYTHONPATH runs as root
_LAUNCHER = """#!/usr/bin/python3 -I
import sys

from netui.entry import main

sys.exit(main())
"""
_COMPILE = "#!/bin/sh\nset -e\nif command -v py3compile >/dev/null; then py3compile -p netui; fi\n"
_CLEAN = "#!/bin/sh\nset -e\nif command -v py3clean >/dev/null; then py3clean -p netui; fi\n"
#: Where one kind of system keeps what share/ has by another name.
_PLACES = {"deb": {"zsh/site-functions/": "zsh/vendor-completions/"}, "rpm": {}}
#: What netui reads by programs, which a server has where it has Docker.
_PROGRAMS = ["iproute2", "iptables", "nftables"]
_ABOUT = {
    "name": "netui",
    "section": "admin",
    "priority": "optional",
    "maintainer": "The netui authors <netui@localhost>",
    "license": "MIT",
    "description": "what Docker's networks really do to your packets\n"
    "Networks, iptables and nftables rules with live counters, and exactly\n"
    "which rules a container's packets meet, in the terminal. It reads, and\n"
    "never changes the host.",
}

#: What a package holds: (bytes, a file or where a link leads, mode) by its place.
Files = dict[str, tuple[bytes | Path | str, int]]


def debian_package(wheel: Path, target: Path) -> Path:
    """Make the package for a Debian that has netui's libraries: it depends on them and carries none."""
    files: Files = {"/usr/bin/netui": (_LAUNCHER.encode(), 0o755)}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and ".data/" not in name and not name.endswith(("RECORD", "INSTALLER")):
                files[f"{_LIBRARY}/{name}"] = (archive.read(name), 0o644)
    return packed(
        "deb",
        files | shared("deb"),
        target / f"netui_{__version__}+forky_all.deb",
        version=f"{__version__}+forky",
        arch="all",
        # textual: the screen leans on names that are private there
        depends=[
            *("python3 (>= 3.11)", "python3-textual (>= 8.2.5)", "python3-textual (<< 8.3)"),
            *("python3-docker (>= 7.1)", "python3-humanize (>= 4.9)", "python3-iptables"),
        ],
        recommends=_PROGRAMS,
        suggests=["openssh-client", "docker.io"],
        scripts={"postinstall": _COMPILE, "preremove": _CLEAN},
    )


def carrying_packages(tree: Path, licences: Path, target: Path) -> list[Path]:
    """Make the packages that carry Python and netui's libraries (tools/single.py), for Debian 11, RHEL 9 and newer."""
    files: Files = {"/usr/bin/netui": ("../lib/netui/netui", 0o777)}
    files["/usr/share/doc/netui/THIRD-PARTY.txt"] = (licences, 0o644)
    for path in sorted(tree.rglob("*")):
        place = f"/usr/lib/netui/{path.relative_to(tree).as_posix()}"
        if path.is_symlink():
            files[place] = (os.readlink(path), 0o777)  # noqa: PTH115 - as it is written, a text
        elif path.is_file():
            files[place] = (path, path.stat().st_mode & 0o755)
    return [
        packed(
            "deb",
            files | shared("deb"),
            target / f"netui_{__version__}_amd64.deb",
            version=__version__,
            arch="amd64",
            depends=["libc6 (>= 2.31)"],
            recommends=_PROGRAMS,
            suggests=["openssh-client", "docker.io"],
        ),
        packed(
            "rpm",
            files | shared("rpm"),
            target / f"netui-{__version__}-1.x86_64.rpm",
            version=__version__,
            release="1",
            arch="amd64",
            depends=["glibc >= 2.31"],
            recommends=["iproute", "iptables-nft", "nftables"],
        ),
    ]


def shared(kind: str) -> Files:
    """Return man page, completions, the example of a configuration, licence and changes."""
    files: Files = {}
    for path in sorted((ROOT / "share").rglob("*")):
        if path.is_file():
            name = path.relative_to(ROOT / "share").as_posix()
            for there, here in _PLACES[kind].items():
                name = name.replace(there, here)
            if name.startswith("man/"):
                files[f"/usr/share/{name}.gz"] = (gzip.compress(path.read_bytes(), mtime=0), 0o644)
            else:
                files[f"/usr/share/{name}"] = (path, 0o644)
    files["/usr/share/doc/netui/copyright"] = (ROOT / "LICENSE", 0o644)
    changes = gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0)
    files["/usr/share/doc/netui/changelog.gz"] = (changes, 0o644)
    return files


def packed(kind: str, files: Files, target: Path, *, scripts: Mapping[str, str] | None = None, **about: Any) -> Path:  # noqa: ANN401 - nfpm's own words
    """Let nfpm pack these files; returns the package."""
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder)
        contents = [
            {"src": what, "dst": place, "type": "symlink"}
            if isinstance(what, str)
            else {"src": str(_staged(stage, n, what)), "dst": place, "file_info": {"mode": mode, "owner": "root"}}
            for n, (place, (what, mode)) in enumerate(sorted(files.items()))
        ]
        written = {name: str(_staged(stage, name, text.encode())) for name, text in (scripts or {}).items()}
        config = stage / "nfpm.json"
        config.write_text(
            json.dumps({**_ABOUT, "platform": "linux", **about, "contents": contents, "scripts": written})
        )
        nfpm = Path(sys.executable).with_name("nfpm")
        command = [str(nfpm), "package", "--config", str(config), "--packager", kind, "--target", str(target)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": when()}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"nfpm made no {kind}: {done.stderr.strip() or done.stdout.strip()}")
    return target


def _staged(stage: Path, name: object, what: bytes | Path) -> Path:
    if isinstance(what, Path):
        return what
    path = stage / f"file-{name}"
    path.write_bytes(what)
    return path


def when() -> str:
    """Return the time of the last commit in seconds, so that a package made twice is the same; 0 outside git."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "0"


def run(command: Iterable[str]) -> None:
    """Run a command that has to work."""
    done = subprocess.run(list(command), cwd=ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": when()}, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
