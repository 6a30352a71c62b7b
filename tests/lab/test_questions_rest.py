"""Two more of the questions that people ask, on netui's screen: same-bridge packets, and an engine elsewhere.

The last one, what is shown while the daemon restarts, is asked in test_screen.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.lab.questions import PORTS, address, flow_line

from .engines import Options
from .hosts import HOST, Host
from .screen import Screen
from .senders import Flow, send
from .terminal import NETUI, ROOT
from .trace import Tracer, without_accepting_policies

Own = Callable[..., Host]


def test_13_same_bridge_packets_in_forward_or_not(own_host: Own) -> None:
    """blog → openresty: FORWARD's rule is the kernel's; with bridge-nf-call-iptables 0 none is met, and it is said."""
    host = own_host("20.10-nft")
    # whichever of its ports listened first: the rules of a bridge know none
    label = "blog → openresty (hehe)"
    for value in (1, 0):
        host.namespace.sysctl(**{"bridge/bridge-nf-call-iptables": value})
        with Tracer(host) as tracer:
            sent = send([Flow("blog", address(host, "openresty"), 80)], host.sandbox, PORTS, timeout=0.6)
            steps = without_accepting_policies(tracer.collect(sent)[0].steps)
        assert sent[0].outcome == "connected"
        assert bool(steps) == bool(value)
        with Screen.on(host, height=70) as screen:
            line = flow_line(screen, "blog", label)
            assert line.startswith("✓")
            if steps:
                last = steps[-1]
                assert f"{last.table} {last.chain} {last.rule}" in line
            else:
                screen.open_flow(label)
                screen.says("bridge-nf-call-iptables is 0")


def test_14_an_engine_on_another_machine_is_not_joined(own_host: Own) -> None:
    """DOCKER_HOST names another machine: its containers are listed, no rule carries their names, and it is said."""
    host = own_host("28.5", Options(flags=("-H", f"tcp://{HOST}:2375", "--tls=false")))
    setting = {**os.environ, "DOCKER_HOST": f"tcp://{HOST}:2375", "PYTHONPATH": str(ROOT)}
    with Screen([*NETUI], place=host.outside.path, environment=setting, width=160, height=60) as screen:
        screen.says("on another machine", "openresty")
        assert "to:openresty" not in screen.text()
        screen.ask("D", f"The engine at tcp://{HOST}:2375 is on another machine")
        screen.keys("Escape")
        screen.wait(lambda text: "Doctor: " not in text)
        screen.ask("E", "not behind these rules")
        screen.keys("Escape")
        screen.wait(lambda text: "Exposed ports" not in text)
        screen.ask("R", "not behind these rules")
