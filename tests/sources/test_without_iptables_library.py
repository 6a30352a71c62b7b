"""python-iptables is not there: it could not be compiled, and netui does without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SAVE = "*filter\n:INPUT ACCEPT [1:60]\n[3:180] -A INPUT -i lo -j ACCEPT\nCOMMIT\n"

# A finder before all others, so that it does not matter whether the library is installed.
BLOCKED = """
import importlib.abc, json, pkgutil, sys

class NotThere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "iptc":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, NotThere())
"""

READ = """
from netui.model import RulesetKey
from netui.sources.live import iptables as iptables_live
from netui.sources.legacy.tables import LegacyTables

iptables_live.legacy_tables = lambda family, machine: ["filter"]
legacy = LegacyTables()
print(json.dumps([iptables_live.save_text(RulesetKey("ip", "legacy"), legacy) for _ in range(2)]))
"""

IMPORT_ALL = """
import importlib, netui

names = [found.name for found in pkgutil.walk_packages(netui.__path__, "netui.") if not found.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(json.dumps(len(names)))
"""


def without_library(program: str, tools: Path | None = None) -> object:
    """Run a program in an interpreter without python-iptables; what it prints, as JSON."""
    path = f"{tools}:{os.environ['PATH']}" if tools else os.environ["PATH"]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED + program],
        env={**os.environ, "PATH": path},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_legacy_tables_are_read_by_the_save_program(tmp_path: Path) -> None:
    """Each reading is iptables-legacy-save's own text, and the screen is told what read it."""
    save = tmp_path / "iptables-legacy-save"
    save.write_text(f"#!/bin/sh\ncat <<'END'\n{SAVE}END\n")
    save.chmod(0o755)
    assert without_library(READ, tmp_path) == [[SAVE, "iptables-legacy-save"]] * 2


def test_no_module_needs_the_library_to_be_imported() -> None:
    """Every module of the package can be imported without it."""
    count = without_library(IMPORT_ALL)
    assert isinstance(count, int)
    assert count > 50
