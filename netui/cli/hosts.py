"""Connections to other machines over ssh, for the time of a command."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from netui.cli.output import complain
from netui.model import Snapshot
from netui.sources.live.machine_sources import read_live
from netui.sources.machine.ssh import SshMachine
from netui.sources.machine.ssh_connection import Refused, close_all
from netui.text.errors import SourceError


def may_ask() -> bool:
    """Whether there is a terminal where ssh may ask for a password or about a host key."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


@contextmanager
def connected(destination: str) -> Iterator[SshMachine]:
    """Connect to a machine, and disconnect at the end; raises SourceError where it cannot be reached."""
    machine = SshMachine(destination)
    try:
        for line in machine.connect(ask=may_ask()):
            complain(line)
        yield machine
    finally:
        _end([machine])


def connect_all(machines: Sequence[SshMachine]) -> dict[str, SourceError]:
    """Connect to machines in parallel; return the error of each that cannot be reached.

    Machines where ssh must ask the user are connected to again, one after the other, if there is a terminal.
    """
    if len(machines) == 1 and may_ask():
        return _connect(machines[0], ask=True)
    failed: dict[str, SourceError] = {}
    threads = [
        threading.Thread(target=lambda machine=machine: failed.update(_connect(machine)), daemon=True)
        for machine in machines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if may_ask():
        for machine in machines:
            if isinstance(failed.get(machine.name), Refused):
                del failed[machine.name]
                failed |= _connect(machine, ask=True)
    return failed


def _connect(machine: SshMachine, *, ask: bool = False) -> dict[str, SourceError]:
    try:
        for line in machine.connect(ask=ask):
            complain(f"{machine.name}: {line}")
    except SourceError as error:
        return {machine.name: error}
    return {}


@contextmanager
def all_connected(destinations: Sequence[str]) -> Iterator[list[SshMachine]]:
    """Connect to machines for the screen; raises SourceError where none can be reached.

    An unreachable machine is tried again when the user selects it.
    """
    machines = [SshMachine(destination) for destination in destinations]
    try:
        failed = connect_all(machines)
        if len(failed) == len(machines):
            raise next(iter(failed.values()))
        for error in failed.values():
            complain(str(error))
        yield machines
    finally:
        _end(machines)


def snapshots(destinations: Sequence[str]) -> list[tuple[str, Snapshot | Exception]]:
    """Read machines in parallel; return the snapshot, or the error, of each by its name, in the given order."""
    machines = [SshMachine(destination) for destination in destinations]
    try:
        failed = connect_all(machines)
        outcomes: dict[str, Snapshot | Exception] = dict(failed)

        def read(machine: SshMachine) -> None:
            try:
                outcomes[machine.name] = read_live({}, machine)
            except Exception as error:  # an error of one machine must not stop the others
                outcomes[machine.name] = error

        threads = [
            threading.Thread(target=read, args=(one,), daemon=True) for one in machines if one.name not in failed
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [(machine.name, outcomes[machine.name]) for machine in machines]
    finally:
        _end(machines)


def _end(machines: Sequence[SshMachine]) -> None:
    """End machines' connections, including those that are being made again."""
    for machine in machines:
        machine.close()
    close_all()
