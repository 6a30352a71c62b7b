"""How netui ends by a signal: all its programs end, and its parent process sees the signal."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

#: What ends a program, and can be answered before it does.
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
#: The status of a program that the user stopped.
INTERRUPTED = 130


def end_by_signals() -> None:
    """End by :func:`end_by` from now on; a signal that is ignored, as by nohup, stays so."""
    for number in ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _ended)


def _ended(number: int, _frame: FrameType | None) -> None:
    end_by(number)


def end_by(number: int) -> None:
    """Kill the programs that run for netui, and end as this signal ends a program."""
    running = sys.modules.get("netui.sources.machine.command")
    if running is not None:
        running.end_all()
    if number == signal.SIGINT:
        os._exit(INTERRUPTED)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
