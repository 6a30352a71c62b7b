"""``netui path``: one question, all that SRC reaches, the egress of SRC, or a batch of questions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from netui.cli.arguments import BadInput, Options
from netui.cli.delivery import BAD, DONE, FOUND, UNDECIDED, deliver
from netui.cli.output import ascii_only, say, say_json
from netui.cli.reading import read_each, read_prepared

if TYPE_CHECKING:
    from netui.traversal import Path, PreparedHost

_STATUS = {"delivered": DONE, "undecided": UNDECIDED}


def run_path(options: Options) -> int:
    """Run ``netui path``."""
    from netui.reports.path import path_json, path_text
    from netui.traversal import EndpointError, path

    if options.batch is not None:
        if options.source is not None:
            raise BadInput("path: give either SRC DST or --batch FILE, not both")
        return _batch(options)
    if options.source is None or options.destination is None:
        raise BadInput("path: give SRC and DST, as in: netui path outside host:443")
    host = read_prepared(options)
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
    """The path of a part of the senders, by its number from 1."""
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
        return deliver(options, egress(host, options.source, reply=options.reply))
    except TooManyParts:
        raise BadInput("path: the rules tell more machines and ports apart than netui walks; name a port") from None
    except EndpointError as error:
        raise BadInput(str(error)) from None


def _reach(options: Options, host: PreparedHost) -> int:
    from netui.reports.commands import reach_all
    from netui.traversal import EndpointError

    try:
        return deliver(options, reach_all(host, options.source))
    except EndpointError as error:
        raise BadInput(str(error)) from None


def _batch(options: Options) -> int:
    from netui.reports.path import path_json
    from netui.traversal import EndpointError, path

    with _open_lines(options.batch) as lines:
        hosts = list(read_each(options)) if len(options.hosts) > 1 else [("", read_prepared(options))]
        status = DONE
        for name, host in hosts:
            if isinstance(host, Exception):
                # the error is a line of its own, and the batch goes on
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
