"""Pure: (snapshot, packet) → the rules that it meets and the verdict.

What walks is imported when it is first asked: a screen shows the rules before anybody asks
where a packet goes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from netui.model import Snapshot
from netui.traversal.path import DeliveredTo, Flow, Leg, Packet, Path, Step, Undecided, Verdict

if TYPE_CHECKING:
    from netui.traversal.endpoints import EndpointError
    from netui.traversal.host import PreparedHost
    from netui.traversal.namespace import RulesError

__all__ = [
    "DeliveredTo",
    "EndpointError",
    "Flow",
    "Leg",
    "Packet",
    "Path",
    "PreparedHost",
    "RulesError",
    "Step",
    "Undecided",
    "Verdict",
    "flows",
    "path",
    "prepare",
]

_WHERE = {"EndpointError": "endpoints", "PreparedHost": "host", "RulesError": "namespace"}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return found


def prepare(snapshot: Snapshot) -> PreparedHost:
    """Prepare a snapshot for walking; raises RulesError where its rules loop by jump."""
    from netui.traversal import host

    return host.prepare(snapshot)


def path(
    host: PreparedHost,
    source: str,
    destination: str,
    *,
    reply: bool = False,
    sport: int | None = None,
    iif: str = "",
    oif: str = "",
) -> Path:
    """Say which rules the first packet of SRC → DST meets, and what becomes of it.

    reply: the answer must come back, too. sport: the source port, where it is known. iif: the
    interface by which a packet from outside comes in, where it is to be another. oif: of rules
    alone, the one by which it leaves where it is not for the host. Raises
    EndpointError where SRC or DST cannot be used.
    """
    from netui.traversal import answer

    return answer.path(host, source, destination, reply=reply, sport=sport, iif=iif, oif=oif)


def flows(host: PreparedHost, container_id: str) -> tuple[Flow, ...]:
    """Return the container's flows, each with its path; () for one that does not run.

    Raises KeyError for an ID that the snapshot does not hold.
    """
    from netui.traversal.container_flows import flows as walk

    return walk(host, container_id)
