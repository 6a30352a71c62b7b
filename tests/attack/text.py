"""Strangers' text in captures, in arguments, in an engine's answers and on a live host: raw bytes are looked at."""

from __future__ import annotations

import io
import itertools
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

from netui.cli.run import main
from netui.sources.capture.kept_fields import CONTAINER, NETWORK, kept
from tests.attack import Attack
from tests.attack.payloads import (
    EVERY,
    EVERYTHING,
    PAYLOADS,
    Files,
    bad,
    bad_json,
    damaged,
    in_string,
    read_files,
    write_files,
)
from tests.sources.fake_engine import FakeEngine

CASES = Path(__file__).parent.parent / "cases"
HOSTS = tuple(CASES / name / "host" for name in ("engine-20.10", "engine-29.7-nft"))
ROOT = Path(__file__).parents[2]
REPORTS: tuple[tuple[str, ...], ...] = (
    ("path", "outside", "host:8080", "--reply"),
    ("path", "shop", "cart:80"),
    ("path", "shop", "*"),
    ("path", "shop", "outside"),
    ("exposed", "--fail-on", "lan"),
    ("exposed", "--host", "--wide"),
    ("doctor",),
    ("explain",),
    ("explain", "filter", "DOCKER", "1"),
    ("explain", "no such"),
)
#: What is no ID, and would lead elsewhere as part of a file's name.
IDS = ("../../../evil", "/evil", "..", "", ".", "a/b", "A" * 64, "\x1b]52;c;x\x07")
#: Settings of Python's under which text was not always writable.
LOCALES = {
    "C": {"LC_ALL": "C"},
    "POSIX": {"LC_ALL": "POSIX"},
    "C, strict": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "ascii": {"PYTHONIOENCODING": "ascii:strict"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "koi8-r": {"PYTHONIOENCODING": "koi8-r"},
}


def run(arguments: Sequence[str]) -> tuple[int, bytes, bytes]:
    """Run netui here; its status, and the raw bytes of stdout and stderr."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2)]
    with mock.patch.object(sys, "stdout", streams[0]), mock.patch.object(sys, "stderr", streams[1]):
        try:
            status = main(list(arguments))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 2
    written = []
    for stream in streams:
        stream.flush()
        written.append(stream.detach().getvalue())
    return status, written[0], written[1]


def held(arguments: Sequence[str]) -> str:
    """Return what went wrong in one run, "" for nothing."""
    try:
        status, out, errors = run(arguments)
    except Exception as error:
        return f"{' '.join(arguments)!a}: {error!r}"
    found = (bad_json if "--json" in arguments else bad)(out) or bad(errors)
    if status not in (0, 1, 2, 3):
        found = f"status {status}"
    return f"{' '.join(arguments)!a}: {found}" if found else ""


def _lines(capture: Path) -> list[list[str]]:
    """Return the command lines that read a capture."""
    forms: tuple[tuple[str, ...], ...] = ((), ("--json",))
    lines = [[*report, *form, "--replay", str(capture)] for report in REPORTS for form in forms]
    # as people paste it, too: less is known then, and more is said of what is not
    for name in ("iptables-nft-save.txt", "nft-ruleset.json"):
        lines += [[command, "--replay", str(capture / name)] for command in ("doctor", "explain")]
    return [*lines, ["diff", str(capture), str(HOSTS[0])], ["diff", str(HOSTS[0]), str(capture), "--json"]]


def read_capture(host: Path) -> Files:
    """Return a capture's files with of the engine's answers only what netui reads: the rest shows nowhere."""
    files = read_files(host)
    for name, keep in (("networks", NETWORK), ("containers", CONTAINER)):
        entries = json.loads(files[f"docker-{name}.json"])
        files[f"docker-{name}.json"] = json.dumps([kept(entry, keep) for entry in entries]).encode()
    return files


def damaged_captures(rounds: int) -> Iterator[tuple[str, bool]]:
    """A payload after every token and in every string of a capture: as many reports of each as rounds, by turns.

    The short form takes some of the captures. The work is shared by as many processes as there are processors.
    """
    workers = os.cpu_count() or 1 if rounds > 1 else 1
    shares = [(rounds, number, workers) for number in range(workers)]
    if workers == 1:
        yield from _share(*shares[0])
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for answers in pool.map(_share, *zip(*shares, strict=True)):
            yield from answers


def _share(rounds: int, number: int, workers: int) -> list[tuple[str, bool]]:
    """Of all damaged captures every ``workers``-th from ``number`` on."""
    found: list[tuple[str, bool]] = []
    turn = number
    for host in HOSTS:
        every = itertools.islice(damaged(read_capture(host), 2 * rounds), 0, None, 40 if rounds == 1 else 1)
        for name, files in itertools.islice(every, number, None, workers):
            with tempfile.TemporaryDirectory() as made:
                lines = _lines(write_files(Path(made), files))
                # another report each time, so that each kind of damage meets most of them
                some = [lines[(turn + step) % len(lines)] for step in range(min(rounds, len(lines)))]
                turn += len(some)
                wrong = "; ".join(filter(None, map(held, some)))
            found.append((f"{host.parent.name} {name}{': ' if wrong else ''}{wrong}", not wrong))
    return found


def arguments(rounds: int) -> Iterator[tuple[str, bool]]:
    """A payload in each argument: what was not understood is said, and nothing of it is obeyed."""
    capture = str(HOSTS[0])
    for kind, payload in PAYLOADS.items():
        for number, line in enumerate(
            (
                ["path", payload, "host:80", "--replay", capture],
                ["path", "host", f"host:{payload}", "--replay", capture],
                ["path", "outside", "host:80", "--in", f"x{payload}", "--replay", capture, "--json"],
                ["explain", payload, "--replay", capture],
                ["explain", "nat", payload, "--replay", capture],
                ["doctor", "--replay", f"/tmp/x{payload}"],
                ["exposed", "--fail-on", payload],
                ["path", "--batch", f"/tmp/x{payload}"],
                ["record", f"/proc/{payload}/x"],
                [f"--{payload}"],
                [payload],
            )
        ):
            if rounds > 1 or number % 2 == len(kind) % 2:
                wrong = held(line)
                yield f"{kind} in argument {number}{': ' if wrong else ''}{wrong}", not wrong


def locales(rounds: int) -> Iterator[tuple[str, bool]]:
    """Any locale, any text: never an error of encoding, and no byte beyond ASCII where it is not UTF-8."""
    evil = "日本é→" + EVERYTHING
    with tempfile.TemporaryDirectory() as made:
        files: Files = read_files(HOSTS[0])
        for name in ("docker-containers.json", "docker-networks.json", "meta.json"):
            files[name] = json.dumps(in_string(json.loads(files[name]), EVERY, evil)).encode()
        files["docker-containers.json"] = json.dumps(_renamed(read_files(HOSTS[0]), evil)).encode()
        capture = write_files(Path(made), files)
        batch = capture / "batch"
        batch.write_bytes(b"\xff\x9b x\noutside host:80\n")
        for name, environment in LOCALES.items():
            for report in (
                *REPORTS[:: 1 if rounds > 1 else len(REPORTS)],
                ("path", "--batch", str(batch)),
                ("--help",),
            ):
                line = [*report, *(() if report == ("--help",) else ("--replay", str(capture)))]
                done = subprocess.run(
                    [sys.executable, "-m", "netui", *line],
                    check=False, capture_output=True, env={**os.environ, **environment}, cwd=ROOT,
                )  # fmt: skip
                wrong = bad(done.stdout) or bad(done.stderr)
                if b"Traceback" in done.stderr or done.returncode not in (0, 1, 2, 3):
                    wrong = f"ended with {done.returncode}: {done.stderr[-200:]!r}"
                if "UTF8" in environment or "PYTHONIOENCODING" in environment:
                    wrong = wrong or ("" if done.stdout.isascii() else "not ASCII")
                yield f"{name}: {' '.join(report)}{': ' if wrong else ''}{wrong}", not wrong


def _renamed(files: Files, name: str) -> object:
    """Return the containers with a name that shows in every report."""
    containers = json.loads(files["docker-containers.json"])
    for number, container in enumerate(containers):
        container["Name"] = f"/{name}{number}"
    return containers


def engine_answers(rounds: int) -> Iterator[tuple[str, bool]]:
    """An engine whose answers hold a payload in every string, or in one; its IDs lead elsewhere."""
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        engine = FakeEngine(place / "d.sock").start()
        try:
            honest = (engine.info, engine.version, engine.networks, engine.containers)
            for kind, payload in {"everything": EVERYTHING, **(PAYLOADS if rounds > 1 else {})}.items():
                engine.info, engine.version = (_evil(each, payload) for each in honest[:2])
                engine.networks, engine.containers = (
                    {k: _evil(v, payload, k) for k, v in e.items()} for e in honest[2:]
                )
                for report in REPORTS:
                    for form in ((), ("--json",)):
                        wrong = _live([*report, *form], engine)
                        yield f"{kind}: {' '.join((*report, *form))}{': ' if wrong else ''}{wrong}", not wrong
            engine.info, engine.version = honest[:2]
            for number, identity in enumerate(IDS):
                for what in ("containers", "networks"):
                    engine.networks, engine.containers = (dict(each) for each in honest[2:])
                    entries = getattr(engine, what)
                    key, entry = entries.popitem()
                    entries[identity] = {**entry, "Id": identity}
                    if "State" in entry:
                        entries[identity]["State"] = {**entry["State"], "Pid": os.getpid()}
                    for target in ("folder", "capture.tar.gz"):
                        before = _tree(place)
                        wrong = _live(["record", str(place / "deep" / "er" / target)], engine)
                        new = _tree(place) - before
                        if stray := [
                            path for path in new if f"{path}/" != "deep/" and not f"{path}/".startswith("deep/er/")
                        ]:
                            wrong = f"it wrote {stray}"
                        shutil.rmtree(place / "deep", ignore_errors=True)
                        entries[key] = entry
                        yield f"ID {number} of {what}, {form}{': ' if wrong else ''}{wrong}", not wrong
        finally:
            engine.stop()


def _evil(entry: dict[str, Any], payload: str, identity: str = "") -> dict[str, Any]:
    changed = dict(in_string(entry, EVERY, payload))  # type: ignore[call-overload]
    return {**changed, "Id": identity} if identity else changed


def _tree(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*")}


def _live(line: Sequence[str], engine: FakeEngine) -> str:
    with mock.patch.dict(os.environ, engine.environ):
        return held(line)


#: A host of its own with names that a local user chose: interfaces, a program that listens, comments.
_LIVE = r"""
name() { printf "$1"; }
ip link set lo up
ip link add "$(name 'a\033[31m')" type veth peer name "$(name 'b\302\233\342\200\256')"
ip link add "$(name 'c\033]52;c;x\007')" type bridge
ip link set "$(name 'a\033[31m')" up; ip link set "$(name 'b\302\233\342\200\256')" up
ip address add 192.0.2.1/24 dev "$(name 'a\033[31m')"
ip route add default via 192.0.2.2
iptables-nft -A INPUT -m comment --comment "$(name '\033]52;c;x\007\nFORGED\r\233\342\200\256')" -j ACCEPT
iptables-nft -A INPUT -i "$(name 'd\033[2J')" -j DROP
exec "$@"
"""
_LISTENS = r"""
import ctypes, socket, subprocess, sys
ctypes.CDLL(None).prctl(15, b"x\x1b]0;y\x07\n\x9b\"),", 0, 0, 0)
server = socket.create_server(("0.0.0.0", 7777))
server.set_inheritable(True)
sys.exit(subprocess.run(sys.argv[1:]).returncode)
"""


def live_names(rounds: int) -> Iterator[tuple[str, bool]]:
    """Interfaces, comments and a listening program with a payload for a name, on a host of their own."""
    if os.geteuid() != 0:
        yield "needs root for a network namespace", True
        return
    with tempfile.TemporaryDirectory() as made:
        engine = FakeEngine(Path(made) / "d.sock").start()
        try:
            for report in (*REPORTS, ("path", "outside", "host:7777"), ("record", f"{made}/capture")):
                plain: tuple[tuple[str, ...], ...] = ((),)
                for form in plain if report[0] == "record" or rounds == 1 else (*plain, ("--json",)):
                    done = subprocess.run(
                        ["unshare", "-n", "sh", "-c", _LIVE, "sh", sys.executable, "-c", _LISTENS,
                         sys.executable, "-m", "netui", *report, *form],
                        check=False, capture_output=True, cwd=ROOT, env={**os.environ, **engine.environ},
                    )  # fmt: skip
                    wrong = (bad_json if form else bad)(done.stdout) or bad(done.stderr)
                    if b"Traceback" in done.stderr or done.returncode not in (0, 1, 2, 3):
                        wrong = f"ended with {done.returncode}: {done.stderr[-300:]!r}"
                    yield f"{' '.join((*report, *form))}{': ' if wrong else ''}{wrong}", not wrong
            for report in REPORTS:
                wrong = held([*report, "--replay", f"{made}/capture"])
                yield f"{' '.join(report)} of its capture{': ' if wrong else ''}{wrong}", not wrong
        finally:
            engine.stop()


ATTACKS: list[Attack] = [damaged_captures, arguments, locales, engine_answers, live_names]
