"""What a step changed, in words, for reports and the screen."""

from __future__ import annotations

from collections.abc import Iterable

from netui.traversal.result import Change

_NAMES = {"source": "src", "destination": "dst", "ct mark": "connmark"}


def changes_text(changes: Iterable[Change]) -> str:
    """Return changes in one line: ``dst 172.18.0.3:443``, ``mark 0x1, src 198.51.100.1``."""
    return ", ".join(_text(change) for change in changes)


def _text(change: Change) -> str:
    if change.field == "tracked":
        return "untracked"
    value = (
        change.value if isinstance(change.value, str) else "unknown" if change.value is None else f"{change.value:#x}"
    )
    return f"{_NAMES.get(change.field, change.field)} {value}"
