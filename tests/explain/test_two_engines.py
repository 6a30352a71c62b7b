"""Rules of a second engine in the same chains: named, and not taken for stale ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.dialects.iptables.save import read_save
from netui.model import Interface, RulesetKey, Socket
from tests.explain.hosts import snapshot
from tests.explain.situations import SAVE, only

_PROXY = Socket("tcp", "0.0.0.0", 8099, "docker-proxy")
_BRIDGE = Interface(99, "br-0123456789ab", kind="bridge")
_PORTS = tuple(Interface(100 + n, f"vethx{n}", kind="veth", master="web0") for n in range(20))


@pytest.mark.parametrize(
    ("inwards", "socket", "interfaces", "kind"),
    [
        ("! -i br-0123456789ab ", None, (_BRIDGE,), "two-engines"),
        ("! -i br-0123456789ab ", None, (), "stale-dnat"),
        ("", _PROXY, (), "two-engines"),
        ("", None, (), "stale-dnat"),
        ("", replace(_PROXY, program="nginx"), (), "stale-dnat"),
    ],
    ids=["its bridge", "a bridge that is gone", "its proxy", "nothing", "another program"],
)
def test_whose_a_rule_is(inwards: str, socket: Socket | None, interfaces: tuple[Interface, ...], kind: str) -> None:
    """A rule to an address that nobody has is stale, unless something shows another engine's container."""
    at = "[25:1390] -A DOCKER -i brown0 -j RETURN"
    line = f"[7:1] -A DOCKER {inwards}-p tcp -m tcp --dport 8099 -j DNAT --to-destination 172.28.0.99:80\n"
    text = SAVE.read_text()
    assert at in text
    rules, counters = read_save(text.replace(at, line + at), "ip", "nft")
    base, key = snapshot(), RulesetKey("ip", "nft")
    changed = replace(
        base,
        rulesets={**base.rulesets, key: rules},
        counters={**base.counters, key: counters},
        sockets=(*(base.sockets or ()), *([socket] if socket else [])),
        interfaces=(*(base.interfaces or ()), *interfaces),
    )
    assert [finding.id for finding in only(changed)] == [kind]


def test_more_ports_on_a_bridge_than_containers() -> None:
    """Without docker-proxy, a shared bridge has ports that are none of this engine's containers'."""
    base, key = snapshot(), RulesetKey("ip", "nft")
    network = next(n for n in base.networks or () if n.name == "web")
    at = "[25:1390] -A DOCKER -i brown0 -j RETURN"
    line = f"-A DOCKER ! -i {network.bridge} -p tcp -m tcp --dport 8099 -j DNAT --to-destination 172.28.0.99:80"
    rules, counters = read_save(SAVE.read_text().replace(at, f"[7:1] {line}\n{at}"), "ip", "nft")
    ports = tuple(replace(port, master=network.bridge) for port in _PORTS)
    changed = replace(base, rulesets={**base.rulesets, key: rules}, counters={**base.counters, key: counters})
    assert [finding.id for finding in only(changed)] == ["stale-dnat"]
    changed = replace(changed, interfaces=(*(base.interfaces or ()), *ports))
    (found,) = only(changed)
    assert found.id == "two-engines"
    assert "ports, and this engine" in found.evidence[1].text
