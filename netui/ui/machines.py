"""The screen on other machines, one after the other: each has a screen of its own, so that nothing of two is mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netui.config.file import Config
from netui.feed.poller import Poller
from netui.sources.machine.ssh import SshMachine
from netui.ui.app import NEXT_HOST, NetuiApp


def run_machines(machines: Sequence[SshMachine], config: Config) -> int:
    """Run the screen until the user quits, the key for the next machine goes through them; return the exit status.

    What the user sets on one screen holds on the next.
    """
    several, turn = len(machines) > 1, 0
    while True:
        machine = machines[turn % len(machines)]
        place = f"{machine.name} ({turn % len(machines) + 1}/{len(machines)})" if several else machine.name
        poller = Poller(interval=config.settings.interval, machine=machine)
        try:
            poller.begin()
            app = NetuiApp(poller, mode="live", config=config, place=place, more_hosts=several, few_colours=None)
            app.keys_first = True
            result = app.run()
        finally:
            poller.stop()
        if result != NEXT_HOST:
            return result if isinstance(result, int) else (app.return_code or 0)
        config = replace(config, settings=app.preferences.settings, problems=())
        turn += 1
