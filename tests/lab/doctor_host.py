"""A lab host as `netui doctor` and `netui exposed` see it: captured by plain commands and read back."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path

from netui.audit.doctor import Diagnosis, Finding, diagnose
from netui.sources.capture.reader import read_capture
from netui.traversal import PreparedHost, prepare

from .capture import write_capture
from .hosts import Host


def seen(host: Host) -> PreparedHost:
    """The host as it is now."""
    with tempfile.TemporaryDirectory() as folder:
        return prepare(read_capture(write_capture(host, Path(folder) / "host")))


def diagnosis(host: Host) -> Diagnosis:
    """What doctor says of it now."""
    return diagnose(seen(host))


def findings(host: Host) -> dict[str, Finding]:
    """The findings by their kind."""
    return {finding.id: finding for finding in diagnosis(host).findings}


def restart(host: Host) -> None:
    """Restart the engine, as the advice says, and its containers, which no policy restarts."""
    host.engine.stop()
    host.engine.start()
    for name in ("blog", "openresty"):
        host.engine.client.containers.get(name).start()


def run_advice(host: Host, finding: Finding, command: str = "iptables") -> str:
    """Run the first command of that name which the advice holds, as an administrator would copy it."""
    for text in finding.advice:
        at = text.find(f"{command} ")
        if at >= 0:
            line = text[at:].partition("; ")[0]
            for one in line.split(" && "):
                host.engine.tool(*shlex.split(one))
            return line
    raise AssertionError(f"no {command} in {finding.advice}")
