"""Times and dates in the user's time zone."""

from __future__ import annotations

from datetime import datetime


def clock(seconds: float) -> str:
    """Return ``12:03:04``; an invalid time is ``??:??:??``."""
    return _text(seconds, "%H:%M:%S", "??:??:??")


def date(seconds: float) -> str:
    """Return ``2026-11-23 12:03:04``; an invalid time is ``an unknown time``."""
    return _text(seconds, "%Y-%m-%d %H:%M:%S", "an unknown time")


def _text(seconds: float, form: str, unknown: str) -> str:
    try:
        return datetime.fromtimestamp(seconds).strftime(form)
    except (ValueError, OverflowError, OSError):
        # a capture's time can be any number, and the local zone can move it beyond the last valid date
        return unknown
