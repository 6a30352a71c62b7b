"""``netui diff``: the differences between two snapshots, as lines or JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netui.audit.differences import Difference
from netui.text.visible import printable


def differences_json(changes: Iterable[Difference], missing: Iterable[str] = ()) -> dict[str, Any]:
    """Return the differences in JSON's form; missing: what could not be compared."""
    return {
        "not_compared": list(missing),
        "differences": [
            {
                "kind": change.kind,
                "sign": change.sign,
                "name": change.name,
                "before": change.before,
                "after": change.after,
            }
            for change in changes
        ],
    }


def differences_text(changes: Iterable[Difference], missing: Iterable[str] = ()) -> str:
    """Return the differences as lines, by kind; missing: what could not be compared, for the last lines."""
    missing = tuple(missing)
    lines: list[str] = []
    kind = ""
    for change in changes:
        shown = "rule" if change.kind in ("policy", "chain") else change.kind
        if shown != kind:
            kind = shown
            lines.append(f"{'' if not lines else chr(10)}{kind}s")
        lines.append(f"  {change.sign} {printable(change.name)}{_change(change)}")
    if not lines:
        lines.append("No difference in what was read." if missing else "No difference.")
    if missing:
        lines += ["", *(f"not compared: {printable(text, 300)}" for text in missing)]
    return "\n".join(lines)


def _change(one: Difference) -> str:
    if one.sign == "~":
        return f": {printable(one.before, 300)} → {printable(one.after, 300)}"
    text = one.after or one.before
    return f"  {printable(text, 300)}" if text else ""
