"""docs/questions.md: every command that stands there says what stands below it."""

from __future__ import annotations

import re

import pytest

from tools.packages import ROOT
from tools.questions import BLOCK, DOCUMENT, answered, filled

TEXT = DOCUMENT.read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## (\d+)\. (.*\n(?:(?!## ).*\n)*)", TEXT, re.MULTILINE)
COMMANDS = [
    pytest.param(block["command"], block["output"], id=f"{number}: {block['command'].partition('--replay')[0].strip()}")
    for number, section in SECTIONS
    for block in BLOCK.finditer(section)
]


@pytest.mark.parametrize(("command", "output"), COMMANDS)
def test_a_command_says_what_stands_below_it(command: str, output: str) -> None:
    """`make questions` writes it; what differs is a change of what netui says that the document has not."""
    assert answered(command) == output


def test_ten_questions_each_with_a_command() -> None:
    """In their order, and no block of commands that the test would pass over."""
    assert [int(number) for number, _ in SECTIONS] == list(range(1, 11))
    assert [number for number, section in SECTIONS if not BLOCK.search(section)] == []
    assert len(COMMANDS) == TEXT.count("```console")


def test_the_captures_are_in_the_repository_and_each_is_asked() -> None:
    """None is missing, and none lies there for nothing."""
    asked = set(re.findall(r"--replay (\S+)", TEXT)) - {"…`"}
    assert all((ROOT / name).is_file() for name in asked)
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs/captures").iterdir()}
    assert there <= asked


def test_each_output_is_written_anew() -> None:
    """Below its own command, whatever stood there; the text around it stays."""
    text = "a\n\n```console\n$ one | x\nold\n\nold\n```\n\nb\n\n```console\n$ two\n```\n"
    wanted = "a\n\n```console\n$ one | x\n<one | x>\n```\n\nb\n\n```console\n$ two\n<two>\n```\n"
    assert filled(text, lambda command: f"<{command}>\n") == wanted


def test_the_readme_leads_there() -> None:
    """By its place."""
    assert "(docs/questions.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
