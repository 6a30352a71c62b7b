"""A packet that comes in by a given interface, whichever way leads back to its sender."""

from __future__ import annotations

from dataclasses import replace

from netui.traversal import answer
from netui.traversal.choices import explore
from netui.traversal.endpoints import parse_destination, parse_source
from netui.traversal.host import PreparedHost
from netui.traversal.path import Path
from netui.traversal.question import resolve


def path_by(host: PreparedHost, source: str, destination: str, interface: str, *, reply: bool = False) -> Path:
    """Say what :func:`answer.path` says of a packet that comes in by ``interface``.

    Raises EndpointError where SRC or DST cannot be used.
    """
    request = replace(resolve(host, parse_source(source), parse_destination(destination)), iif=interface)
    explored = explore(lambda choices: answer._walk(host, request, choices, reply))
    return answer._combine(host, request, explored, reply)
