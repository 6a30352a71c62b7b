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
                "protocol": part.protocol,
                "ports": None if part.ports is None else [[low, high] for low, high in part.ports],
                "addresses": None if part.addresses is None else list(part.addresses),
                "everyone_else": part.addresses is None,
                **answer_json(part.path),
            }
            for part in parts
        ],
    }


def egress_text(source: str, parts: Sequence[EgressPart]) -> str:
    """Return the egress of SRC as a table."""
    rows = [["PROTOCOL", "PORTS", "TO", "ANSWER", "DECIDED BY", "WHY"]]
    everyone = [part for part in parts if part.addresses is None]
    for part in parts:
        alone = sum(other.ports == part.ports and other.protocol == part.protocol for other in parts) == 1
        ports = "" if part.ports is None else "all" if part.ports == EVERY_PORT else ports_text(part.ports)
        who = ("everyone" if alone else "everyone else") if part.addresses is None else some(list(part.addresses), 6)
        why = part.path.condition if part.path.verdict == "delivered" else part.path.reason
        rows.append([part.protocol, ports, who, part.path.verdict, step_place(part.path.deciding), why])
    notes = dict.fromkeys(note for part in everyone for note in part.path.notes)
    shown = [[printable(cell, 90) for cell in row] for row in rows]
    return "\n".join(
        [
            f"{printable(source)} → outside:",
            *table(shown),
            *([""] if notes else []),
            *(f"note: {printable(n)}" for n in notes),
        ]
    )
