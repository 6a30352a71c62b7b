"""The real ufw on a lab host: its own copy of /etc/ufw, in the host's network namespace."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from .hosts import Host

_SCRIPT = """
set -e
mount --make-rprivate /
mount --bind "$COPY/etc-ufw" /etc/ufw
mount --bind "$COPY/default-ufw" /etc/default/ufw
mount -t tmpfs tmpfs /run
"""


def there() -> bool:
    """Whether ufw is installed (apt-get install ufw: nothing is started or enabled by it)."""
    return shutil.which("ufw") is not None and Path("/etc/ufw").is_dir()


def ufw(host: Host, *commands: str) -> str:
    """Run ufw commands on the host, one after the other; what they print."""
    copy = host.engine.state / "ufw"
    if not copy.is_dir():
        copy.mkdir()
        shutil.copytree("/etc/ufw", copy / "etc-ufw")
        shutil.copy("/etc/default/ufw", copy / "default-ufw")
    lines = [_SCRIPT, *(f"ufw {shlex.join(shlex.split(command))}" for command in commands)]
    done = subprocess.run(
        ["nsenter", f"--net={host.namespace.path}", "unshare", "-m", "sh", "-c", "\n".join(lines)],
        check=False,
        capture_output=True,
        text=True,
        env={**host.engine.environment(), "COPY": str(copy)},
    )
    if done.returncode:
        raise RuntimeError(f"ufw {'; '.join(commands)}: {done.stdout} {done.stderr}")
    return done.stdout
