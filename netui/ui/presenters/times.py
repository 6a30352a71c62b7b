"""Times of day and dates, as the user's clock shows them."""

from __future__ import annotations

from datetime import datetime


def clock(seconds: float) -> str:
    """Return ``12:03:04``; a time that no calendar has is ``??:??:??``."""
    return _text(seconds, "%H:%M:%S", "??:??:??")


def date(seconds: float) -> str:
    """Return ``2026-11-23 12:03:04``; a time that no calendar has is ``an unknown time``."""
    return _text(seconds, "%Y-%m-%d %H:%M:%S", "an unknown time")


def _text(seconds: float, form: str, unknown: str) -> str:
    try:
        return datetime.fromtimestamp(seconds).strftime(form)
    except (ValueError, OverflowError, OSError):
        # A capture's time can be anything, and the local zone can carry it over the calendar's end.
        return unknown
