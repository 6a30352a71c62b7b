"""Themes, and the terminal's features."""

from __future__ import annotations

import codecs
import locale
import os
from collections.abc import Mapping

from textual.theme import BUILTIN_THEMES, Theme

DARK = Theme(
    name="netui-dark", primary="#6cb6ff", secondary="#8ddb8c", accent="#e0af68", warning="#e0af68", error="#ff7b72",
    success="#7ee787", foreground="#d3d9e0", background="#0f1419", surface="#0f1419", panel="#1b222b", dark=True,
    variables={"cursor": "#2a4365", "cursor-idle": "#2a3542", "step-row": "#1d2a1f", "quiet": "#7d8894"},
)  # fmt: skip
LIGHT = Theme(
    name="netui-light", primary="#0550ae", secondary="#116329", accent="#953800", warning="#8a4600", error="#b3131b",
    success="#116329", foreground="#1f2328", background="#ffffff", surface="#ffffff", panel="#eaeef2", dark=False,
    variables={"cursor": "#b6d7ff", "cursor-idle": "#d8dfe7", "step-row": "#e2f4e4", "quiet": "#5a636d"},
)  # fmt: skip
CONTRAST = Theme(
    name="netui-contrast", primary="#5fd7ff", secondary="#87ff87", accent="#ffff00", warning="#ffff00",
    error="#ff8787", success="#87ff87", foreground="#ffffff", background="#000000", surface="#000000",
    panel="#262626", dark=True,
    variables={"cursor": "#0000d7", "cursor-idle": "#303030", "step-row": "#003000", "quiet": "#c6c6c6"},
)  # fmt: skip
#: The terminal's own sixteen colours, on its own background.
TERMINAL = Theme(
    name="terminal", ansi=True, primary="ansi_cyan", secondary="ansi_green", accent="ansi_yellow",
    warning="ansi_yellow", error="ansi_red", success="ansi_green", foreground="ansi_default",
    background="ansi_default", surface="ansi_default", panel="ansi_default", boost="ansi_default", dark=True,
    variables={
        **BUILTIN_THEMES["ansi-dark"].variables,
        "cursor": "ansi_blue", "cursor-idle": "ansi_default", "step-row": "ansi_default", "quiet": "ansi_bright_black",
    },
)  # fmt: skip
THEMES = (DARK, LIGHT, CONTRAST, TERMINAL)
#: The light theme for sixteen colours: the nearest ones to its own would be grey, and yellow on white.
LIGHT_OF_SIXTEEN = Theme(
    name=LIGHT.name, ansi=True, primary="ansi_blue", secondary="ansi_green", accent="ansi_magenta",
    warning="ansi_magenta", error="ansi_red", success="ansi_green", foreground="ansi_black",
    background="ansi_bright_white", surface="ansi_bright_white", panel="ansi_bright_white",
    boost="ansi_bright_white", dark=False,
    variables={
        **BUILTIN_THEMES["ansi-light"].variables,
        "cursor": "ansi_blue", "cursor-idle": "ansi_bright_white", "step-row": "ansi_bright_white",
        "quiet": "ansi_bright_black", "border-blurred": "ansi_bright_black",
    },
)  # fmt: skip


def ascii_only(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal shows only ASCII: the Linux console, or a locale without UTF-8."""
    if environ.get("TERM", "") in ("linux", "vt100", "vt220", "dumb"):
        return True
    try:
        return codecs.lookup(locale.getpreferredencoding(False)).name != "utf-8"
    except LookupError:
        return True


def no_colour(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the user wants no colour (no-color.org: set and not empty)."""
    return bool(environ.get("NO_COLOR"))


#: netui's own colour names where a theme does not give them: the terminal's own colours.
QUIET = {"cursor": "ansi_blue", "cursor-idle": "ansi_default", "step-row": "ansi_default", "quiet": "ansi_bright_black"}
