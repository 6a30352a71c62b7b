"""What a whole host's exposure says of a cell is what that one question says of a host just read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from netui.audit.cells import Cell
from netui.audit.exposure import Exposure, exposures
from netui.model import Snapshot
from netui.sources.capture.reader import read_capture
from netui.sources.capture.recording import read_demo
from netui.traversal import path, prepare
from tests.explain.random_hosts import random_host

CASES = Path(__file__).parents[1] / "cases"


def _recorded() -> Iterator[tuple[str, Snapshot]]:
    for case in sorted(CASES.iterdir()):
        yield case.name, read_capture(case / "host")
    yield "demo", read_demo()


def _check(snapshot: Snapshot, asked: list[tuple[Exposure, Cell]]) -> None:
    for exposure, cell in asked:
        found = path(prepare(snapshot), cell.origin.source, cell.destination, reply=True)
        where = f"{cell.origin} → {exposure.container} {cell.destination}"
        lost = [note for note in found.notes if note.startswith("the answer does not come back")]
        if cell.state == "undecided":
            assert found.verdict == "undecided", where
        elif cell.state in ("open", "refused"):
            assert found.verdict == "delivered" and not lost, where
            assert cell.step == found.deciding, where
        elif lost:
            assert cell.reason == lost[0], where
        else:
            assert cell.reason.startswith(found.reason) and cell.step == found.deciding, where


def _cells(snapshot: Snapshot) -> list[tuple[Exposure, Cell]]:
    return [(e, cell) for e in exposures(prepare(snapshot)) for cell in e.cells if cell.destination]


@pytest.mark.parametrize(("name", "snapshot"), list(_recorded()), ids=[name for name, _ in _recorded()])
def test_each_cell_of_a_recorded_host_stands_alone(name: str, snapshot: Snapshot) -> None:
    """Every cell of the recorded hosts is what the question alone says."""
    cells = _cells(snapshot)
    assert cells, name
    _check(snapshot, cells)


@pytest.mark.parametrize("seed", range(12))
def test_cells_of_a_random_host_stand_alone(seed: int) -> None:
    """Cells of a host with random rules, taken at random, are what the question alone says."""
    snapshot = random_host(seed)
    cells = _cells(snapshot)
    _check(snapshot, random.Random(seed).sample(cells, 30))
