"""Reads a command's input: a host now, a capture, or several machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netui.cli.commands import BadInput, Host
from netui.cli.output import complain

if TYPE_CHECKING:
    from netui.model import Snapshot
    from netui.traversal import PreparedHost


def read_snapshot(host: Host, *, containers: bool = False, notes: bool = True) -> Snapshot:
    """Read a host; raises BadInput.

    containers: whether the report needs containers; if there are none, stderr says why. notes: whether stderr says
    what is missing in rules alone.
    """
    from netui.text.errors import SourceError

    try:
        if host.replay:
            from netui.sources.capture.reader import read_capture

            snapshot = read_capture(host.replay)
            _say_what_is_not_known(snapshot, notes=notes)
            return snapshot
        if host.demo:
            from netui.sources.capture.recording import read_demo

            return read_demo()
        from netui.sources.live.machine_sources import read_live

        if host.machines:
            from netui.cli.hosts import connected

            with connected(host.machines[0]) as machine:
                snapshot = read_live({}, machine)
        else:
            snapshot = read_live()
        _say_why_no_engine(snapshot, containers=containers)
        return snapshot
    except SourceError as error:
        raise BadInput(str(error)) from None


def _say_what_is_not_known(snapshot: Snapshot, *, notes: bool) -> None:
    """Report on stderr the unreadable files, and for rules alone what is missing."""
    lines = list(snapshot.damaged)
    if snapshot.alone and notes:
        lines += [f"{state.via}: {state.note}" for state in snapshot.sources.values() if state.note]
    for line in lines:
        complain(line)


def _say_why_no_engine(snapshot: Snapshot, name: str = "", *, containers: bool) -> None:
    """Report on stderr why there are no containers, if the report needs them or the user can change that."""
    state = snapshot.sources.get("docker")
    if state is not None and state.note.startswith("netui's container"):
        complain(state.note)
    if state is None or state.read or not state.error or state.error.startswith("no Docker socket"):
        return
    if containers or "netui --host" in state.error:
        complain(f"{name}: {state.error}" if name else state.error)


def read_prepared(host: Host, *, containers: bool = False, notes: bool = True) -> PreparedHost:
    """Read a host and prepare it for walking; raises BadInput."""
    from netui.traversal import RulesError, prepare

    try:
        return prepare(read_snapshot(host, containers=containers, notes=notes))
    except RulesError as error:
        raise BadInput(str(error)) from None


def read_each(host: Host, *, containers: bool = False) -> Iterator[tuple[str, PreparedHost | Exception]]:
    """Read machines in parallel; return each, or its error, by name."""
    from netui.cli.hosts import snapshots
    from netui.traversal import RulesError, prepare

    for name, snapshot in snapshots(host.machines):
        if isinstance(snapshot, Exception):
            yield name, snapshot
            continue
        _say_why_no_engine(snapshot, name, containers=containers)
        try:
            yield name, prepare(snapshot)
        except RulesError as error:
            yield name, error
