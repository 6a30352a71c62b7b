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
                "to": reached.to,
                "network": reached.network,
                "destination": reached.destination,
                "way": reached.way,
                "answer": reached.word,
                "verdict": reached.path.verdict,
                "reason": reached.path.reason,
                "listening": reached.answered,
                "condition": reached.path.condition,
                "senders": parts_json(reached.path),
                "rule": step_place(reached.path.deciding) or None,
            }
            for reached in reaches
        ],
    }


def _why(one: Reach) -> str:
    own = one.path.condition if one.word == "reached" else one.path.reason
    return "; ".join(filter(None, (*others_than_everyone(one.path), own)))


def reach_text(source: str, reaches: tuple[Reach, ...]) -> str:
    """Return the answers as a table."""
    rows = [["TO", "NETWORK", "ASKED FOR", "ANSWER", "DECIDED BY", "WHY"]]
    for reached in reaches:
        rows.append(
            [
                printable(reached.to, 32),
                printable(reached.network, 24),
                printable(reached.label),
                reached.word,
                printable(step_place(reached.path.deciding)),
                printable(_why(reached), 90),
            ]
        )
    return "\n".join([f"from {printable(source)}:", *table(rows)])
