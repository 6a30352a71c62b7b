"""One deadline and one size for all that comes from outside; `make attack` is the long form."""

from __future__ import annotations

import pytest

from tests.attack import Attack, archives, broken, chains, engines, programs


@pytest.mark.parametrize("attack", programs.ATTACKS, ids=lambda attack: attack.__name__)
def test_programs_are_bounded(attack: Attack) -> None:
    """Whatever a program does, it and its children end in time, its output has an end, and it is the system's."""
    assert broken(attack) == []


@pytest.mark.parametrize("attack", archives.ATTACKS, ids=lambda attack: attack.__name__)
def test_archives_are_bounded(attack: Attack) -> None:
    """Whatever an archive claims or holds, it is answered in time and in memory, with a line of netui's own."""
    assert broken(attack) == []


@pytest.mark.parametrize("attack", chains.ATTACKS, ids=lambda attack: attack.__name__)
def test_rules_are_bounded(attack: Attack) -> None:
    """However often chains jump to each other, every report ends."""
    assert broken(attack) == []


@pytest.mark.parametrize("attack", engines.ATTACKS, ids=lambda attack: attack.__name__)
def test_engines_are_bounded(attack: Attack) -> None:
    """Whatever an engine answers, or does not, readings end, keys are answered and q ends the program."""
    assert broken(attack) == []
