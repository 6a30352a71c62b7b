"""What `make dist` made, on bare systems: each file starts there, draws, and answers as this checkout does.

python -m tests.lab.packaged          dist/ on Debian 11, 12, 13, forky, Ubuntu 24.04, and on a host with legacy tables
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from netui import __version__

from .bare import Bare
from .hosts import blog_host
from .terminal import NETUI, ROOT, Terminal

SUITES = ("bullseye", "bookworm", "trixie", "forky", "noble")
#: An answer of this capture, the same wherever it is asked.
_PATH = ("path", "outside", "host:443", "--replay", "tests/cases/engine-20.10/host")
_APT = "DEBIAN_FRONTEND=noninteractive apt-get -y -qq --no-install-recommends"


def works(bare: Bare, program: str = "netui") -> None:
    """The version, a capture's path, and the screen, which q leaves."""
    done = bare.run(f"{program} --version")
    assert (done.returncode, done.stdout) == (0, f"netui {__version__}\n"), done.stderr
    here = subprocess.run([sys.executable, "-m", "netui", *_PATH], cwd=ROOT, capture_output=True, text=True, check=True)
    done = bare.run(f"{program} {' '.join(_PATH)}")
    assert "DELIVERED" in here.stdout
    assert (done.returncode, done.stdout, done.stderr) == (0, here.stdout, "")
    shown, status = bare.on_terminal(f"stty rows 40 cols 120; {program} --demo", until=b"hehe", keys=b"q", seconds=60)
    assert b"hehe" in shown and b"Traceback" not in shown and status == 0, shown[-2000:]


def on(suite: str, dist: Path, scratch: Path) -> None:
    """Try all that is for this suite, and print what was tried."""
    single = f"netui-{__version__}-linux-x86_64"
    deb, rpm = f"netui_{__version__}_amd64.deb", f"netui-{__version__}-1.x86_64.rpm"
    with Bare(suite, "root", scratch) as bare:
        for name in (single, deb, rpm):
            shutil.copy(dist / name, bare.upper / "root" / name)
        works(bare, f"~/{single}")
        _say(suite, single)
        _do(bare, f"{_APT} install ~/{deb}")
        works(bare)
        _do(bare, f"{_APT} purge netui && ! find /usr -path '*netui*' | grep .")
        _say(suite, deb)
        if suite == "bookworm":
            # rpm's own program, on a Debian: its files are where they should be, what it depends on is not looked at
            _do(bare, f"apt-get update -qq && {_APT} install rpm")
            _do(bare, f"rpm -i --force-debian --nodeps ~/{rpm}")
            works(bare)
            _say(suite, rpm)


def reads_legacy_tables(single: Path) -> None:
    """On a host with legacy tables the single file's own python-iptables reads them; the answers are the same."""
    with blog_host("20.10-legacy") as host:
        environment = host.engine.environment()
        with Terminal(
            [str(single)], place=host.namespace.path, environment=environment, width=200, height=70
        ) as terminal:
            terminal.wait("✓ read  by python-iptables", timeout=60)
            terminal.keys("q")
            assert terminal.wait_ended(timeout=20) == 0
        asked = ["nsenter", f"--net={host.namespace.path}"]
        answers = [
            subprocess.run(
                [*asked, *netui, "explain"], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
            )
            for netui in ([str(single)], NETUI)
        ]
        assert answers[0].stdout == answers[1].stdout and "DOCKER" in answers[0].stdout
    print(f"{'20.10':10} {single.name}: legacy tables by python-iptables, explain", flush=True)


def _do(bare: Bare, command: str) -> None:
    done = bare.run(command)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _say(suite: str, name: str) -> None:
    print(f"{suite:10} {name}: version, path, screen", flush=True)


def main() -> None:
    """Try dist/ on each."""
    dist = ROOT / "dist"
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=dist, check=True)
    reads_legacy_tables(dist / f"netui-{__version__}-linux-x86_64")
    for suite in sys.argv[1:] or SUITES:
        with tempfile.TemporaryDirectory() as scratch:
            on(suite, dist, Path(scratch))


if __name__ == "__main__":
    main()
