"""The captured hosts that tests read: two in the repository, and any beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

CASES = Path(__file__).parent.parent / "cases"
#: More hosts of the same kind may lie beside the checkout.
SHARED = Path(__file__).parents[3] / "shared" / "cases"


def case_hosts() -> list[Path]:
    """Return the host folders of all captured cases, in the repository and beside it."""
    roots = [CASES, SHARED] if SHARED.is_dir() else [CASES]
    return sorted(path for root in roots for path in root.glob("*/host"))


@pytest.fixture(params=case_hosts(), ids=lambda path: f"{path.parents[1].name}-{path.parent.name}")
def host(request: pytest.FixtureRequest) -> Path:
    """Return a captured host's folder."""
    path: Path = request.param
    return path
