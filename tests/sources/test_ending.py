"""Signals at the worst moments of a recording: what was begun is removed, and only the first one counts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netui.files import writing as new_file
from netui.sources.capture.new import Ending, new_capture


def _then_signal(monkeypatch: pytest.MonkeyPatch, name: str, numbers: tuple[int, ...]) -> None:
    """Let signals come as soon as a function of new_file's has done its work."""
    real: Callable[..., object] = getattr(new_file, name)

    def and_signal(*arguments: object, **named: Any) -> object:
        result = real(*arguments, **named)
        for number in numbers:
            os.kill(os.getpid(), number)
        return result

    monkeypatch.setattr(new_file, name, and_signal)


@pytest.mark.parametrize("name", ["x", "x.tar.gz"])
@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGINT), (signal.SIGHUP,)])
def test_a_signal_while_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, numbers: tuple[int, ...]
) -> None:
    """A folder or file that was just made when the signal came is not left behind."""
    _then_signal(monkeypatch, "_unfinished" if name.endswith("gz") else "_make", numbers)
    with pytest.raises(KeyboardInterrupt), Ending() as ending, new_capture(tmp_path / name, ending) as writer:
        writer.add("meta.json", b"{}")
    assert list(tmp_path.iterdir()) == []


def test_a_second_signal_does_not_stop_the_removal(tmp_path: Path) -> None:
    """The first one ends the capture; one that comes while its files are removed changes nothing."""
    with pytest.raises(KeyboardInterrupt), Ending() as ending, new_capture(tmp_path / "x", ending) as writer:
        writer.add("meta.json", b"{}")
        try:
            os.kill(os.getpid(), signal.SIGINT)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []


def test_a_signal_in_a_part_counts_after_it(tmp_path: Path) -> None:
    """A part that is being written is written whole; what comes after it is not begun."""
    written = []
    with pytest.raises(KeyboardInterrupt), Ending() as ending, new_capture(tmp_path / "x", ending) as writer:
        with ending.later():
            os.kill(os.getpid(), signal.SIGINT)
            writer.add("meta.json", b"{}")
            written.append("a part")
        written.append("more")
    assert written == ["a part"]


def test_a_signal_when_all_is_there_does_not_undo_it(tmp_path: Path) -> None:
    """What is complete is put in place."""
    with Ending() as ending, new_capture(tmp_path / "x", ending) as writer:
        writer.add("meta.json", b"{}")
        ending.hold()
        os.kill(os.getpid(), signal.SIGINT)
    assert (tmp_path / "x/meta.json").read_bytes() == b"{}"
