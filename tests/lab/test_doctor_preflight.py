"""What keeps an engine or a container from starting, on a lab host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from docker.errors import APIError

from netui.audit.doctor import diagnose
from netui.sources.capture.reader import read_capture
from netui.sources.live.kernel_modules import kernel_text
from netui.traversal import prepare

from .capture import write_capture
from .engines import Options
from .hosts import Host, serve

Own = Callable[..., Host]


def kinds(folder: Path) -> set[str]:
    """The kinds of findings of a captured host."""
    return {finding.id for finding in diagnose(prepare(read_capture(folder))).findings}


def stopped(host: Host, folder: Path) -> Path:
    """A capture as it is made while the engine does not answer."""
    write_capture(host, folder)
    for file in folder.glob("docker-*.json"):
        file.unlink()
    return folder


def test_this_kernel_and_one_that_lacks_a_match(own_host: Own, tmp_path: Path) -> None:
    """An engine runs on this kernel, and nothing is lacking; without xt_addrtype it would not start."""
    folder = stopped(own_host("28.5"), tmp_path / "host")
    file = folder / "kernel-modules.txt"
    file.write_text(kernel_text())
    assert "kernel-lacks" not in kinds(folder)
    lines = [line for line in kernel_text().splitlines() if "ADDRTYPE" not in line and "addrtype" not in line]
    file.write_text("\n".join(lines) + "\n")
    assert "kernel-lacks" in kinds(folder)


def test_forwarding_for_an_engine_with_nftables(own_host: Own, tmp_path: Path) -> None:
    """Told to make nftables rules on a host that does not forward: found, and gone with the sysctl that is given."""
    host = own_host("28.5")
    host.namespace.sysctl(**{"ipv4/ip_forward": 0})
    folder = stopped(host, tmp_path / "off")
    (folder / "daemon.json").write_text('{"firewall-backend": "nftables"}')
    assert "forwarding-for-nftables" in kinds(folder)
    host.namespace.sysctl(**{"ipv4/ip_forward": 1})
    folder = stopped(host, tmp_path / "on")
    (folder / "daemon.json").write_text('{"firewall-backend": "nftables"}')
    assert "forwarding-for-nftables" not in kinds(folder)


@pytest.mark.parametrize("flags", [(), ("--userland-proxy=false",)], ids=["proxy", "no proxy"])
@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_a_port_published_twice(kind: str, flags: tuple[str, ...], own_host: Own, tmp_path: Path) -> None:
    """All addresses and one of them: the engine refuses to start the container; with one of the two it runs.

    Of UDP no finding is made: 28.5 takes it.
    """
    host = own_host(kind, Options(flags=flags))
    with pytest.raises(APIError, match="address already in use"):
        host.container("twice", serve([80]), networks={"hehe": {}}, ports={"80/tcp": [8099, ("127.0.0.1", 8099)]})
    assert "published-twice" in kinds(write_capture(host, tmp_path / "twice"))
    host.engine.client.containers.get("twice").remove(force=True)
    host.container("twice", serve([80]), networks={"hehe": {}}, ports={"80/tcp": 8099})
    assert "published-twice" not in kinds(write_capture(host, tmp_path / "once"))
