"""Reads a command's input: a host now, a capture, or several machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netui.cli.arguments import BadInput, Options
from netui.cli.output import complain

if TYPE_CHECKING:
    from netui.model import Snapshot
    from netui.traversal import PreparedHost


def read_snapshot(options: Options) -> Snapshot:
    """Read the host of the options; raises BadInput."""
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
    """Report on stderr the unreadable files, and for rules alone what is missing."""
    said = list(snapshot.damaged)
    if snapshot.alone and command != "path":
        # a path has them in its notes
        said += [f"{state.via}: {state.note}" for state in snapshot.sources.values() if state.note]
    for line in said:
        complain(line)


def _say_why_no_engine(snapshot: Snapshot, command: str, name: str = "") -> None:
    """Report on stderr why there are no containers, if the report needs them or the user can change that."""
    state = snapshot.sources.get("docker")
    if state is not None and state.note.startswith("netui's container"):
        complain(state.note)
    if state is None or state.read or not state.error or state.error.startswith("no Docker socket"):
        return
    if command in ("exposed", "doctor") or "netui --host" in state.error:
        complain(f"{name}: {state.error}" if name else state.error)


def read_prepared(options: Options) -> PreparedHost:
    """Read the host of the options and prepare it for walking; raises BadInput."""
    from netui.traversal import RulesError, prepare

    try:
        return prepare(read_snapshot(options))
    except RulesError as error:
        raise BadInput(str(error)) from None


def read_each(options: Options) -> Iterator[tuple[str, PreparedHost | Exception]]:
    """Read machines in parallel; return each, or its error, by name."""
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
