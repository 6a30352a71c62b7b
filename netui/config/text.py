"""The text of a configuration file: the line of each key, and changes that keep the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PART = r"(?:[A-Za-z0-9_-]+|\"[^\"\\]*\"|'[^']*')"
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_TABLE = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]\s*(?:#.*)?$")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_VALUE = re.compile(rf"(\s*{_DOTTED}\s*=\s*)(\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s#]+)(\s*(?:#.*)?)$")
_SPLIT = re.compile(_PART)


def flat(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every value by its dotted name."""
    values: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict) and value:
            values |= flat(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = value
    return values


def line_numbers(text: str) -> dict[str, int]:
    """Return the line, from 1, of each key by its dotted name; of tables, too."""
    numbers: dict[str, int] = {}
    for number, table, key in _heads(text):
        numbers.setdefault(f"{table}.{key}" if table and key else table or key, number)
    return numbers


def _heads(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (line, table, key) of each key's line and, with no key, of each table's header."""
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        head = _TABLE.match(line)
        if head is not None:
            table = _name(head[1])
            yield number, table, ""
        elif (key := _KEY.match(line)) is not None:
            yield number, table, _name(key[1])


def _name(written: str) -> str:
    return ".".join(part.strip("\"'") for part in _SPLIT.findall(written))


def changed(text: str, values: Mapping[str, object]) -> str | None:
    """Return the text with other values; comments and all else stay. None where that is not safely possible."""
    lines = text.splitlines()
    for name, value in values.items():
        _set(lines, name, json.dumps(value))
    result = "\n".join(lines) + "\n"
    import tomllib

    try:
        if flat(tomllib.loads(result)) == {**flat(tomllib.loads(text)), **values}:
            return result
    except tomllib.TOMLDecodeError:
        pass
    return None


def _set(lines: list[str], name: str, value: str) -> None:
    numbers = line_numbers("\n".join(lines))
    number = numbers.get(name)
    if number is not None:
        line = lines[number - 1]
        lines[number - 1] = _VALUE.sub(lambda match: f"{match[1]}{value}{match[3]}", line)
        return
    table, _, key = name.rpartition(".")
    written = f"{key} = {value}"
    headings = [number for number, _, key in _heads("\n".join(lines)) if not key]
    if not table:
        end = headings[0] - 1 if headings else len(lines)
    elif table in numbers and numbers[table] in headings:
        end = next((heading - 1 for heading in headings if heading > numbers[table]), len(lines))
    else:
        lines.extend([*([""] if lines else []), f"[{table}]", written])
        return
    while end > 0 and (not lines[end - 1].strip() or (end > 1 and _comment_above(lines, end))):
        end -= 1
    lines.insert(end, written)
    if not table and headings and end + 1 < len(lines) and lines[end + 1].strip():
        lines.insert(end + 1, "")


def _comment_above(lines: list[str], end: int) -> bool:
    """Whether the last line is a comment on the header below it."""
    return lines[end - 1].lstrip().startswith("#") and end < len(lines) and lines[end].lstrip().startswith("[")
