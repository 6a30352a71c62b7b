"""What is written with fewer bytes looks the same."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from netui.ui.fastpath.sgr import written
from tests.bench.terminal import Grid

_COLOURS = st.sampled_from([None, "#102030", "#ffffff", "red", "bright_blue", "color(200)", "default"])
_FLAGS = st.sampled_from([None, True, False])
_STYLES = st.none() | st.builds(
    Style, color=_COLOURS, bgcolor=_COLOURS, bold=_FLAGS, dim=_FLAGS, italic=_FLAGS, underline=_FLAGS, reverse=_FLAGS
)
_ROWS = st.lists(st.tuples(st.text("ab ", max_size=4), _STYLES), max_size=8)


def _cells(text: str) -> tuple[list[tuple[str, str]], tuple[str, str]]:
    """The cells of a row, and one that is written behind it."""
    grid = Grid(100, 1)
    grid.feed(text.encode())
    grid.feed(b"|")
    return grid.cells, ("|", "")


@pytest.mark.parametrize("colours", ["truecolor", "256", "standard"])
@settings(max_examples=300, deadline=None)
@given(rows=st.lists(_ROWS, min_size=1, max_size=2))
def test_lean_rows_look_as_textual_s(colours: Literal["truecolor", "256", "standard"], rows: Any) -> None:
    """Whatever the pieces and their looks are, each cell is that of Textual's own text, and nothing is left behind."""
    console = Console(color_system=colours, force_terminal=True)
    segments = [[Segment(text, style) for text, style in row] for row in rows]
    lean = "".join(written(Strip(row), console) for row in segments)
    own = "".join(Strip(row).render(console) for row in segments)
    cells, behind = _cells(lean)
    assert cells == _cells(own)[0]
    assert behind in cells
    assert len(lean) <= len(own)


def test_a_link_is_written_as_textual_does() -> None:
    """Links are a sequence of their own, and left to Textual."""
    strip = Strip([Segment("there", Style(link="https://example.org", bold=True))])
    assert "https://example.org" in written(strip, Console(color_system="truecolor", force_terminal=True))


def test_neighbours_on_one_ground_cost_their_ink_alone() -> None:
    """The ground is named once for a row."""
    looks = [Style(color="#111111", bgcolor="#eeeeee"), Style(color="#222222", bgcolor="#eeeeee")]
    strip = Strip([Segment("a", looks[0]), Segment("b", looks[1]), Segment("c", looks[0])])
    text = written(strip, Console(color_system="truecolor", force_terminal=True))
    assert text.count("48;2;238;238;238") == 1
    assert text == "\x1b[38;2;17;17;17;48;2;238;238;238ma\x1b[38;2;34;34;34mb\x1b[38;2;17;17;17mc\x1b[0m"
