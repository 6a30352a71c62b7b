"""Doctor's findings about allow lists and block lists, each built, seen by a connection and cured on a real engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from netui.traversal import path
from tests.lab.findings import outcome, rule

from .doctor_host import diagnosis, findings, run_advice, seen
from .engines import Options
from .hosts import HOST, HOST6, Host
from .neighbours import wait_for

Own = Callable[..., Host]
OFFICE = "203.0.113.0/24"
BAD = "192.0.2.66"


def asks(host: Host, source: str, port: int = 80) -> str:
    """What a machine outside with this address sees."""
    from .senders import Flow, send

    host.outside.ip("address", "replace", f"{source}/32", "dev", "lo")
    host.namespace.run("conntrack", "-F", check=False)
    return send([Flow("outside", HOST, port, source=source)], host.sandbox, host.ports, timeout=0.8)[0].outcome


def closed_over_ipv6(host: Host) -> Host:
    """The host with port 80 closed over IPv6, where docker-proxy answers, so that no more is wrong than the list."""
    words = "-I INPUT 1 -i eth0 -p tcp -m tcp --dport 80 -j DROP"
    host.engine.tool("ip6tables", *words.split())
    wait_for(lambda: outcome(host, "outside", HOST, 80) == "connected", "openresty", Path(os.devnull))
    return host


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_an_allow_list_behind_an_accept_for_all(kind: str, own_host: Own) -> None:
    """The list decides nothing until the accept is gone; then only the office comes in."""
    host = closed_over_ipv6(own_host(kind))
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 80 -j DROP")
    rule(host, f"-I DOCKER-USER 1 -i eth0 -s {OFFICE} -p tcp -m tcp --dport 80 -j RETURN")
    assert findings(host) == {}
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -j ACCEPT")
    assert asks(host, BAD) == "connected"
    found = findings(host)
    assert set(found) == {"allow-list-open"}
    run_advice(host, found["allow-list-open"])
    assert findings(host) == {}
    assert asks(host, BAD) == "timeout"
    assert asks(host, "203.0.113.7") == "connected"


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_an_allow_list_that_lets_nobody_in(kind: str, own_host: Own) -> None:
    """Appended behind the DROP: nobody comes in, until the DROP stands behind the list."""
    host = closed_over_ipv6(own_host(kind))
    rule(host, f"-I DOCKER-USER 1 -i eth0 -s {OFFICE} -p tcp -m tcp --dport 80 -j RETURN")
    rule(host, f"-I DOCKER-USER 1 -i eth0 -s {BAD} -p tcp -m tcp --dport 80 -j RETURN")
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 80 -j DROP")
    assert asks(host, "203.0.113.7") == "timeout"
    found = findings(host)
    assert set(found) == {"allow-list-closed"}
    run_advice(host, found["allow-list-closed"])
    assert findings(host) == {}
    assert asks(host, "203.0.113.7") == asks(host, BAD) == "connected"
    assert asks(host, "192.0.2.9") == "timeout"


def test_a_set_that_names_nobody(own_host: Own) -> None:
    """An allow list by a set that was not filled again after a restart."""
    host = closed_over_ipv6(own_host("20.10-nft"))
    host.engine.tool("ipset", "create", "office", "hash:net")
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 80 -j DROP")
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 80 -m set --match-set office src -j RETURN")
    assert asks(host, "203.0.113.7") == "timeout"
    assert set(findings(host)) == {"allow-list-closed"}
    host.engine.tool("ipset", "add", "office", OFFICE)
    assert findings(host) == {}
    assert asks(host, "203.0.113.7") == "connected"


@pytest.mark.parametrize("chain", ["DOCKER-USER", "INPUT"])
def test_a_block_list_behind_the_accept(chain: str, own_host: Own) -> None:
    """Who is blocked comes in all the same, until the block stands before the accept."""
    host = closed_over_ipv6(own_host("20.10-nft"))
    rule(host, f"-I {chain} 1 -i eth0 -s {BAD} -j DROP")
    rule(host, f"-I {chain} 1 -i eth0 -p tcp -m tcp --dport 80 -j ACCEPT")
    if chain == "DOCKER-USER":
        assert asks(host, BAD) == "connected"
    found = findings(host)
    assert set(found) == {"block-list-late"}
    run_advice(host, found["block-list-late"])
    assert findings(host) == {}
    if chain == "DOCKER-USER":
        assert asks(host, BAD) == "timeout"


def test_ipv6_goes_around_the_list(own_host: Own) -> None:
    """20.10 leaves IPv6 to docker-proxy: what DOCKER-USER keeps out over IPv4 comes in over IPv6."""
    host = own_host("20.10-nft", Options(ip6tables=False))
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 80 -j DROP")
    rule(host, f"-I DOCKER-USER 1 -i eth0 -s {OFFICE} -p tcp -m tcp --dport 80 -j RETURN")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    assert outcome(host, "outside", HOST6, 80) == "connected"
    rule(host, "-I DOCKER-USER 1 -i eth0 -p tcp -m tcp --dport 443 -j DROP")
    # what is closed to everyone may be meant so: it is noted
    assert "443/tcp" in {note.id: note.what for note in diagnosis(host).notes}["ipv6-left-open"]
    found = findings(host)["ipv6-left-open"]
    assert found.about == ("openresty",)
    assert "80/tcp" in found.what
    run_advice(host, found, "ip6tables")
    assert "ipv6-left-open" not in findings(host)
    assert outcome(host, "outside", HOST6, 80) == "timeout"
    assert path(seen(host), "outside", f"[{HOST6}]:80").verdict == "dropped"
