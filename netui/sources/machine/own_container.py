"""Whether netui itself runs in a container, and which flags of `docker run` are missing.

The container's files have its ID, and the engine tells how the container with that ID was started.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from netui.text import json_text as js

#: Each flag, and what fails without it.
SOCKET = "-v /var/run/docker.sock:/var/run/docker.sock:ro"
_NETWORK = "netui's container has a network of its own, where the engine's rules are not: start it with --network host"
_PIDS = "netui's container has processes of its own, what listens in others is not known: start it with --pid host"
_PROGRAMS = "which program listens is known with --pid host --cap-add SYS_PTRACE"
_RULES = "needs NET_ADMIN: start netui's container with --cap-add NET_ADMIN"
_ROOT = "needs root: run netui with sudo"
_SYS_PTRACE = 19
#: The files that the engine mounts into a container, from its folder for that container.
_MOUNTED = re.compile(r"/containers/([0-9a-f]{64})/(?:hostname|hosts|resolv\.conf) ")


@lru_cache(maxsize=1)
def identity() -> str:
    """Return the ID of netui's own container, "" where it runs in no container of Docker."""
    try:
        return identity_in(Path("/proc/self/mountinfo").read_text("utf-8", "replace"))
    except OSError:
        return ""


def identity_in(mounts: str) -> str:
    """Return the container ID in a process's mounts: field four of ``/proc/PID/mountinfo`` is the mounted file."""
    match = _MOUNTED.search(mounts)
    return match[1] if match else ""


def inside() -> bool:
    """Whether netui runs in a container of Docker."""
    return bool(identity())


def needs_root() -> str:
    """Return what the user can do where only root may read."""
    return _RULES if inside() and os.geteuid() == 0 else _ROOT


def denied() -> str:
    """Return the same for a program that was denied access, "" where root ran it and no flag would help."""
    return needs_root() if inside() or os.geteuid() != 0 else ""


def programs_note() -> str:
    """Return what netui needs to see which program listens, "" where it can."""
    if os.geteuid() != 0:
        return "programs of other users need root"
    if not inside():
        return ""
    try:
        status = Path("/proc/self/status").read_text("utf-8", "replace")
    except OSError:
        return ""
    return "" if may_trace(status) else _PROGRAMS


def may_trace(status: str) -> bool:
    """Whether a process may read the open files of others, by its ``/proc/PID/status``."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(match and int(match[1], 16) >> _SYS_PTRACE & 1)


def apart(containers: Mapping[str, Mapping[str, Any]], own: str) -> tuple[str, str]:
    """Return the missing flags where the container `own` has its own network or process namespace.

    containers: the engine's inspections, by ID. "" where no flag is missing, or the engine does not know the container.
    """
    entry = containers.get(own)
    if entry is None:
        return "", ""
    return (
        "" if _hosts(containers, entry, "NetworkMode") else _NETWORK,
        "" if _hosts(containers, entry, "PidMode") else _PIDS,
    )


def _hosts(containers: Mapping[str, Mapping[str, Any]], entry: Mapping[str, Any], key: str) -> bool:
    """Whether a container has the host's namespace, or that of another container that has it."""
    mode = js.text(js.obj(entry.get("HostConfig")).get(key))
    other = containers.get(mode.removeprefix("container:")) if mode.startswith("container:") else None
    return mode == "host" or (other is not None and other is not entry and _hosts(containers, other, key))
