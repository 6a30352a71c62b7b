"""JSON text from outside, by the expected type: a value of another type counts as absent."""

from __future__ import annotations

import json
from typing import Any, cast

from netui.text.errors import SourceError
from netui.text.json_fields import items, labels, number, obj, text, texts

__all__ = ["items", "labels", "list_of_objects", "number", "obj", "parse", "text", "texts"]


def parse(document: str) -> object:
    """Parse one JSON document; raise SourceError with one plain line where it is none."""
    if not document.strip():
        raise SourceError("is empty; capture it again")
    try:
        # not strict: `ip -j` does not escape control characters in names
        return cast("object", json.loads(document, strict=False))
    except json.JSONDecodeError as error:
        if error.pos >= len(document.rstrip()):
            raise SourceError("is cut off; capture it again") from None
        raise SourceError(f"is not JSON (line {error.lineno}, column {error.colno}); capture it again") from None
    except (RecursionError, ValueError):
        raise SourceError("is JSON of a kind that no tool prints; capture it again") from None


def list_of_objects(value: object, what: str) -> list[dict[str, Any]]:
    """Return the objects of a JSON list; null entries and others are left out.

    Raises SourceError where it is no list at all.
    """
    if not isinstance(value, list):
        raise SourceError(f"is not {what}; capture it again")
    return [entry for entry in value if isinstance(entry, dict)]
