"""Pure: (snapshot, packet) → the rules that it meets and the verdict."""

from netui.traversal.answer import path
from netui.traversal.endpoints import EndpointError
from netui.traversal.flows import flows
from netui.traversal.host import PreparedHost, prepare
from netui.traversal.namespace import RulesError
from netui.traversal.path import DeliveredTo, Flow, Leg, Packet, Path, Step, Undecided, Verdict

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
