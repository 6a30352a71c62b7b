"""The licences of what the single file carries: nothing of netui's libraries is left out, and each has its text."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from tools.packages import ROOT
from tools.third_party import Part, libraries, licence_of, python, system_libraries, written


def test_all_libraries_that_netui_needs_are_there_with_their_licence() -> None:
    """Those of pyproject.toml and what they need themselves; none of the tests' and checks'."""
    found = {part.name.rpartition(" ")[0].lower(): part for part in libraries()}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert {re.match(r"[\w-]+", line)[0] for line in asked} <= found.keys()
    assert {
        "rich",
        "requests",
        "urllib3",
        "markdown-it-py",
        "pygments",
        "typing_extensions",
        "linkify-it-py",
    } <= found.keys()
    assert not {"pytest", "mypy", "ruff", "pyte", "netui"} & found.keys()
    assert [
        name for name, part in found.items() if not part.licence or (part.licence == "see below" and not part.texts)
    ] == []


def test_a_licence_is_said_in_a_word() -> None:
    """The expression, the field or the classifier, whatever the library has."""
    assert licence_of(distribution("textual")) == "MIT"
    assert "Apache" in licence_of(distribution("docker"))
    assert "BSD" in licence_of(distribution("idna"))


def test_the_systems_libraries_are_named_by_their_package(tmp_path: Path) -> None:
    """Those of one package together; what is nobody's is not the system's."""
    for name in ("libssl.so.1.1", "libcrypto.so.1.1", "libmine.so", "readme.txt"):
        (tmp_path / name).touch()
    parts = list(system_libraries(tmp_path, lambda name: "" if "mine" in name else "libssl1.1"))
    assert [part.name for part in parts] == ["libcrypto.so.1.1, libssl.so.1.1 (Debian's libssl1.1)"]


def test_the_file_is_a_table_and_the_texts() -> None:
    """A row for each part, and each text below the part's name."""
    text = written([Part("one 1.0", "MIT", ("Do as you like.",)), Part("another 22.0", "see below", ())])
    assert "one 1.0       MIT\nanother 22.0  see below\n" in text
    assert re.search(r"=\none 1\.0\n=+\n\nDo as you like\.\n", text)


def test_pythons_own_version_is_said() -> None:
    """The Python that is packed is the one that runs this."""
    assert re.fullmatch(r"Python 3\.\d+\.\d+", python().name)
