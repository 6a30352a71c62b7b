"""Starts the screen: live, on other machines, on a capture or the demo; and prints its settings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from netui.cli.commands import BadInput, Host, Screen
from netui.cli.delivery import BAD, DONE, FOUND
from netui.cli.output import complain, say
from netui.cli.reading import read_snapshot

if TYPE_CHECKING:
    from netui.config.file import Config
    from netui.ui.background.compared import Compared


def run_screen(command: Screen) -> int:
    """Show the screen until the user quits."""
    from netui.process import collector_off
    from netui.text.errors import SourceError

    if command.print_config:
        return _print_config(command)
    if command.host.replay == "-":
        raise BadInput("the screen reads its keys from standard input: give --replay a file, or ask for a report")
    _need_terminal()
    if command.compare is not None and command.host.machines:
        raise BadInput("--compare is for one machine: it does not go with --host")
    _check_interval(command)
    # imported modules stay; process.Collector starts after the first paint
    collector_off()
    try:
        if command.host.machines:
            return _elsewhere(command)
        return _replay(command) if command.host.demo or command.host.replay else _live(command)
    except SourceError as error:
        raise BadInput(str(error)) from None


def _check_interval(command: Screen) -> None:
    if command.interval is not None and command.interval < 0.5:
        raise BadInput(f"--interval {command.interval:g}: 0.5 seconds at least, to be no load on this host")


def _print_config(command: Screen) -> int:
    """Print the effective settings as a configuration; ignored settings of the file are reported on stderr."""
    from dataclasses import replace

    from netui.config.printed import printed
    from netui.text.errors import quoted_path
    from netui.ui.app import NetuiApp
    from netui.ui.commands import groups
    from netui.ui.keys import every
    from netui.ui.preferences import Preferences

    _check_interval(command)
    config = configuration(command)
    if not config.readable:
        return BAD
    bindings = groups(NetuiApp)
    preferences = Preferences(config, bindings)
    for problem in preferences.problems:
        complain(problem, 500)
    origin = f"{quoted_path(config.path)}, where it sets something, and the flags"
    keys = ((binding.id or "", binding.key, binding.tooltip or binding.description) for binding in every(bindings))
    say(printed(replace(preferences.settings, keys=preferences.keymap), keys, origin))
    return FOUND if preferences.problems else DONE


def _replay(command: Screen) -> int:
    from netui.sources.capture.recording import Recording, demo

    config = configuration(command)
    recording = Recording(command.host.replay) if command.host.replay is not None else demo()
    from netui.feed.replay import ReplayPoller

    player = ReplayPoller(recording, loop=bool(command.host.demo))
    from netui.ui.app import run

    return run(player, mode="demo" if command.host.demo else "replay", config=config, compared=_compared(command))


def _live(command: Screen) -> int:
    # first of all: the child reads during the imports, and forking needs a process without threads
    from netui.feed.first_reading import HeadStart

    with HeadStart() as head_start:
        config = configuration(command)
        from netui.feed.poller import Poller
        from netui.sources.import_lock import IMPORTING

        poller = Poller(interval=config.settings.interval, head_start=head_start)
        try:
            poller.begin()
            with IMPORTING:
                from netui.ui.app import run

            return run(poller, mode="live", config=config, compared=_compared(command))
        finally:
            poller.stop()


def _compared(command: Screen) -> Compared | None:
    """The capture for the key "=", if one was given; raises BadInput or SourceError before the screen starts."""
    if command.compare is None:
        return None
    from netui.ui.background.compared import Compared

    capture = read_snapshot(Host(replay=command.compare))
    return Compared(lambda: capture)


def _elsewhere(command: Screen) -> int:
    """Run the screen on other machines."""
    import importlib
    import threading

    from netui.cli.hosts import all_connected

    config = configuration(command)
    # connecting takes about as long as importing the screen's modules
    imports = threading.Thread(target=importlib.import_module, args=("netui.ui.machines",), daemon=True)
    imports.start()
    with all_connected(command.host.machines) as machines:
        imports.join()
        from netui.ui.machines import run_machines

        return run_machines(machines, config)


def configuration(command: Screen) -> Config:
    """The user's settings, overridden by flags; the screen names the bad ones."""
    from dataclasses import replace
    from pathlib import Path as File

    from netui.config.file import default_path, read_config

    try:
        file = File(command.config).expanduser() if command.config is not None else default_path()
    except RuntimeError:
        raise BadInput(f"--config {command.config}: there is no such user, or it has no home") from None
    config = read_config(file)
    if not config.readable:
        # the screen shows it, too; this line remains after the screen
        complain(config.problems[0], 500)
    flags = {name: getattr(command, name) for name in ("interval", "theme", "ascii", "colour")}
    return replace(
        config, settings=replace(config.settings, **{name: flag for name, flag in flags.items() if flag is not None})
    )


def _need_terminal() -> None:
    """Refuse an unusable terminal with one line, where Textual would show a stack trace."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput(
            "the screen needs a terminal (over ssh: ssh -t HOST netui); "
            "without one use a report, as in: netui path outside host:443"
        )
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        raise BadInput("the terminal's kind is not known (TERM is not set, or dumb): try TERM=xterm-256color netui")
