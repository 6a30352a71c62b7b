"""Seen from afar: who reaches each published port, and how many connections come to each container."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netui.audit.cells import Cell, Listed, State
from netui.audit.exposure import Exposure
from netui.audit.origins import Origin, Where
from netui.model import Counters, Snapshot
from netui.ui.answers.worker import SOLVE
from netui.ui.presenters.chains.counters import CounterTrack
from netui.ui.presenters.tree_signs import Inbound, who_reaches
from tests.ui.fakes import KEY, blog_host, later
from tests.ui.steps import arrive, rows, running, until


def cell(where: Where, state: State, listed: tuple[str, ...] = ()) -> Cell:
    """A cell of one place."""
    senders = (Listed(listed, "open", None, ""),) if listed else ()
    return Cell(Origin(where, "eth0", "ip", "outside"), state, "published", "host:80/tcp", "", None, senders=senders)


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ((cell("world", "open"), cell("lan", "closed")), "world"),
        ((cell("world", "closed"), cell("world", "open")), "world"),
        ((cell("world", "closed", ("203.0.113.0/24",)), cell("lan", "open")), "listed"),
        ((cell("world", "undecided"), cell("lan", "open")), "?"),
        ((cell("world", "closed"), cell("lan", "open"), cell("host", "open")), "LAN"),
        ((cell("world", "refused"), cell("lan", "closed"), cell("host", "open")), "host"),
        ((cell("world", "closed"), cell("own", "open"), cell("host", "open")), "networks"),
        ((cell("world", "closed"), cell("host", "undecided")), "?"),
        ((cell("world", "closed"), cell("host", "refused")), "nobody"),
    ],
)
def test_the_widest_counts(cells: tuple[Cell, ...], word: str) -> None:
    """A narrower place is named only where no wider one is open or unknown."""
    one = Exposure("web", "3" * 64, 80, "tcp", ("published",), (), "yes", cells)
    assert who_reaches([one])["3" * 64, 80, "tcp"][0] == word


def moved(snapshot: Snapshot, seconds: float, packets: int) -> Snapshot:
    """The host later, with so many packets on each counter."""
    host = later(snapshot, seconds)
    count = len(host.counters[KEY])
    return replace(host, counters={KEY: Counters((packets,) * count, (packets * 60,) * count)})


def test_connections_a_second() -> None:
    """The rules that translate to a container's address are its own: two ports are twice one rule's rate."""
    host = blog_host()
    track = CounterTrack()
    track.add(moved(host, 1, 10))
    track.add(moved(host, 3, 14))
    ids = {container.name: container.id for container in host.containers}
    inbound = Inbound(host)
    assert inbound.rate(ids["openresty"], track) == 4.0
    assert inbound.rate(ids["blog"], track) == 0.0


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_the_tree_says_it(size: tuple[int, int]) -> None:
    """The word stands behind the port, the rate behind the container's name, at 80 columns too."""
    host = blog_host()
    async with running(moved(host, 0, 10), answers={"exposed": SOLVE["exposed"]}, size=size) as (app, pilot):
        await until(pilot, lambda: app.state.reach)
        await pilot.pause()
        await arrive(app, pilot, moved(app.state.snapshot, 1, 12))
        text = "\n".join(rows(app.main.networks))
        line = next(row for row in text.splitlines() if "443 → 443/tcp" in row)
        assert line.split()[-1] in ("world", "?", "nobody"), text
        assert "openresty  4/s" in text
