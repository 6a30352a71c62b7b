"""``netui path``: one question, all that SRC reaches, the egress of SRC, or a batch of questions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from netui.cli.commands import BadInput
from netui.cli.commands import Path as Command
from netui.cli.delivery import BAD, DONE, FOUND, UNDECIDED, deliver
from netui.cli.output import ascii_only, say, say_json
from netui.cli.reading import read_each, read_prepared

if TYPE_CHECKING:
    from netui.traversal import Path, PreparedHost

_STATUS = {"delivered": DONE, "undecided": UNDECIDED}


def run_path(command: Command) -> int:
    """Run ``netui path``."""
    from netui.reports.path import path_json, path_text
    from netui.traversal import EndpointError, path

    if command.batch is not None:
        if command.source is not None:
            raise BadInput("path: give either SRC DST or --batch FILE, not both")
        if command.batch == "-" and command.host.replay == "-":
            raise BadInput("path: --replay - and --batch - cannot both read standard input")
        return _batch(command, command.batch)
    if command.source is None or command.destination is None:
        raise BadInput("path: give SRC and DST, as in: netui path outside host:443")
    host = read_prepared(command.host, notes=False)
    if command.destination == "*":
        if command.iif or command.oif:
            raise BadInput("path: --in names the interface of one packet, not of all that '*' asks for")
        return _reach(command, command.source, host)
    if command.destination == "outside":
        return _egress(command, command.source, host)
    try:
        answer = path(host, command.source, command.destination, reply=command.reply, iif=command.iif, oif=command.oif)
    except EndpointError as error:
        raise BadInput(str(error)) from None
    if command.sender is not None:
        answer = _of_sender(answer, command.sender)
    if command.json:
        say_json(path_json(answer))
    else:
        say(path_text(answer, ascii_only=ascii_only()))
    return _STATUS.get(answer.verdict, FOUND)


def _of_sender(whole: Path, number: int) -> Path:
    """The path of a part of the senders, by its number from 1."""
    from dataclasses import replace

    if not whole.senders:
        raise BadInput("path: --sender: the path is the same for all senders; leave it out")
    if not 1 <= number < len(whole.senders):
        raise BadInput(f"path: --sender: give 1 to {len(whole.senders) - 1}, one of the parts beside everyone else")
    part = whole.senders[number]
    return replace(part.path, source=f"{whole.source} ({', '.join((part.addresses or ())[:6])})")


def _egress(command: Command, source: str, host: PreparedHost) -> int:
    from netui.reports.commands import egress
    from netui.traversal import EndpointError
    from netui.traversal.senders import TooManyParts

    if command.iif or command.oif or command.sender is not None:
        raise BadInput("path: --in, --out and --sender are of one packet; name a port, as in outside:443")
    try:
        return deliver(egress(host, source, reply=command.reply), json=command.json)
    except TooManyParts:
        raise BadInput("path: the rules tell more machines and ports apart than netui walks; name a port") from None
    except EndpointError as error:
        raise BadInput(str(error)) from None


def _reach(command: Command, source: str, host: PreparedHost) -> int:
    from netui.reports.commands import reach_all
    from netui.traversal import EndpointError

    try:
        return deliver(reach_all(host, source), json=command.json)
    except EndpointError as error:
        raise BadInput(str(error)) from None


def _batch(command: Command, file: str) -> int:
    from netui.reports.path import path_json
    from netui.traversal import EndpointError, path

    with _open_lines(file) as lines:
        hosts = (
            list(read_each(command.host))
            if len(command.host.machines) > 1
            else [("", read_prepared(command.host, notes=False))]
        )
        status = DONE
        for name, host in hosts:
            if isinstance(host, Exception):
                # the error is a line of its own, and the batch goes on
                say_json({"host": name, "error": str(host)}, indent=None)
                status = max(status, BAD)
        read = [(name, host) for name, host in hosts if not isinstance(host, Exception)]
        for line, name, host in ((line, *named_host) for line in lines for named_host in read):
            words = line.split()
            if not words:
                continue
            answer: dict[str, Any]
            try:
                if len(words) != 2:
                    raise EndpointError('a line has the form "SRC DST"')
                answered: Path = path(host, words[0], words[1], reply=command.reply, iif=command.iif, oif=command.oif)
                answer = path_json(answered)
                status = max(status, _STATUS.get(answered.verdict, FOUND))
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
