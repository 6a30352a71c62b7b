"""Clears Textual's cache of painted rows from time to time."""

from __future__ import annotations

from netui.ui.fastpath.support import fast


def forget_screens() -> None:
    """Free the closed screens.

    In Textual 8, a cache of 1,024 colours has the asking widget's painted rows in its keys
    (``StylesCache.get_inner_outer``, an instance method with a cache): 2 MB for each hundred opened screens
    (measured), until it is full.
    """
    if fast():
        from textual._styles_cache import StylesCache

        clear = getattr(StylesCache.get_inner_outer, "cache_clear", None)
        if clear is not None:
            clear()
