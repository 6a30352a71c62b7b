"""``netui exposed``: the exposures as a compact table or JSON, and what ``--fail-on`` makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Literal, Protocol, TypeVar

from netui.audit.cells import Cell
from netui.audit.exposure import Exposure
from netui.audit.origins import WIDEST, Where
from netui.model import Family
from netui.text.phrases import plural, some
from netui.text.table import table
from netui.text.visible import printable
from netui.traversal.result import step_place

#: A limit of ``--fail-on`` narrower than "world": machines that rules let in by address count, too.
Listing = Literal["listed"]
_HEADS: dict[Where, str] = {
    "world": "WORLD",
    "lan": "LAN",
    "networks": "OTHER NETWORKS",
    "host": "HOST",
    "own": "OWN NETWORK",
}
_COLUMNS: tuple[Where, ...] = ("world", "lan", "host", "networks", "own")
HEADS = ("CONTAINER", "PORT", "PUBLISHED", *(_HEADS[where] for where in _COLUMNS), "DECIDED BY")
LEGEND = (
    "4, 6: open over IPv4, IPv6; (4): it gets through and nothing listens; ?: undecided; -: closed. "
    "WORLD: from beyond the default route; LAN: from the links of the host's interfaces, containers' own addresses "
    "included."
)


#: The text without rows.
NOTHING = "No container has a port."


def exposed_json(exposures: Sequence[Exposure]) -> dict[str, Any]:
    """Return the exposures in JSON's form: a list of ports, each with a cell for each place and family."""
    return {"ports": [_port_json(exposure) for exposure in exposures]}


def _port_json(exposure: Exposure) -> dict[str, Any]:
    return {
        "container": exposure.container,
        "id": exposure.container_id,
        "port": exposure.port,
        "protocol": exposure.protocol,
        "how": list(exposure.how),
        "published": list(exposure.published),
        "listening": exposure.listening,
        "widest": exposure.widest or "nobody",
        "from": [cell_json(cell) for cell in exposure.cells],
        "looks_protected": list(exposure.looks_protected),
        "notes": list(exposure.notes),
    }


def cell_json(cell: Cell) -> dict[str, Any]:
    """Return a cell in JSON's form."""
    step = cell.step
    return {
        "where": cell.origin.where,
        "name": cell.origin.name,
        "family": cell.origin.family,
        "state": cell.state,
        "way": cell.way,
        "source": cell.origin.source,
        "destination": cell.destination,
        "reason": cell.reason,
        "rule": None
        if step is None
        else {
            "family": step.family,
            "backend": step.backend,
            "table": step.table,
            "chain": step.chain,
            "rule": step.rule,
            "text": step.text,
        },
        "undecided": list(cell.undecided),
        "condition": cell.condition,
        "senders": [
            {
                "addresses": list(part.addresses),
                "everyone_else": False,
                "state": part.state,
                "reason": part.reason,
                "rule": step_place(part.step),
            }
            for part in cell.senders
        ],
    }


def heads(where: Where) -> str:
    """Return the header of an origin's column."""
    return _HEADS[where]


def exposed_text(exposures: Sequence[Exposure], *, wide: bool = False) -> str:
    """Return the table, the widest open ports first, and below it the ports that only look protected.

    wide: name all networks that rules let in or keep out.
    """
    if not exposures:
        return NOTHING
    rows, remarks = exposed_rows(exposures, wide=wide)
    return "\n".join([*table([HEADS, *rows]), "", LEGEND, *remarks])


def exposed_rows(exposures: Sequence[Exposure], *, wide: bool = False) -> tuple[list[list[str]], list[str]]:
    """Return the rows of the table, in the columns of HEADS, and the remarks below it."""
    order = {where: rank for rank, where in enumerate(WIDEST)}
    ordered = sorted(exposures, key=lambda e: (order.get(e.widest or "own", 9) if e.widest else 9, e.container, e.port))
    rows: list[list[str]] = []
    for exposure in ordered:
        deciding = exposure.deciding
        rows.append(
            [
                printable(exposure.container, 32),
                f"{exposure.port}/{printable(exposure.protocol, 12)}",
                " ".join(printable(binding) for binding in exposure.published),
                *(column(exposure, where, wide=wide) for where in _COLUMNS),
                printable(step_place(deciding.step) if deciding is not None else ""),
            ]
        )
    return [[printable(cell) for cell in row] for row in rows], list(_remarks(ordered, wide=wide))


def sender_remarks(port: str, cell: Cell, *, wide: bool = False) -> Iterator[str]:
    """Yield a line for each rule by which some senders have another outcome than everyone else."""
    for part in cell.senders:
        by = f" ({step_place(part.step)})" if part.step is not None else ""
        who = some(list(part.addresses), len(part.addresses) if wide else 6)
        everyone = f"{cell.state} for everyone else"
        yield printable(f"  {port}: {part.state} for {who}{by}; {everyone} ({step_place(cell.step)})")


def _remarks(exposures: Sequence[Exposure], *, wide: bool) -> Iterator[str]:
    for exposure in exposures:
        for text in exposure.looks_protected:
            yield printable(f"! {exposure.container} {exposure.port}/{exposure.protocol}: {text}")
    for exposure in exposures:
        for text in exposure.notes:
            yield printable(f"  {exposure.container} {exposure.port}/{exposure.protocol}: {text}")
    for exposure in exposures:
        for text in dict.fromkeys(f"{cell.state}, {cell.condition}" for cell in exposure.cells if cell.condition):
            yield printable(f"  {exposure.container} {exposure.port}/{exposure.protocol}: {text}")
    for exposure in exposures:
        for cell in exposure.cells:
            yield from sender_remarks(f"{exposure.container} {exposure.port}/{exposure.protocol}", cell, wide=wide)
    unknown: dict[str, None] = {}
    for exposure in exposures:
        for cell in exposure.cells:
            unknown.update(dict.fromkeys(cell.undecided))
    for text in unknown:
        yield printable(f"  undecided: {text}")


class Reached(Protocol):
    """A port of a container or of the host, with its cells."""

    @property
    def cells(self) -> Sequence[Cell]:
        """The cell of each origin."""

    def states(self, where: Where) -> dict[Family, list[Cell]]:
        """Return the cells of a kind of origin, by family."""


Port = TypeVar("Port", bound=Reached)


def column(exposure: Reached, where: Where, *, wide: bool = False) -> str:
    """Return the text of a column: the families and senders for which the port is open. wide: name all networks."""
    by_family = exposure.states(where)
    if where == "networks":
        return _networks(by_family)
    parts = [word for family, cells in by_family.items() if (word := _family_word(family, cells))]
    nets = list(dict.fromkeys(net for cells in by_family.values() for cell in cells for net in cell.listed))
    if nets:
        named = f"{nets[0]} and {len(nets) - 1} more" if len(nets) > 2 and not wide else ", ".join(nets)
        parts.append(named)
    several = where == "lan" and len({cell.origin.name for cells in by_family.values() for cell in cells}) > 1
    if several:
        opened = {c.origin.name for cells in by_family.values() for c in cells if c.state == "open"}
        everywhere = {c.origin.name for cells in by_family.values() for c in cells}
        if opened and opened != everywhere:
            return f"{' '.join(parts)} ({', '.join(printable(name) for name in sorted(opened))})"
    if not by_family:
        return ""
    return " ".join(parts) or "-"


def _family_word(family: Family, cells: Sequence[Cell]) -> str:
    number = "4" if family == "ip" else "6"
    states = {cell.state for cell in cells}
    if "open" in states:
        return number
    if "refused" in states:
        return f"({number})"
    return f"{number}?" if "undecided" in states else ""


def _networks(by_family: dict[Family, list[Cell]]) -> str:
    cells = [cell for row in by_family.values() for cell in row]
    names = {cell.origin.name for cell in cells}
    if not names:
        return ""
    opened = sorted({cell.origin.name for cell in cells if cell.state == "open"})
    refused = sorted({cell.origin.name for cell in cells if cell.state == "refused"})
    unknown = sorted({cell.origin.name for cell in cells if cell.state == "undecided"} - set(opened))
    parts = []
    for word, networks in (("", opened), ("()", refused), ("?", unknown)):
        if networks:
            text = (
                "all" if len(networks) == len(names) and len(names) > 1 else some([printable(n) for n in networks], 3)
            )
            parts.append(f"({text})" if word == "()" else f"{text}{word}")
    return " ".join(parts) or "-"


def unlisted_json(containers: Sequence[str]) -> dict[str, Any]:
    """Return the containers with unknown ports in JSON's form."""
    return {"containers": list(containers), "reason": "what listens in them was not read"}


def unlisted_text(containers: Sequence[str]) -> str:
    """Return a line about the containers with unknown ports."""
    return (
        f"What listens in {plural(len(containers), 'container')} was not read ({printable(some(containers))}): "
        "ports that are neither published nor exposed are not in this list."
    )


def failing(exposures: Sequence[Port], limit: Where | Listing, allowed: Sequence[str] = ()) -> list[Port]:
    """Return the ports that are open from ``limit`` or wider.

    "listed": open to the world, or to machines outside that rules let in by address, except those in ``allowed``.
    """
    if limit == "listed":
        nets = [ip_network(text, strict=False) for text in allowed]
        return [e for e in exposures if any(_lets_in(cell, nets) for cell in e.cells if cell.origin.where == "world")]
    wider = WIDEST[: WIDEST.index(limit) + 1]
    return [e for e in exposures if any(c.state == "open" and c.origin.where in wider for c in e.cells)]


def _lets_in(cell: Cell, allowed: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether everyone, or a sender that a rule names and that is not in ``allowed``, gets through."""
    return cell.state == "open" or not all(_within(ip_network(net), allowed) for net in cell.listed)


def _within(net: IPv4Network | IPv6Network, allowed: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(
        net.version == network.version and net.network_address in network and net.broadcast_address in network
        for network in allowed
    )


def undecided(exposures: Sequence[Port], limit: Where | Listing) -> list[Port]:
    """Return the ports for which it is unknown whether they are open from ``limit`` or wider."""
    wider = WIDEST[: WIDEST.index("world" if limit == "listed" else limit) + 1]
    return [e for e in exposures if any(_unknown(c) and c.origin.where in wider for c in e.cells)]


def _unknown(cell: Cell) -> bool:
    return cell.state == "undecided" or any(part.state == "undecided" for part in cell.senders)
