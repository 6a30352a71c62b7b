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
            {"kind": one.kind, "sign": one.sign, "name": one.name, "before": one.before, "after": one.after}
            for one in changes
        ],
    }


def differences_text(changes: Iterable[Difference], missing: Iterable[str] = ()) -> str:
    """Return the differences as lines, by kind; missing: what could not be compared, for the last lines."""
    missing = tuple(missing)
    lines: list[str] = []
    kind = ""
    for one in changes:
        shown = "rule" if one.kind in ("policy", "chain") else one.kind
        if shown != kind:
            kind = shown
            lines.append(f"{'' if not lines else chr(10)}{kind}s")
        lines.append(f"  {one.sign} {printable(one.name)}{_change(one)}")
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
