"""Prints a command's output in the wanted form, and gives its exit status."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netui.cli.output import say, say_json

if TYPE_CHECKING:
    from netui.reports.commands import Report

#: Exit status: delivered or no finding; not delivered or findings; bad arguments or
#: unreadable input; undecided.
DONE, FOUND, BAD, UNDECIDED = 0, 1, 2, 3


def deliver(report: Report, *, json: bool) -> int:
    """Print a report as text or JSON; return its exit status."""
    if json:
        say_json(report.document)
    else:
        say(report.text)
    return report.status
