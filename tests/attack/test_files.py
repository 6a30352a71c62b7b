"""What netui writes is whole or absent, where it should be and nowhere else; `make attack` is the long form."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

import netui
from netui.files.writing import FolderEntry, NewFile, write_new
from tests.attack import Attack, broken, files

PACKAGE = Path(netui.__file__).parent
#: Who may open for writing, and what.
WRITERS = {
    "files/writing.py": "all files",
    "sources/capture/new.py": "an archive in a file of writing's",
    "feed/first_reading.py": "/dev/null",
    "sources/machine/ssh_connection.py": "a folder for the sockets of ssh, for the user alone",
    "ui/fastpath/driver.py": "the terminal",
    "cli/run.py": "/dev/null",
    "entry.py": "/dev/null",
}
_CALLS = {
    "write_text", "write_bytes", "touch", "mkdir", "makedirs", "symlink_to", "hardlink_to", "rename", "replace",
    "renames", "link", "symlink", "mkfifo", "mknod", "mkstemp", "mkdtemp", "NamedTemporaryFile", "TemporaryFile",
    "TemporaryDirectory", "unlink", "rmdir", "rmtree", "copy", "copyfile", "copytree", "move", "chmod",
    "chown", "truncate",
}  # fmt: skip
_FLAGS = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC", "O_TMPFILE"}


@pytest.mark.parametrize("attack", files.ATTACKS, ids=lambda attack: attack.__name__)
def test_files_hold(attack: Attack) -> None:
    """Links, races, signals, full disks, and what an engine's answers would leave in a capture."""
    assert broken(attack) == []


def _writes(tree: ast.AST) -> Iterator[str]:
    """Yield what in a module opens, makes, moves or removes a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _FLAGS:
            yield node.attr
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil", "tempfile"):
            yield from (alias.name for alias in node.names if alias.name in _CALLS)
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in _CALLS:
            of = getattr(getattr(function, "value", None), "id", "")
            if isinstance(function, ast.Name) and name in ("touch", "replace"):
                # the traversal's own, and dataclasses'
                continue
            if name == "link" and of != "os":
                # Path has no such method any more (hardlink_to); a host's link is another thing
                continue
            # of os, shutil or tempfile, or of a path: str.replace and dataclasses' own have more or other arguments
            if name not in ("replace", "copy") or of in ("os", "shutil") or (len(node.args) == 1 and not node.keywords):
                yield name
        if name in ("open", "fdopen"):
            texts = [each.value for each in [*node.args[:2], *(k.value for k in node.keywords if k.arg == "mode")]
                     if isinstance(each, ast.Constant) and isinstance(each.value, str)]  # fmt: skip
            if any(set(text[:2]) & set("wax+") and len(text) <= 4 for text in texts):
                yield f"{name} {texts}"


def test_one_module_writes() -> None:
    """No other module of netui opens a file for writing; a new writer goes through new_file, too."""
    found = {
        path.relative_to(PACKAGE).as_posix(): sorted(set(_writes(ast.parse(path.read_text()))))
        for path in PACKAGE.rglob("*.py")
    }
    found = {name: calls for name, calls in found.items() if calls}
    assert {name: calls for name, calls in found.items() if name not in WRITERS} == {}
    assert found["files/writing.py"]


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize("unnamed", [True, False], ids=["unnamed files", "none"])
@pytest.mark.parametrize("replace", [True, False], ids=["replaced", "new"])
@pytest.mark.parametrize("fails", [True, False], ids=["fails", "works"])
def test_every_file_system(tmp_path: Path, links: bool, unnamed: bool, replace: bool, fails: bool) -> None:
    """Where there are no unnamed files, or no hard links either, a file is whole or absent all the same."""
    real = os.open

    def no_unnamed(path: str, flags: int, *more: int, dir_fd: int | None = None) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(95, "Operation not supported")
        return real(path, flags, *more, dir_fd=dir_fd)

    path = tmp_path / "x"
    if replace:
        path.write_text("old")
    with contextlib.ExitStack() as stack:
        if not unnamed:
            stack.enter_context(mock.patch("os.open", no_unnamed))
        if not links and not unnamed:
            stack.enter_context(mock.patch("os.link", side_effect=OSError(1, "Operation not permitted")))
        stack.enter_context(contextlib.suppress(ZeroDivisionError))
        entry = FolderEntry.find(path)
        stack.callback(entry.close)
        with NewFile(entry, replace=replace) as new:
            new.file.write(b"new")
            if fails:
                raise ZeroDivisionError
    found = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert found == ({"x": "new"} if not fails else {"x": "old"} if replace else {})


def test_the_users_own_links_are_followed(tmp_path: Path) -> None:
    """Settings in a folder of dotfiles, by links of the user's own: the file that they lead to is written."""
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "c.toml").write_text("old")
    (tmp_path / "config").symlink_to("dotfiles")
    (tmp_path / "c.toml").symlink_to(tmp_path / "config" / "c.toml")
    entry = FolderEntry.find(tmp_path / "c.toml", follow=True)
    with contextlib.closing(entry), NewFile(entry, replace=True) as new:
        new.file.write(b"new")
    assert (tmp_path / "dotfiles" / "c.toml").read_text() == "new"
    assert (tmp_path / "c.toml").is_symlink()


def test_a_circle_of_links_ends(tmp_path: Path) -> None:
    """As the kernel has it, after forty."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels"):
        FolderEntry.find(tmp_path / "a" / "x")


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives files away")
@pytest.mark.parametrize(("caller", "owner"), [("12345", 12345), ("12346", 0), ("", 0)])
def test_a_picture_under_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caller: str, owner: int) -> None:
    """It belongs to the caller in the caller's own folder, and else to root, whoever owns the folder."""
    monkeypatch.setenv("SUDO_UID", caller)
    os.chown(tmp_path, 12345, 12345)
    write_new(tmp_path / "x", b"data")
    assert ((tmp_path / "x").stat().st_uid, (tmp_path / "x").stat().st_mode & 0o777) == (owner, 0o600)
