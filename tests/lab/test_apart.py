"""Engines whose rules are elsewhere, or mixed with another engine's: named, and nothing joined that is not theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netui.audit.doctor import diagnose
from netui.traversal import PreparedHost, path, prepare
from tests.lab.findings import outcome

from . import cells
from .cache import LabUnavailable, ensure
from .conftest import Hosts, unavailable
from .doctor_host import findings, restart, seen
from .engines import IMAGE, Engine, Options
from .hosts import HOST, OUTSIDE, Host, await_servers, serve
from .native import native_rules
from .rootless import PROGRAMS, Rootless
from .terminal import ROOT

PORT = 8089


def netui(enter: list[str], url: str, *words: str) -> tuple[int, str]:
    """Run netui where a command leads; its status, and what it printed."""
    environment = {**os.environ, "DOCKER_HOST": url, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*enter, sys.executable, "-m", "netui", *words], check=False, capture_output=True, text=True, env=environment
    )
    return done.returncode, done.stdout or done.stderr


def notes(text: str) -> dict[str, dict[str, Any]]:
    """The findings and notes of `netui doctor --json` by their kind."""
    said = json.loads(text)
    return {one["id"]: one for one in (*said["findings"], *said["notes"])}


@pytest.fixture
def rootless_tools(lab: None) -> None:
    """RootlessKit's packages; without them a skip with the reason, or a failure where CI is set."""
    try:
        ensure(PROGRAMS)
    except LabUnavailable as reason:
        unavailable(str(reason))


@pytest.mark.usefixtures("rootless_tools")
def test_a_rootless_engine_is_named_and_not_joined(own_host: Callable[..., Host], tmp_path: Path) -> None:
    """Its containers are not put behind the host's rules; the command given leads to where they are."""
    host = own_host("20.10-nft")
    here = ["nsenter", f"--net={host.namespace.path}"]
    with Rootless(host) as engine:
        engine.container("web", f"{PORT}:80")
        assert outcome(host, "outside", HOST, PORT) == "connected"
        status, text = netui(here, engine.url, "doctor", "--json")
        note = notes(text)["engine-rootless"]
        assert set(notes(text)) == {"engine-rootless"}
        assert (status, note["severity"]) == (3, "note")
        status, text = netui(here, engine.url, "path", "outside", "web:80")
        assert (status, "rootless" in text) == (2, True)
        status, text = netui(here, engine.url, "exposed", "--fail-on", "world")
        assert (status, "rootless" in text) == (3, True)
        _, text = netui(here, engine.url, "path", "outside", f"host:{PORT}")
        assert f"rootlesskit answers on {HOST}:{PORT}/tcp" in text
        inside = tmp_path / "netui"
        inside.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m netui "$@"\n')
        inside.chmod(0o755)
        command = note["advice"][0].partition(": sudo ")[2]
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": str(engine.run)}

        def follow(words: str) -> tuple[int, str]:
            done = subprocess.run(
                ["sh", "-c", f"{command} {words}"], check=False, capture_output=True, text=True, env=environment
            )
            return done.returncode, done.stdout or done.stderr

        status, text = follow("doctor --json")
        assert (status, set(notes(text))) == (0, {"engine-rootless"})
        assert "this is RootlessKit's namespace" in notes(text)["engine-rootless"]["what"]
        status, text = follow("path host web:80")
        assert (status, "DELIVERED to web" in text) == (0, True)


def test_an_engine_in_another_namespace_is_named_and_not_joined(blog_hosts: Hosts) -> None:
    """Asked from where its rules are not, netui says so; in the engine's namespace all is joined."""
    host = blog_hosts("28.5")
    away = ["nsenter", f"--net={host.outside.path}"]
    status, text = netui(away, host.engine.url, "doctor", "--json")
    assert (status, set(notes(text))) == (3, {"engine-namespace"})
    status, text = netui(away, host.engine.url, "path", "outside", "blog:8080")
    assert (status, "another network namespace" in text) == (2, True)
    there = ["nsenter", "-n", "-t", str(host.engine.daemon_pid)]
    status, text = netui(there, host.engine.url, "doctor", "--json")
    assert (status, "engine-namespace" in notes(text)) == (0, False)


def as_29(host: Host) -> PreparedHost:
    """The host as it is now, its engine saying of its firewall what 29 says."""
    snapshot = seen(host).snapshot
    assert snapshot.engine is not None
    return prepare(replace(snapshot, engine=replace(snapshot.engine, firewall="nftables")))


def test_rules_of_engine_29s_own_backend(
    own_host: Callable[..., Host], count: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """29's native table decides: every cell is what a connection sees, and nothing is missed in iptables' tables."""
    host = own_host("28.5", Options(flags=("--iptables=false",)))
    native_rules(host)
    assert outcome(host, "outside", HOST, 80) == "connected"
    assert outcome(host, "blog", OUTSIDE, 9) == "ECONNREFUSED"
    found = diagnose(as_29(host))
    assert found.findings == ()
    said = {note.id: note for note in found.notes}
    assert "engine-nftables" in said and "native-tables" not in said
    command = said["engine-nftables"].advice[0].removeprefix("See them with: ")
    assert "DROP DIRECT ACCESS" in host.engine.tool(*command.split())
    way = path(as_29(host), "outside", "host:80")
    assert (way.verdict, way.deciding is not None and way.deciding.table) == ("delivered", "docker-bridges")
    monkeypatch.setattr(cells, "seen", as_29)
    cells.compare_cells(host, count, "native rules of 29")


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_two_engines_on_one_host(kind: str, own_host: Callable[..., Host]) -> None:
    """The second wipes the first one's DNAT, and its own rules are not taken for stale; one stopped, all is well."""
    host = own_host("20.10-nft")
    second = Engine(kind, host.namespace, label=f"{host.namespace.label}-second").start()
    command = ["sh", "-c", serve([80])]
    second.client.networks.create("theirs")
    for name, network, port in (("on-theirs", "theirs", 8090), ("on-docker0", "bridge", 8091)):
        more: dict[str, Any] = {"network": network, "ports": {"80/tcp": port}, "stop_signal": "SIGKILL"}
        made = second.client.containers.create(IMAGE, command, name=name, **more)
        made.start()
        made.reload()
        await_servers(int(made.attrs["State"]["Pid"]), serve([80]))
        assert outcome(host, "outside", HOST, port) == "connected"
    found = findings(host)
    assert set(found) == {"missing-dnat", "two-engines"}
    assert "8090/tcp to " in found["two-engines"].what
    assert "8091/tcp to " in found["two-engines"].what
    texts = [evidence.text for evidence in found["two-engines"].evidence]
    assert any(text.endswith("is a bridge of none of this engine's networks") for text in texts)
    assert "docker-proxy listens on 0.0.0.0:8091/tcp, which none of this engine publishes" in texts
    second.stop()
    restart(host)
    assert findings(host) == {}
    assert outcome(host, "outside", HOST, 80) == "connected"
