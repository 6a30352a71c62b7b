"""``netui path SRC outside``, without a port: the egress of SRC, as a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netui.audit.egress import EVERY_PORT, EgressPart
from netui.reports.host_ports import ports_text
from netui.reports.path import answer_json
from netui.text.phrases import some
from netui.text.table import table
from netui.text.visible import printable
from netui.traversal.result import step_place


def egress_json(source: str, parts: Sequence[EgressPart]) -> dict[str, Any]:
    """Return the egress of SRC in JSON's form."""
    return {
        "from": source,
        "to": "outside",
        "ways_out": [
            {
                "protocol": one.protocol,
                "ports": None if one.ports is None else [[low, high] for low, high in one.ports],
                "addresses": None if one.addresses is None else list(one.addresses),
                "everyone_else": one.addresses is None,
                **answer_json(one.path),
            }
            for one in parts
        ],
    }


def egress_text(source: str, parts: Sequence[EgressPart]) -> str:
    """Return the egress of SRC as a table."""
    rows = [["PROTOCOL", "PORTS", "TO", "ANSWER", "DECIDED BY", "WHY"]]
    everyone = [one for one in parts if one.addresses is None]
    for one in parts:
        alone = sum(other.ports == one.ports and other.protocol == one.protocol for other in parts) == 1
        ports = "" if one.ports is None else "all" if one.ports == EVERY_PORT else ports_text(one.ports)
        who = ("everyone" if alone else "everyone else") if one.addresses is None else some(list(one.addresses), 6)
        why = one.path.condition if one.path.verdict == "delivered" else one.path.reason
        rows.append([one.protocol, ports, who, one.path.verdict, step_place(one.path.deciding), why])
    notes = dict.fromkeys(note for one in everyone for note in one.path.notes)
    shown = [[printable(cell, 90) for cell in row] for row in rows]
    return "\n".join(
        [
            f"{printable(source)} → outside:",
            *table(shown),
            *([""] if notes else []),
            *(f"note: {printable(n)}" for n in notes),
        ]
    )
