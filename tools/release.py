"""A release: what must be in order, all checks, everything that is handed out, and then the tag.

python -m tools.release [FOLDER]        this checkout, or another one
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from netui.cli.output import complain, say
from tools.packages import ROOT

#: The targets of make that a release passes, in this order.
TARGETS = ("check", "dist", "packaged")
#: What `make dist` leaves in dist/; without one of them the release is not whole.
HANDED_OUT = (
    "netui-{}-linux-x86_64",
    "netui-{}-py3-none-any.whl",
    "netui-{}.tar.gz",
    "netui-{}-THIRD-PARTY.txt",
    "netui_{}_amd64.deb",
    "netui_{}+forky_all.deb",
    "netui-{}-1.x86_64.rpm",
    "SHA256SUMS",
)
_VERSION = re.compile(r'^__version__ = "([^"]*)"$', re.MULTILINE)
_SECTION = re.compile(r"^## (.*)$", re.MULTILINE)
_DATED = re.compile(r"(\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)")


def refusals(root: Path, today: datetime.date) -> Iterator[str]:
    """Yield a line for each thing that is not in order before anything is made."""
    inside = _git(root, "rev-parse", "--show-toplevel")
    if inside is None or Path(inside).resolve() != root.resolve():
        yield "this folder is no git checkout"
        return
    changed = (_git(root, "status", "--porcelain") or "").splitlines()
    if changed:
        yield f"the tree is not clean: {changed[0][3:]}{f' and {len(changed) - 1} more' if changed[1:] else ''}"
    version = version_of(root)
    if version is None:
        yield "netui/__init__.py has no __version__"
    yield from _changelog(root, version, today)
    if version and _git(root, "rev-parse", "--verify", "--quiet", f"refs/tags/v{version}") is not None:
        yield f"the tag v{version} exists already"


def version_of(root: Path) -> str | None:
    """Return netui.__version__ of a checkout, read and not imported: this program may be of another one."""
    try:
        found = _VERSION.search((root / "netui/__init__.py").read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1] if found else None


def _changelog(root: Path, version: str | None, today: datetime.date) -> Iterator[str]:
    try:
        text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    except OSError:
        yield "there is no CHANGELOG.md"
        return
    sections = list(_SECTION.finditer(text))
    if not sections:
        yield "CHANGELOG.md has no section"
        return
    heading = sections[0][1].strip()
    dated = _DATED.fullmatch(heading)
    if dated is None:
        yield f'CHANGELOG.md begins with "{heading}", not with "{version or "VERSION"} (YYYY-MM-DD)"'
        return
    if version is not None and dated[1] != version:
        yield f"CHANGELOG.md begins with {dated[1]}, netui.__version__ is {version}"
    try:
        if datetime.date.fromisoformat(dated[2]) > today:
            yield f"CHANGELOG.md's {dated[1]} is of {dated[2]}, which is to come"
    except ValueError:
        yield f"CHANGELOG.md's {dated[1]} is of {dated[2]}, which is no date"
    end = sections[1].start() if sections[1:] else len(text)
    if not text[sections[0].end() : end].strip():
        yield f"CHANGELOG.md says nothing about {dated[1]}"


def release(root: Path, today: datetime.date) -> int:
    """Check, make, tag, and say what to upload; the exit status. A refusal leaves no tag."""
    reasons = list(refusals(root, today))
    commit = _git(root, "rev-parse", "HEAD")
    for target in TARGETS if not reasons else ():
        if subprocess.run(["make", target], cwd=root, check=False).returncode:
            reasons.append(f"make {target} failed")
            break
    version = version_of(root)
    if not reasons:
        missing = [name for each in HANDED_OUT if not (root / "dist" / (name := each.format(version))).is_file()]
        reasons.extend(f"make dist made no {name}" for name in missing)
        if _git(root, "rev-parse", "HEAD") != commit or _git(root, "status", "--porcelain"):
            reasons.append("the tree changed while the release was made")
    if not reasons and _git(root, "tag", "-a", f"v{version}", "-m", f"netui {version}") is None:
        reasons.append(f"git could not make the tag v{version}")
    if reasons:
        for reason in reasons:
            complain(f"no release: {reason}")
        return 1
    say(f"v{version} is tagged. To upload:\n  git push origin v{version}")
    for each in HANDED_OUT:
        path = root / "dist" / each.format(version)
        say(f"  dist/{path.name}  {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git says, None where it fails."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(release(Path(sys.argv[1]) if sys.argv[1:] else ROOT, datetime.datetime.now(tz=datetime.UTC).date()))
