"""The kernel's own connections: as /proc has them and as netlink gives them, and on the screen."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path

from netui.model.connection import Connection, Ends
from netui.sources.live import conntrack

from .hosts import HOST, OUTSIDE, Host
from .namespaces import call_in
from .screen import Screen, has

Seen = tuple[str, Ends, Ends, str]


def test_netlink_says_what_proc_says(any_blog_host: Host) -> None:
    """A connection that stands is the same by both ways, translated to the container."""
    with call_in(any_blog_host.sandbox("outside"), lambda: socket.create_connection((HOST, 80), 5)) as held:
        port = held.getsockname()[1]

        def both() -> tuple[set[Seen], set[Seen]]:
            text = Path(f"/proc/thread-self/net/{conntrack._PROC.name}").read_text()

            def keep(found: Iterable[Connection]) -> set[Seen]:
                return {(c.protocol, c.original, c.reply, c.state) for c in found if c.original.sport == port}

            return keep(conntrack.parse_proc(iter(text.splitlines()))), keep(conntrack._over_netlink())

        by_proc, by_netlink = call_in(any_blog_host.sandbox("host"), both)
        assert by_proc == by_netlink and len(by_proc) == 1
        (_, original, reply, state), *_ = by_proc
        assert (original.src, original.dport, reply.sport, state) == (OUTSIDE, 80, 80, "ESTABLISHED")
        assert reply.src.startswith("172.")


def test_the_screen_shows_who_is_connected(blog_hosts: object) -> None:
    """c names the container, the peer and the port of a real connection, and which rule lets a new one in."""
    host: Host = blog_hosts("28.5")  # type: ignore[operator]
    connect = lambda: socket.create_connection((HOST, 443), 5)  # noqa: E731
    with call_in(host.sandbox("outside"), connect) as held, Screen.on(host, width=160, height=45) as screen:
        screen.wait(has("openresty", "live"))
        screen.keys("c")
        screen.wait(has("openresty", f"{OUTSIDE}:{held.getsockname()[1]}", "443/tcp", "established"), 10)
        screen.says("would be ✓ delivered by the rules of now", "let in by")
