"""What a command in a host's namespace prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .hosts import Host

ROOT = Path(__file__).parents[2]


def inside(host: Host, program: str, timeout: float = 120, machine: bool = False) -> Any:
    """Run Python in the host's network namespace with its engine's environment; return its JSON.

    machine: with the machine's own tools instead, which are of one version with its libxtables.
    """
    environment = {**os.environ, **({} if machine else host.engine.environment()), "PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        ["nsenter", f"--net={host.namespace.path}", sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout)
