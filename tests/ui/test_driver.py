"""What reaches the terminal's writing thread, and when it lets go of it."""

from __future__ import annotations

import io

import pytest
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.headless_driver import HeadlessDriver

from netui.ui.app import NetuiApp
from netui.ui.driver import FrameDriver, _AtOnce


class Pieces:
    """A writing thread that keeps what it is given."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def write(self, text: str) -> None:
        """Take a piece."""
        self.all.append(text)


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        (["a", "b"], ["a", "b"]),
        ([SYNC_START, "frame", SYNC_END], [SYNC_START, "frame" + SYNC_END]),
        ([SYNC_START, SYNC_END, "bell"], [SYNC_START, SYNC_END, "bell"]),
        (
            [SYNC_START, "one", SYNC_END, SYNC_START, "two", SYNC_END],
            [SYNC_START, "one" + SYNC_END, SYNC_START, "two" + SYNC_END],
        ),
    ],
)
def test_a_frame_is_one_piece(written: list[str], pieces: list[str]) -> None:
    """A frame goes whole, behind the sign that it begins; what stands alone goes as it is."""
    driver = FrameDriver.__new__(FrameDriver)
    driver._frame, driver._writer_thread = None, Pieces()
    for data in written:
        driver.write(data)
    assert driver._writer_thread.all == pieces


def test_nothing_is_kept_back() -> None:
    """Each piece has left the buffer when it is written, and the file is otherwise the file."""
    raw = io.BytesIO()
    file = _AtOnce(io.TextIOWrapper(io.BufferedWriter(raw, 1 << 16), "utf-8"))
    for number, text in enumerate(["frame", "日本", ""], 1):
        file.write(text)
        assert raw.getvalue().decode() == "".join(["frame", "日本", ""][:number])
    assert file.encoding == "utf-8"


def test_the_app_writes_frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal it is netui's driver; one that the environment names stays."""
    assert NetuiApp().driver_class is FrameDriver
    monkeypatch.setattr("textual.constants.DRIVER", "textual.drivers.headless_driver:HeadlessDriver")
    assert NetuiApp().driver_class is HeadlessDriver
