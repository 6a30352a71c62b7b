"""Arguments: starts the app or prints a report."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from netui.cli.arguments import BadInput, Options
from netui.cli.output import ascii_only, complain, prepare_streams, say, say_json

if TYPE_CHECKING:
    from netui.config.file import Config
    from netui.model import Snapshot
    from netui.reports.commands import Report
    from netui.traversal import Path, PreparedHost
    from netui.ui.background.compared import Compared

#: Exit status: delivered or no finding; not delivered or findings; bad arguments or
#: unreadable input; undecided.
DONE, FOUND, BAD, UNDECIDED = 0, 1, 2, 3
_STATUS = {"delivered": DONE, "undecided": UNDECIDED}


def parse(arguments: list[str]) -> Options:
    """Read the arguments; raise BadInput.

    The screen is mostly asked for without any, and stands some milliseconds sooner without
    argparse.
    """
    if not arguments:
        return Options()
    from netui.cli.parser import command_line

    given = vars(command_line().parse_args(arguments))
    hosts = dict.fromkeys((*given.pop("hosts_before"), *given.pop("hosts_behind", [])))
    # "exposed --host", without another machine's name: the host's own ports
    own_ports = None in hosts
    hosts.pop(None, None)
    options = Options(**given | {"command": given["command"] or "", "hosts": tuple(hosts), "own_ports": own_ports})
    if options.hosts and (options.demo or options.replay or options.command == "diff"):
        raise BadInput("--host reads another machine now: it does not go with --replay, --demo or diff")
    if options.print_config and options.command:
        raise BadInput(f"--print-config prints the screen's settings: leave {options.command} out")
    batch = options.command == "path" and options.batch is not None
    if len(options.hosts) > 1 and options.command in ("path", "explain", "record") and not batch:
        raise BadInput(
            f"{options.command}: give one --host; several go with exposed, doctor, path --batch and the screen"
        )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run netui; returns the exit status."""
    prepare_streams()
    try:
        options = parse(sys.argv[1:] if arguments is None else list(arguments))
        return _COMMANDS[options.command](options)
    except BadInput as error:
        complain(str(error))
        return BAD
    except BrokenPipeError:
        # the reader of our output went away (netui path … | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return DONE
    except KeyboardInterrupt:
        return 130


# --- what reports read ---------------------------------------------------------------------


def _snapshot(options: Options) -> Snapshot:
    from netui.text.errors import SourceError

    try:
        if options.replay:
            from netui.sources.capture.reader import read_capture

            if options.replay == "-" and getattr(options, "batch", None) == "-":
                raise BadInput("path: --replay - and --batch - cannot both read standard input")
            snapshot = read_capture(options.replay)
            _say_what_is_not_known(snapshot, options.command)
            return snapshot
        if options.demo:
            from netui.sources.capture.recording import read_demo

            return read_demo()
        from netui.sources.live.machine_sources import read_live

        if options.hosts:
            from netui.cli.hosts import connected

            with connected(options.hosts[0]) as machine:
                snapshot = read_live({}, machine)
        else:
            snapshot = read_live()
        _say_why_no_engine(snapshot, options.command)
        return snapshot
    except SourceError as error:
        raise BadInput(str(error)) from None


def _say_what_is_not_known(snapshot: Snapshot, command: str) -> None:
    """Say on stderr which files could not be read, and of rules alone what is not known of them."""
    said = list(snapshot.damaged)
    if snapshot.alone and command != "path":
        # a path has them among its notes
        said += [f"{state.via}: {state.note}" for state in snapshot.sources.values() if state.note]
    for line in said:
        complain(line)


def _say_why_no_engine(snapshot: Snapshot, command: str, name: str = "") -> None:
    """Say on stderr why there are no containers, where a report is of them or the engine is to be had otherwise."""
    state = snapshot.sources.get("docker")
    if state is None or state.read or not state.error or state.error.startswith("no Docker socket"):
        return
    if command in ("exposed", "doctor") or "netui --host" in state.error:
        complain(f"{name}: {state.error}" if name else state.error)


def _prepared(options: Options) -> PreparedHost:
    from netui.traversal import RulesError, prepare

    try:
        return prepare(_snapshot(options))
    except RulesError as error:
        raise BadInput(str(error)) from None


# --- the commands --------------------------------------------------------------------------


def _path(options: Options) -> int:
    from netui.reports.path import path_json, path_text
    from netui.traversal import EndpointError, path

    if options.batch is not None:
        if options.source is not None:
            raise BadInput("path: give either SRC DST or --batch FILE, not both")
        return _batch(options)
    if options.source is None or options.destination is None:
        raise BadInput("path: give SRC and DST, as in: netui path outside host:443")
    host = _prepared(options)
    if options.destination == "*":
        if options.iif or options.oif:
            raise BadInput("path: --in names the interface of one packet, not of all that '*' asks for")
        return _reach(options, host)
    if options.destination == "outside":
        return _egress(options, host)
    try:
        found = path(host, options.source, options.destination, reply=options.reply, iif=options.iif, oif=options.oif)
    except EndpointError as error:
        raise BadInput(str(error)) from None
    if options.sender is not None:
        found = _of_sender(found, options.sender)
    if options.json:
        say_json(path_json(found))
    else:
        say(path_text(found, ascii_only=ascii_only()))
    return _STATUS.get(found.verdict, FOUND)


def _of_sender(found: Path, number: int) -> Path:
    """The path of one part of the senders, counted from 1."""
    from dataclasses import replace

    if not found.senders:
        raise BadInput("path: --sender: the path is the same for all senders; leave it out")
    if not 1 <= number < len(found.senders):
        raise BadInput(f"path: --sender: give 1 to {len(found.senders) - 1}, one of the parts beside everyone else")
    part = found.senders[number]
    return replace(part.path, source=f"{found.source} ({', '.join((part.addresses or ())[:6])})")


def _egress(options: Options, host: PreparedHost) -> int:
    from netui.reports.commands import egress
    from netui.traversal import EndpointError
    from netui.traversal.senders import TooManyParts

    if options.iif or options.oif or options.sender is not None:
        raise BadInput("path: --in, --out and --sender are of one packet; name a port, as in outside:443")
    try:
        return _deliver(options, egress(host, options.source, reply=options.reply))
    except TooManyParts:
        raise BadInput("path: the rules tell more machines and ports apart than netui walks; name a port") from None
    except EndpointError as error:
        raise BadInput(str(error)) from None


def _reach(options: Options, host: PreparedHost) -> int:
    from netui.reports.commands import reach_all
    from netui.traversal import EndpointError

    try:
        return _deliver(options, reach_all(host, options.source))
    except EndpointError as error:
        raise BadInput(str(error)) from None


def _exposed(options: Options) -> int:
    from netui.reports.commands import exposed, exposed_host

    report = exposed_host if options.own_ports else exposed
    return _report(options, lambda host: report(host, options.fail_on, options.allow, wide=options.wide))


def _doctor(options: Options) -> int:
    from netui.reports.commands import doctor

    return _report(options, doctor)


def _explain(options: Options) -> int:
    from netui.reports.commands import explain
    from netui.reports.explain import NotThere

    try:
        return _deliver(options, explain(_snapshot(options), options.table, options.chain, options.number))
    except NotThere as error:
        raise BadInput(str(error)) from None


def _diff(options: Options) -> int:
    from netui.reports.commands import diff

    sides = [_prepared(Options(replay=side)) for side in (options.before, options.after)]
    return _deliver(options, diff(*sides))


def _report(options: Options, make: Callable[[PreparedHost], Report]) -> int:
    """Make a report of one machine, or of several, and print it."""
    if len(options.hosts) < 2:
        return _deliver(options, make(_prepared(options)))
    from netui.reports.several import Machine, several

    machines = [
        Machine(name, error=str(host)) if isinstance(host, Exception) else Machine(name, make(host))
        for name, host in _each_prepared(options)
    ]
    return _deliver(options, several("host ports" if options.own_ports else options.command, machines))


def _each_prepared(options: Options) -> Iterator[tuple[str, PreparedHost | Exception]]:
    """Each machine by its name, or why it was not read; they are asked side by side."""
    from netui.cli.hosts import snapshots
    from netui.traversal import RulesError, prepare

    for name, found in snapshots(options.hosts):
        if isinstance(found, Exception):
            yield name, found
            continue
        _say_why_no_engine(found, options.command, name)
        try:
            yield name, prepare(found)
        except RulesError as error:
            yield name, error


def _deliver(options: Options, report: Report) -> int:
    """Print a report in the form that was asked for; its exit status."""
    if options.json:
        say_json(report.document)
    else:
        say(report.text)
    return report.status


def _batch(options: Options) -> int:
    from netui.reports.path import path_json
    from netui.traversal import EndpointError, path

    with _open_lines(options.batch) as lines:
        hosts = list(_each_prepared(options)) if len(options.hosts) > 1 else [("", _prepared(options))]
        status = DONE
        for name, host in hosts:
            if isinstance(host, Exception):
                # a line of its own, and the others' answers go on
                say_json({"host": name, "error": str(host)}, indent=None)
                status = max(status, BAD)
        read = [(name, host) for name, host in hosts if not isinstance(host, Exception)]
        for line, name, host in ((line, *one) for line in lines for one in read):
            words = line.split()
            if not words:
                continue
            answer: dict[str, Any]
            try:
                if len(words) != 2:
                    raise EndpointError('a line has the form "SRC DST"')
                found: Path = path(host, words[0], words[1], reply=options.reply, iif=options.iif, oif=options.oif)
                answer = path_json(found)
                status = max(status, _STATUS.get(found.verdict, FOUND))
            except EndpointError as error:
                answer = {"error": str(error)}
                status = max(status, BAD)
            say_json({"host": name} | answer if name else answer, indent=None)
    return status


class _open_lines:
    """The lines of a file, or of stdin for ``-``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._file: TextIO | None = None

    def __enter__(self) -> Iterator[str]:
        if self._name == "-":
            return iter(sys.stdin)
        from netui.files.reading import open_regular

        try:
            self._file = os.fdopen(open_regular(self._name), encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise BadInput(f"{self._name}: {error.strerror or error}") from None
        return iter(self._file)

    def __exit__(self, *_exc: object) -> None:
        if self._file is not None:
            self._file.close()


def _record(options: Options) -> int:
    from netui.sources.capture.record import record
    from netui.text.errors import SourceError

    if options.for_ is not None and options.every is None:
        raise BadInput("record: --for needs --every, the time between two frames")
    missing: list[str] = []
    try:
        if options.hosts:
            from netui.cli.hosts import connected

            with connected(options.hosts[0]) as machine:
                record(options.path, every=options.every, for_=options.for_, say=missing.append, machine=machine)
        else:
            record(options.path, every=options.every, for_=options.for_, say=missing.append)
    except SourceError as error:
        raise BadInput(str(error)) from None
    for line in missing:
        complain(f"not recorded: {line}")
    return FOUND if missing else DONE


def _screen(options: Options) -> int:
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
    # What is imported stays: process.Collector begins when the first screen stands.
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
    """The settings in effect as a configuration; what is ignored of the file stands on stderr."""
    from dataclasses import replace

    from netui.config.printed import printed
    from netui.text.errors import quoted_path
    from netui.ui.app import NetuiApp
    from netui.ui.commands import groups
    from netui.ui.keys import every
    from netui.ui.preferences import Preferences

    _check_interval(options)
    config = _config(options)
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

    config = _config(options)
    recording = demo() if options.demo else Recording(options.replay)
    from netui.feed.poller import ReplayPoller

    player = ReplayPoller(recording, loop=bool(options.demo))
    from netui.ui.app import run

    return run(player, mode="demo" if options.demo else "replay", config=config, compared=_compared(options))


def _live(options: Options) -> int:
    # Before all else: the engine is read beside the imports, and there must be no thread yet.
    from netui.feed.first_reading import HeadStart

    with HeadStart() as head_start:
        config = _config(options)
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
    """What = compares with where a capture was given; raises BadInput or SourceError before the screen stands."""
    if options.compare is None:
        return None
    from netui.ui.background.compared import Compared

    capture = _snapshot(Options(replay=options.compare))
    return Compared(lambda: capture)


def _elsewhere(options: Options) -> int:
    """The screen on other machines."""
    import importlib
    import threading

    from netui.cli.hosts import all_connected

    config = _config(options)
    # ssh takes about as long as the screen's modules
    imports = threading.Thread(target=importlib.import_module, args=("netui.ui.machines",), daemon=True)
    imports.start()
    with all_connected(options.hosts) as machines:
        imports.join()
        from netui.ui.machines import run_machines

        return run_machines(machines, config)


def _config(options: Options) -> Config:
    """The user's settings, with the flags in their place; what is bad in them the screen names."""
    from dataclasses import replace
    from pathlib import Path as File

    from netui.config.file import default_path, read_config

    try:
        place = File(options.config).expanduser() if options.config is not None else default_path()
    except RuntimeError:
        raise BadInput(f"--config {options.config}: there is no such user, or it has no home") from None
    config = read_config(place)
    if not config.readable:
        # the screen says so too; this line is still there when it is gone
        complain(config.problems[0], 500)
    flags = {name: getattr(options, name) for name in ("interval", "theme", "ascii", "colour")}
    return replace(
        config, settings=replace(config.settings, **{name: flag for name, flag in flags.items() if flag is not None})
    )


def _need_terminal() -> None:
    """Refuse what cannot show a screen with one line, where Textual would show a stack trace."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput(
            "the screen needs a terminal (over ssh: ssh -t HOST netui); "
            "without one use a report, as in: netui path outside host:443"
        )
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        raise BadInput("the terminal's kind is not known (TERM is not set, or dumb): try TERM=xterm-256color netui")


_COMMANDS: Mapping[str, Callable[[Options], int]] = {
    "": _screen,
    "path": _path,
    "exposed": _exposed,
    "doctor": _doctor,
    "explain": _explain,
    "diff": _diff,
    "record": _record,
}

if __name__ == "__main__":
    sys.exit(main())
