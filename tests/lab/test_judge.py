"""netui's predictions equal the kernel's trace: a sample of what `make judge` compares in full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .engines import KINDS, Options
from .hosts import Host
from .judge import judge, judge_counters, report
from .matrix import flows
from .people import add_rules
from .wide import wide_host

# Every flow of some, so that the sample of each variant is another one.
EVERY = 2


@pytest.fixture(scope="module", params=KINDS)
def host(request: pytest.FixtureRequest, lab: None) -> Iterator[Host]:
    """The wide host of each engine kind, for this file alone: rules are added to it."""
    with wide_host(request.param, Options(ip6tables=True)) as made:
        yield made


def agree(host: Host, title: str, folder: Path, first: int) -> None:
    """Compare a sample and fail with both sides of each difference."""
    result = judge(host, flows(host)[first::EVERY], title, folder)
    print(result.summary())
    assert not result.disagreements, report(result)
    assert not result.outcomes, report(result)
    assert result.flows > 500
    assert len(result.undecided) < result.flows * 0.06, report(result)


def test_docker_rules_alone(host: Host, tmp_path: Path) -> None:
    """Docker's own rules, on every kind of network, published port and address."""
    agree(host, f"{host.kind}, docker's rules", tmp_path, 0)


def test_people_rules_on_top(host: Host, tmp_path: Path) -> None:
    """With DOCKER-USER lines, ufw, fail2ban, Tailscale, sets, marks and untracked packets on top."""
    add_rules(host)
    agree(host, f"{host.kind}, people's rules", tmp_path, 1)


@pytest.mark.parametrize("host", ["20.10-legacy"], indirect=True)
def test_legacy_counters(host: Host, tmp_path: Path) -> None:
    """On legacy tables exactly the predicted rules' counters move, one packet at a time."""
    result = judge_counters(host, flows(host)[::7], f"{host.kind}, counters", tmp_path)
    print(result.summary())
    assert not result.disagreements, report(result)
    assert result.flows > 200


def test_without_bridge_calls(host: Host, tmp_path: Path) -> None:
    """Same-bridge packets that no rule sees."""
    host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": 0, "bridge/bridge-nf-call-ip6tables": 0})
    agree(host, f"{host.kind}, no br_netfilter", tmp_path, 0)


def test_without_proxy(lab: None, tmp_path: Path) -> None:
    """Hairpin and loopback are the rules' work where docker-proxy is off."""
    with wide_host("28.5", Options(userland_proxy=False, ip6tables=True)) as host:
        agree(host, "28.5, no proxy", tmp_path, 0)
