"""The recording that the README shows: the real program on the demo host, in a terminal, driven by keys.

python -m tools.recording          screenshots/recording.cast and screenshots/recording.svg
"""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from dataclasses import dataclass

import pyte

from tools.cast import Cast, Event
from tools.cast_svg import fed, svg
from tools.packages import ROOT

WIDTH, HEIGHT = 110, 32
#: No pause of the recording is longer, in seconds.
IDLE = 1.0
TITLE = "netui on its demo host"


@dataclass(frozen=True)
class Scene:
    """What is done: a caption, the keys, what the screen shows then, and for how long it stays."""

    caption: str
    keys: str
    until: str
    seconds: float = 2.5


SCENES = (
    Scene("The host's networks and containers; every rule with its live counters", "", "hehe", 3),
    Scene(
        "The cursor on a container: the rules that its packets meet are numbered",
        "jjjj",
        "✗ dropped, outside → 8080/tcp",
        3,
    ),
    Scene("n: step by step to the rule that decides", "nnnnn", "filter DOCKER-USER 3", 3),
    Scene(":  asks any other question", ":outside host:8080", "outside host:8080", 1.5),
    Scene("Who may: where rules name senders the answer says for whom", "\r", "203.0.113.0/24", 4),
    Scene("E: which ports are open, from where, by which rule", "\x1bE", "Exposed ports", 4),
    Scene("D: what is wrong, and what helps", "\x1bD", "Doctor", 5),
)


class Recorder:
    """A program in a terminal of its own, whose output is kept with its times."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        self._program = subprocess.Popen(
            command, env=environment, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self._master = master
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._began = time.monotonic()
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self._screen)
        self.events: list[Event] = []

    def play(self, scene: Scene, deadline: float = 30) -> None:
        """Press the scene's keys, one after the other; wait until its text is there, then for its time."""
        self._note("m", scene.caption)
        for key in scene.keys:
            os.write(self._master, key.encode())
            # typed as by a person; Esc alone, so that it is no part of a sequence
            self._read(0.6 if key == "\x1b" else 0.35 if len(scene.keys) < 6 else 0.08)
        end = time.monotonic() + deadline
        while not any(scene.until in line for line in self._screen.display):
            if time.monotonic() > end:
                raise SystemExit(f"{scene.until!r} never came:\n" + "\n".join(self._screen.display))
            self._read(0.1)
        self._read(scene.seconds)

    def close(self) -> None:
        """End the program."""
        self._program.terminate()
        self._program.wait(timeout=10)
        os.close(self._master)

    def _read(self, seconds: float) -> None:
        """Keep what comes in this time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                text = self._decoder.decode(os.read(self._master, 65536))
                fed(self._stream, text)
                self._note("o", text)

    def _note(self, code: str, text: str) -> None:
        if text:
            self.events.append(Event(time.monotonic() - self._began, code, text))


def recorded() -> Cast:
    """Run the program through all scenes."""
    with tempfile.TemporaryDirectory() as settings:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
        environment |= {"XDG_CONFIG_HOME": settings, "PYTHONPATH": str(ROOT)}
        recorder = Recorder([sys.executable, "-m", "netui", "--demo"], environment)
        try:
            for scene in SCENES:
                recorder.play(scene)
        finally:
            recorder.close()
    return Cast(WIDTH, HEIGHT, TITLE, tuple(recorder.events)).squeezed(IDLE)


def main() -> None:
    """Make both files."""
    cast = recorded()
    target = ROOT / "screenshots/recording"
    cast.write(target.with_suffix(".cast"))
    target.with_suffix(".svg").write_text(svg(cast), encoding="utf-8")


if __name__ == "__main__":
    main()
