"""python -m tests.screenshots FOLDER | --tools: pictures of netui on this machine, which the lab's host is to be.

`make screenshots` runs it inside the lab's host with a little traffic. It is the real program with
its real poller; only the terminal is none.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import docker
from textual.pilot import Pilot

from netui.feed.poller import Poller
from netui.ui.app import NetuiApp
from netui.ui.lines.line_list_view import LineView
from netui.ui.presenters.selection import ContainerItem
from netui.ui.presenters.spans import plain

from .picture import install_tools, save

#: Refreshes before the first picture, so that there are rates and a history.
FRAMES = 16
_CLONE_NEWUTS = 0x04000000


class Photographer:
    """Goes through the screens of one app and keeps a picture of each."""

    def __init__(self, app: NetuiApp, pilot: Pilot[int], folder: Path) -> None:
        self.app = app
        self.pilot = pilot
        self.folder = folder

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the app go on until something is so."""
        for _ in range(1200):
            if condition():
                return
            await self.pilot.pause(0.05)
        raise RuntimeError("the screen never came to this")

    async def frames(self, number: int) -> None:
        """Let so many refreshes pass."""
        seen = self.app.state.snapshot.time
        for _ in range(number):
            await self.until(lambda seen=seen: self.app.state.snapshot.time > seen)  # type: ignore[misc]
            seen = self.app.state.snapshot.time

    async def take(self, name: str) -> None:
        """Keep a picture."""
        await self.pilot.pause()
        save(self.app.export_screenshot(title=""), self.folder / name)
        print(f"{self.folder / name}.svg and .png")

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def open_flow(self, name: str, label: str) -> None:
        """Select a container, and open one of its flows."""
        main = self.app.main
        container = next(each for each in self.app.state.snapshot.containers or () if each.name == name)
        await self.press("1")
        main.networks.go_to(ContainerItem(container.id))
        await self.until(lambda: main.detail.flows)
        await self.pilot.pause()
        await self.press("3")
        main.detail.move_to(row_with(main.detail, label))
        await self.press("enter")
        await self.until(lambda: self.app.state.flow is not None and not self.app.state.followed)


def row_with(pane: LineView, text: str) -> int:
    """The first line of a pane that holds this text."""
    return next(index for index in range(pane.line_count) if text in plain(pane.line_spans(index, 300)))


async def take_all(folder: Path) -> None:
    """Take every picture."""
    client = docker.from_env()
    app = NetuiApp(Poller(), ascii_glyphs=False, colour=True)
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        photographer = Photographer(app, pilot, folder)
        await photographer.until(lambda: app.state.snapshot.containers)
        await photographer.frames(FRAMES)
        await _panes(photographer)
        await _changes(photographer, client)
        await _questions(photographer)
        await _ask(photographer)
        await _looks(photographer)


async def _panes(photographer: Photographer) -> None:
    main = photographer.app.main
    await photographer.press("1", "g", "j", "j", "j", "j")
    await photographer.take("overview")
    await photographer.open_flow("openresty", "outside → 443/tcp")
    await photographer.press("n", "n")
    await photographer.frames(4)
    await photographer.take("path")
    await photographer.press("s")
    await photographer.take("steps")
    await photographer.press("s", "escape", "2")
    await photographer.press("slash", *"openresty", "enter")
    await photographer.take("filter")
    await photographer.press("escape", "2")
    main.chains.move_to(row_with(main.chains, "to:openresty:443"))
    await photographer.frames(1)
    await photographer.take("rule")
    await photographer.press("question_mark")
    await photographer.take("help")
    await photographer.press("escape")


async def _changes(photographer: Photographer, client: docker.DockerClient) -> None:
    app = photographer.app
    await photographer.press("1", "g", "e")
    stall = client.containers.create(
        "blog:latest", ["sleep", "600"], name="stall", network="hehe", ports={"80/tcp": 8000}
    )
    stall.start()
    await photographer.until(lambda: any("stall started" in entry.what for entry in app.events_log.entries))
    await photographer.frames(2)
    await photographer.press("4")
    app.main.drawer.move_to(row_with(app.main.drawer, "stall started"))
    await photographer.press("enter", "j")
    await photographer.take("events")
    stall.remove(force=True)
    await photographer.press("1", "e")
    await photographer.frames(2)


async def _questions(photographer: Photographer) -> None:
    for key, name in (("D", "doctor"), ("E", "exposed"), ("R", "reach"), ("c", "connections")):
        await photographer.press(key)
        await photographer.frames(2)
        await photographer.take(name)
        await photographer.press("escape")


async def _ask(photographer: Photographer) -> None:
    app = photographer.app
    await photographer.press("colon", *"outside", "space", *"host", "colon", *"8080", "enter")
    await photographer.until(lambda: app.state.flow is not None and app.state.flow.kind == "asked")
    await photographer.frames(1)
    await photographer.take("ask")
    await photographer.press("escape", "1")


async def _looks(photographer: Photographer) -> None:
    app, pilot = photographer.app, photographer.pilot
    await photographer.open_flow("openresty", "outside → 443/tcp")
    app.theme = "netui-light"
    await photographer.press("2", "n", "n", "n")
    await photographer.take("light")
    app.theme = "netui-dark"
    await pilot.resize_terminal(80, 24)
    await photographer.frames(1)
    await photographer.take("80x24")


def main() -> int:
    """Take the pictures; its exit status. `--tools` only installs what makes them: the lab has no way out."""
    if sys.argv[1:] == ["--tools"]:
        install_tools()
        return 0
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    # The machine's own name is nobody's business.
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUTS):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    socket.sethostname("lab")
    asyncio.run(take_all(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
