"""The output of reports: all text for stdout and stderr passes here, in any locale.

Each report escapes text from outside. This module makes inert what a report has missed.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from netui.text.visible import inert, printable

#: netui's own signs for output that is not UTF-8.
_ASCII = str.maketrans({"→": "->", "↔": "<->", "…": "...", "·": "-", "–": "-", "—": "-", "×": "x", "’": "'"})


def prepare_streams() -> None:
    """Configure the standard streams so that no text in any locale raises UnicodeError.

    Bytes that are invalid in stdin's encoding become lone surrogates, which are shown escaped. In the C locale
    Python would write lone surrogates as raw bytes.
    """
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            # a stream that was read already keeps its buffer
            with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
                stream.reconfigure(errors=errors)


def ascii_only() -> bool:
    """Whether stdout is not UTF-8: then only ASCII is written, because other bytes could be C1 controls."""
    return not _is_utf8(sys.stdout)


def _is_utf8(stream: object) -> bool:
    return "utf" in str(getattr(stream, "encoding", "") or "").lower()


def say(text: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write(_gate(text, utf8=_is_utf8(sys.stdout)) + "\n")


def say_json(document: object, *, indent: int | None = 2) -> None:
    r"""Write one JSON document to stdout, in ASCII; json.dumps does not escape DEL."""
    text = json.dumps(document, ensure_ascii=True, indent=indent)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def complain(text: str, limit: int = 2000) -> None:
    """Write one line to stderr, prefixed with the program's name."""
    sys.stderr.write(_gate(f"netui: {printable(text, limit)}", utf8=_is_utf8(sys.stderr)) + "\n")


def _gate(text: str, *, utf8: bool) -> str:
    text = inert(text)
    if utf8 or text.isascii():
        return text
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
