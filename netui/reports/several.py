"""One report of several machines: one table with a column for the machine, one JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from netui.reports import doctor as doctor_report
from netui.reports import exposed as exposed_report
from netui.reports import host_ports as host_report
from netui.reports.commands import Report
from netui.text.table import table
from netui.text.visible import printable

#: By report: its columns, the lines below its table, and the text of an empty table.
_FORMS = {
    "exposed": (exposed_report.HEADS, exposed_report.LEGEND, exposed_report.NOTHING),
    "host ports": (host_report.HEADS, host_report.LEGEND, host_report.NOTHING),
    "doctor": (
        doctor_report.HEADS,
        "netui --host HOST doctor: with evidence and what to do.",
        doctor_report.NOTHING,
    ),
}
#: The status of a machine that was not read.
_BAD = 2
#: The status of a machine that was read in part.
_PART = 3


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine by the user's name for it, with its report, or the reason why there is none."""

    name: str
    report: Report | None = None
    error: str = ""


def several(name: str, machines: Sequence[Machine]) -> Report:
    """Combine the reports of machines; the status is the highest one, 2 for a machine that was not read."""
    heads, legend, nothing = _FORMS[name]
    if name == "doctor" and any(machine.report is not None and machine.report.status == _PART for machine in machines):
        nothing = doctor_report.NOTHING_IN_PART
    read = [(machine.name, machine.report) for machine in machines if machine.report is not None]
    rows = [[printable(host, 40), *row] for host, report in read for row in report.rows]
    lines = [*table([("HOST", *heads), *rows]), "", legend] if rows else [nothing] if read else []
    lines += [f"{printable(host, 40)}: {line.strip()}" for host, report in read for line in report.remarks]
    lines += [
        f"{printable(machine.name, 40)}: not read: {printable(machine.error)}" for machine in machines if machine.error
    ]
    document = {"hosts": [_json(machine) for machine in machines]}
    status = max((_BAD if machine.report is None else machine.report.status for machine in machines), default=0)
    return Report("\n".join(lines), document, status)


def _json(machine: Machine) -> dict[str, Any]:
    if machine.report is None:
        return {"host": machine.name, "error": machine.error}
    return {"host": machine.name, **machine.report.document}
