"""Messages: one at a time, in the footer, gone with the next key; never over an answer's screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from netui.config.file import read_config
from netui.sources.capture.recording import read_demo
from netui.ui.answers.worker import SOLVE
from netui.ui.app import NetuiApp
from tests.ui.steps import running, screen_text, until

DEMO = read_demo()


def footer(app: NetuiApp) -> str:
    """The last row of the screen."""
    return screen_text(app).split("\n")[-1]


@pytest.mark.parametrize("question", ["D", "E", "R", "c", "equals_sign"])
@pytest.mark.parametrize("size", [(160, 45), (80, 24)])
async def test_on_an_answers_screen(question: str, size: tuple[int, int]) -> None:
    """It stands in that screen's footer and nowhere else; another one takes its place, the next key takes it away."""
    async with running(DEMO, answers=SOLVE, size=size) as (app, pilot):
        await pilot.press(question)
        await until(pilot, lambda: app.answers.screen is not None)
        for text in ("First.", "Second.", "Second."):
            app.say(text)
            await pilot.pause()
            assert footer(app).strip() == text
        assert not app._notifications
        assert "Second." not in "\n".join(screen_text(app).split("\n")[:-1])
        await pilot.press("tab")
        assert "Second." not in screen_text(app)
        assert "Help" in footer(app)


async def test_what_is_wrong_with_the_settings_leaves_with_the_next_key(tmp_path: Path) -> None:
    """Several lines that stand over the panes: they are not over an answer that is opened."""
    path = Path(tmp_path / "config.toml")
    path.write_text("theme = 3\ninterval = 'x'\n")
    async with running(DEMO, answers=SOLVE, config=read_config(path)) as (app, pilot):
        await until(pilot, lambda: "theme" in screen_text(app) and "interval" in screen_text(app))
        await pilot.press("D")
        await until(pilot, lambda: app.answers.screen is not None and "DOCKER-USER" in screen_text(app), times=1000)
        await until(pilot, lambda: "interval" not in screen_text(app))
