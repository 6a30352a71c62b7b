"""Signals at any moment: of the screen, which gives the terminal back, and of a report, which says nothing strange."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.attack import Attack
from tests.attack.screen import NETUI, Screen

CASE = str(Path(__file__).parent.parent / "cases" / "engine-20.10" / "host")
#: Each signal that can be answered, and the status that it leaves.
SIGNALS = {
    signal.SIGTERM: -signal.SIGTERM,
    signal.SIGHUP: -signal.SIGHUP,
    signal.SIGQUIT: -signal.SIGQUIT,
    signal.SIGINT: 130,
}
#: How much longer than promised a busy machine may take: the suite runs two tests at once, `make attack` is alone.
SLOW = 3 if "pytest" in sys.modules else 1
#: Once this is there, netui has the terminal and its own handlers.
_TAKEN = b"\x1b[?1049h"


def screen_signals(rounds: int) -> Iterator[tuple[str, bool]]:
    """A signal while the screen is built up or stands leaves the terminal as it was."""
    for turn in range(rounds):
        for number, status in SIGNALS.items():
            for when, wait in (("at its beginning", 0.0), ("in the middle", 0.4 * random.random()), ("later", 1.0)):
                if when == "later" and turn:
                    continue
                with Screen(["--demo"]) as screen:
                    taken = screen.wait(_TAKEN)
                    screen.read(wait)
                    screen.process.send_signal(number)
                    ended = screen.ended(2.0) is not None
                    good = taken and ended and screen.process.returncode == status and screen.at_rest()
                    yield f"{number.name} {when}", good and b"Traceback" not in screen.raw


#: netui with a fault of its own.
_FAULTY = """
import sys
from netui.ui.app import NetuiApp
def broken(*_arguments, **_options):
    raise RuntimeError("a fault")
{fault}
from netui.entry import main
sys.exit(main())
"""
_FAULTS = {
    "in a key's action": "NetuiApp.action_keys = broken",
    "while a line is painted": "from netui.ui.panes.status import SpanLine; SpanLine.render_line = broken",
    "while it is built up": "NetuiApp.on_mount = broken",
}


def crashes(rounds: int) -> Iterator[tuple[str, bool]]:
    """An exception that nobody catches ends netui with a status of its own, and the terminal is as it was."""
    for _ in range(rounds):
        for where, fault in _FAULTS.items():
            program = [sys.executable, "-c", _FAULTY.format(fault=fault)]
            with Screen(["--demo"], program=program) as screen:
                taken = screen.wait(_TAKEN)
                screen.read(1.5)
                for key in ("?", "\x1b", "q"):
                    screen.press(key)
                    screen.read(0.3)
                ended = screen.ended(5.0) is not None
                yield (
                    f"{where}: {screen.process.returncode}",
                    taken and ended and bool(screen.process.returncode) and screen.at_rest(),
                )


def keys_at_the_end(rounds: int) -> Iterator[tuple[str, bool]]:
    """Whatever is typed behind the key that quits changes nothing."""
    for _ in range(rounds):
        for keys in ("q", "\x11", "\x11?", "q?", "qq", "q/x", "\x11\x10", "q\x1b[A", "q" + "j" * 200):
            with Screen(["--demo"]) as screen:
                seen = screen.wait(b"Networks")
                screen.read(0.3)
                screen.press(keys)
                ended = screen.ended(3.0) is not None
                good = seen and ended and screen.process.returncode == 0 and screen.at_rest()
                yield repr(keys), good and b"Traceback" not in screen.raw


def terminals(rounds: int) -> Iterator[tuple[str, bool]]:
    """A huge terminal, and one that does not read: q ends the program at once, and the terminal is as it was."""
    for _ in range(rounds):
        for size in ((120, 40), (500, 150), (1000, 1000)):
            for reading in (True, False):
                with Screen(["--demo"], size=size) as screen:
                    seen = screen.wait(b"Networks")
                    screen.read(1.0)
                    for key in () if reading else "jkjk2jk1z_z" * 3:
                        screen.press(key)
                        time.sleep(0.05)
                    screen.press("q")
                    took = screen.ended(5.0, reading=reading)
                    name = f"{size[0]}×{size[1]}{'' if reading else ', does not read'}"
                    yield name, seen and took is not None and took < 0.2 * SLOW and screen.at_rest()


def a_slow_terminal(rounds: int) -> Iterator[tuple[str, bool]]:
    """A terminal that begins to read again gets the whole screen."""
    for _ in range(rounds):
        with Screen(["--demo"], size=(160, 45)) as screen:
            seen = screen.wait(b"Networks")
            screen.read(0.5)
            for key in "jk" * 60 + "?":
                screen.press(key)
                time.sleep(0.01)
            time.sleep(0.5)
            written = len(screen.raw)
            screen.read(1.0)
            yield "the help is there", seen and b"Esc" in screen.raw[written:]
            screen.press("\x1b")
            screen.read(0.3)
            screen.press("q")
            yield "quits", screen.ended(2.0) is not None and screen.at_rest()


def interrupted_reports(rounds: int) -> Iterator[tuple[str, bool]]:
    """SIGINT at any moment of a report, the imports included: status 130 and not a word."""
    for name, arguments in (
        ("doctor", ["doctor", "--replay", CASE]),
        ("path", ["path", "host", "127.0.0.1:80", "--replay", CASE]),
        ("exposed, live", ["exposed"]),
    ):
        for turn in range(rounds * 5):
            # Before its first line the program is Python's alone: it is waited for until it has imported netui.
            process = subprocess.Popen(
                [*NETUI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
            _wait_for_netui(process.pid)
            time.sleep(0.3 * (turn / (rounds * 5)))
            process.send_signal(signal.SIGINT)
            out, errors = process.communicate(timeout=20)
            quiet = errors == b"" or (errors.count(b"\n") <= 1 and errors.startswith(b"netui: "))
            # It may have been over already.
            held = quiet and (process.returncode in (0, 1, 3) if out else process.returncode == 130)
            ended = f"{process.returncode}, {len(out)} bytes, {errors[-300:]!r}"
            yield f"{name} {turn}: {ended}", held or (quiet and process.returncode == 130)


def _wait_for_netui(pid: int) -> None:
    """Wait until a program answers SIGTERM by code of its own, as netui does from its first lines on."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
        if int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1)):
            return
        time.sleep(0.001)


ATTACKS: list[Attack] = [screen_signals, crashes, keys_at_the_end, terminals, a_slow_terminal, interrupted_reports]
