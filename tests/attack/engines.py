"""Fake engines: slow, silent, endless, packed to bombs, and floods of events."""

from __future__ import annotations

import gzip
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

from netui.sources.docker import client as docker_client
from netui.sources.docker.engine import DockerEngine
from netui.text.errors import SourceError
from tests.attack import Attack
from tests.attack.screen import Screen
from tests.attack.signals import SLOW
from tests.sources.fake_engine import FakeEngine

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
#: Seconds and bytes with which engines are tried.
SECONDS, BYTES = 1.0, 4 * 2**20


def _answer(body: bytes, *headers: bytes) -> bytes:
    return HEAD + b"".join(header + b"\r\n" for header in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _forever(connection: socket.socket, begin: bytes, piece: bytes, pause: float = 0.0) -> None:
    connection.sendall(begin)
    while True:
        connection.sendall(piece)
        time.sleep(pause)


def _deep() -> bytes:
    return b"[" * 200_000


def _listing(connection: socket.socket, request: bytes) -> None:
    """Answer as an engine with very many containers, each of which takes its time."""
    path = [*request.split(), b"", b""][1]
    if b"/containers/json" in path:
        connection.sendall(_answer(json.dumps([{"Id": f"{n:064x}", "State": "running"} for n in range(5000)]).encode()))
    elif b"/version" in path or b"/info" in path:
        connection.sendall(_answer(b'{"ApiVersion": "1.41", "Version": "20.10"}'))
    elif b"/networks" in path:
        connection.sendall(_answer(b"[]"))
    else:
        time.sleep(SECONDS * 2)
        connection.sendall(_answer(b"{}"))


#: What each engine does with a connection whose request it has read.
ENGINES: dict[str, Callable[[socket.socket, bytes], object]] = {
    "silent": lambda connection, _: time.sleep(60),
    "a byte of the head now and then": lambda connection, _: _forever(connection, b"HTTP/1.1 200 OK\r\n", b"X", 0.2),
    "a byte of the body now and then": lambda connection, _: _forever(
        connection, HEAD + b"Content-Length: 100000\r\n\r\n", b" ", 0.2
    ),
    "an endless head": lambda connection, _: _forever(connection, b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 100),
    "an endless line": lambda connection, _: _forever(connection, b"HTTP/1.1 ", b"2" * 4096),
    "an endless body": lambda connection, _: _forever(connection, HEAD + b"\r\n", b" " * 65536),
    "endless chunks": lambda connection, _: _forever(
        connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"
    ),
    "a claim of 2^62 bytes": lambda connection, _: _forever(
        connection, HEAD + b"Content-Length: 4611686018427387904\r\n\r\n", b" " * 65536
    ),
    "a chunk of 2^60 bytes": lambda connection, _: _forever(
        connection, HEAD + b"Transfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", b" " * 65536
    ),
    "a gzip bomb": lambda connection, _: connection.sendall(
        _answer(gzip.compress(b" " * (64 * BYTES)), b"Content-Encoding: gzip")
    ),
    "a deep document": lambda connection, _: connection.sendall(_answer(_deep())),
    "no JSON": lambda connection, _: connection.sendall(_answer(b"\x1b]52;c;AAAA\x07\xff")),
    "other types": lambda connection, _: connection.sendall(_answer(b'[[["Id"]]]')),
    "redirections in a circle": lambda connection, _: connection.sendall(
        b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
    ),
    "hangs up": lambda connection, _: None,
    "5,000 containers, each slow": _listing,
}


@contextmanager
def engine(behave: Callable[[socket.socket, bytes], object]) -> Iterator[str]:
    """Run an engine; yields the path of its socket."""
    with tempfile.TemporaryDirectory() as made, socket.socket(socket.AF_UNIX) as server:
        path = str(Path(made, "d.sock"))
        server.bind(path)
        server.listen(64)

        def serve(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                behave(connection, connection.recv(65536))

        def accept() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield path
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)


def hostile_engines(rounds: int) -> Iterator[tuple[str, bool]]:
    """Whatever an engine answers, a reading ends in time and in size, with a line of text."""
    for _ in range(rounds):
        for name, behave in ENGINES.items():
            with (
                engine(behave) as path,
                mock.patch.object(docker_client, "MAX_SECONDS", SECONDS),
                mock.patch.object(docker_client, "MAX_READING", 3 * SECONDS),
                mock.patch.object(docker_client, "MAX_ANSWER", BYTES),
            ):
                reader = DockerEngine({"DOCKER_HOST": f"unix://{path}"})
                started = time.monotonic()
                said = ""
                with suppress(SourceError):
                    try:
                        reader.read()
                    except SourceError as error:
                        said = str(error)
                        raise
                took = time.monotonic() - started
                reader.close()
                yield name, took < 3 * SECONDS + SLOW and said != "" and said.isprintable()


def the_screen_on_hostile_engines(rounds: int) -> Iterator[tuple[str, bool]]:
    """The screen stands beside any engine, and q ends it at once."""
    names = list(ENGINES) if rounds > 1 else ["silent", "a byte of the head now and then", "an endless body"]
    for name in names:
        with engine(ENGINES[name]) as path, Screen([], {"DOCKER_HOST": f"unix://{path}"}) as screen:
            seen = screen.wait(b"Networks")
            screen.read(1.0)
            screen.press("q")
            took = screen.ended(5.0)
            yield name, seen and took is not None and took < 0.2 * SLOW and screen.at_rest()


def floods_of_events(rounds: int) -> Iterator[tuple[str, bool]]:
    """A thousand events a second: keys are answered, and q ends the screen at once."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as made:
            fake = FakeEngine(Path(made, "d.sock")).start()
            stop = threading.Event()

            def flood(fake: FakeEngine = fake, stop: threading.Event = stop) -> None:
                number = 0
                while not stop.wait(0.01):
                    for _ in range(10):
                        number += 1
                        fake.emit("container", "start", f"{number:064x}", name=f"c{number}")

            try:
                with Screen([], fake.environ) as screen:
                    seen = screen.wait(b"Networks")
                    screen.read(1.5)
                    threading.Thread(target=flood, daemon=True).start()
                    screen.read(1.0)
                    before = len(screen.raw)
                    screen.press("?")
                    started = time.monotonic()
                    while b"Esc" not in screen.raw[before:] and time.monotonic() - started < 3:
                        screen.read(0.01)
                    yield "a key", seen and time.monotonic() - started < 0.3 * SLOW
                    screen.press("\x1b")
                    screen.read(0.5)
                    screen.press("q")
                    left = screen.ended(5.0)
                    yield "q", left is not None and left < 0.2 * SLOW and screen.at_rest()
            finally:
                stop.set()
                fake.stop()


def a_frozen_engine(rounds: int) -> Iterator[tuple[str, bool]]:
    """An engine that stops without a word: the header says how old its data are after three intervals."""
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as made:
            frozen = threading.Event()
            fake = FakeEngine(Path(made, "d.sock"))
            real = fake.answer

            def answer(path: str, frozen: threading.Event = frozen, real: Callable[[str], object] = real) -> object:
                if frozen.is_set():
                    time.sleep(30)
                    return None
                return real(path)

            fake.answer = answer  # type: ignore[method-assign]
            fake.start()
            try:
                with Screen([], fake.environ, size=(160, 45)) as screen:
                    seen = screen.wait(b"Networks")
                    screen.read(2.0)
                    frozen.set()
                    before, started = len(screen.raw), time.monotonic()
                    while b"data of" not in screen.raw[before:] and time.monotonic() - started < 12:
                        screen.read(0.05)
                    took = time.monotonic() - started
                    yield f"its age is said after {took:.1f} s", seen and took < 11.5
                    screen.press("q")
                    left = screen.ended(5.0)
                    yield "q", left is not None and left < 0.2 * SLOW and screen.at_rest()
            finally:
                fake.stop()


ATTACKS: list[Attack] = [hostile_engines, the_screen_on_hostile_engines, floods_of_events, a_frozen_engine]
