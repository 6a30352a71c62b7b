"""Strangers' text is made visible, never obeyed."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color

from netui.text.visible import escape
from netui.ui.lines.safe_filter import SafeFilter
from netui.ui.presenters.cells import clip, clip_middle, fit, joined


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("blog", "blog"),
        ("[red]blog[/]", "[red]blog[/]"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("gpj.exe\u202e", "gpj.exe\\u202e"),
        ("a\u2028b", "a\\u2028b"),
        ("e\u0301", "e\\u0301"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0001", "\\U000e0001"),
        ("Größe 日本", "Größe 日本"),
        ("a\xa0b", "a\\xa0b"),
    ],
)
def test_what_is_not_plain_is_made_visible(text: str, shown: str) -> None:
    """Control, direction, combining and broken letters become backslash forms; others stay."""
    assert escape(text) == shown


def test_a_monster_is_cut_before_it_costs() -> None:
    """Ten thousand odd letters are cut at what no pane shows."""
    assert len(escape("\x00" * 10_000)) <= 4096 * 4 + 1


@pytest.mark.parametrize("text", ["short", "x" * 10_000, "日本語の長い名前" * 50, "a日" * 3])
@pytest.mark.parametrize("width", [0, 1, 2, 5, 9, 40])
def test_clip_and_fit_keep_the_width(text: str, width: int) -> None:
    """A clipped text is never wider, a fitted one exactly as wide as asked."""
    assert cell_len(clip(text, width)) <= width
    assert cell_len(clip_middle(text, width)) <= width
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit(text, width, right=True)) == width


def test_clip_middle_keeps_both_ends() -> None:
    """Chains differ at their ends."""
    assert clip_middle("DOCKER-ISOLATION-STAGE-2", 12) == "DOCKER-I…E-2"


def test_joined_counts_the_rest() -> None:
    """A long list says how many it left out."""
    assert joined([str(n) for n in range(9)], " ", 3) == "0 1 2 +6 more"


def test_the_filter_is_the_last_gate() -> None:
    """Whatever a widget paints, no control character passes, and the width stays."""
    segments = [Segment("a\x1bb\u202ec", None), Segment("plain", None)]
    safe = SafeFilter().apply(segments, Color(0, 0, 0))
    assert [segment.text for segment in safe] == ["a?b?c", "plain"]
    ascii_safe = SafeFilter(ascii_only=True).apply([Segment("▾日é─", None)], Color(0, 0, 0))
    assert ascii_safe[0].text == "-???-"
