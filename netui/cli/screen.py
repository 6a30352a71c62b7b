"""Starts the screen: live, on other machines, on a capture or the demo; and prints its settings."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from netui.cli.arguments import BadInput, Options
from netui.cli.delivery import BAD, DONE, FOUND
from netui.cli.output import complain, say
from netui.cli.reading import read_snapshot

if TYPE_CHECKING:
    from netui.config.file import Config
    from netui.ui.background.compared import Compared


def run_screen(options: Options) -> int:
    """Show the screen until the user quits."""
    from netui.process import collector_off
    from netui.text.errors import SourceError

    if options.print_config:
        return _print_config(options)
    if options.replay == "-":
        raise BadInput("the screen reads its keys from standard input: give --replay a file, or ask for a report")
    _need_terminal()
    if options.compare is not None and options.hosts:
        raise BadInput("--compare is for one machine: it does not go with --host")
    _check_interval(options)
    # imported modules stay; process.Collector starts after the first paint
    collector_off()
    try:
        if options.hosts:
            return _elsewhere(options)
        return _replay(options) if options.demo or options.replay else _live(options)
    except SourceError as error:
        raise BadInput(str(error)) from None


def _check_interval(options: Options) -> None:
    if options.interval is not None and options.interval < 0.5:
        raise BadInput(f"--interval {options.interval:g}: 0.5 seconds at least, to be no load on this host")


def _print_config(options: Options) -> int:
    """Print the effective settings as a configuration; ignored settings of the file are reported on stderr."""
    from dataclasses import replace

    from netui.config.printed import printed
    from netui.text.errors import quoted_path
    from netui.ui.app import NetuiApp
    from netui.ui.commands import groups
    from netui.ui.keys import every
    from netui.ui.preferences import Preferences

    _check_interval(options)
    config = configuration(options)
    if not config.readable:
        return BAD
    bindings = groups(NetuiApp)
    preferences = Preferences(config, bindings)
    for problem in preferences.problems:
        complain(problem, 500)
    origin = f"{quoted_path(config.path)}, where it sets something, and the flags"
    keys = ((each.id or "", each.key, each.tooltip or each.description) for each in every(bindings))
    say(printed(replace(preferences.settings, keys=preferences.keymap), keys, origin))
    return FOUND if preferences.problems else DONE


def _replay(options: Options) -> int:
    from netui.sources.capture.recording import Recording, demo

    config = configuration(options)
    recording = demo() if options.demo else Recording(options.replay)
    from netui.feed.replay import ReplayPoller

    player = ReplayPoller(recording, loop=bool(options.demo))
    from netui.ui.app import run

    return run(player, mode="demo" if options.demo else "replay", config=config, compared=_compared(options))


def _live(options: Options) -> int:
    # first of all: the child reads during the imports, and forking needs a process without threads
    from netui.feed.first_reading import HeadStart

    with HeadStart() as head_start:
        config = configuration(options)
        from netui.feed.poller import Poller
        from netui.sources.import_lock import IMPORTING

        poller = Poller(interval=config.settings.interval, head_start=head_start)
        try:
            poller.begin()
            with IMPORTING:
                from netui.ui.app import run

            return run(poller, mode="live", config=config, compared=_compared(options))
        finally:
            poller.stop()


def _compared(options: Options) -> Compared | None:
    """The capture for the key "=", if one was given; raises BadInput or SourceError before the screen starts."""
    if options.compare is None:
        return None
    from netui.ui.background.compared import Compared

    capture = read_snapshot(Options(replay=options.compare))
    return Compared(lambda: capture)


def _elsewhere(options: Options) -> int:
    """Run the screen on other machines."""
    import importlib
    import threading

    from netui.cli.hosts import all_connected

    config = configuration(options)
    # connecting takes about as long as importing the screen's modules
    imports = threading.Thread(target=importlib.import_module, args=("netui.ui.machines",), daemon=True)
    imports.start()
    with all_connected(options.hosts) as machines:
        imports.join()
        from netui.ui.machines import run_machines

        return run_machines(machines, config)


def configuration(options: Options) -> Config:
    """The user's settings, overridden by flags; the screen names the bad ones."""
    from dataclasses import replace
    from pathlib import Path as File

    from netui.config.file import default_path, read_config

    try:
        place = File(options.config).expanduser() if options.config is not None else default_path()
    except RuntimeError:
        raise BadInput(f"--config {options.config}: there is no such user, or it has no home") from None
    config = read_config(place)
    if not config.readable:
        # the screen shows it, too; this line remains after the screen
        complain(config.problems[0], 500)
    flags = {name: getattr(options, name) for name in ("interval", "theme", "ascii", "colour")}
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
