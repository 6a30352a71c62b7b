"""Faster painting and keys than Textual's own; the only package that uses Textual's private names.

``support.py`` lists those names. Without them, or with ``NETUI_FASTPATH=0``, netui runs on Textual's own driver,
compositor and order of keys: slower, with the same picture. Why: docs/decisions/0001-own-painting-path.md.
"""

from __future__ import annotations

from typing import Any

from textual.driver import Driver
from textual.screen import Screen

from netui.ui.fastpath.support import fast


def driver_class(usual: type[Driver]) -> type[Driver]:
    """Return the driver that writes frame by frame, in place of Textual's driver for a terminal."""
    if usual.__name__ != "LinuxDriver" or not fast():
        return usual
    from netui.ui.fastpath.driver import FrameDriver

    return FrameDriver


def compose_narrowly(screen: Screen[Any]) -> None:
    """Make a new screen's partial updates render and write only the dirty cells."""
    if fast():
        from netui.ui.fastpath.compositor import NarrowCompositor

        screen._compositor = NarrowCompositor()
