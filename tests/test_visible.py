"""Strangers' text is made visible in one place, for the panes and for the reports."""

import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netui.cli.output import say, say_json
from netui.text.visible import escape, inert, printable
from tests.attack.payloads import PAYLOADS, bad, bad_json

anything = st.text(alphabet=st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe 日本", "Größe 日本"),
        ("e\u0301", "e\u0301"),
        ("e\u0301\u0302\u0303\u0304", "e\u0301\u0302\\u0303\\u0304"),
        ("\u0301x", "\\u0301x"),
        ("a\n\u0301", "a\\n\\u0301"),
        ("x\ufe0f\u034f", "x\\ufe0f\\u034f"),
        ("a\u3164b\u2800", "a\\u3164b\\u2800"),
        ("a\u3000b\xa0", "a\\u3000b\\xa0"),
        ("\x1b]52;c;x\x07", "\\x1b]52;c;x\\x07"),
        ("\udc9b", "\\udc9b"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_a_line_of_a_report(text: str, shown: str) -> None:
    """A letter keeps two marks; what is unseen, or acts on a terminal, is written out."""
    assert printable(text) == shown


@given(anything)
def test_the_gates_let_nothing_through(text: str) -> None:
    """Any text at all: what comes out is printable letters and, for lines, line ends."""
    for shown in (escape(text), printable(text), printable(text, 10)):
        assert "\n" not in shown
        assert not bad(shown.encode())
    assert not bad("\n".join(line for line in inert(text).split("\n") if not line.startswith("FORGED")).encode())
    assert inert(inert(text)) == inert(text)


@given(anything, st.sampled_from(["utf-8", "latin-1", "ascii", "cp1252"]))
def test_every_stream_takes_every_text(text: str, encoding: str) -> None:
    """No UnicodeEncodeError, and JSON stays the same document."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding)
    before, sys.stdout = sys.stdout, stream
    try:
        say(f"x{text}".replace("\n", ""))
        say_json({text: text}, indent=None)
    finally:
        sys.stdout = before
    stream.flush()
    line, document, _ = stream.buffer.getvalue().split(b"\n")
    assert not bad(line)
    assert encoding == "utf-8" or line.isascii()
    assert not bad_json(document)
    assert json.loads(document) == json.loads(json.dumps({text: text}))


@pytest.mark.parametrize("kind", PAYLOADS)
def test_a_payload_is_still_to_be_seen(kind: str) -> None:
    """Nothing is left out: what was there can be read."""
    assert len(printable(PAYLOADS[kind])) >= len(PAYLOADS[kind])
