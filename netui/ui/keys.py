"""The keys by name: the bindings, and the user's own keys."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from textual.binding import Binding
from textual.keys import REPLACED_KEYS, Keys, key_to_character

#: Bindings by group ("Chains") in the order in which the help shows them.
Groups = Mapping[str, tuple[Binding, ...]]
#: Groups whose keys also work while another group has the focus.
_EVERYWHERE = ("Everywhere", "Panes")
_NAMED = {each.value for each in Keys} | {"space", "enter", "tab", "escape", "backspace", "delete", "insert"}


def bindings_of(kind: type[Any]) -> tuple[Binding, ...]:
    """Return the named bindings of a class."""
    return tuple(each for each in kind.BINDINGS if isinstance(each, Binding) and each.id and each.id != "app.quit-too")


def split_keys(text: str) -> list[str]:
    """Return the keys of ``"p, ctrl+q"``; a comma alone is the comma."""
    if text.strip() == ",":
        return ["comma"]
    return [key.strip() for key in text.split(",") if key.strip()]


def keymap(wanted: Mapping[str, str], groups: Groups, place: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the keymap of the user's keys, and the problems of the ignored ones.

    place: the beginning of each one's problem ("config.toml line 3: keys.app.quit").
    """
    group_of = {binding.id or "": name for name, bindings in groups.items() for binding in bindings}
    problems: list[str] = []
    good: dict[str, str] = {}
    for name, text in wanted.items():
        keys = [normal(key) for key in split_keys(text)]
        if name not in group_of:
            problems.append(f"{place[name]}: no key of netui has this name (the help shows them)")
        elif bad := [key for key, normal_key in zip(split_keys(text), keys, strict=True) if not normal_key]:
            problems.append(f"{place[name]}: {bad[0]!r:.40} is no key, as in p, ctrl+r, f5 or question_mark")
        else:
            good[name] = ",".join(keys)
    for name in list(good):
        clash = _clash(name, good, groups, group_of)
        if clash:
            problems.append(f"{place[name]}: {clash[0]} is already {clash[1]}")
            del good[name]
    return good, problems


def _clash(name: str, good: Mapping[str, str], groups: Groups, group_of: Mapping[str, str]) -> tuple[str, str] | None:
    """Return a key of this binding that another active binding also has, and that one's name."""
    mine, group = set(good[name].split(",")), group_of[name]
    usual = {key for binding in groups[group] if binding.id == name for key in _keys(binding, {})}
    for other, bindings in groups.items():
        if other != group and other not in _EVERYWHERE and group not in _EVERYWHERE and "Lines" not in (other, group):
            continue
        for binding in bindings:
            # default keys that both have, such as Enter in each pane, do not clash
            shared = usual & set(_keys(binding, {}))
            if binding.id != name and (both := (mine & set(_keys(binding, good))) - shared):
                return min(both), binding.id or ""
    return None


def _keys(binding: Binding, good: Mapping[str, str]) -> list[str]:
    return [normal(key.strip()) or key for key in good.get(binding.id or "", binding.key).split(",")]


def normal(key: str) -> str:
    """Return Textual's name of a key, "" for an unknown key."""
    *modifiers, last = key.split("+") if len(key) > 1 else [key]
    if any(each not in ("ctrl", "shift", "alt") for each in modifiers):
        return ""
    if len(last) == 1 and not last.isalnum():
        if not last.isprintable() or last == " ":
            return ""
        last = unicodedata.name(last, "").lower().replace("-", "_").replace(" ", "_")
        last = {"plus_sign": "plus", "hyphen_minus": "minus", "solidus": "slash", "low_line": "underscore",
                "reverse_solidus": "backslash", "commercial_at": "at"}.get(last, last)  # fmt: skip
    elif len(last) != 1 and last not in _NAMED and not _named_letter(last):
        return ""
    return "+".join([*modifiers, last]) if last else ""


def _named_letter(name: str) -> bool:
    if name in ("plus", "minus", "slash", "underscore", "backslash", "at"):
        return True
    return key_to_character(name) is not None


#: The texts of special keys.
_WRITTEN = {
    "escape": "Esc", "enter": "Enter", "space": "Space", "tab": "Tab", "backspace": "Bksp", "delete": "Del",
    "pagedown": "PgDn", "pageup": "PgUp", "home": "Home", "end": "End", "up": "↑", "down": "↓", "left": "←",
    "right": "→", "insert": "Ins",
}  # fmt: skip


def written(key: str) -> str:
    """Return a key as text: ``Esc``, ``Ctrl+S``, ``F1``, ``?``."""
    *modifiers, last = key.split("+")
    text = _WRITTEN.get(last) or key_to_character(REPLACED_KEYS.get(last, last)) or last
    if modifiers or re.fullmatch(r"f\d+", text):
        text = text.capitalize()
    return "+".join([*(each.capitalize() for each in modifiers), text])


def shown(binding: Binding, theirs: Mapping[str, str]) -> str:
    """Return a binding's keys as text, the user's own where there are any."""
    own = theirs.get(binding.id or "")
    if own is None and binding.key_display and "," not in binding.key:
        return binding.key_display
    return " ".join(written(key.strip()) for key in (own or binding.key).split(","))


def every(groups: Groups) -> Iterable[Binding]:
    """Return all bindings."""
    return (binding for bindings in groups.values() for binding in bindings)
