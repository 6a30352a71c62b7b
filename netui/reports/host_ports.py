"""``netui exposed --host``: the ports of this machine as a table or JSON, and what ``--fail-on`` makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from netui.audit.host_ports import HostPorts
from netui.audit.origins import Where
from netui.audit.port_answers import Answerer
from netui.audit.port_rows import HostPort
from netui.net.addresses import host_port
from netui.net.intervals import IntervalSet
from netui.reports.exposed import cell_json, column, heads, sender_remarks
from netui.text.phrases import some
from netui.text.table import table
from netui.text.visible import printable
from netui.traversal.result import step_place

_COLUMNS: tuple[Where, ...] = ("world", "lan", "networks")
LEGEND = (
    "4, 6: open over IPv4, IPv6; (4): it gets through and nothing listens; ?: undecided; -: closed. "
    "WORLD: from beyond the default route; LAN: from the links of the host's interfaces; OTHER NETWORKS: from a "
    "container of each of Docker's networks."
)
HEADS = ("PORT", "ANSWERED BY", *(heads(where) for where in _COLUMNS), "DECIDED BY")
NOTHING = "No port of this machine is reached by other machines or containers."


def ports_text(ports: IntervalSet) -> str:
    """Return ports as text: ``22``, ``1-21, 23-79``."""
    return some([str(low) if low == high else f"{low}-{high}" for low, high in ports], 6)


def answerer_text(by: Answerer) -> str:
    """Return the answerer as text: a container with its port, a program, another machine, or nobody."""
    if by.kind == "nobody":
        return "nothing listens"
    if by.kind == "unknown":
        return "not known"
    if by.kind == "elsewhere":
        return f"another machine, {host_port(by.address, by.port)}"
    if by.kind == "container" and by.address:
        return f"{by.name} ({host_port(by.address, by.port)})"
    return by.name or "a program"


def host_json(listed: HostPorts) -> dict[str, Any]:
    """Return the ports in JSON's form."""
    return {"host_ports": [_port_json(row) for row in listed.ports], "unknown": list(listed.unknown)}


def _port_json(row: HostPort) -> dict[str, Any]:
    by = row.answered_by
    return {
        "ports": [[low, high] for low, high in row.ports],
        "protocol": row.protocol,
        "answered_by": {"kind": by.kind, "name": by.name, "address": by.address or None, "port": by.port},
        "widest": row.widest or "nobody",
        "from": [cell_json(cell) for cell in row.cells],
    }


def host_text(listed: HostPorts, *, wide: bool = False) -> str:
    """Return the table, with the ports that nobody answers last."""
    rows, remarks = host_rows(listed, wide=wide)
    return "\n".join([*table([HEADS, *rows]), "", LEGEND, *remarks] if rows else [NOTHING, *remarks])


def host_rows(listed: HostPorts, *, wide: bool = False) -> tuple[list[list[str]], list[str]]:
    """Return the rows of the table, in the columns of HEADS, and the remarks below it."""
    rows: list[list[str]] = []
    for row in listed.ports:
        deciding = row.deciding
        rows.append(
            [
                f"{ports_text(row.ports)}/{row.protocol}",
                printable(answerer_text(row.answered_by), 40),
                *(column(row, where, wide=wide) for where in _COLUMNS),
                step_place(deciding.step) if deciding is not None else "",
            ]
        )
    remarks = [*_remarks(listed.ports, wide=wide), *(printable(text) for text in listed.unknown)]
    return [[printable(cell) for cell in row] for row in rows], remarks


def _remarks(rows: Sequence[HostPort], *, wide: bool) -> Iterator[str]:
    remarks: dict[str, None] = {}
    for row in rows:
        port = f"{ports_text(row.ports)}/{row.protocol}"
        for cell in row.cells:
            remarks.update((line, None) for line in sender_remarks(port, cell, wide=wide))
            if cell.condition:
                remarks[printable(f"  {port}: {cell.state}, {cell.condition}")] = None
        addresses = {cell.destination.rpartition(":")[0] for cell in row.cells}
        opened = {cell.destination.rpartition(":")[0] for cell in row.cells if cell.state == "open"}
        if opened and opened != addresses and row.answered_by.kind == "program":
            remarks[printable(f"  {port}: at {some(sorted(opened))} only")] = None
    for row in rows:
        remarks.update((printable(f"  undecided: {text}"), None) for cell in row.cells for text in cell.undecided)
    yield from remarks
