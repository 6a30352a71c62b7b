"""The packages on bare systems: installed with what they depend on, they start, draw, and read a capture."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netui import __version__
from tools.packages import debian_package

from .bare import Bare
from .cache import LabUnavailable
from .conftest import unavailable
from .roots import bare_root
from .terminal import ROOT

pytestmark = pytest.mark.lab

#: An answer of this capture, the same wherever it is asked.
PATH = ("path", "outside", "host:443", "--replay", "tests/cases/engine-20.10/host")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_debians_own_parts_are_enough_on_forky(lab: None, wheel: Path, tmp_path: Path) -> None:
    """The package without libraries: apt brings them, and nothing of it is left when it goes."""
    there("forky")
    package = debian_package(wheel, tmp_path)
    with Bare("forky", "root", tmp_path / "bare") as bare:
        shutil.copy(package, bare.upper / "root/netui.deb")
        done = bare.run(
            "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && "
            "apt-get install -y -qq --no-install-recommends ~/netui.deb"
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        works(bare)
        assert bare.run("test -s /usr/share/man/man1/netui.1.gz").returncode == 0
        done = bare.run("apt-get purge -y -qq netui && ! find /usr -path '*netui*' | grep .")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def there(suite: str) -> None:
    """Skip where this suite is not to be had."""
    try:
        bare_root(suite)
    except LabUnavailable as reason:
        unavailable(str(reason))


def works(bare: Bare) -> None:
    """The version, a capture's path, and the screen, which q leaves."""
    done = bare.run("netui --version")
    assert (done.returncode, done.stdout) == (0, f"netui {__version__}\n"), done.stderr
    here = subprocess.run([sys.executable, "-m", "netui", *PATH], cwd=ROOT, capture_output=True, text=True, check=True)
    done = bare.run(f"netui {' '.join(PATH)}")
    assert "DELIVERED" in here.stdout
    assert (done.returncode, done.stdout, done.stderr) == (0, here.stdout, "")
    shown, status = bare.on_terminal("stty rows 40 cols 120; netui --demo", until=b"hehe", keys=b"q", seconds=60)
    assert b"hehe" in shown and b"Traceback" not in shown and status == 0, shown[-2000:]
