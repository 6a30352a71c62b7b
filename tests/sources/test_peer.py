"""Whether an engine's socket is served from netui's own network namespace; the lab has one that is not."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from netui.sources.docker import api as docker_api
from netui.sources.docker.engine_namespace import engine_is_here


def test_a_listener_of_this_namespace_is_here(tmp_path: Path) -> None:
    """Who listens is asked of the kernel, not of the engine."""
    path = str(tmp_path / "docker.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        assert engine_is_here(path) is True


@pytest.mark.parametrize("path", ["", "/nowhere/docker.sock"])
def test_what_cannot_be_asked_is_not_known(path: str) -> None:
    """No unix socket, or nobody who listens."""
    assert engine_is_here(path) is None


def test_a_listener_that_may_not_be_looked_at_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the permission to read a process's namespace it is not guessed."""
    path = str(tmp_path / "docker.sock")

    def refuse(_path: str) -> os.stat_result:
        raise PermissionError

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        monkeypatch.setattr("netui.sources.docker.engine_namespace.os.stat", refuse)
        assert engine_is_here(path) is None


@pytest.mark.parametrize(
    ("options", "known", "here"),
    [
        (["name=seccomp"], None, True),
        (["name=seccomp", "name=rootless"], None, False),
        (["name=rootless"], True, True),
        ([], False, False),
    ],
)
def test_a_rootless_engine_is_elsewhere_unless_it_is_known_to_be_here(
    options: list[str], known: bool | None, here: bool
) -> None:
    """What the kernel said wins; without it a rootless engine has a namespace of its own."""
    assert docker_api.engine({"SecurityOptions": options}, {}, here=known).here is here
