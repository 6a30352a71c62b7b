"""What the tests of people's questions share."""

from __future__ import annotations

import re

from .hosts import Host
from .screen import Screen, has
from .senders import Ports

PORTS = Ports()


def address(host: Host, name: str, network: str = "hehe") -> str:
    """A container's address."""
    networks = host.engine.client.api.inspect_container(name)["NetworkSettings"]["Networks"]
    return str(networks[network]["IPAddress"])


def flow_line(screen: Screen, name: str, label: str) -> str:
    """What the details say of a container's flow: "✗ outside → 172.18.0.2 8080/tcp dropped raw PREROUTING 1"."""
    screen.wait(has(f"● {name}", "live"))
    screen.select(f"● {name}")

    def line() -> str | None:
        return next((" ".join(row.split()) for row in screen.detail[1:] if label in row and _VERDICT.search(row)), None)

    return screen.wait_for(line, f"a verdict on {label}", 10)


_VERDICT = re.compile(r"delivered|dropped|rejected|unreachable|undecided")
