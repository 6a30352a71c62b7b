"""Each kind of finding is built and cured on a real engine: the lab's tests name every one."""

from __future__ import annotations

import re
from pathlib import Path

from netui.audit import doctor

_LAB = Path(__file__).parent.parent / "lab"
_KIND = re.compile(r"(?:Finding|_note)\(\s*\"([a-z-]+)\"")


def test_every_kind_of_finding_is_named_by_a_test_of_the_lab() -> None:
    """A new kind comes with its situation on a real engine."""
    folder = Path(doctor.__file__).parent
    kinds = {kind for file in folder.glob("*.py") for kind in _KIND.findall(file.read_text())}
    assert len(kinds) > 30
    tests = "\n".join(file.read_text() for file in _LAB.glob("test_*.py"))
    assert sorted(kind for kind in kinds if f'"{kind}"' not in tests) == []
