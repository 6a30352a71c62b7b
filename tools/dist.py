"""Everything that a release hands out, in dist/: wheel, sdist, the single file, packages, and their checksums.

python -m tools.dist            all of it
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from netui.cli.output import complain, say
from tests.lab.cache import LabUnavailable
from tools.packages import ROOT, carrying_packages, debian_package, run
from tools.single import single_file

DIST = ROOT / "dist"


def main() -> None:
    """Make all of it anew."""
    shutil.rmtree(DIST, ignore_errors=True)
    # the wheel is built from the sdist: what is not in the one is not in the other
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(DIST), str(ROOT)])
    debian_package(next(DIST.glob("*.whl")), DIST)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            one, tree, licences = single_file(Path(scratch))
            shutil.move(one, DIST)
            carrying_packages(tree, licences, DIST)
            shutil.move(licences, DIST)
    except LabUnavailable as reason:
        complain(f"without the single file and the packages that carry it: {reason}")
    say(sums(DIST))


def sums(folder: Path) -> str:
    """Write SHA256SUMS, as sha256sum -c reads it, and return it."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != "SHA256SUMS"
    ]
    (folder / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
