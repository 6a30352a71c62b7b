"""What all tests share: counts that a run shows at its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_COUNTS: list[str] = []


@pytest.fixture(scope="session")
def count() -> Callable[[str], None]:
    """Return a function that keeps a line for the end of the run (how many flows agreed, …)."""
    return _COUNTS.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the kept lines, so that a green run still says what it compared."""
    if _COUNTS:
        terminalreporter.section("counts")
        for line in _COUNTS:
            terminalreporter.write_line(line)
