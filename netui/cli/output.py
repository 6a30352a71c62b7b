"""What reports write: one gate before stdout and stderr, whatever the text and the locale.

Each report escapes a stranger's text where it knows it for one; what it missed is made inert here.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys

from netui.text.visible import inert, printable

#: netui's own signs where the output is no UTF-8.
_ASCII = str.maketrans({"→": "->", "↔": "<->", "…": "...", "·": "-", "–": "-", "—": "-", "×": "x", "’": "'"})


def prepare_streams() -> None:
    """Set the standard streams so that no text and no locale ends the program with a UnicodeError.

    Bytes that stdin's encoding does not know become lone surrogates, which are shown as such. In the
    C locale Python would write lone surrogates as the raw bytes that they stand for.
    """
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            # a stream that is read already keeps what it has
            with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
                stream.reconfigure(errors=errors)


def ascii_only() -> bool:
    """Whether stdout is not UTF-8: then nothing beyond ASCII is written, for its bytes could be C1 controls."""
    return not _is_utf8(sys.stdout)


def _is_utf8(stream: object) -> bool:
    return "utf" in str(getattr(stream, "encoding", "") or "").lower()


def say(text: str) -> None:
    """Write lines to stdout."""
    sys.stdout.write(_gate(text, utf8=_is_utf8(sys.stdout)) + "\n")


def say_json(document: object, *, indent: int | None = 2) -> None:
    r"""Write one JSON document to stdout, in ASCII; json.dumps leaves DEL alone as it is."""
    text = json.dumps(document, ensure_ascii=True, indent=indent)
    sys.stdout.write(text.replace("\x7f", "\\u007f") + "\n")


def complain(text: str, limit: int = 2000) -> None:
    """Write one line to stderr, with the program's name before it."""
    sys.stderr.write(_gate(f"netui: {printable(text, limit)}", utf8=_is_utf8(sys.stderr)) + "\n")


def _gate(text: str, *, utf8: bool) -> str:
    text = inert(text)
    if utf8 or text.isascii():
        return text
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")
