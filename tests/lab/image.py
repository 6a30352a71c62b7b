"""netui's image, built by `docker build` on a lab engine that has no way to a registry or a package server.

Its base is imported from a debootstrapped root, which holds the packages that the Dockerfile installs, in a repository
of its own: the Dockerfile runs there as it is.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tools.packages import debian_package

from .bare import Bare
from .cache import LabUnavailable, cache_root, locked
from .hosts import Host
from .roots import slim_root
from .terminal import ROOT

#: The image that the Dockerfile begins with, and the name of what it makes.
BASE, MADE = "debian:forky-slim", "netui"
#: What the Dockerfile installs beside netui, and what netui's package depends on.
PACKAGES = (
    *("python3", "python3-textual", "python3-docker", "python3-humanize", "python3-iptables"),
    *("iproute2", "iptables", "nftables", "ipset"),
)


def base() -> bytes:
    """The base image as a tar: a minimal forky whose only source of packages is in it."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(slim_root(), ".", filter=_kept)
        archive.add(packages(), "repository")
        for name, text in (
            ("etc/apt/sources.list", "deb [trusted=yes] file:/repository ./\n"),
            ("etc/resolv.conf", ""),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


def packages() -> Path:
    """A folder that apt takes for a repository, with all that the Dockerfile installs; downloaded once."""
    target = cache_root() / "image-packages"
    with locked("image-packages"):
        if target.is_dir():
            return target
        partial = target.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        with tempfile.TemporaryDirectory() as scratch, Bare("forky", "root", Path(scratch), root=slim_root()) as bare:
            done = bare.run(
                "mkdir -p /root/debs/partial && apt-get update -qq && apt-get install -y -qq --no-install-recommends "
                f"--download-only -o Dir::Cache::archives=/root/debs {' '.join(PACKAGES)}"
            )
            if done.returncode:
                raise LabUnavailable(f"packages for the image: {done.stderr.strip().splitlines()[-1:]}")
            for file in sorted((bare.upper / "root/debs").glob("*.deb")):
                shutil.move(file, partial / file.name)
        (partial / "Packages").write_text("\n".join(_stanza(file) for file in sorted(partial.glob("*.deb"))))
        partial.rename(target)
    return target


def _stanza(file: Path) -> str:
    data = file.read_bytes()
    told = subprocess.run(["dpkg-deb", "-f", str(file)], check=True, capture_output=True, text=True).stdout.strip()
    return f"{told}\nFilename: ./{file.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"


def _kept(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    top, _, rest = entry.name.removeprefix("./").partition("/")
    hidden = (top in ("proc", "sys", "dev") and rest) or entry.name in ("./etc/apt/sources.list", "./etc/resolv.conf")
    return None if hidden else entry


def build(host: Host) -> str:
    """Build the image on the host's engine, with the package made from this checkout; what docker said."""
    context = host.engine.state / "context"
    (context / "dist").mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(context / "wheel"),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    debian_package(next((context / "wheel").glob("*.whl")), context / "dist")
    shutil.rmtree(context / "wheel")
    for name in ("Dockerfile", "tools/slim.sh"):
        (context / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, context / name)
    repository, _, tag = BASE.partition(":")
    host.engine.client.api.import_image_from_data(base(), repository=repository, tag=tag)
    # the builder of before BuildKit: that one is a program of its own, which Debian's docker-cli has not
    done = subprocess.run(
        ["nsenter", f"--net={host.namespace.path}", str(host.engine.bin / "docker"), "build", "-t", MADE, str(context)],
        env=host.engine.environment() | {"DOCKER_BUILDKIT": "0"}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"docker build: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout
