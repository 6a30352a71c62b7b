"""A terminal for a program, as a user has one: tmux, driven by keys and read as a screen.

Each terminal has a tmux server of its own, on a socket in the run's state folder, and it is
ended with everything in it. What the program sends is also kept raw, as it came out of the pty.
"""

from __future__ import annotations

import builtins
import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from .hosts import Host
from .namespaces import state_folder

NETUI = (sys.executable, "-m", "netui")
ROOT = Path(__file__).parents[2]

# The screen is all the program's; it stays to be read after the program has ended.
_CONFIG = """
set -g status off
set -g remain-on-exit on
set -g escape-time 0
set -g default-terminal "xterm-256color"
set -g history-limit 0
set -g set-clipboard off
"""
# A pause that a program's next frame needs; the clock decides nothing but how soon a look is worth it.
_LOOK = 0.03
_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_BACKGROUND = re.compile(r"(?:^|;)48;[25];([0-9;]+)")

T = TypeVar("T")
_numbers = itertools.count(1)


class NeverShown(AssertionError):
    """The screen did not come to show what was waited for; the message holds the screen."""


class Terminal:
    """A terminal of a given size that runs one command, until it is closed.

    `place` is the path of the network namespace; `environment` is the whole of it; `term` is the
    TERM that the program is told. `width` and `height` are cells.
    """

    def __init__(
        self,
        command: Sequence[str] = NETUI,
        *,
        place: Path | str | None = None,
        environment: Mapping[str, str] | None = None,
        width: int = 160,
        height: int = 45,
        term: str = "xterm-256color",
    ) -> None:
        self._folder = state_folder(f"terminal-{next(_numbers)}")
        self._socket = self._folder / "tmux.sock"
        self.raw_file = self._folder / "raw"
        self.raw_file.touch()
        config = self._folder / "tmux.conf"
        config.write_text(_CONFIG)
        wanted = dict(os.environ if environment is None else environment)
        for name in ("COLUMNS", "LINES"):
            # Textual obeys them before the terminal's own size; test runners leave them behind.
            wanted.pop(name, None)
        wanted |= {"TERM": term, "COLORTERM": wanted.get("COLORTERM", "truecolor")}
        wanted.setdefault("LANG", "C.UTF-8")
        wanted["XDG_CONFIG_HOME"] = str(self._folder)  # Not the tester's own settings.
        inside = [*([str(shutil.which("nsenter")), f"--net={place}"] if place else []), *command]
        # tmux sets TERM and its own variables for what it starts: env has the last word. The
        # program waits until its output is kept, so that its first bytes are.
        setting = [f"{name}={value}" for name, value in wanted.items()]
        gate = self._folder / "gate"
        os.mkfifo(gate)
        line = shlex.join([str(shutil.which("env")), "-i", *setting, *inside])
        self._status = self._folder / "status"
        shell = f"read -r _ < {shlex.quote(str(gate))}; {line}; echo $? > {shlex.quote(str(self._status))}"
        self._tmux(
            *("-f", str(config), "new-session", "-d", "-s", "s", "-x", str(width), "-y", str(height)),
            *("-c", str(ROOT), "/bin/sh", "-c", shell),
        )
        self._tmux("pipe-pane", "-t", "s", "-O", f"exec cat >> {shlex.quote(str(self.raw_file))}")
        gate.write_text("go\n")

    @classmethod
    def on(cls, host: Host, *arguments: str, environment: Mapping[str, str] | None = None, **more: Any) -> Self:
        """netui with these arguments on a lab host, which it takes for its machine."""
        setting = host.engine.environment() | {"PYTHONPATH": str(ROOT)} | dict(environment or {})
        return cls([*NETUI, *arguments], place=host.namespace.path, environment=setting, **more)

    def _tmux(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self._socket), *arguments], check=False, capture_output=True, text=True, env=_plain()
        )
        if check and done.returncode:
            raise RuntimeError(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    # ---- reading -------------------------------------------------------------------------

    def text(self) -> str:
        """What is on the screen."""
        return self._tmux("capture-pane", "-p", "-t", "s")

    def lines(self) -> list[str]:
        """The screen, row by row."""
        return self.text().split("\n")

    def cells(self) -> list[list[tuple[str, str]]]:
        """The screen, row by row, as (background, text): "42;67;101" as SGR has it, or ""."""
        return [_runs(line) for line in self._tmux("capture-pane", "-p", "-e", "-t", "s").split("\n")]

    def raw(self) -> bytes:
        """All bytes that the program has sent so far."""
        return self.raw_file.read_bytes()

    def ended(self) -> int | None:
        """The program's exit status, None while it runs."""
        said = self._status.read_text() if self._status.exists() else ""
        return int(said) if said.endswith("\n") else None

    def pid(self) -> int:
        """The program's process, the one that the shell of the terminal waits for."""
        shell = self._tmux("display-message", "-p", "-t", "s", "#{pane_pid}").strip()

        def child() -> int | None:
            found = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
            return int(found[0]) if found else None

        return self.wait_for(child, "the program", 10)

    # ---- doing ---------------------------------------------------------------------------

    def keys(self, *names: str) -> None:
        """Press keys by tmux's names: `keys("j", "Enter", "C-s", "BSpace")`."""
        self._tmux("send-keys", "-t", "s", "--", *names)

    def type(self, text: str) -> None:
        """Type a text as it is."""
        self._tmux("send-keys", "-t", "s", "-l", "--", text)

    def resize(self, width: int, height: int) -> None:
        """Make the terminal larger or smaller."""
        self._tmux("resize-window", "-t", "s", "-x", str(width), "-y", str(height))

    def wait(self, shown: str | Callable[[str], object], timeout: float = 10.0) -> str:
        """Wait until the screen holds the text, or the condition is true of it; the screen then."""
        what = repr(shown) if isinstance(shown, str) else "a condition"

        def look() -> str | None:
            text = self.text()
            return text if _holds(shown, text) else None

        return self.wait_for(look, what, timeout)

    def wait_ended(self, timeout: float = 10.0) -> int:
        """Wait until the program has ended; its exit status."""
        return self.wait_for(lambda: None if (status := self.ended()) is None else (status,), "an end", timeout)[0]

    def wait_for(self, condition: Callable[[], T | None], what: str, timeout: float) -> T:
        """Look until the condition gives something."""
        deadline = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > deadline:
                raise NeverShown(f"waited {timeout:g} s for {what}; the screen:\n{self.text()}")
            time.sleep(_LOOK)

    def close(self) -> None:
        """End the program and the terminal."""
        self._tmux("kill-server", check=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: builtins.type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _plain() -> dict[str, str]:
    """Our environment, as if no tmux were around us."""
    setting = {name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")}
    return setting | {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


def _holds(shown: str | Callable[[str], object], text: str) -> object:
    return shown in text if isinstance(shown, str) else shown(text)


def _runs(line: str) -> list[tuple[str, str]]:
    """Split a line where its background changes."""
    runs: list[tuple[str, str]] = []
    background = ""
    for place, part in enumerate(_SGR.split(line)):
        if place % 2 == 0:
            if part:
                runs.append((background, part))
        elif found := _BACKGROUND.findall(part):
            background = found[-1]
        elif part in ("", "0", "49") or part.startswith("0;"):
            background = ""
    return runs
