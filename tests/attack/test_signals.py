"""Signals, and keys at the end, leave the terminal as it was; `make attack` is the long form."""

from __future__ import annotations

import pytest

from tests.attack import Attack, broken, signals


@pytest.mark.parametrize("attack", signals.ATTACKS, ids=lambda attack: attack.__name__)
def test_the_end_leaves_nothing(attack: Attack) -> None:
    """However netui ends, the terminal is given back and no stack trace is shown."""
    assert broken(attack) == []
