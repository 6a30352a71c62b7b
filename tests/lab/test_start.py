"""The README's two commands on a machine that has make and Python and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .bare import Bare
from .cache import LabUnavailable
from .conftest import unavailable
from .roots import bare_root

#: A part of the suite that takes seconds: the set-up is what is tested.
FEW = "tests/test_cli.py tests/sources/test_live_programs.py tests/sources/test_without_iptables_library.py"


@pytest.fixture(
    scope="module",
    params=[
        ("bookworm", "root"),
        pytest.param(("trixie", "root"), marks=pytest.mark.long),
        pytest.param(("bookworm", "user"), marks=pytest.mark.long),
        pytest.param(("trixie", "user"), marks=pytest.mark.long),
    ],
    ids="-".join,
)
def bare(request: pytest.FixtureRequest, lab: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    """A bare Debian, and who works there; the tests of one go on where the one before ended."""
    suite, who = request.param
    try:
        bare_root(suite)
    except LabUnavailable as reason:
        unavailable(str(reason))
    with Bare(suite, who, tmp_path_factory.mktemp("bare")) as machine:
        yield machine


def said(text: str) -> list[str]:
    """What the set-up said."""
    return [line for line in text.replace("\r", "").splitlines() if line.startswith("set-up: ")]


def test_make_run_shows_the_demo(bare: Bare) -> None:
    """The first command sets up in a few lines and shows the recorded host; q ends it."""
    assert not bare.run("command -v cc gcc pip").stdout, "the root is not bare"
    shown, status = bare.on_terminal("make run", until=b"openresty", keys=b"q")
    text = shown.decode(errors="replace")
    assert "no Docker Engine answers here: opening the demo host" in text, text
    assert b"openresty" in shown
    assert "Traceback" not in text
    assert status == 0
    # A machine's own settings can make pip warn of a place without packages; that is not ours.
    before = [line for line in text.partition("no Docker Engine")[0].splitlines() if "is ignored: " not in line]
    before = [line for line in before if re.search(r"\w{3}", line)]
    assert len(before) <= 3, before


def test_who_may_install_gets_the_library_and_who_may_not_is_told(bare: Bare) -> None:
    """Root has python-iptables compiled; an ordinary user has one line that says what is lost, and all the rest."""
    found = bare.run(".venv/bin/python -c 'import importlib.util as u; print(u.find_spec(\"iptc\") is not None)'")
    root = bare.who == "root"
    assert found.stdout.strip() == str(root), found.stderr
    again = said(bare.run("touch pyproject.toml && make run </dev/null").stderr)
    assert len(again) == (0 if root else 1), again
    if not root:
        lost = r"without python-iptables, no C compiler.*: legacy tables are read by iptables-legacy-save"
        assert re.search(lost, again[0])
    path = bare.run(".venv/bin/netui path outside host:80 --replay tests/cases/engine-20.10/host")
    assert "DELIVERED to host" in path.stdout, path


def test_make_test_runs(bare: Bare) -> None:
    """The second command sets the tests' own needs up and runs tests."""
    done = bare.run(f'make test TESTS="-q -p no:cacheprovider {FEW}"')
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"\d+ passed", done.stdout)
