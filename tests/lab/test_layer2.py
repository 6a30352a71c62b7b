"""Tables that packets do not meet, or meet outside the IP hooks: dormant ones, netdev's and the bridge family's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netui.traversal import path

from .doctor_host import seen
from .hosts import Host
from .test_doctor import outcome
from .test_native import HOST, LIVE_PATH
from .test_sources_live import inside

Own = Callable[..., Host]
VERDICT = {"connected": "delivered", "timeout": "dropped", "ECONNREFUSED": "rejected"}


def nft(host: Host, rules: str) -> None:
    """Change native rules as an administrator does."""
    host.engine.tool("nft", "-f", "-", stdin=f"{rules}\n")


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_a_dormant_table_stops_nothing(own_host: Own, kind: str) -> None:
    """While a table is dormant its drop never runs; awake, it does. Live and from a capture, on each engine."""
    host = own_host(kind)
    own = "table inet own { flags dormant; chain f { type filter hook forward priority 5; %s; }; }"
    nft(host, own % "meta l4proto tcp ct original proto-dst 80 drop")
    for wanted, change in (("connected", ""), ("timeout", "add table inet own { }")):
        if change:
            nft(host, change)
        assert outcome(host, "outside", HOST, 80) == wanted
        assert path(seen(host), "outside", "host:80").verdict == VERDICT[wanted]
        live = inside(host, LIVE_PATH)["paths"]["80"]
        assert live[0] == VERDICT[wanted], live


def test_a_dormant_table_of_iptables_stops_nothing(own_host: Own) -> None:
    """iptables-nft-save prints it as any other; nothing of it is met."""
    host = own_host("20.10-nft")
    host.engine.tool("iptables", "-I", "DOCKER-USER", "-j", "DROP")
    assert outcome(host, "outside", HOST, 80) == "timeout"
    nft(host, "add table ip filter { flags dormant; }")
    assert outcome(host, "outside", HOST, 80) == "connected"
    assert path(seen(host), "outside", "host:80").verdict == "delivered"
    assert inside(host, LIVE_PATH)["paths"]["80"][0] == "delivered"
