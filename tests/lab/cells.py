"""The cells of exposed beside what the kernel does."""

from __future__ import annotations

from collections.abc import Callable

from netui.audit.cells import Cell
from netui.audit.exposure import Exposure, exposures
from netui.traversal import PreparedHost

from .doctor_host import seen
from .hosts import HOST, HOST6, Host
from .senders import Flow, Ports, Sent, send

PORTS = Ports()


def _sender(host: Host, prepared: PreparedHost, cell: Cell) -> str | None:
    """Who sends for a place of the table, as the lab calls it; None for one that the lab has not."""
    place = cell.origin
    if place.where == "host":
        return "host"
    if place.where in ("world", "lan"):
        name = {"eth0": "outside", "lan0": "lan"}.get(place.name)
        return name if name == "outside" or len(host.around) > 1 else None
    ident = place.source.partition("@")[0]
    return prepared.by_id[ident].name


def _address(prepared: PreparedHost, cell: Cell, sender: str) -> tuple[str, int]:
    """The address and port that the cell's path asked for."""
    base, _, port = cell.destination.rpartition("/")[0].rpartition(":")
    if base == "host":
        if sender in ("host", "outside"):
            return (HOST6 if cell.origin.family == "ip6" else HOST), int(port)
        container = next(c for c in prepared.containers if c.name == sender)
        endpoint = next(e for e in container.endpoints if e.network_name == cell.origin.name)
        own = prepared.gateway_endpoint(container) or endpoint
        return own.gateway4 or HOST, int(port)
    return base.strip("[]"), int(port)


def _asked(host: Host, prepared: PreparedHost) -> list[tuple[Exposure, Cell, Flow]]:
    found = []
    for exposure in exposures(prepared):
        for cell in exposure.cells:
            sender = _sender(host, prepared, cell)
            if sender is None or not cell.destination or exposure.protocol == "sctp":
                continue
            address, port = _address(prepared, cell, sender)
            source = None
            if "@" in cell.origin.source and cell.origin.where != "lan":
                container = prepared.by_id[cell.origin.source.partition("@")[0]]
                endpoint = next(e for e in container.endpoints if e.network_name == cell.origin.name)
                source = (endpoint.ipv6 if cell.origin.family == "ip6" else endpoint.ipv4) or None
            found.append((exposure, cell, Flow(sender, address, port, exposure.protocol, source)))
    return found


def _agrees(exposure: Exposure, cell: Cell, sent: Sent) -> bool:
    """Whether the connection shows what the cell says.

    A proxy accepts first and finds nobody then: that is a refusal without an answer.
    """
    answered = bool(sent.answer) if sent.outcome == "connected" else sent.outcome == "answered"
    if exposure.listening in ("no", "loopback"):
        return not answered
    if cell.state == "undecided":
        return True
    return answered == (cell.state == "open")


def compare_cells(host: Host, count: Callable[[str], None], what: str) -> None:
    """Ask every cell of the host's table by a real connection."""
    prepared = seen(host)
    asked = _asked(host, prepared)
    sent = send([flow for _, _, flow in asked], host.sandbox, PORTS, timeout=0.8)
    # A busy machine answers late: what differs is asked again, with more time.
    late = [n for n, ((e, cell, _), one) in enumerate(zip(asked, sent, strict=True)) if not _agrees(e, cell, one)]
    for number, one in zip(late, send([asked[n][2] for n in late], host.sandbox, PORTS, timeout=3.0), strict=True):
        sent[number] = one
    wrong = [
        f"{e.container} {e.port}/{e.protocol} from {cell.origin.where} {cell.origin.name} ({flow.name}): "
        f"{cell.state}, really {one.outcome} {one.answer[:20]!r}: {cell.reason}"
        for (e, cell, flow), one in zip(asked, sent, strict=True)
        if not _agrees(e, cell, one)
    ]
    undecided = sum(cell.state == "undecided" for _, cell, _ in asked)
    count(f"exposed, {what}: {len(asked)} cells, {len(wrong)} wrong, {undecided} undecided")
    assert not wrong, "\n".join(wrong)
    assert len(asked) > 5
