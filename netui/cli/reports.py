"""``netui exposed``, ``doctor``, ``explain``, ``diff`` and ``record``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netui.cli.arguments import BadInput, Options
from netui.cli.delivery import DONE, FOUND, deliver
from netui.cli.output import complain
from netui.cli.reading import read_each, read_prepared, read_snapshot

if TYPE_CHECKING:
    from netui.reports.commands import Report
    from netui.traversal import PreparedHost


def run_exposed(options: Options) -> int:
    """Run ``netui exposed``."""
    from netui.reports.commands import exposed, exposed_host

    report = exposed_host if options.own_ports else exposed
    return _report(options, lambda host: report(host, options.fail_on, options.allow, wide=options.wide))


def run_doctor(options: Options) -> int:
    """Run ``netui doctor``."""
    from netui.reports.commands import doctor

    return _report(options, doctor)


def run_explain(options: Options) -> int:
    """Run ``netui explain``."""
    from netui.reports.commands import explain
    from netui.reports.explain import NotThere

    try:
        return deliver(options, explain(read_snapshot(options), options.table, options.chain, options.number))
    except NotThere as error:
        raise BadInput(str(error)) from None


def run_diff(options: Options) -> int:
    """Run ``netui diff``."""
    from netui.reports.commands import diff

    sides = [read_prepared(Options(replay=side)) for side in (options.before, options.after)]
    return deliver(options, diff(*sides))


def run_record(options: Options) -> int:
    """Run ``netui record``."""
    from netui.sources.capture.record import record
    from netui.text.errors import SourceError

    if options.for_ is not None and options.every is None:
        raise BadInput("record: --for needs --every, the time between two frames")
    missing: list[str] = []
    try:
        if options.hosts:
            from netui.cli.hosts import connected

            with connected(options.hosts[0]) as machine:
                record(options.path, every=options.every, for_=options.for_, say=missing.append, machine=machine)
        else:
            record(options.path, every=options.every, for_=options.for_, say=missing.append)
    except SourceError as error:
        raise BadInput(str(error)) from None
    for line in missing:
        complain(f"not recorded: {line}")
    return FOUND if missing else DONE


def _report(options: Options, make: Callable[[PreparedHost], Report]) -> int:
    """Make a report of one machine, or of several, and print it."""
    if len(options.hosts) < 2:
        return deliver(options, make(read_prepared(options)))
    from netui.reports.several import Machine, several

    machines = [
        Machine(name, error=str(host)) if isinstance(host, Exception) else Machine(name, make(host))
        for name, host in read_each(options)
    ]
    return deliver(options, several("host ports" if options.own_ports else options.command, machines))
