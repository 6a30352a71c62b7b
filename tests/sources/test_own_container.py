"""netui in a container: it knows its own by the engine's files, and says which flag of `docker run` is missing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from netui.sources.docker.context import EngineAddress
from netui.sources.docker.errors import explain
from netui.sources.docker.listing import Listing
from netui.sources.machine import own_container
from netui.sources.machine.own_container import apart, identity_in, may_trace

OWN, OTHER = "a" * 64, "b" * 64

MOUNTS = [
    pytest.param(
        f"1 2 8:1 /var/lib/docker/containers/{OWN}/hostname /etc/hostname rw - ext4 /dev/vda rw\n", OWN, id="Docker's"
    ),
    pytest.param(f"1 2 0:5 /data/containers/{OWN}/resolv.conf /etc/resolv.conf rw - ext4 x rw\n", OWN, id="elsewhere"),
    pytest.param("1 2 8:1 / / rw - ext4 /dev/vda rw\n", "", id="a host"),
    pytest.param(f"1 2 8:1 /srv/containers/{OWN[:12]}/hostname /etc/hostname rw\n", "", id="a short name"),
]


@pytest.mark.parametrize(("mounts", "found"), MOUNTS)
def test_its_own_id_is_in_what_the_engine_mounted(mounts: str, found: str) -> None:
    """The folder of the container in which the engine keeps hostname, hosts and resolv.conf."""
    assert identity_in(mounts) == found


def container(network: str, pids: str = "") -> dict[str, Any]:
    """What an engine says of a container's namespaces."""
    return {"HostConfig": {"NetworkMode": network, "PidMode": pids}}


APART = [
    pytest.param({OWN: container("host", "host")}, "", "", id="both the host's"),
    pytest.param({OWN: container("bridge", "host")}, "--network host", "", id="a network of its own"),
    pytest.param({OWN: container("host")}, "", "--pid host", id="processes of its own"),
    pytest.param({OWN: container("none")}, "--network host", "--pid host", id="neither"),
    pytest.param(
        {OWN: container(f"container:{OTHER}", "host"), OTHER: container("host")}, "", "", id="another one's, the host's"
    ),
    pytest.param(
        {OWN: container(f"container:{OTHER}", "host"), OTHER: container("hehe")},
        "--network host",
        "",
        id="another's own",
    ),
    pytest.param({OWN: container(f"container:{OWN}", "host")}, "--network host", "", id="its own by name"),
    pytest.param({OTHER: container("bridge")}, "", "", id="an engine that does not know it"),
    pytest.param({OWN: {}}, "--network host", "--pid host", id="an engine that says nothing of it"),
]


@pytest.mark.parametrize(("containers", "network", "pids"), APART)
def test_the_engine_says_how_it_was_started(containers: dict[str, Any], network: str, pids: str) -> None:
    """The flag stands in what is said, or nothing is."""
    said = apart(containers, OWN)
    assert [bool(each) for each in said] == [bool(network), bool(pids)]
    assert network in said[0] and pids in said[1]


@pytest.mark.parametrize(("network", "pids"), [("hehe", "host"), ("host", ""), ("host", "host"), ("hehe", "")])
def test_what_is_apart_is_not_joined(monkeypatch: pytest.MonkeyPatch, network: str, pids: str) -> None:
    """Another network: the engine's rules are not these. Other processes: no number of a process is believed."""
    monkeypatch.setattr(own_container, "identity", lambda: OWN)
    listing = Listing()
    listing.address = EngineAddress("unix:///var/run/docker.sock")
    listing.here = True
    entry = {"State": {"Running": True, "Pid": 7}, "Name": "/web", "Id": OTHER}
    listing.containers = {OWN: {"Id": OWN, **container(network, pids)}, OTHER: copy.deepcopy(entry)}
    part = listing.part()
    assert part.values["engine"].here is (network == "host")
    assert [each.pid for each in part.values["containers"] if each.name == "web"] == [7 if pids else -1]
    wanted = "--network host" if network != "host" else "" if pids else "--pid host"
    assert (wanted in part.note) if wanted else part.note == ""


@pytest.mark.parametrize(
    ("inside", "root", "needs", "denied"),
    [
        pytest.param(False, True, "sudo", "", id="root of a host: the program's own words"),
        pytest.param(False, False, "sudo", "sudo", id="a user of a host"),
        pytest.param(True, True, "--cap-add NET_ADMIN", "--cap-add NET_ADMIN", id="root of a container"),
        pytest.param(True, False, "sudo", "sudo", id="a user of a container"),
    ],
)
def test_who_was_refused_is_told_what_helps(
    monkeypatch: pytest.MonkeyPatch, inside: bool, root: bool, needs: str, denied: str
) -> None:
    """Sudo on a host; in a container root lacks a capability, for Docker gives few of them."""
    monkeypatch.setattr(own_container, "inside", lambda: inside)
    monkeypatch.setattr("netui.sources.machine.own_container.os.geteuid", lambda: 0 if root else 1000)
    assert needs in own_container.needs_root()
    assert (denied in own_container.denied()) if denied else own_container.denied() == ""


def test_a_socket_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container it is the flag that is missing, not the engine."""
    address = EngineAddress("unix:///var/run/docker.sock")
    assert "systemctl start docker" in str(explain(FileNotFoundError(), address))
    monkeypatch.setattr("netui.sources.docker.errors.inside", lambda: True)
    assert "-v /var/run/docker.sock" in str(explain(FileNotFoundError(), address))


@pytest.mark.parametrize(
    ("status", "may"),
    [("CapEff:\t0000000000080000\n", True), ("CapEff:\t0000000000001000\n", False), ("CapPrm:\tffff\n", False)],
)
def test_who_may_look_at_other_processes(status: str, may: bool) -> None:
    """CAP_SYS_PTRACE is bit 19 of the effective ones."""
    assert may_trace(status) is may
