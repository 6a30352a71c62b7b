"""`make release`: what it refuses, in a git repository made for the test, and what it does where all is in order."""

from __future__ import annotations

import datetime
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.release import HANDED_OUT, TARGETS, release

TODAY = datetime.date(2026, 11, 27)
CHANGELOG = "# Changelog\n\n## 1.2.0 (2026-11-27)\n\n- A line.\n\n## 1.1.0 (2026-01-01)\n\n- Older.\n"
# dist/ as make dist leaves it; each target writes down that it was made
MAKEFILE = f"""
check packaged:
\t@echo $@ >> made
dist:
\t@echo $@ >> made; mkdir -p dist; cd dist; touch {" ".join(name.format("1.2.0") for name in HANDED_OUT)}
"""


def git(root: Path, *arguments: str) -> str:
    """Run git there, and return what it says."""
    command = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def write(name: str, text: str) -> Callable[[Path], None]:
    """A change that is committed."""

    def change(root: Path) -> None:
        (root / name).write_text(text)
        git(root, "add", "-A")
        git(root, "commit", "-q", "--allow-empty", "-m", "change")

    return change


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that is in order for 1.2.0."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@example.org")
    # a make that runs this test says so to the makes below it
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "checkout"
    (root / "netui").mkdir(parents=True)
    git(root, "init", "-q")
    (root / "netui/__init__.py").write_text('__version__ = "1.2.0"\n')
    (root / "CHANGELOG.md").write_text(CHANGELOG)
    (root / ".gitignore").write_text("dist/\nmade\n")
    write("Makefile", MAKEFILE)(root)
    return root


def test_in_order_it_checks_makes_tries_and_tags(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The targets in their order, an annotated tag on the commit, and each file to upload by name."""
    assert release(checkout, TODAY) == 0
    assert tuple((checkout / "made").read_text().split()) == TARGETS
    assert git(checkout, "cat-file", "-t", "v1.2.0") == "tag\n"
    assert git(checkout, "rev-parse", "v1.2.0^{commit}") == git(checkout, "rev-parse", "HEAD")
    said = capsys.readouterr().out
    assert all(f"dist/{name.format('1.2.0')}  " in said for name in HANDED_OUT)
    assert "git push origin v1.2.0" in said


BEFORE = [
    pytest.param(
        lambda root: (root / "new").touch(), ["the tree is not clean: new"], id="a file that git does not know"
    ),
    pytest.param(
        lambda root: [(root / name).write_text("x") for name in ("Makefile", "CHANGELOG.md")],
        ["the tree is not clean: CHANGELOG.md and 1 more", "CHANGELOG.md has no section"],
        id="files that differ from the commit",
    ),
    pytest.param(
        write("CHANGELOG.md", "# Changelog\n\n## Unreleased\n\n- A line.\n\n## 1.2.0 (2026-11-27)\n\n- B\n"),
        ['CHANGELOG.md begins with "Unreleased", not with "1.2.0 (YYYY-MM-DD)"'],
        id="changes that are in no release",
    ),
    pytest.param(
        write("CHANGELOG.md", CHANGELOG.replace(" (2026-11-27)", "")),
        ['CHANGELOG.md begins with "1.2.0", not with "1.2.0 (YYYY-MM-DD)"'],
        id="no date",
    ),
    pytest.param(
        write("CHANGELOG.md", CHANGELOG.replace("2026-11-27", "2026-11-28")),
        ["CHANGELOG.md's 1.2.0 is of 2026-11-28, which is to come"],
        id="a date to come",
    ),
    pytest.param(
        write("CHANGELOG.md", CHANGELOG.replace("2026-11-27", "2026-11-31")),
        ["CHANGELOG.md's 1.2.0 is of 2026-11-31, which is no date"],
        id="no day of the calendar",
    ),
    pytest.param(
        write("CHANGELOG.md", CHANGELOG.replace("- A line.\n", "")),
        ["CHANGELOG.md says nothing about 1.2.0"],
        id="an empty section",
    ),
    pytest.param(
        lambda root: (git(root, "rm", "-q", "CHANGELOG.md"), git(root, "commit", "-qm", "gone")),
        ["there is no CHANGELOG.md"],
        id="no changelog",
    ),
    pytest.param(
        write("netui/__init__.py", '__version__ = "1.3.0"\n'),
        ["CHANGELOG.md begins with 1.2.0, netui.__version__ is 1.3.0"],
        id="another version in the program",
    ),
    pytest.param(
        write("netui/__init__.py", "\n"), ["netui/__init__.py has no __version__"], id="no version in the program"
    ),
    pytest.param(lambda root: git(root, "tag", "v1.2.0"), ["the tag v1.2.0 exists already"], id="a tag that is there"),
]


@pytest.mark.parametrize(("change", "reasons"), BEFORE)
def test_what_is_not_in_order_is_refused_before_anything_is_made(
    checkout: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Path], object], reasons: list[str]
) -> None:
    """One line for each reason, status 1, no target made and no tag added."""
    change(checkout)
    tags = git(checkout, "tag")
    assert release(checkout, TODAY) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [f"netui: no release: {reason}" for reason in reasons]
    assert captured.out == ""
    assert git(checkout, "tag") == tags
    assert not (checkout / "made").exists()


def test_a_folder_without_git_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, and no git's message."""
    assert release(tmp_path, TODAY) == 1
    assert capsys.readouterr().err == "netui: no release: this folder is no git checkout\n"


FAILING = [
    *(
        pytest.param(f".DEFAULT_GOAL := x\n{target}:\n\t@false\n", f"make {target} failed", id=f"{target} fails")
        for target in TARGETS
    ),
    pytest.param(
        "dist:\n\t@mkdir -p dist; cd dist; touch "
        + " ".join(name.format("1.2.0") for name in HANDED_OUT if "linux" not in name),
        "make dist made no netui-1.2.0-linux-x86_64",
        id="dist makes no single file",
    ),
    pytest.param(
        "packaged:\n\t@touch left-behind", "the tree changed while the release was made", id="a target leaves a file"
    ),
]


@pytest.mark.parametrize(("rules", "reason"), FAILING)
def test_what_fails_on_the_way_leaves_no_tag(
    checkout: Path, capfd: pytest.CaptureFixture[str], rules: str, reason: str
) -> None:
    """A check, a build or a trial that fails, or a release that is not whole, ends it."""
    write("Makefile", f"{MAKEFILE}\n{rules}\n")(checkout)
    assert release(checkout, TODAY) == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("netui: ")]
    assert lines == [f"netui: no release: {reason}"]
    assert git(checkout, "tag") == ""
