"""Textual's cache of painted rows, emptied from time to time."""

from __future__ import annotations

from netui.ui.fastpath.support import fast


def forget_screens() -> None:
    """Let go of the screens of before.

    In Textual 8 a cache of 1,024 colours has the painted rows of the widget that asked in its key
    (``StylesCache.get_inner_outer``, which was to be a class method): 2 MB for each hundred
    screens that were opened (measured), until it is full.
    """
    if fast():
        from textual._styles_cache import StylesCache

        clear = getattr(StylesCache.get_inner_outer, "cache_clear", None)
        if clear is not None:
            clear()
