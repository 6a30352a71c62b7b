"""When the garbage collector is asked, and when what stays is set aside."""

from __future__ import annotations

import gc

import pytest

from netui.ui import collector
from netui.ui.collector import Collector


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note what the collector is told, with a clock that is moved by hand."""
    found: list[str] = []
    for name in ("collect", "freeze", "unfreeze", "enable"):
        monkeypatch.setattr(gc, name, lambda name=name: found.append(name))
    return found


def test_one_settling_for_many_changes(called: list[str]) -> None:
    """While one is waited for, further changes ask for no other; the next comes seconds later."""
    mine = Collector()
    assert mine.due() == 0.5
    assert mine.due() is None
    mine.settle()
    assert called == ["collect", "freeze", "enable"]
    following = mine.due()
    assert following is not None and 4 < following <= 5


def test_now_and_then_all_is_looked_through(called: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set aside is given to the collector again after a while, so that nothing leaks."""
    mine = Collector()
    monkeypatch.setattr(collector, "_WHOLE", -1.0)
    mine.settle()
    assert called == ["unfreeze", "collect", "freeze", "enable"]
