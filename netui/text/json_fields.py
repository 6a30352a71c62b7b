"""Fields of a JSON document from outside, by their expected type: a value of another type counts as absent."""

from __future__ import annotations

from typing import Any


def obj(value: object) -> dict[str, Any]:
    """Return a JSON object, empty where it is null or something else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Any]:
    """Return a JSON list, empty where it is null or something else."""
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a JSON string (numbers as they are written), "" for null or something else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def number(value: object, default: int = 0) -> int:
    """Return an integer, also one written as a decimal or 0x string; else the default."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) <= 20:
        try:
            return int(value, 0)
        except ValueError:
            return default
    return default


def texts(value: object) -> tuple[str, ...]:
    """Return the strings of a JSON list."""
    return tuple(entry for entry in items(value) if isinstance(entry, str))


def labels(value: object) -> dict[str, str]:
    """Return an object of strings (labels, options)."""
    return {key: text(entry) for key, entry in obj(value).items()}
