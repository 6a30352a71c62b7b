"""What a doctor of the lab's host is asked and says."""

from __future__ import annotations

import os
from pathlib import Path

from .hosts import Host, serve
from .neighbours import wait_for
from .senders import Flow, Ports, send

#: Each connection has a source port of its own: conntrack would remember how the last one was translated.
PORTS = Ports()


def outcome(host: Host, source: str, address: str, port: int) -> str:
    """What a real connection sees."""
    return send([Flow(source, address, port)], host.sandbox, PORTS, timeout=0.6)[0].outcome


def rule(host: Host, text: str) -> None:
    """Change a rule as an administrator does."""
    host.engine.tool("iptables", *text.split())


def publish(host: Host, name: str, ports: dict[str, object], tcp: tuple[int, ...] = (80,)) -> str:
    """Start a container that publishes ports on hehe; its address."""
    made = host.container(name, serve(tcp), networks={"hehe": {}}, ports=ports)
    made.reload()
    # the servers begin to listen some time after the container's start
    files = [Path(f"/proc/{host.pid(name)}/net/{kind}") for kind in ("tcp", "tcp6")]
    listens = lambda: all(any(f":{port:04X} " in file.read_text() for file in files) for port in tcp)  # noqa: E731
    wait_for(listens, name, Path(os.devnull))
    return str(made.attrs["NetworkSettings"]["Networks"]["hehe"]["IPAddress"])
