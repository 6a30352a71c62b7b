"""A container that changes its own routes: what becomes of its packets, seen in its namespace and never guessed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from netui.sources.capture.reader import read_capture
from netui.traversal import path, prepare
from tests.lab.findings import outcome

from .capture import write_capture
from .doctor_host import seen
from .hosts import Host, serve

Own = Callable[..., Host]
AWAY = "198.51.100.2"


def test_a_container_changes_its_default_route(own_host: Own, tmp_path: Path) -> None:
    """Through a neighbour, by nobody, to none, back again: as its namespace tells, live and captured."""
    host = own_host("28.5")
    host.container("vpn", serve([80]), networks={"hehe": {}}, cap_add=["NET_ADMIN"])
    api = host.engine.client.api
    address = api.inspect_container("openresty")["NetworkSettings"]["Networks"]["hehe"]["IPAddress"]
    gateway = api.inspect_container("vpn")["NetworkSettings"]["Networks"]["hehe"]["Gateway"]
    route = ("nsenter", "-t", str(host.pid("vpn")), "-n", "ip", "route")
    assert outcome(host, "vpn", AWAY, 80) in ("connected", "ECONNREFUSED")
    assert path(seen(host), "vpn", f"{AWAY}:80").verdict == "delivered"

    host.namespace.run(*route, "replace", "default", "via", address)
    found = path(seen(host), "vpn", f"{AWAY}:80")
    assert (found.verdict, address in found.reason) == ("undecided", True)

    host.namespace.run(*route, "del", "default")
    assert outcome(host, "vpn", AWAY, 80) not in ("connected", "ECONNREFUSED", "timeout")
    found = path(seen(host), "vpn", f"{AWAY}:80")
    assert (found.verdict, "has no route" in found.reason) == ("unreachable", True)
    # an answer is not sent either
    published = path(seen(host), "outside:198.51.100.2", "vpn:80", reply=True)
    assert published.verdict != "delivered"

    host.namespace.run(*route, "add", "unreachable", "198.51.100.0/24")
    host.namespace.run(*route, "add", "default", "via", gateway)
    assert path(seen(host), "vpn", f"{AWAY}:80").verdict == "unreachable"
    host.namespace.run(*route, "del", "unreachable", "198.51.100.0/24")
    assert outcome(host, "vpn", AWAY, 80) in ("connected", "ECONNREFUSED")
    assert path(seen(host), "vpn", f"{AWAY}:80").verdict == "delivered"

    host.namespace.run(*route[:-1], "rule", "add", "fwmark", "7", "lookup", "77")
    host.namespace.run(*route, "add", "default", "via", address, "table", "77")
    assert path(seen(host), "vpn", f"{AWAY}:80").verdict == "undecided"

    capture = write_capture(host, tmp_path / "host")
    shutil.rmtree(capture / "listening")
    found = path(prepare(read_capture(capture)), "vpn", f"{AWAY}:80")
    assert (found.verdict, "NET_ADMIN" in found.reason) == ("undecided", True)
    assert path(prepare(read_capture(capture)), "blog", f"{AWAY}:80").verdict == "delivered"
