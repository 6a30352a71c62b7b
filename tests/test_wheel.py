"""The wheel: installed into an empty environment it starts from another folder."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the checkout."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(target.glob("*.whl"))


def test_the_wheel_holds_look_and_demo(wheel: Path) -> None:
    """netui.tcss of the top level is mapped into the package, and the demo is there."""
    names = zipfile.ZipFile(wheel).namelist()
    assert "netui/netui.tcss" in names
    assert "netui/demo/demo.tar.gz" in names
    assert not [name for name in names if name.startswith("tests")]
    assert [name for name in names if name.endswith("data/share/man/man1/netui.1")]


def test_the_installed_demo_starts_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """An empty environment with the wheel alone shows the demo's networks, and q quits it."""
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    pip: list[str | Path] = [
        home / "bin" / "python",
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
        str(wheel),
    ]
    environment = {**os.environ, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")}
    environment.pop("PYTHONPATH", None)
    subprocess.run(pip, check=True, env=environment, capture_output=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", "LC_ALL": "C.UTF-8"}
    shown, status = _screen([str(home / "bin" / "netui"), "--demo"], elsewhere, environment, until=b"hehe")
    assert b"hehe" in shown
    assert b"Traceback" not in shown
    assert status == 0


def _screen(command: list[str], folder: Path, environment: dict[str, str], until: bytes) -> tuple[bytes, int]:
    """Run a program in a terminal until it shows something, then press q; returns output and status."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
    )
    os.close(slave)
    shown, pressed, deadline = b"", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([master], [], [], 0.2)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            shown += data
        if until in shown and not pressed:
            pressed = True
            os.write(master, b"q")
        if process.poll() is not None:
            break
    try:
        return shown, process.wait(timeout=5)
    finally:
        process.kill()
        os.close(master)
