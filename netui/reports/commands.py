"""The reports of the command line: text, JSON and exit status, each from a prepared host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from netui.audit.container_ports import partly_known
from netui.audit.differences import differences, not_compared
from netui.audit.doctor import diagnose
from netui.audit.egress import ways_out
from netui.audit.exposure import exposures, unlisted_ports
from netui.audit.host_ports import host_ports
from netui.audit.origins import Where
from netui.audit.reach import reach
from netui.model import Snapshot
from netui.reports.differences import differences_json, differences_text
from netui.reports.doctor import doctor_json, doctor_rows, doctor_text
from netui.reports.egress import egress_json, egress_text
from netui.reports.explain import chosen, explain_json, explain_text
from netui.reports.exposed import (
    Listing,
    exposed_json,
    exposed_rows,
    exposed_text,
    failing,
    undecided,
    unlisted_json,
    unlisted_text,
)
from netui.reports.host_ports import host_json, host_rows, host_text, ports_text
from netui.reports.reach import reach_json, reach_text
from netui.text.visible import printable
from netui.traversal import PreparedHost
from netui.traversal.question.endpoints import engine_apart

#: The exit statuses of the contract.
_DONE, _FOUND, _UNDECIDED = 0, 1, 3


@dataclass(frozen=True, slots=True)
class Report:
    """A command's output in both forms, and its exit status.

    rows, remarks: the same for a table of several machines: the rows in the report's columns, and the lines below.
    """

    text: str
    document: dict[str, Any]
    status: int
    rows: Sequence[Sequence[str]] = ()
    remarks: Sequence[str] = ()


def explain(snapshot: Snapshot, table: str = "", chain: str = "", number: int | None = None) -> Report:
    """Rules in plain words; raises NotThere (a ValueError) for a table, chain or rule that does not exist."""
    chains = chosen(snapshot, table, chain, number)
    return Report(explain_text(snapshot, chains, number), explain_json(snapshot, chains, number), _DONE)


def exposed_host(host: PreparedHost, fail_on: str = "", allowed: Sequence[str] = (), *, wide: bool = False) -> Report:
    """Every port of the host that others reach. The status is that of :func:`exposed`.

    Without the host's addresses or routes nothing is known: status 3.
    """
    if host.snapshot.interfaces is None or not host.namespace.fibs["ip"].known:
        text = "The host's addresses and routes were not read: which of its ports are reached is not known."
        return Report(text, {"host_ports": [], "unknown": [text]}, _UNDECIDED, (), [text])
    ports = host_ports(host)
    document, text = host_json(ports), host_text(ports, wide=wide)
    rows, remarks = host_rows(ports, wide=wide)
    status = _DONE
    if host.blind.get("ip") is not None:
        return Report(text, document, _UNDECIDED, rows, remarks)
    if fail_on:
        limit = cast("Where | Listing", fail_on)
        bad = failing(ports.ports, limit, allowed)
        document["failing"] = [f"{ports_text(row.ports)}/{row.protocol}" for row in bad]
        if bad:
            status = _FOUND
        elif undecided(ports.ports, limit) or ports.unknown:
            status = _UNDECIDED
    return Report(text, document, status, rows, remarks)


def exposed(host: PreparedHost, fail_on: str = "", allowed: Sequence[str] = (), *, wide: bool = False) -> Report:
    """Which ports are reached from where. Status 1 if a port is open from ``fail_on`` or wider, 3 if that is unknown.

    Without ``fail_on`` it is always 0, unless containers were not read or these rules do not concern them.
    """
    listed = exposures(host)
    document, text = exposed_json(listed), exposed_text(listed, wide=wide)
    rows, remarks = exposed_rows(listed, wide=wide)
    unknown = _containers_unknown(host)
    complete = not unknown
    if unknown:
        text = f"{unknown} from where their ports are reached is not known."
        document["unknown"] = text
        rows, remarks = [], [text]
    elif (six := host.blind.get("ip6")) is not None:
        document["unknown"] = printable(f"IPv6: {six.reason}")
        text = f"{text}\n\n{document['unknown']}"
        remarks = [*remarks, document["unknown"]]
    if complete and (partly := [container.name for container in partly_known(host)]):
        document["unlisted"] = unlisted_json(partly)
        unlisted = unlisted_text(partly)
        text, remarks = f"{text}\n\n{unlisted}", [*remarks, unlisted]
    status = _DONE if complete else _UNDECIDED
    if fail_on and complete:
        limit = cast("Where | Listing", fail_on)
        bad = failing(listed, limit, allowed)
        document["failing"] = [f"{e.container} {e.port}/{e.protocol}" for e in bad]
        if bad:
            status = _FOUND
        elif undecided(listed, limit) or host.blind.get("ip6") is not None or _may_fail(host, limit, allowed):
            status = _UNDECIDED
    return Report(text, document, status, rows, remarks)


def _may_fail(host: PreparedHost, limit: Where | Listing, allowed: Sequence[str]) -> bool:
    """Whether an unlisted port may be open from ``limit`` or wider."""
    ports = tuple(unlisted_ports(host))
    return bool(failing(ports, limit, allowed) or undecided(ports, limit))


def doctor(host: PreparedHost, *, ascii_only: bool = False) -> Report:
    """The findings. Status 1 with findings; 3 without any, if not all data was there to judge."""
    diagnosis = diagnose(host)
    status = _FOUND if diagnosis.findings else _DONE if diagnosis.decided else _UNDECIDED
    text = doctor_text(diagnosis, ascii_only=ascii_only)
    return Report(text, doctor_json(diagnosis), status, *doctor_rows(diagnosis))


def reach_all(host: PreparedHost, source: str) -> Report:
    """What ``source`` reaches (``netui path SRC '*'``); raises EndpointError for an invalid source.

    Status 3 where there may be unknown containers.
    """
    outcomes = reach(host, source)
    text, document = reach_text(source, outcomes), reach_json(source, outcomes)
    unknown = _containers_unknown(host)
    if unknown:
        unknown = f"{unknown} whether they are reached is not known."
        document["unknown"] = unknown
        text = f"{text}\n\n{unknown}"
    return Report(text, document, _UNDECIDED if unknown else _DONE)


def egress(host: PreparedHost, source: str, *, reply: bool = False) -> Report:
    """The egress of ``source`` (``netui path SRC outside``); raises EndpointError for an invalid source.

    Status 0 if everyone beyond the default route is reached by TCP, except for the ports and machines that rules
    name; 1 if not, 3 where that is unknown.
    """
    parts = ways_out(host, source, reply=reply)
    verdict = parts[0].path.verdict if parts else "undecided"
    status = {"delivered": _DONE, "undecided": _UNDECIDED}.get(verdict, _FOUND)
    return Report(egress_text(source, parts), egress_json(source, parts), status)


def _containers_unknown(host: PreparedHost) -> str:
    """Why containers are unknown, as the beginning of a sentence; "" where they are known."""
    apart = engine_apart(host)
    if apart:
        return printable(f"{apart[0].upper()}{apart[1:]}, and its containers are not behind these rules:")
    if host.snapshot.containers is None:
        return "The containers were not read:"
    why = host.blind.get("ip")
    return printable(f"{why.reason[0].upper()}{why.reason[1:]}:") if why is not None else ""


def diff(before: PreparedHost, after: PreparedHost) -> Report:
    """What changed from one snapshot to the other. Status 1 if anything did, 3 if not all could be compared."""
    changes = differences(before, after)
    missing = not_compared(before, after)
    status = _FOUND if changes else _UNDECIDED if missing else _DONE
    return Report(differences_text(changes, missing), differences_json(changes, missing), status)
