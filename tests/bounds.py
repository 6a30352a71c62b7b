"""All tests but the lab's, at the bounds that pyproject.toml states: the lowest versions, and newer Pythons.

    python -m tests.bounds [lowest|3.12|3.13 …]

A Python is looked for on PATH and among pyenv's; 3.13 is also had from a bare Debian 13, as root.
Where one is not to be had it is skipped, and the summary says so.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from tests.lab.bare import Bare
from tests.lab.cache import LabUnavailable, ensure_tools

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".bounds"
TESTED = ROOT / "constraints.txt"
TESTS = ["-q", "-n", "2", "--ignore=tests/lab", "-p", "no:cacheprovider", "-r", "fE"]


class Skipped(Exception):
    """A bound cannot be tested on this machine; the message says why."""


def lowest_versions() -> dict[str, str]:
    """Return the lowest version of each dependency that pyproject.toml admits."""
    found = {}
    for line in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]:
        match = re.match(r"([\w.-]+)[^;]*?>=\s*([\d.]+)", line)
        if match is None:
            raise ValueError(f"a dependency without a lowest version: {line}")
        found[match[1]] = match[2]
    return found


def lowest() -> None:
    """The lowest versions on this Python; what is no dependency of netui's own is as tested."""
    versions = lowest_versions()
    PLACE.mkdir(exist_ok=True)
    constraints = PLACE / "lowest.txt"
    others = [line for line in TESTED.read_text().splitlines() if line.partition("==")[0] not in versions]
    constraints.write_text("\n".join([*others, *(f"{name}=={number}" for name, number in versions.items())]) + "\n")
    python = _set_up("lowest", Path(sys.executable), constraints)
    for name, number in versions.items():
        ask = f"import importlib.metadata as m; print(m.version({name!r}))"
        there = subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip()
        print(f"  {name} {there}", flush=True)
        if there != number and not re.fullmatch(re.escape(number) + r"(\.0)*", there):
            raise RuntimeError(f"{name} {number} was asked for, {there} is installed")
    _test(python)


def on_python(version: str) -> None:
    """The tested versions on another Python."""
    interpreter = _interpreter(version)
    if interpreter is not None:
        _test(_set_up(version, interpreter, TESTED))
    elif version == "3.13":
        _in_debian_13()
    else:
        raise Skipped(f"no Python {version} on PATH or among pyenv's")


def _interpreter(version: str) -> Path | None:
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    on_path = [Path(found) for found in [shutil.which(f"python{version}")] if found]
    for path in (*on_path, *sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))):
        # A shim of pyenv's is there whatever is switched on.
        ask = "import ensurepip, sys; print(sys.version)"
        done = subprocess.run([path, "-c", ask], check=False, capture_output=True)
        if done.returncode == 0 and done.stdout.decode().startswith(f"{version}."):
            return path
    return None


def _in_debian_13() -> None:
    try:
        ensure_tools()
        with tempfile.TemporaryDirectory() as folder, Bare("trixie", "root", Path(folder)) as debian:
            print("  in a bare Debian 13", flush=True)
            done = debian.run(f'make test TESTS="{" ".join(TESTS)}"', seconds=1200)
    except LabUnavailable as reason:
        raise Skipped(f"no Python 3.13 on PATH or among pyenv's, and no Debian 13: {reason}") from None
    print(done.stdout[-6000:], done.stderr[-2000:], flush=True)
    if done.returncode:
        raise RuntimeError("its tests fail")


def _set_up(name: str, interpreter: Path, constraints: Path) -> Path:
    venv = PLACE / name
    shutil.rmtree(venv, ignore_errors=True)
    environment = {"PYTHON": str(interpreter), "VENV": str(venv), "CONSTRAINTS": str(constraints)}
    subprocess.run([ROOT / "tools/setup.sh", "dev"], check=True, env=os.environ | environment, stdin=subprocess.DEVNULL)
    return venv / "bin/python"


def _test(python: Path) -> None:
    subprocess.run([python, "-m", "pytest", *TESTS], check=True, cwd=ROOT, stdin=subprocess.DEVNULL)


BOUNDS: dict[str, Callable[[], None]] = {
    "lowest": lowest,
    "3.12": lambda: on_python("3.12"),
    "3.13": lambda: on_python("3.13"),
}


def main(names: list[str]) -> int:
    """Test the named bounds, or all; 1 where one fails."""
    results: dict[str, str] = {}
    for name in names or BOUNDS:
        print(f"== {name}", flush=True)
        start = time.monotonic()
        try:
            BOUNDS[name]()
            results[name] = "passed"
        except Skipped as reason:
            results[name] = f"SKIPPED: {reason}"
        except (RuntimeError, subprocess.CalledProcessError) as error:
            results[name] = f"FAILED: {error}"
        results[name] += f" ({time.monotonic() - start:.0f} s)"
    print("== bounds")
    for name, result in results.items():
        print(f"{name}: {result}")
    return int(any(result.startswith("FAILED") for result in results.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
