"""Streams that are closed or full, and places that are not there; `make attack` is the long form."""

from __future__ import annotations

import pytest

from tests.attack import Attack, broken, streams


@pytest.mark.parametrize("attack", streams.ATTACKS, ids=lambda attack: attack.__name__)
def test_streams_and_places(attack: Attack) -> None:
    """One line or nothing is said, no stack trace, and no stranger's code is run."""
    assert broken(attack) == []
