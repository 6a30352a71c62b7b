"""``netui exposed``, ``doctor``, ``explain``, ``diff`` and ``record``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netui.cli.commands import BadInput, Diff, Doctor, Explain, Exposed, Record
from netui.cli.delivery import DONE, FOUND, deliver
from netui.cli.output import complain
from netui.cli.reading import read_each, read_prepared, read_snapshot

if TYPE_CHECKING:
    from netui.reports.commands import Report
    from netui.traversal import PreparedHost


def run_exposed(command: Exposed) -> int:
    """Run ``netui exposed``."""
    from netui.reports.commands import exposed, exposed_host

    report = exposed_host if command.own_ports else exposed
    kind = "host ports" if command.own_ports else "exposed"
    return _report(command, kind, lambda host: report(host, command.fail_on, command.allow, wide=command.wide))


def run_doctor(command: Doctor) -> int:
    """Run ``netui doctor``."""
    from netui.reports.commands import doctor

    return _report(command, "doctor", doctor)


def run_explain(command: Explain) -> int:
    """Run ``netui explain``."""
    from netui.reports.commands import explain
    from netui.reports.explain import NotThere

    try:
        report = explain(read_snapshot(command.host), command.table, command.chain, command.number)
        return deliver(report, json=command.json)
    except NotThere as error:
        raise BadInput(str(error)) from None


def run_diff(command: Diff) -> int:
    """Run ``netui diff``."""
    from netui.reports.commands import diff

    return deliver(diff(read_prepared(command.before), read_prepared(command.after)), json=command.json)


def run_record(command: Record) -> int:
    """Run ``netui record``."""
    from netui.sources.capture.record import record
    from netui.text.errors import SourceError

    if command.seconds is not None and command.every is None:
        raise BadInput("record: --for needs --every, the time between two frames")
    missing: list[str] = []
    try:
        if command.host.machines:
            from netui.cli.hosts import connected

            with connected(command.host.machines[0]) as machine:
                record(command.path, every=command.every, for_=command.seconds, say=missing.append, machine=machine)
        else:
            record(command.path, every=command.every, for_=command.seconds, say=missing.append)
    except SourceError as error:
        raise BadInput(str(error)) from None
    for line in missing:
        complain(f"not recorded: {line}")
    return FOUND if missing else DONE


def _report(command: Exposed | Doctor, kind: str, make: Callable[[PreparedHost], Report]) -> int:
    """Make a report of one machine, or of several, and print it."""
    if len(command.host.machines) < 2:
        return deliver(make(read_prepared(command.host, containers=True)), json=command.json)
    from netui.reports.several import Machine, several

    machines = [
        Machine(name, error=str(host)) if isinstance(host, Exception) else Machine(name, make(host))
        for name, host in read_each(command.host, containers=True)
    ]
    return deliver(several(kind, machines), json=command.json)
