"""Streams and places that a program does not expect: closed, full, gone."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.attack import Attack
from tests.attack.screen import NETUI, Screen
from tests.attack.signals import CASE

#: What a shell writes behind a command.
REDIRECTIONS = (
    "| true", "| head -c 1 >/dev/null", ">&-", ">/dev/full", "<&-", "2>&-", "2>/dev/full", ">&- 2>&-",
    "<&- >&- 2>&-", ">/dev/full 2>&1", "</dev/null", "2>&1 | true",
)  # fmt: skip
COMMANDS: tuple[list[str], ...] = (
    ["doctor", "--json", "--replay", CASE],
    ["path"],
    [],
    # in the long form alone:
    ["path", "host", "127.0.0.1:80", "--replay", CASE],
    ["exposed", "--replay", CASE],
    ["explain", "--replay", CASE],
    ["path", "--batch", "-", "--replay", CASE],
    ["--help"],
    ["--version"],
)


def one_line_or_nothing(errors: bytes) -> bool:
    """Whether what was said is nothing, or a line of netui's own (and one that names the source that was not read)."""
    lines = errors.splitlines()
    return len(lines) <= 2 and all(line.startswith(b"netui: ") for line in lines)


def redirected_streams(rounds: int) -> Iterator[tuple[str, bool]]:
    """Closed, full and broken streams: one line or nothing, and a status of netui's own."""
    for _ in range(rounds):
        for arguments in COMMANDS if rounds > 1 else COMMANDS[:3]:
            for redirection in REDIRECTIONS:
                with tempfile.NamedTemporaryFile() as errors:
                    line = f"{shlex.join([*NETUI, *arguments])} {redirection}"
                    if "2>" not in redirection:
                        line = line.replace(redirection, f"2>{errors.name} {redirection}")
                    done = subprocess.run(
                        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
                        check=False, capture_output=True, timeout=60, stdin=subprocess.DEVNULL,
                    )  # fmt: skip
                    said = Path(errors.name).read_bytes()
                    held = done.returncode in (0, 1, 2, 3) and one_line_or_nothing(said)
                    yield f"{' '.join(arguments[:1])} {redirection}", held and b"Exception" not in done.stderr


def places(rounds: int) -> Iterator[tuple[str, bool]]:
    """No home, no user, no working folder, hostile variables: clear lines, and no stranger's code."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            mark = folder / "ran"
            for module in ("stranger", "docker", "textual", "iptc", "humanize", "tomllib", "shutil"):
                (folder / f"{module}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
            yield from _in_places(folder, mark)


def _in_places(folder: Path, mark: Path) -> Iterator[tuple[str, bool]]:
    bare = {name: value for name, value in os.environ.items() if name not in ("HOME", "USER", "LOGNAME")}
    report = ["doctor", "--replay", CASE]
    live = ["exposed"]
    tried: list[tuple[str, list[str], Mapping[str, str], str]] = [
        ("no HOME", report, bare, "/"),
        ("no HOME, live", live, bare, "/"),
        ("an empty HOME", live, bare | {"HOME": ""}, "/"),
        ("a relative HOME", live, bare | {"HOME": "x"}, str(folder)),
        ("a foreign current folder", live, dict(os.environ), str(folder)),
        ("an empty element of PATH", live, dict(os.environ) | {"PATH": ":" + os.environ["PATH"]}, str(folder)),
    ]
    for name, arguments, environment, where in tried:
        yield name, _calm(arguments, environment, where)
    if os.geteuid() == 0:
        for name, path in (("PYTHONPATH", str(folder)), ("an empty element of PYTHONPATH", ":/nowhere")):
            held = _calm(live, dict(os.environ) | {"PYTHONPATH": path}, str(folder))
            yield name, held and not mark.exists()
        hidden = "mount --bind /dev/null /etc/passwd && exec "
        line = ["unshare", "-m", "sh", "-c", hidden + shlex.join([*NETUI, *live])]
        done = subprocess.run(line, check=False, capture_output=True, env=bare, cwd="/", timeout=60)
        yield "no passwd entry", done.returncode in (0, 1, 2, 3) and one_line_or_nothing(done.stderr)
    gone = folder / "gone"
    gone.mkdir()
    script = f"cd {shlex.quote(str(gone))} && rmdir {shlex.quote(str(gone))} && exec {shlex.join([*NETUI, *report])}"
    done = subprocess.run(["bash", "-c", script], check=False, capture_output=True, timeout=60)
    yield "a deleted working folder", done.returncode in (0, 1, 3) and done.stderr == b""
    for value in ("~nobody/x", "~no-such-user/x", "", "/dev/null/x", "/"):
        with Screen(["--demo", "--config", value]) as screen:
            screen.wait(b"Networks", 5)
            screen.press("q")
            held = screen.ended(3.0) is not None and screen.process.returncode in (0, 2)
            yield f"--config {value!r}", held and b"Traceback" not in screen.raw and screen.at_rest()
    yield "--replay ''", _status(["--replay", ""]) == 2 and _status(["doctor", "--replay", ""]) == 2
    stranger = {
        "TEXTUAL_DRIVER": "stranger:Driver", "TEXTUAL_LOG": str(folder / "log"), "TEXTUAL_FPS": "x",
        "TEXTUAL_ANIMATIONS": "?", "TEXTUAL_PRESS": "q", "TEXTUAL_SCREENSHOT": "x", "TEXTUAL": "devtools",
    }  # fmt: skip
    with Screen(["--demo"], dict(os.environ) | stranger | {"PYTHONPATH": str(folder)}) as screen:
        seen = screen.wait(b"Networks")
        screen.press("q")
        ended = screen.ended(3.0) is not None and screen.at_rest()
        quiet = not (folder / "log").exists() and (os.geteuid() != 0 or not mark.exists())
        yield "TEXTUAL_ variables", seen and ended and quiet
    for name, size in (("COLUMNS and LINES", {"COLUMNS": "100000", "LINES": "100000"}), ("none", {"COLUMNS": "x"})):
        with Screen(["--demo"], size) as screen:
            seen = screen.wait(b"Networks")
            screen.press("q")
            yield name, seen and screen.ended(3.0) is not None and screen.at_rest()


def _calm(arguments: list[str], environment: Mapping[str, str], where: str) -> bool:
    done = subprocess.run(
        [*NETUI, *arguments], check=False, capture_output=True, env=environment, cwd=where, timeout=60
    )
    return done.returncode in (0, 1, 2, 3) and one_line_or_nothing(done.stderr)


def _status(arguments: list[str]) -> int:
    return subprocess.run([*NETUI, *arguments], check=False, capture_output=True, timeout=60).returncode


ATTACKS: list[Attack] = [redirected_streams, places]
