"""What is told of many containers' packets at once is what the walk of each alone says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netui.model import Snapshot
from netui.sources.capture.reader import read_capture
from netui.traversal import EndpointError, PreparedHost, prepare
from netui.traversal.answer import outcome
from netui.traversal.stopped import stopped
from tests.bench.large import large_snapshot
from tests.explain.random_hosts import random_host

CASES = Path(__file__).parents[1] / "cases"


def _questions(host: PreparedHost) -> Iterator[tuple[list[str], str]]:
    """Every container on each of its networks, and each published port and container's address."""
    running = [one for one in host.containers if one.running]
    sources = [f"{one.id}@{end.network_name}" for one in running for end in one.endpoints]
    for container in running[::7]:
        for bound in container.bound_ports:
            yield sources, f"host:{bound.host_port}/{bound.protocol}"
            for end in container.endpoints:
                if end.ipv4:
                    yield sources, f"{end.ipv4}:{bound.container_port}/{bound.protocol}"
                if end.ipv6:
                    yield sources, f"[{end.ipv6}]:{bound.container_port}/{bound.protocol}"


def _compare(snapshot: Snapshot) -> tuple[int, int]:
    """Compare both answers; returns how many were told at once, and how many were asked."""
    host, alone = prepare(snapshot), prepare(snapshot)
    told = asked = 0
    for sources, destination in _questions(host):
        found = stopped(host, sources, destination)
        told += len(found)
        asked += len(sources)
        for source, at_once in found.items():
            walked = outcome(alone, source, destination, reply=True)
            where = f"{source} → {destination}"
            for name in ("verdict", "reason", "delivered_to", "deciding", "protocol", "condition"):
                assert getattr(at_once, name) == getattr(walked, name), where
            assert (*walked.undecided, *walked.notes, *walked.reply, *walked.one_of, *walked.senders) == (), where
    return told, asked


@pytest.mark.parametrize("seed", range(24))
def test_random_rules_stop_alike(seed: int) -> None:
    """Whatever rules people add to Docker's, those who are told at once are told what their walk says."""
    _compare(random_host(seed))


def test_most_of_a_plain_host_is_told_at_once() -> None:
    """Of Docker's own rules nearly every packet from another network is told without a walk of its own."""
    told, asked = _compare(large_snapshot(100))
    assert told > asked / 2


@pytest.mark.parametrize("name", sorted(case.name for case in CASES.iterdir()))
def test_recorded_hosts_stop_alike(name: str) -> None:
    """On recorded hosts of each engine, too."""
    _compare(read_capture(CASES / name / "host"))


@pytest.mark.parametrize(
    "rule",
    [
        "-s 10.64.1.0/24 -j ACCEPT",
        "-d 10.64.2.0/24 -j RETURN",
        "-m limit --limit 5/sec -j ACCEPT",
        "-m recent --set --name a --rsource",
        "-m conntrack --ctorigdstport 20003 -j ACCEPT",
        "-d 10.64.0.4/32 -j MARK --set-xmark 0x1/0xffffffff",
        "-m iprange --src-range 10.64.1.2-10.64.1.9 -j DROP",
        "-i br-000000000001 -j REJECT --reject-with icmp-port-unreachable",
        "-p tcp -m tcp --dport 80 -j RETURN",
    ],
)
def test_one_rule_of_docker_user_is_heeded(rule: str) -> None:
    """A rule in DOCKER-USER that singles out senders, receivers, ports or packets holds for those told at once."""
    _compare(large_snapshot(100, user=[rule]))


def test_senders_that_cannot_ask_are_not_told() -> None:
    """Of the host, machines outside, strangers and wrong destinations nothing is told, and nothing is raised."""
    host = prepare(large_snapshot(60))
    sources = ["host", "outside", "lan@eth0", "nobody@net0", "app1@nowhere", "10.64.0.2"]
    for destination in ("host:20000/tcp", "10.64.1.2:80/tcp", "outside:80", "app30:80", "10.64.1.2/icmp"):
        assert stopped(host, sources, destination) == {}
    with pytest.raises(EndpointError):
        outcome(host, "nobody@net0", "host:20000/tcp")
