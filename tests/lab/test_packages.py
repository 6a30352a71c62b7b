"""The packages on bare systems: installed with what they depend on, they start, draw, and read a capture."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.packages import debian_package

from .bare import Bare
from .cache import LabUnavailable
from .conftest import unavailable
from .packaged import works
from .roots import bare_root
from .terminal import ROOT

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout."""
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.mark.long
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
