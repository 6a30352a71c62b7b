"""What all tests share: counts that a run shows at its end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

_COUNTS: list[str] = []

#: A property holds or it does not, however busy the machine is.
settings.register_profile("netui", deadline=None)
settings.load_profile("netui")


def pytest_configure() -> None:
    """Obey signals, also where the suite was started by nohup or in a shell's background, which ignore some."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    for number, handler in usual.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def _own_size() -> Iterator[None]:
    """Textual's picture of an app leaves COLUMNS and LINES behind, which real terminals would then obey."""
    before = {name: os.environ.get(name) for name in ("COLUMNS", "LINES")}
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that keeps a line for the end of the run (how many flows agreed, …)."""
    return lambda line: request.node.user_properties.append(("count", line))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take the kept lines of a test, also from another process."""
    if report.when == "teardown":
        _COUNTS.extend(str(line) for name, line in report.user_properties if name == "count")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the kept lines, so that a green run still says what it compared."""
    if _COUNTS:
        terminalreporter.section("counts")
        for line in sorted(_COUNTS):
            terminalreporter.write_line(line)
