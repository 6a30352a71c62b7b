"""The traversal: from a snapshot and a question to the rules that a packet meets, and the verdict. It is pure.

The theory
==========

A question SRC → DST becomes a packet and the namespace that it starts in (``question``). A journey takes the packet
from hook to hook, as ip_rcv, ip_forward and ip_output do (``journey``): prerouting, routing, input or forward, output,
postrouting, and bridges and devices where it passes them. At each hook a walker asks the base chains by priority
(``rules``). A rule is a list of predicates and an action, or a native rule's program.

A predicate answers yes, no, or None: "this snapshot cannot tell". A certain no beats a None, for all matches of a rule
must hold. Where a None decides, the walk asks :class:`~netui.traversal.unknowns.Unknowns`, which lets the whole journey
be walked once for each answer. Where all outcomes agree, they are the verdict. Where they differ, the verdict is
"undecided", and names the match on which it hangs. So less knowledge makes an answer undecided, and never another one.

Many senders, or many ports, are walked at once (``several.py``): a predicate that holds for some of them and not for
others splits them, and each part is walked on its own. The walk of one packet is the specification: the part in which
an address lies has that address's answer.

conntrack is a binding that the packet carries. Translations bind it in nat chains, once for each connection; the
answer is a second journey with the binding turned round (``journey/reply.py``).

The kernel judges all of it: ``tests/lab`` compares steps and verdicts with the kernel's own trace of real packets.

The walker is imported on first use: the screen shows rules before it needs a path.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from netui.model import Snapshot
from netui.traversal.result import DeliveredTo, Flow, Leg, PacketHeader, Path, Step, Undecided, Verdict

if TYPE_CHECKING:
    from netui.traversal.host.prepare_namespace import RulesError
    from netui.traversal.host.prepared import PreparedHost
    from netui.traversal.question.endpoints import EndpointError

__all__ = [
    "DeliveredTo",
    "EndpointError",
    "Flow",
    "Leg",
    "PacketHeader",
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

_WHERE = {
    "EndpointError": "question.endpoints",
    "PreparedHost": "host.prepared",
    "RulesError": "host.prepare_namespace",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    return value


def prepare(snapshot: Snapshot) -> PreparedHost:
    """Prepare a snapshot for walking; raises RulesError where its rules loop by jump."""
    from netui.traversal.host.prepare import prepare as make

    return make(snapshot)


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
    interface by which a packet from outside comes in, if it is named. oif: for rules
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
