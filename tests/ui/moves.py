"""Ways through the screen that several tests go."""

from __future__ import annotations

from textual.pilot import Pilot

from netui.model import Container
from netui.ui.app import NetuiApp
from netui.ui.presenters.selection import ContainerItem
from tests.ui.steps import until


async def to_container(app: NetuiApp, pilot: Pilot[int], name: str) -> Container:
    """Put the tree's cursor on a container."""
    found = next(each for each in app.state.snapshot.containers if each.name == name)
    app.main.networks.focus()
    app.main.networks.go_to(ContainerItem(found.id))
    await pilot.pause()
    return found


async def open_flow(app: NetuiApp, pilot: Pilot[int]) -> None:
    """Open openresty's first flow."""
    await to_container(app, pilot, "openresty")
    await until(pilot, lambda: app.main.detail.flows)
    app.main.detail.focus()
    place = next(i for i, line in enumerate(app.main.detail._lines) if "outside → 443/tcp" in str(line.spans))
    app.main.detail.move_to(place)
    await pilot.press("enter")
    await until(pilot, lambda: app.state.flow is not None and not app.state.followed)
    await pilot.pause()
