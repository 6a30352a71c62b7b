"""Machines that are asked over ssh, connected to for as long as they are needed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from netui.output import complain
from netui.sources.machine.ssh import SshMachine


def may_ask() -> bool:
    """Whether there is a terminal at which ssh may ask: for a password, or whether a host key is the right one."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextmanager
def connected(destination: str) -> Iterator[SshMachine]:
    """Connect to a machine, and end all that runs for it at the end; raises SourceError where it cannot be reached."""
    machine = SshMachine(destination)
    try:
        for line in machine.connect(ask=may_ask()):
            complain(line)
        yield machine
    finally:
        machine.close()
