"""``netui path SRC all``: what a sender reaches, as a table or JSON."""

from __future__ import annotations

from typing import Any

from netui.audit.reach import Reach
from netui.reports.path import others_than_everyone, parts_json
from netui.text.table import table
from netui.text.visible import printable
from netui.traversal.result import step_place


def reach_json(source: str, reaches: tuple[Reach, ...]) -> dict[str, Any]:
    """Return the answers in JSON's form."""
    return {
        "from": source,
        "to": [
            {
                "to": one.to,
                "network": one.network,
                "destination": one.destination,
                "way": one.way,
                "answer": one.word,
                "verdict": one.path.verdict,
                "reason": one.path.reason,
                "listening": one.answered,
                "condition": one.path.condition,
                "senders": parts_json(one.path),
                "rule": step_place(one.path.deciding) or None,
            }
            for one in reaches
        ],
    }


def _why(one: Reach) -> str:
    own = one.path.condition if one.word == "reached" else one.path.reason
    return "; ".join(filter(None, (*others_than_everyone(one.path), own)))


def reach_text(source: str, reaches: tuple[Reach, ...]) -> str:
    """Return the answers as a table."""
    rows = [["TO", "NETWORK", "ASKED FOR", "ANSWER", "DECIDED BY", "WHY"]]
    for one in reaches:
        rows.append(
            [
                printable(one.to, 32),
                printable(one.network, 24),
                printable(one.label),
                one.word,
                printable(step_place(one.path.deciding)),
                printable(_why(one), 90),
            ]
        )
    return "\n".join([f"from {printable(source)}:", *table(rows)])
