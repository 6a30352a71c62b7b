"""What a step changed, in words."""

from __future__ import annotations

import pytest

from netui.reports.step_changes import changes_text
from netui.traversal.result import Change


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ((), ""),
        ((Change("destination", "172.18.0.3:443"),), "dst 172.18.0.3:443"),
        ((Change("source", "[fd00::1]:80"),), "src [fd00::1]:80"),
        ((Change("mark", 0x4000), Change("source", "198.51.100.1")), "mark 0x4000, src 198.51.100.1"),
        ((Change("mark", 0),), "mark 0x0"),
        ((Change("mark", None),), "mark unknown"),
        ((Change("ct mark", 1), Change("ct mark", None)), "connmark 0x1, connmark unknown"),
        ((Change("tracked", False),), "untracked"),
    ],
)
def test_changes_in_words(changes: tuple[Change, ...], text: str) -> None:
    """Each field has the word that the JSON has always had."""
    assert changes_text(changes) == text
