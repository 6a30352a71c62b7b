"""Rows painted from what is known are those that Textual would have painted."""

from __future__ import annotations

from typing import Any

import pytest
from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

from netui.ui.lines.line_list_view import LineView
from tests.ui.fakes import KEY, blog_host, blog_rules, counters, later
from tests.ui.steps import arrive, running


def cells(strips: list[Strip]) -> list[list[tuple[str, str]]]:
    """Return each row as its cells, with their styles."""
    return [[(letter, str(style)) for text, style, _ in strip for letter in text] for strip in strips]


@pytest.mark.parametrize("options", [{}, {"colour": False}, {"ascii_glyphs": True}], ids=["colour", "plain", "ascii"])
@pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=str)
async def test_rows_are_those_that_textual_paints(size: tuple[int, int], options: dict[str, Any]) -> None:
    """In every pane, in and out of focus, scrolled sideways, in another theme, after keys and refreshes."""
    rules = blog_rules([f"-s 10.0.0.{n}/32 -m comment --comment 日本語 -j DROP" for n in range(30)])
    async with running(blog_host(rules), size=size, **options) as (app, pilot):
        compared = 0
        for second, key in enumerate(
            ["j", "2", "pagedown", "space", "k", "l", "c", "h", "3", "t", "z", "z", "1", "G"], 1
        ):
            await pilot.press(key)
            now = counters(rules, 5 + second, {3: 9 * second, 7: second})
            await arrive(app, pilot, later(app.state.snapshot, 1, counters={KEY: now}))
            for pane in app.screen.query(LineView):
                if not pane.region:
                    continue
                width, height = pane.region.size
                scrolls = pane.content_offset.x + pane.scrollable_content_region.width
                for crop in (
                    Region(0, 0, width, height),
                    Region(0, 0, scrolls, height),
                    Region(width // 3, height // 3, width // 2, height // 2),
                ):
                    ours = pane.render_lines(crop)
                    pane._styles_cache.clear()
                    theirs = ScrollView.render_lines(pane, crop)
                    assert cells(ours) == cells(theirs), (key, pane, crop)
                    assert all(strip.cell_length == crop.width for strip in ours)
                compared += 1
        assert compared > 20
