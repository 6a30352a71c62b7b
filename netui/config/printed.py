"""Prints settings as a configuration file: the effective ones, and the others as comments."""

from __future__ import annotations

import json
from collections.abc import Iterable

from netui.model.settings import COLUMNS, THEMES, Settings

#: Each setting: its attribute, an example where the terminal decides, and its description.
_SETTINGS: dict[str, tuple[str, object, str]] = {
    "theme": ("theme", THEMES[0], f"one of {', '.join(THEMES)}; left out: the terminal decides"),
    "interval": ("interval", 1.0, "seconds between two readings of the counters, 0.5 to 3600"),
    "ascii": ("ascii", False, "use only ASCII; left out: the terminal decides"),
    "colour": ("colour", True, "left out: the terminal decides, and none with NO_COLOR"),
    "mouse": ("mouse", True, "false: the terminal's own selection works"),
    "follow": ("follow", True, "the cursor on a container opens its first flow"),
    "chains.columns": ("columns", COLUMNS[0], f"one of {', '.join(COLUMNS)}"),
    "chains.names": ("names", True, "Docker's names in place of addresses"),
    "chains.exact": ("exact", False, "counters with every digit"),
    "chains.bytes_first": ("bytes_first", False, "bytes before packets"),
    "layout.tree": ("tree", 30, "percent of the width, 10 to 80; left out: by the terminal's width"),
    "layout.detail": ("detail", 40, "percent of the height beside it, 10 to 80; left out: two fifths"),
}


def printed(settings: Settings, keys: Iterable[tuple[str, str, str]], origin: str) -> str:
    """Return a configuration file with the effective settings; the others are comments.

    keys: (name, default keys, description) of every binding. origin: where the settings come from.
    """
    lines = [f"# netui's effective settings: {origin}.", "# Every line is optional; the default then applies.", ""]
    table = ""
    for name, (attribute, example, words) in _SETTINGS.items():
        heading, _, key = name.rpartition(".")
        if heading != table:
            lines += ["", f"[{heading}]"]
            table = heading
        value = getattr(settings, attribute)
        lines.append(_line(key, example if value in (None, "") else value, words, set_=value not in (None, "")))
    lines += ["", "[keys]", "# By these names; several keys with commas."]
    written: set[str] = set()
    for name, usual, words in keys:
        if name not in written:
            written.add(name)
            lines.append(_line(name, settings.keys.get(name, usual), words, set_=name in settings.keys))
    return "\n".join(lines)


def _line(key: str, value: object, words: str, *, set_: bool) -> str:
    written = f"{'' if set_ else '# '}{key} = {json.dumps(value, ensure_ascii=False)}"
    return f"{written:<38}  # {words}"
