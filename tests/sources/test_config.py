"""The configuration file: what is taken from it, what is named as bad, and what saving leaves alone."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from netui.config.file import default_path, read_config, save_config
from netui.model.settings import Settings
from netui.text.errors import SourceError

FULL = """# mine
theme = "netui-light"   # for the beamer
interval = 2

[chains]
columns = "wide"
exact = true

# where the panes stand
[layout]
tree = 30

[keys]
chains.freeze = "P"
"app.quit" = "q,ctrl+q"
"""


def file_of(tmp_path: Path, text: str) -> Path:
    """Write a configuration."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_the_default_path_follows_xdg() -> None:
    """XDG_CONFIG_HOME where it is absolute, else ~/.config."""
    assert str(default_path({"XDG_CONFIG_HOME": "/x", "HOME": "/h"})) == "/x/netui/config.toml"
    assert str(default_path({"XDG_CONFIG_HOME": "x", "HOME": "/h"})) == "/h/.config/netui/config.toml"


def test_a_missing_file_sets_nothing(tmp_path: Path) -> None:
    """No file, no problem, the usual settings."""
    config = read_config(tmp_path / "none.toml")
    assert config.settings == Settings() and not config.problems and config.readable


def test_every_setting_is_read(tmp_path: Path) -> None:
    """Values, tables, and keys written dotted or quoted."""
    config = read_config(file_of(tmp_path, FULL))
    assert not config.problems
    assert config.settings == Settings(
        theme="netui-light", interval=2, columns="wide", exact=True, tree=30,
        keys={"chains.freeze": "P", "app.quit": "q,ctrl+q"},
    )  # fmt: skip
    assert config.place("keys.app.quit") == "config.toml line 15: keys.app.quit"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('\ntheme = "pink"', "config.toml line 2: theme: 'pink' is not one of netui-dark"),
        ("interval = 0.1", "config.toml line 1: interval: 0.1 is not a number from 0.5 to 3600"),
        ("interval = nan", "line 1: interval: nan is not a number"),
        ("mouse = 1", "line 1: mouse: 1 is not true or false"),
        ("[layout]\ntree = true", "line 2: layout.tree: true is not a number"),
        ("[chains]\n\ncolour = 1", "line 3: chains.colour: not a setting of netui"),
        ("[keys]\nx = 3", "line 2: keys.x: 3 is no key"),
        ('"\\u001b[31m" = 1', "not a setting of netui"),
        ("chains = 3", "line 1: chains: not a setting of netui"),
        ("[[chains]]\nx = 1", "chains: not a setting of netui"),
    ],
)
def test_a_bad_value_is_named_with_its_line_and_ignored(tmp_path: Path, text: str, problem: str) -> None:
    """The rest of the file counts."""
    config = read_config(file_of(tmp_path, f"{text}\n[other]\n"))
    assert problem in config.problems[0] and config.problems[0].isprintable()
    assert config.settings == Settings() and config.readable


@pytest.mark.parametrize("raw", [b"theme = ", b"\xff\xfe", b"a = 1\na = 2", b"#" * 1_000_001, b"a=" + b"[" * 5000])
def test_an_unreadable_file_is_said_in_one_line(tmp_path: Path, raw: bytes) -> None:
    """Nothing of it is taken, and it is never written to."""
    path = tmp_path / "config.toml"
    path.write_bytes(raw)
    config = read_config(path)
    assert not config.readable and len(config.problems) == 1 and "config.toml is ignored: " in config.problems[0]
    with pytest.raises(SourceError, match="left as it is"):
        save_config(path, Settings(theme="netui-light"))
    assert path.read_bytes() == raw


def test_a_pipe_or_a_folder_is_no_configuration(tmp_path: Path) -> None:
    """Neither is waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert not read_config(path).readable


def test_saving_keeps_comments_and_what_is_not_netuis(tmp_path: Path) -> None:
    """Only values change; what differs from the usual is added under its table."""
    path = file_of(tmp_path, FULL + "\n[other]\nx = 1 # y\n")
    path.chmod(0o600)
    old = read_config(path).settings
    save_config(
        path, replace(old, theme="netui-dark", columns="auto", bytes_first=True, tree=40, detail=55, mouse=False)
    )
    text = path.read_text()
    assert 'theme = "netui-dark"   # for the beamer' in text and "# mine" in text and "x = 1 # y" in text
    assert "# where the panes stand\n[layout]\ntree = 40\ndetail = 55\n" in text
    assert "interval = 2\nmouse = false\n" in text and "exact = true\nbytes_first = true\n" in text
    assert read_config(path).settings == replace(
        old, theme="netui-dark", columns="auto", bytes_first=True, tree=40, detail=55, mouse=False
    )
    assert path.stat().st_mode & 0o777 == 0o600 and [each.name for each in tmp_path.iterdir()] == ["config.toml"]


def test_saving_makes_the_file_and_its_folders(tmp_path: Path) -> None:
    """And writes only what differs from the usual."""
    path = tmp_path / "a" / "netui" / "config.toml"
    save_config(path, Settings(theme="terminal", tree=33))
    assert path.read_text() == '# netui\'s settings; any may be left out.\ntheme = "terminal"\n\n[layout]\ntree = 33\n'


def test_saving_follows_a_link(tmp_path: Path) -> None:
    """A configuration that is kept elsewhere stays there."""
    real = file_of(tmp_path, "mouse = true\n")
    link = tmp_path / "link.toml"
    link.symlink_to(real)
    save_config(link, Settings(mouse=False))
    assert link.is_symlink() and real.read_text() == "mouse = false\n"


@pytest.mark.parametrize("text", ['chains = {columns = "wide"}\n', 'theme = """\nnetui-dark"""\n'])
def test_a_form_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    """An inline table or a text over several lines: refused, and the file is as it was."""
    path = file_of(tmp_path, text)
    with pytest.raises(SourceError, match="left as it is"):
        save_config(path, Settings(theme="netui-light", exact=True))
    assert path.read_text() == text
