"""The single file: netui with Python and all its libraries in one executable, built in a Debian 11."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from pathlib import Path

from netui import __version__
from tests.lab.bare import Bare
from tests.lab.cache import LabUnavailable
from tests.lab.roots import OLDEST, build_root


def single_file(target: Path) -> tuple[Path, Path, Path]:
    """Make it in a folder: the one file, the same as a folder, which the packages carry, and the licences of both.

    Raises LabUnavailable where the Debian 11 in which it is built cannot be had. Making that takes ten minutes, once.
    """
    if os.geteuid() != 0 or platform.machine() != "x86_64":
        raise LabUnavailable("it is built as root on x86_64, in a Debian 11 that debootstrap makes")
    with tempfile.TemporaryDirectory() as scratch, Bare(OLDEST, "root", Path(scratch), root=build_root()) as bare:
        done = bare.run("tools/single.sh /root/made", seconds=1800)
        if done.returncode:
            raise SystemExit(f"the single file could not be built: {(done.stdout + done.stderr).strip()[-2000:]}")
        made = bare.upper / "root/made"
        one = Path(shutil.copy(made / "netui", target / f"netui-{__version__}-linux-x86_64"))
        tree = Path(shutil.copytree(made / "tree", target / "tree", symlinks=True))
        licences = Path(shutil.copy(made / "THIRD-PARTY.txt", target / f"netui-{__version__}-THIRD-PARTY.txt"))
    return one, tree, licences
