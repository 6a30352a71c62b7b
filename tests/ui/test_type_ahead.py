"""What follows a key comes after its frame, and before the next key."""

from __future__ import annotations

import time
from functools import partial

import pytest

from netui.ui.fastpath.key_order import TypeAheadApp
from tests.ui.steps import of_the_fast_path, until


@pytest.mark.parametrize(("keys_first", "key"), [(False, True), (True, False), (True, True)])
async def test_it_comes_by_itself(keys_first: bool, key: bool) -> None:
    """After a key in a terminal it comes a moment later, and of several the last alone; else at once."""
    app = TypeAheadApp()
    did: list[int] = []
    async with app.run_test() as pilot:
        app.keys_first = keys_first
        later = keys_first and key
        if key:
            await pilot.press("j")
            app._key_came = time.monotonic()
        for number in range(3):
            app.after_key(partial(did.append, number))
        assert did == ([] if later else [0, 1, 2])
        await until(pilot, lambda: did[-1:] == [2])
        assert did == ([2] if later else [0, 1, 2])
        app.after_key(partial(did.append, 3))
        await until(pilot, lambda: did[-1] == 3)


@of_the_fast_path
async def test_the_next_key_brings_it_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that comes sooner finds it done, and it is not done twice."""
    monkeypatch.setattr("netui.ui.fastpath.key_order._AFTER", 0.2)
    app = TypeAheadApp()
    did: list[str] = []
    async with app.run_test() as pilot:
        app.keys_first = True
        app._key_came = time.monotonic()
        monkeypatch.setattr(app, "_typed", _typed := _Typed(did))
        app.after_key(partial(did.append, "followed"))
        await pilot.press("j")
        assert did == ["followed", "key"]
        began = time.monotonic()
        await until(pilot, lambda: time.monotonic() - began > 0.25)
        assert did == ["followed", "key"]
        assert _typed.keys == 1


class _Typed:
    def __init__(self, did: list[str]) -> None:
        self.did, self.keys = did, 0

    async def __call__(self, _event: object) -> bool:
        self.keys += 1
        self.did.append("key")
        return True
