"""Compiles targets: what a rule that matched does to the packet, and where the walk goes on."""

from __future__ import annotations

from collections.abc import Container

from netui.model import Family, Target
from netui.model.statements import Verdict
from netui.traversal.rules.marks import connmark, mark, notrack, touch
from netui.traversal.rules.target_action import Action, Kind
from netui.traversal.rules.translation import dnat, masquerade, netmap, redirect, snat, translate

#: Targets that pass the packet to the next rule and change nothing that a match can see.
_ONLY_NOTE = frozenset(
    {
        "LOG",
        "NFLOG",
        "ULOG",
        "AUDIT",
        "TRACE",
        "CLASSIFY",
        "CHECKSUM",
        "DSCP",
        "TOS",
        "ECN",
        "TTL",
        "HL",
        "TCPMSS",
        "TCPOPTSTRIP",
        "SECMARK",
        "CONNSECMARK",
        "RATEEST",
        "LED",
        "IDLETIMER",
        "TEE",
    }
)


def compile_target(target: Target | None, chains: Container[str], family: Family) -> Action:
    """Compile a target into an action. chains: the table's own chains."""
    if target is None:
        return Action("continue", Verdict("continue"))
    name = target.name
    if name in chains:
        kind: Kind = "goto" if target.goto else "jump"
        return Action(kind, Verdict(kind, name))
    match name:
        case "ACCEPT":
            return Action("accept", Verdict("accept"))
        case "DROP":
            return Action("drop", Verdict("drop"))
        case "RETURN":
            return Action("return", Verdict("return"))
        case "REJECT":
            option = target.option("--reject-with")
            how = option.value if option else ("icmp-port-unreachable" if family == "ip" else "icmp6-port-unreachable")
            return Action("reject", Verdict("reject", how=how))
        case "DNAT":
            return translate(target, "--to-destination", family, dnat)
        case "SNAT":
            return translate(target, "--to-source", family, snat)
        case "NETMAP":
            return netmap(target, family)
        case "MASQUERADE":
            return masquerade(target)
        case "REDIRECT":
            return redirect(target)
        case "MARK":
            return mark(target)
        case "CONNMARK":
            return connmark(target)
        case "NOTRACK":
            return Action("continue", Verdict("continue"), effect=notrack)
        case "CT":
            return Action("continue", Verdict("continue"), effect=notrack if target.option("--notrack") else None)
        case "SET":
            return Action("continue", Verdict("continue"), effect=touch(target))
        case "NFQUEUE" | "QUEUE":
            return Action("queue", Verdict("queue"))
        case _ if name in _ONLY_NOTE:
            return Action("continue", Verdict("continue"))
        case _:
            return Action("unknown", Verdict("unknown", how=f"target {name}"))
