"""Files raced, linked, filled up and cut off: what netui writes is whole or absent, and only where it should be."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from netui.config.file import read_config, save_config
from netui.files.writing import FolderEntry, NewFolder, write_new
from netui.model.settings import Settings
from netui.sources.capture.kept_fields import CONTAINER, INFO, NETWORK, VERSION, kept
from netui.sources.capture.new import Ending, new_capture
from netui.sources.docker import api as docker_api
from netui.text.errors import SourceError
from netui.ui.export import save
from tests.attack import Attack
from tests.attack.text import HOSTS, ROOT, run

SECRET = "SECRET-OF-ROOT"
#: An ordinary user, and another.
USER, OTHER = 12345, 12346


def _netui(line: Sequence[str], **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "netui", *line], check=False, capture_output=True, cwd=ROOT, timeout=60, **more
    )


def _said(done: subprocess.CompletedProcess[bytes], *statuses: int) -> bool:
    """Whether it ended with a clear line and no traceback."""
    return (
        done.returncode in statuses
        and b"Traceback" not in done.stderr
        and all(line.startswith(b"netui: ") for line in done.stderr.splitlines())
        and bool(done.stderr)
    )


@contextlib.contextmanager
def _folder(owner: int = 0, mode: int = 0o755) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o711)
        inner = place / "f"
        inner.mkdir()
        inner.chmod(mode)
        if os.geteuid() == 0:
            os.chown(inner, owner, owner)
        yield inner


def _as_user(work: Callable[[], bool], uid: int = USER) -> bool:
    """Do the work as an ordinary user, in a process of its own where this one is root; whether it held."""
    if os.geteuid() != 0:
        return work()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


# --- planted beforehand -------------------------------------------------------------------------


def planted(rounds: int) -> Iterator[tuple[str, bool]]:
    """A link, a file, a pipe or a folder stands where netui is to write: it stays as it is."""
    writers: dict[str, tuple[str, Callable[[Path], bool]]] = {
        "archive": ("x.tar.gz", lambda path: _said(_netui(["record", str(path)]), 2)),
        "folder": ("x", lambda path: _said(_netui(["record", str(path)]), 2)),
        "any": ("x", lambda path: _refused(lambda: write_new(path, b"data"))),
        "new folder": ("x", lambda path: _refused(lambda: _new_folder(path))),
    }
    for writer, (name, write) in writers.items():
        for plant in ("file", "link", "link to nothing", "link to a folder", "pipe", "full folder"):
            with _folder() as place:
                victim = place / "victim"
                victim.write_text(SECRET)
                target = place / name
                _plant(plant, target, victim)
                before = _state(place)
                yield f"{writer} at a {plant}", write(target) and _state(place) == before
    for _ in range(rounds):
        with _folder() as place:
            yield "a picture beside planted links", _picture(place)
        yield from _others_links()


def _new_folder(path: Path) -> None:
    place = FolderEntry.find(path)
    try:
        with NewFolder(place) as folder:
            folder.add("deep/er", b"data")
    finally:
        place.close()


def _refused(write: Callable[[], object]) -> bool:
    try:
        write()
    except (OSError, SourceError):
        return True
    return False


def _plant(plant: str, target: Path, victim: Path) -> None:
    match plant:
        case "file":
            target.write_text("another's")
        case "link":
            target.symlink_to(victim)
        case "link to nothing":
            target.symlink_to(target.parent / "nothing")
        case "link to a folder":
            (target.parent / "empty").mkdir()
            target.symlink_to(target.parent / "empty")
        case "pipe":
            os.mkfifo(target)
        case _:
            target.mkdir()
            (target / "x").write_text("mine")


def _state(place: Path) -> dict[str, object]:
    """Return all that lies in a folder: kind, owner, mode and content."""
    found: dict[str, object] = {}
    for path in sorted(place.rglob("*")):
        there = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(there.st_mode) else b""
        found[str(path)] = (stat.S_IFMT(there.st_mode), there.st_uid, there.st_mode, there.st_ino, content)
    return found


def _picture(place: Path) -> bool:
    """A picture's name is predictable, and each name of this second is a link: none is followed."""
    victim = place / "victim"
    victim.write_text(SECRET)
    stem = time.strftime("netui-%Y%m%d-%H%M%S", time.localtime(0))
    for name in (f"{stem}-screen.svg", *(f"{stem}-{number}-screen.svg" for number in range(2, 6))):
        (place / name).symlink_to(victim)
    before = Path.cwd()
    os.chdir(place)
    try:
        saved, said = save("screen.svg", "picture", 0)
    finally:
        os.chdir(before)
    written = Path(said.removeprefix("Saved "))
    return (
        saved
        and victim.read_text() == SECRET
        and written.read_text() == "picture"
        and stat.S_IMODE(written.lstat().st_mode) == 0o600
    )


def _others_links() -> Iterator[tuple[str, bool]]:
    """Links that another user made, on the way to a file and in its place, are not followed by root."""
    if os.geteuid() != 0:
        return
    with _folder(OTHER) as place, tempfile.TemporaryDirectory() as roots:
        link = place / "link"
        link.symlink_to(roots)
        os.lchown(link, OTHER, OTHER)
        writes: dict[str, Callable[[], bool]] = {
            "record": lambda: _said(_netui(["record", str(link / "x.tar.gz")]), 2),
            "record a folder": lambda: _said(_netui(["record", str(link / "deep" / "x")]), 2),
            "settings": lambda: _refused(lambda: save_config(link / "c.toml", Settings(theme="netui-light"))),
        }
        for name, write in writes.items():
            yield f"{name} through another's link", write() and not list(Path(roots).iterdir())
        config = place / "config.toml"
        target = Path(roots) / "c.toml"
        target.write_text('theme = "netui-dark"\n')
        config.symlink_to(target)
        os.lchown(config, OTHER, OTHER)
        held = _refused(lambda: save_config(config, Settings(theme="netui-light")))
        yield "settings that are another's link", held and target.read_text() == 'theme = "netui-dark"\n'


# --- raced ----------------------------------------------------------------------------------------


class _Swapper:
    """Another user's process that puts things into a folder of theirs as fast as it can."""

    def __init__(self, swap: Callable[[], None]) -> None:
        self._child = os.fork()
        if self._child == 0:
            try:
                if os.geteuid() == 0:
                    os.setgroups([])
                    os.setresgid(OTHER, OTHER, OTHER)
                    os.setresuid(OTHER, OTHER, OTHER)
                while os.getppid() != 1:
                    with contextlib.suppress(OSError):
                        swap()
            finally:
                os._exit(0)

    def __enter__(self) -> _Swapper:
        return self

    def __exit__(self, *_exc: object) -> None:
        os.kill(self._child, signal.SIGKILL)
        os.waitpid(self._child, 0)


def raced_settings(rounds: int) -> Iterator[tuple[str, bool]]:
    """While root saves settings the folder's owner swaps every name in it by links to root's files."""
    if os.geteuid() != 0:
        yield "needs root", True
        return
    with _folder(OTHER) as place, tempfile.TemporaryDirectory() as roots:
        Path(roots).chmod(0o755)
        secret = Path(roots, "secret")
        secret.write_text(f'theme = "{SECRET}"\n')
        secret.chmod(0o600)
        inner = place / "netui"

        def swap() -> None:
            for each in list(place.iterdir()):
                name = each.name
                if name.startswith(".") or name in ("config.toml", "netui"):
                    each.rename(place / "away")
                    each.symlink_to(roots if name == "netui" else secret)
                    if (place / "away").is_dir() and not (place / "away").is_symlink():
                        shutil.rmtree(place / "away")
                    each.unlink()

        with _Swapper(swap):
            for number in range(150 * rounds):
                path = (inner / "config.toml") if number % 2 else place / "config.toml"
                with contextlib.suppress(SourceError):
                    save_config(path, Settings(theme="netui-light", tree=10 + number % 70))
                there = secret.stat()
                held = (there.st_uid, stat.S_IMODE(there.st_mode)) == (0, 0o600) and SECRET in secret.read_text()
                held = held and Path(roots).stat().st_uid == 0 and _names(Path(roots)) == ["secret"]
                readable = [each for each in place.glob("*.toml") if _holds(each, OTHER)]
                yield f"settings, {number}", held and not readable


def _names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def _holds(path: Path, owner: int) -> bool:
    """Whether a user's own file holds the secret."""
    try:
        return path.lstat().st_uid == owner and stat.S_ISREG(path.lstat().st_mode) and SECRET in path.read_text()
    except OSError:
        return False


def raced_new_files(rounds: int) -> Iterator[tuple[str, bool]]:
    """While files and folders are written, another user makes their names in the same open folder, and takes them."""
    with _folder(mode=0o777) as place, tempfile.TemporaryDirectory() as roots:
        victim = Path(roots, "victim")
        victim.write_text(SECRET)

        def swap() -> None:
            for name in ("x", "y"):
                with contextlib.suppress(OSError):
                    (place / name).symlink_to(victim if name == "x" else Path(roots))
                for each in list(place.iterdir()):
                    if each.name.startswith(".netui"):
                        each.rename(place / "taken")
                        each.symlink_to(victim)
                with contextlib.suppress(OSError):
                    (place / name).unlink()

        with _Swapper(swap):
            for number in range(150 * rounds):
                with contextlib.suppress(OSError):
                    if number % 2:
                        write_new(place / "x", b"data")
                    else:
                        _new_folder(place / "y")
                held = victim.read_text() == SECRET and _names(Path(roots)) == ["victim"]
                for name in ("x", "y"):
                    shutil.rmtree(place / name, ignore_errors=True)
                    with contextlib.suppress(OSError):
                        (place / name).unlink()
                yield f"new file or folder, {number}", held


def another_users_file(rounds: int) -> Iterator[tuple[str, bool]]:
    """What another user made, an empty file or folder, is not filled."""
    if os.geteuid() != 0:
        yield "needs root", True
        return
    for _ in range(rounds):
        with _folder(mode=0o1777) as place:
            (place / "x.tar.gz").touch(0o666)
            (place / "x").mkdir()
            for name in ("x", "x.tar.gz"):
                os.chown(place / name, OTHER, OTHER)
                done = _netui(["record", str(place / name)])
                yield f"root's record into another's {name}", _said(done, 2) and _is_empty(place / name)
                kept = _as_user(partial(_refused, partial(_new, place / name)))
                yield f"a user's into another's {name}", kept and _is_empty(place / name)


def _new(path: Path) -> None:
    with new_capture(path, Ending()) as writer:
        writer.add("meta.json", b"{}")


def _is_empty(path: Path) -> bool:
    return not list(path.iterdir()) if path.is_dir() else path.stat().st_size == 0


# --- cut off ---------------------------------------------------------------------------------------

_RECORD = """
import os, sys, time
from netui.sources.capture import record as r
texts = {{"meta.json": "{{}}", "ss.txt": "x" * 400_000, "sysctl.txt": os.urandom(300_000).hex()}}
def files(engine, machine, **_):
    print("files", flush=True)
    return dict(texts, **{{"ip-rule.json": str(time.time())}}), []
r._files = files
from netui.entry import main
sys.argv[1:] = ["record", {path!r}, *{more!r}]
print("begin", flush=True)
sys.exit(main())
"""


def _recorder(path: Path, *more: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _RECORD.format(path=str(path), more=list(more))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, **options,
    )  # fmt: skip


def _whole(path: Path) -> bool:
    """Whether a capture is complete."""
    if path.is_dir():
        return {p.name for p in path.iterdir()} >= {"meta.json", "ss.txt", "sysctl.txt"} and all(
            (path / name).stat().st_size == size for name, size in (("ss.txt", 400_000), ("sysctl.txt", 600_000))
        )
    try:
        with tarfile.open(path) as archive:
            return {"meta.json", "ss.txt", "sysctl.txt"} <= set(archive.getnames())
    except (tarfile.TarError, EOFError, OSError):
        return False


def cut_off(rounds: int) -> Iterator[tuple[str, bool]]:
    """A signal at any moment of a capture or a recording: it is whole or absent, and nothing else is left."""
    for turn in range(rounds):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL, signal.SIGQUIT):
            for name in ("x.tar.gz", "x"):
                for more in ((), ("--every", "0.05", "--for", "5")):
                    with _folder() as place:
                        child = _recorder(place / name, *more)
                        assert child.stdout is not None
                        # a recording has begun when it asks for the second time
                        for _ in range(3 if more else 1):
                            child.stdout.readline()
                        time.sleep(0.01 * (turn % 20) + 0.02)
                        child.send_signal(number)
                        errors = child.communicate(timeout=30)[1]
                        left = sorted(path.name for path in place.iterdir())
                        held = b"Traceback" not in errors and (not (place / name).exists() or _whole(place / name))
                        if number != signal.SIGKILL and number != signal.SIGQUIT:
                            held = held and left in ([], [name])
                            # a recording that had begun is kept
                            held = held and (not more or left == [name])
                        yield f"{number.name} at {name} {' '.join(more)}: {left}, {errors[-200:]!r}", held


def full_disk(rounds: int) -> Iterator[tuple[str, bool]]:
    """No room: a clear line and status 2, and nothing of it stays."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    for _ in range(rounds):
        for name in ("x.tar.gz", "x"):
            with _folder() as place:
                child = _recorder(place / name, preexec_fn=limit)
                _, errors = child.communicate(timeout=30)
                done = subprocess.CompletedProcess([], child.returncode, b"", errors)
                yield f"a limit of size at {name}: {errors!r}", _said(done, 2) and not list(place.iterdir())
            if os.geteuid() != 0:
                continue
            with _folder() as place:
                script = _RECORD.format(path=f"{place}/{name}", more=[])
                shell = f'mount -t tmpfs -o size=200k none {place} && "$@"; s=$?; ls -A {place}; exit $s'
                full = subprocess.run(
                    ["unshare", "-m", "--propagation", "private", "sh", "-c", shell, "sh",
                     sys.executable, "-c", script],
                    check=False, capture_output=True, cwd=ROOT,
                )  # fmt: skip
                yield f"a full disk at {name}: {full.stdout!r}", _said(full, 2) and full.stdout == b"begin\nfiles\n"
        with _folder() as place:
            path = place / "config.toml"
            path.write_text("# mine\n" * 20)
            refused = _limited(partial(_refused, partial(save_config, path, Settings(theme="netui-light"))))
            yield "settings on a full disk", refused and path.read_text() == "# mine\n" * 20


def _limited(work: Callable[[], bool]) -> bool:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
            status = 0 if work() else 1
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


# --- read -------------------------------------------------------------------------------------------


def hostile_captures(rounds: int) -> Iterator[tuple[str, bool]]:
    """Links, pipes, devices and sockets in a capture, and in its place: nothing is followed, nothing waits."""
    for _ in range(rounds):
        with _folder() as place:
            secret = place / "secret"
            secret.write_text(f"tcp LISTEN 0 0 {SECRET}:1 0.0.0.0:*\n{SECRET}\n")
            for name in sorted(path.name for path in HOSTS[0].iterdir() if path.is_file()):
                kinds = ["link", "pipe", "device", "socket", "folder"]
                # in the short form two of them, by turns
                for kind in kinds if rounds > 1 else ["link", kinds[1 + len(name) % 4]]:
                    capture = place / f"{name}-{kind}"
                    shutil.copytree(HOSTS[0], capture)
                    (capture / name).unlink()
                    if _put(kind, capture / name, secret):
                        yield f"{name} is a {kind}", _inert(capture)
            for name in ("listening", "frames", "namespaces"):
                capture = place / f"{name}-link"
                shutil.copytree(HOSTS[0], capture)
                shutil.rmtree(capture / name, ignore_errors=True)
                (place / "elsewhere").mkdir(exist_ok=True)
                (place / "elsewhere" / f"{'a' * 64}.txt").write_text(SECRET)
                (capture / name).symlink_to(place / "elsewhere")
                yield f"{name} is a link", _inert(capture)
            for kind in ("pipe", "device", "socket"):
                path = place / f"as-{kind}"
                if _put(kind, path, secret):
                    for line in (
                        ["doctor", "--replay", str(path)],
                        ["path", "--batch", str(path), "--replay", str(HOSTS[0])],
                        ["diff", str(path), str(HOSTS[0])],
                    ):
                        yield f"{' '.join(line[:2])} of a {kind}", _said(_netui(line), 2)
                    yield f"settings in a {kind}", not read_config(path).readable
                    yield (
                        f"settings saved to a {kind}",
                        _refused(partial(save_config, path, Settings(tree=33))),
                    )


def _put(kind: str, path: Path, secret: Path) -> bool:
    """Put something that is no file in a file's place; whether that could be done."""
    match kind:
        case "link":
            path.symlink_to(secret)
        case "pipe":
            os.mkfifo(path)
        case "device":
            if os.geteuid() != 0:
                return False
            with contextlib.suppress(PermissionError):
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
                return True
            return False
        case "socket":
            before = Path.cwd()
            os.chdir(path.parent)
            try:
                with socket.socket(socket.AF_UNIX) as bound:
                    bound.bind(path.name)
            finally:
                os.chdir(before)
        case _:
            path.mkdir()
    return True


def _inert(capture: Path) -> bool:
    """Whether a capture is read in time, or refused with a line, and nothing that it points to shows."""
    done: list[bool] = []

    def read() -> None:
        for line in (["exposed"], ["explain", "--json"], ["path", "outside", "host:1"]):
            status, out, errors = run([*line, "--replay", str(capture)])
            done.append(status in (0, 1, 2, 3) and SECRET.encode() not in out + errors)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(30)
    return len(done) == 3 and all(done)


# --- what is kept -----------------------------------------------------------------------------------


def kept_of_the_engine(rounds: int) -> Iterator[tuple[str, bool]]:
    """A secret in fields that netui does not read: none is in a capture, which says the same without them."""
    for host in HOSTS:
        documents = {
            name: json.loads((host / f"docker-{name}.json").read_text())
            for name in ("containers", "networks", "info", "version")
        }
        yield from _kept_of(documents, rounds)


def _kept_of(documents: dict[str, Any], rounds: int) -> Iterator[tuple[str, bool]]:
    for name, keep, entries in (
        ("container", CONTAINER, documents["containers"]),
        ("network", NETWORK, documents["networks"]),
        ("info", INFO, [documents["info"]]),
        ("version", VERSION, [documents["version"]["Server"]]),
    ):
        for number, entry in enumerate(entries if rounds > 1 else entries[:3]):
            less = kept(entry, keep)
            same: tuple[object, ...]
            if name == "container":
                same = docker_api.containers([less])[0], docker_api.containers([_own_labels(entry)])[0]
            elif name == "network":
                same = docker_api.networks([less])[0], docker_api.networks([{**entry, "Labels": {}}])[0]
            else:
                both = (less, None), (entry, None)
                same = tuple(docker_api.engine(*(pair if name == "info" else pair[::-1])) for pair in both)
            yield f"{name} {number} says the same", same[0] == same[1]
            yield f"{name} {number} keeps no more", kept(_with_secrets(entry), keep) == less


_NAMES = (
    "com.docker.compose.project", "com.docker.compose.service", "com.docker.stack.namespace",
    "com.docker.swarm.service.name",
)  # fmt: skip


def _own_labels(entry: dict[str, object]) -> dict[str, object]:
    config = dict(entry["Config"])  # type: ignore[call-overload]
    config["Labels"] = {key: value for key, value in (config.get("Labels") or {}).items() if key in _NAMES}
    return {**entry, "Config": config}


def _with_secrets(value: object, deep: int = 0) -> object:
    """Return the document with a secret field in each of its objects of fixed fields."""
    if not isinstance(value, dict):
        return value
    more = {
        name: {SECRET: SECRET}
        for name in ("Env", "Cmd", "Args", "Healthcheck", "LogConfig", "Mounts", "Binds", "HTTPProxy", "Secret")
    }
    # below these, names are not fields
    free = ("Labels", "Options", "Networks", "Ports", "PortBindings", "ExposedPorts", "Containers")
    inner: dict[str, Any] = {key: each if key in free else _with_secrets(each, deep + 1) for key, each in value.items()}
    inner = {key: each for key, each in inner.items() if key not in more} | more
    if "Labels" in inner:
        inner["Labels"] = {**(inner["Labels"] or {}), "token": SECRET, f"x{_NAMES[0]}": SECRET}
    if deep == 0 and "Options" in inner:
        inner["Options"] = {**(inner["Options"] or {}), "password": SECRET}
    return inner


ATTACKS: list[Attack] = [
    planted, raced_settings, raced_new_files, another_users_file, cut_off, full_disk, hostile_captures,
    kept_of_the_engine,
]  # fmt: skip
