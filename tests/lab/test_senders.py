"""To whom, with real packets: machines at the edges of each part meet the rules that the part's path names."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest

from netui.sources.capture.reader import read_capture
from netui.traversal import Path as Answer
from netui.traversal import path, prepare
from netui.traversal.result import Step

from .capture import write_capture
from .hosts import HOST, Host
from .judge import outcome_differs, predicted_steps
from .senders import Flow, send
from .trace import Tracer, without_accepting_policies

Own = Callable[..., Host]

#: An allow list with a hole, a block list, a range, a set, a mask that is no prefix, and a nested chain.
RULES = """
*filter
:OFFICE - [0:0]
-I DOCKER-USER 1 -i eth0 -m set --match-set blocked src -j DROP
-I DOCKER-USER 2 -i eth0 -s 203.0.113.0/24 -p tcp -m conntrack --ctstate NEW -j OFFICE
-I DOCKER-USER 3 -i eth0 -m iprange --src-range 192.0.2.10-192.0.2.20 -j RETURN
-I DOCKER-USER 4 -i eth0 -m conntrack --ctstate NEW -j REJECT --reject-with icmp-port-unreachable
-A OFFICE ! -s 203.0.113.64/26 -j RETURN
-A OFFICE -s 203.0.113.65/255.255.255.195 -j DROP
COMMIT
"""
NATIVE = """table inet own {
  set allowed { type ipv4_addr; flags interval; elements = { 203.0.113.0/25, 192.0.2.0/24, 9.0.0.0/8 }; }
  chain entry {
    type filter hook forward priority -5; policy accept;
    iifname "eth0" ip saddr != @allowed tcp dport 443 counter drop
  }
}
"""


def edges(found: Answer) -> list[str]:
    """The first and last machine of every network of every part, and the machines beside them."""
    nets = [ipaddress.ip_network(net) for part in found.senders for net in part.addresses or ()]
    numbers = {int(net[place]) + beside for net in nets for place in (0, -1) for beside in (-1, 0, 1)}
    addresses = (ipaddress.IPv4Address(number) for number in sorted(numbers))
    return [str(one) for one in addresses if one.is_global or str(one).startswith(("203.0.113.", "192.0.2."))]


def of(found: Answer, address: str) -> Answer:
    """What netui says of the part with this machine."""
    sender = ipaddress.ip_address(address)
    for part in found.senders:
        if any(sender in ipaddress.ip_network(net) for net in part.addresses or ()):
            return part.path
    return found


@pytest.mark.parametrize("kind", ["20.10-nft", "28.5"])
def test_each_part_is_what_its_machines_meet(own_host: Own, kind: str, tmp_path: Path) -> None:
    """The kernel's trace of a packet from each edge equals the part's path, and so does what the sender sees."""
    host = own_host(kind)
    host.engine.tool("ipset", "-exist", "restore", stdin="create blocked hash:net\nadd blocked 203.0.113.32/28\n")
    host.engine.tool("iptables-restore", "--noflush", stdin=RULES)
    host.engine.tool("nft", "-f", "-", stdin=NATIVE)
    prepared = prepare(read_capture(write_capture(host, tmp_path)))
    checked = 0
    for port in (80, 443):
        found = path(prepared, "outside", f"host:{port}", reply=True)
        assert found.undecided == ()
        addresses = edges(found)
        assert len(found.senders) > 4
        for address in addresses:
            host.outside.ip("address", "replace", f"{address}/32", "dev", "lo")
        host.namespace.run("conntrack", "-F", check=False)
        with Tracer(host) as tracer:
            flows = [Flow("outside", HOST, port, source=address) for address in addresses]
            # busybox's httpd keeps nine connections waiting, and the kernel drops the SYN of more
            sent = send(flows, host.sandbox, host.ports, timeout=0.8, at_once=8)
            traces = tracer.collect(sent)
        for one, trace, address in zip(sent, traces, addresses, strict=True):
            said = of(found, address)
            legs = [{"where": leg.where, "steps": [_step(step) for step in leg.steps]} for leg in said.legs]
            assert predicted_steps({"legs": legs}) == without_accepting_policies(trace.steps), (address, port)
            assert not outcome_differs(one, {"verdict": said.verdict}), (address, port, one.outcome, said.verdict)
            checked += 1
    assert checked > 40


def _step(step: Step) -> dict[str, object]:
    made: dict[str, object] = {name: getattr(step, name) for name in ("family", "backend", "table", "chain", "rule")}
    return {**made, "verdict": step.says}
