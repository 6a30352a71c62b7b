"""The user's settings: theme, interval, columns, proportions and keys of the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The themes: dark, light, high contrast, and the terminal's own colours.
THEMES = ("netui-dark", "netui-light", "netui-contrast", "terminal")
COLUMNS = ("auto", "short", "normal", "wide")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the screen.

    theme: "" for the one that suits the terminal. interval: seconds between two readings.
    ascii, colour: None where the terminal decides. tree: the network tree's share of the width, detail: the
    details' share of the height, both in percent; None for the default. follow: whether the cursor on a
    container opens its first flow. keys: keys by the binding's name ("chains.freeze": "p").
    """

    theme: str = ""
    interval: float = 1.0
    ascii: bool | None = None
    colour: bool | None = None
    mouse: bool = True
    follow: bool = True
    columns: str = "auto"
    names: bool = True
    exact: bool = False
    bytes_first: bool = False
    tree: int | None = None
    detail: int | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
