"""Text in cells: cut and padded to a width.

Text from outside must be escaped before (netui/text/visible.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from netui.text.visible import escape


def fits(text: str, width: int) -> bool:
    """Whether a text takes at most ``width`` cells, without measuring a long text completely."""
    part = text[: 2 * width + 16]
    return cell_len(part) <= width and (len(part) == len(text) or cell_len(text) <= width)


def first_cells(text: str, width: int) -> str:
    """Return the first ``width`` cells of a text that takes more, without splitting a long text completely."""
    size = 2 * width + 16
    # the letter at the cut may become wider by the next characters, but not wider than two cells
    while size < len(text) and cell_len(text[:size]) <= width + 2:
        size *= 2
    return set_cell_size(text[:size], width)


def clip(text: str, width: int) -> str:
    """Cut to ``width`` cells, with ``…`` where something was cut off."""
    if width <= 0:
        return ""
    if text.isascii():
        return text if len(text) <= width else text[: width - 1] + "…"
    return text if fits(text, width) else first_cells(text, width - 1).rstrip() + "…"


def clip_middle(text: str, width: int) -> str:
    """Cut the middle out, because chains and bridges differ at their ends."""
    if not text.isascii() or len(text) <= width or width < 5:
        return clip(text, width)
    tail = max(2, (width - 1) // 3)
    return f"{text[: width - 1 - tail]}…{text[-tail:]}"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Cut or pad to exactly ``width`` cells."""
    text = clip(text, width)
    blank = " " * (width - (len(text) if text.isascii() else cell_len(text)))
    return blank + text if right else text + blank


def joined(parts: Sequence[str], separator: str = ", ", limit: int = 6) -> str:
    """Join escaped parts; after ``limit`` of them, only their number."""
    shown = [escape(part) for part in parts[:limit]]
    if len(parts) > limit:
        shown.append(f"+{len(parts) - limit} more")
    return separator.join(shown)
