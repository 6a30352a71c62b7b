"""When the garbage collector is asked, and when what stays is set aside."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable

import pytest

from netui.process import Collector
from netui.ui.panes.help import HelpScreen
from tests.ui.steps import of_the_fast_path, running, until

Moment = tuple[float, str]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Moment]], list[Moment]]:
    """Run through moments (seconds, what happens) and note what the garbage collector is told, and when."""

    def run(moments: list[Moment]) -> list[Moment]:
        now = [1000.0]
        found: list[Moment] = []
        young = [0]
        monkeypatch.setattr(gc, "get_count", lambda: (young[0], 0, 0))
        monkeypatch.setattr(time, "monotonic", lambda: now[0])
        monkeypatch.setattr(gc, "collect", lambda *young: found.append((now[0] - 1000, "young" if young else "all")))
        for name in ("freeze", "unfreeze"):
            monkeypatch.setattr(gc, name, lambda name=name: found.append((now[0] - 1000, name)))
        mine = Collector()
        for moment, what in moments:
            now[0] = 1000 + moment
            if what == "many":
                young[0] = 200_000
            else:
                getattr(mine, what)()
        return found

    return run


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        pytest.param([(1, "changed"), (1, "tick")], [(1, "all"), (1, "freeze")], id="what is new is set aside"),
        pytest.param(
            [(1, "changed"), (1, "tick"), (2, "changed"), (2, "tick"), (4, "tick"), (6, "tick")],
            [(1, "all"), (1, "freeze"), (4, "young"), (6, "all"), (6, "freeze")],
            id="not more often than every five seconds",
        ),
        pytest.param([(1, "tick"), (2, "tick"), (4, "tick")], [(1, "young"), (4, "young")], id="the young at times"),
        pytest.param(
            [(1, "tick"), *((t, what) for t in range(2, 30) for what in ("key", "tick"))],
            [(1, "young"), (21, "young")],
            id="keys put it off, but not for ever",
        ),
        pytest.param(
            [(1, "tick"), (2, "key"), (2, "tick"), (3, "many"), (3, "key"), (3, "tick")],
            [(1, "young"), (3, "young")],
            id="keys do not put it off when there is much",
        ),
        pytest.param(
            [(float(t), what) for t in range(5, 126, 5) for what in ("changed", "tick")],
            [
                *((float(t), what) for t in range(5, 101, 5) for what in ("all", "freeze")),
                *((105.0, what) for what in ("unfreeze", "all", "freeze")),
                *((float(t), what) for t in range(110, 126, 5) for what in ("all", "freeze")),
            ],
            id="all of it sooner on a host that changes all the time",
        ),
        pytest.param([(601, "tick")], [(601, "unfreeze"), (601, "all"), (601, "freeze")], id="all of it now and then"),
    ],
)
def test_when_the_collector_is_told_what(
    told: Callable[[list[Moment]], list[Moment]], moments: list[Moment], expected: list[Moment]
) -> None:
    """It is asked when no key has come for a moment, and looks at what came since."""
    assert told(moments) == expected


@of_the_fast_path
async def test_screens_that_were_closed_are_let_go() -> None:
    """What Textual keeps of the painted rows of a closed screen does not stay for ever."""
    async with running() as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        painted = [weakref.ref(each._styles_cache) for each in app.screen.query("*")]
        assert painted
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        app._collector._last_key = app._collector._looked = float("-inf")
        app._collector.tick()
        await pilot.pause()
        gc.unfreeze()
        gc.collect()
        assert not [each() for each in painted if each() is not None]
