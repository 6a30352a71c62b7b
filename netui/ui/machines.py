"""The screen on other machines, one after the other; each machine has its own screen, so their data is never mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netui.config.file import Config
from netui.feed.poller import Poller
from netui.sources.machine.ssh import SshMachine
from netui.ui.app import NEXT_HOST, NetuiApp


def run_machines(machines: Sequence[SshMachine], config: Config) -> int:
    """Run the screens, which the key for the next machine switches, until the user quits; return the exit status.

    The user's settings carry over to the next screen.
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
