"""The README's recording: a valid cast of the demo host, and a picture that shows it to its last frame."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pyte
import pytest

from tools.cast import Cast, Event, read
from tools.cast_svg import CELL, LINE, fed, svg
from tools.packages import ROOT
from tools.recording import HEIGHT, IDLE, SCENES, WIDTH

CAST = ROOT / "screenshots/recording.cast"
PICTURE = CAST.with_suffix(".svg")
_SVG = "{http://www.w3.org/2000/svg}"


def shown(cast: Cast) -> list[str]:
    """What a terminal shows at the end of a recording."""
    screen = pyte.Screen(cast.width, cast.height)
    stream = pyte.Stream(screen)
    for event in cast.events:
        if event.code == "o":
            fed(stream, event.text)
    return [line.rstrip() for line in screen.display]


def last_frame(picture: str) -> tuple[list[str], str]:
    """The rows of a picture's last frame as text, and its caption."""
    tree = ElementTree.fromstring(picture)
    rows = {row.get("id"): row for row in tree.iter(f"{_SVG}g") if (row.get("id") or "").startswith("r")}
    strip = next(each for each in tree.iter(f"{_SVG}g") if each.get("id") == "strip")
    frame = strip.findall(f"{_SVG}g")[-1]
    lines = [""] * (1 + max(int(use.get("y", "0")) // LINE for use in frame.findall(f"{_SVG}use")))
    for use in frame.findall(f"{_SVG}use"):
        line = ""
        for text in rows[use.get("href", "").removeprefix("#")].findall(f"{_SVG}text"):
            line = line.ljust(round(float(text.get("x", "0")) / CELL)) + (text.text or "")
        lines[int(use.get("y", "0")) // LINE] = line
    return lines, frame.findtext(f"{_SVG}text") or ""


def test_the_cast_is_valid_and_waits_for_nobody() -> None:
    """Version 2, the size of the recording, every scene's marker in its order, no long pause."""
    cast = read(CAST)
    assert (cast.width, cast.height) == (WIDTH, HEIGHT)
    assert [event.text for event in cast.events if event.code == "m"] == [scene.caption for scene in SCENES]
    pauses = [later.at - event.at for event, later in pairwise(cast.events)]
    assert max(pauses) < IDLE + 0.01
    assert 10 < cast.events[-1].at < 60


def test_the_cast_is_of_the_demo_host_alone() -> None:
    """The screen says that it is the demo; header and output hold no path and no machine's settings."""
    header = json.loads(CAST.read_text(encoding="utf-8").split("\n", 1)[0])
    assert set(header) == {"version", "width", "height", "title", "env"} and set(header["env"]) == {"TERM"}
    text = "".join(event.text for event in read(CAST).events)
    assert "DEMO" in text
    assert not re.findall(r"(?:/home|/root|/work|/tmp|/usr)/\S*", text)


def test_the_picture_shows_the_cast_to_its_last_frame() -> None:
    """It is the one that the cast makes, and its last frame says what a terminal shows at the end."""
    cast, picture = read(CAST), PICTURE.read_text(encoding="utf-8")
    assert picture == svg(cast)
    lines, caption = last_frame(picture)
    assert lines == shown(cast)
    assert caption == SCENES[-1].caption
    assert any(SCENES[-1].until in line for line in lines)


def test_the_picture_is_small_and_asks_nobody() -> None:
    """Less than a megabyte, no script, no address but the format's own, and still where no motion is wanted."""
    picture = PICTURE.read_text(encoding="utf-8")
    assert len(picture.encode()) < 1_000_000
    assert "<script" not in picture
    assert set(re.findall(r"https?://[^\"' )]*", picture)) == {"http://www.w3.org/2000/svg"}
    assert "prefers-reduced-motion" in picture


def test_the_readme_shows_it() -> None:
    """By its place in the repository."""
    assert "](screenshots/recording.svg)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_colours_reverse_and_quiet_rows_are_drawn() -> None:
    """A look of each kind, a hostile letter of XML, and one frame for output that comes together."""
    written = "\x1b[?2026$p\x1b[1;38;2;1;2;3;48;2;4;5;6m<&\x1b[0m \x1b[7mturned\x1b[0m\x1b[>1u"
    events = (Event(0, "m", "one"), Event(0.1, "o", written[:9]), Event(0.11, "o", written[9:]), Event(2, "o", "."))
    picture = svg(Cast(20, 2, "t", events))
    assert last_frame(picture) == (["<& turned."], "one")
    for wanted in ('fill="#040506"', "fill:#010203", ">&lt;&amp;<", ">turned<"):
        assert wanted in picture
    assert picture.count("<g transform=") == 2


BAD = [
    pytest.param('{"version": 1, "width": 1, "height": 1}', "version 2", id="another version"),
    pytest.param('{"version": 2, "width": 0, "height": 1}', "no size", id="no size"),
    pytest.param('{"version": 2, "width": 9, "height": 9}\n[1, "x", ""]', "line 2 is no event", id="another code"),
    pytest.param('{"version": 2, "width": 9, "height": 9}\n[-1, "o", ""]', "line 2 is no event", id="before the start"),
    pytest.param(
        '{"version": 2, "width": 9, "height": 9}\n[2, "o", ""]\n[1, "o", ""]', "line 3 is earlier", id="backwards"
    ),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_what_is_no_cast_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """With the line and the reason."""
    (tmp_path / "x.cast").write_text(text)
    with pytest.raises(ValueError, match=reason):
        read(tmp_path / "x.cast")


def test_a_cast_that_is_written_is_read_the_same(tmp_path: Path) -> None:
    """Letters beyond ASCII, line separators and escapes included; long pauses are cut and the order stays."""
    cast = Cast(3, 2, "→", (Event(1.0, "o", "\x1b[1mä\u2028\r\n"), Event(9.5, "m", "x")))
    cast.squeezed(2.0).write(tmp_path / "x.cast")
    assert read(tmp_path / "x.cast") == Cast(3, 2, "→", (Event(1.0, "o", "\x1b[1mä\u2028\r\n"), Event(3.0, "m", "x")))
