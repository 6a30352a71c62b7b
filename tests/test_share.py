"""share/: man page and completions say what the program takes, and the completions complete it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from netui.cli.parser import command_line
from tools.man import man_page
from tools.share import SHARE, files

BASH = SHARE / "bash-completion/completions/netui"
FISH = SHARE / "fish/vendor_completions.d/netui.fish"
ZSH = SHARE / "zsh/site-functions/_netui"


@pytest.mark.parametrize("name", sorted(files()))
def test_what_is_there_is_what_the_program_makes(name: str) -> None:
    """`make share` has been run since the parser, the settings or the keys changed."""
    assert (SHARE / name).read_text(encoding="utf-8") == files()[name]


def test_the_man_page_has_every_command_and_option() -> None:
    """All of the parser stands there, and roff has nothing to say about it."""
    page = man_page(command_line())
    for word in ("netui exposed", "\\-\\-print\\-config", "\\-\\-fail\\-on", "\\-\\-every", "EXIT STATUS"):
        assert word in page
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-z"], input=page.encode(), capture_output=True, check=True
        )
        assert done.stderr == b""


def docker(folder: Path, lines: str) -> dict[str, str]:
    """An environment in which docker is a script of these lines."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{lines}\n")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "HOME": str(folder)}


NAMES = """printf '%s\\n' blog openresty '$(touch made)' '`touch made`' -x"""
ENDPOINTS = {"host", "outside", "lan", "any", "blog", "openresty"}
CASES = [
    pytest.param(["ex"], {"exposed", "explain"}, id="commands"),
    pytest.param(["--print"], {"--print-config"}, id="options"),
    pytest.param(["--theme", "netui-l"], {"netui-light"}, id="choices"),
    pytest.param(["exposed", "--fail-on", "wo"], {"world"}, id="a command's choices"),
    pytest.param(["path", ""], ENDPOINTS, id="senders: no name that a shell would expand"),
    pytest.param(["path", "outside", "bl"], {"blog"}, id="receivers"),
    pytest.param(["explain", "--replay", "rul"], {"rules.txt"}, id="files"),
]


@pytest.mark.parametrize(("words", "expected"), CASES)
def test_bash_completes(tmp_path: Path, words: list[str], expected: set[str]) -> None:
    """Commands, options, choices, containers and files; a hostile engine's names run nothing."""
    (tmp_path / "rules.txt").touch()
    script = (
        'source "$1"; shift; COMP_WORDS=(netui "$@"); COMP_CWORD=$#; _shtab_netui; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", str(BASH), *words],
        cwd=tmp_path, env=docker(tmp_path, NAMES), capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = set(done.stdout.split())
    assert {word for word in found if not word.startswith("-") or word in expected} == expected, done.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
@pytest.mark.parametrize(("words", "expected"), CASES)
def test_fish_completes(tmp_path: Path, words: list[str], expected: set[str]) -> None:
    """The same by fish."""
    (tmp_path / "rules.txt").touch()
    done = subprocess.run(
        ["fish", "--no-config", "-c", 'source $argv[1]; complete -C "netui $argv[2]"', str(FISH), " ".join(words)],
        cwd=tmp_path, env=docker(tmp_path, NAMES), capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {line.split("\t")[0] for line in done.stdout.splitlines()}
    assert expected <= found and not {word for word in found - expected if not word.startswith("-")}, done.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here")
def test_zsh_takes_its_file() -> None:
    """It is zsh, and names the command that it completes."""
    subprocess.run(["zsh", "-n", str(ZSH)], check=True)
    assert ZSH.read_text().startswith("#compdef netui\n")


def test_an_engine_that_hangs_does_not_hang_the_shell(tmp_path: Path) -> None:
    """Two seconds, then what is known without it."""
    began = time.monotonic()
    script = 'source "$1"; _netui_endpoints "" </dev/null'
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", str(BASH)],
        env=docker(tmp_path, "exec sleep 60"), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["host", "outside", "lan", "any"]
    assert time.monotonic() - began < 20
