# ruff: noqa: D102 - the fakes' methods are those of what they stand for
"""A Docker Engine of a few lines on a unix socket, for what a real one cannot be made to do quickly."""

from __future__ import annotations

import contextlib
import http.server
import json
import queue
import socket
import socketserver
import threading
import urllib.parse
from pathlib import Path
from typing import Any

from tests.sources.conftest import CASES

HOST = CASES / "engine-20.10" / "host"


class FakeEngine:
    """Answers from a captured host; `containers` and `networks` may be changed, `emit` sends an event."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = json.loads((HOST / "docker-info.json").read_text()) | {"SystemTime": "2026-11-23T23:46:42.5Z"}
        self.version = json.loads((HOST / "docker-version.json").read_text())["Server"]
        networks = json.loads((HOST / "docker-networks.json").read_text())
        containers = json.loads((HOST / "docker-containers.json").read_text())
        self.networks: dict[str, Any] = {entry["Id"]: entry for entry in networks}
        self.containers: dict[str, Any] = {entry["Id"]: entry for entry in containers}
        self.requests: list[str] = []
        #: from when on each stream was asked for
        self.since: list[str] = []
        self.streams: list[queue.SimpleQueue[dict[str, Any] | None]] = []
        self._server: Any = None
        self._sockets: set[socket.socket] = set()

    @property
    def environ(self) -> dict[str, str]:
        return {"DOCKER_HOST": f"unix://{self.path}"}

    def start(self) -> FakeEngine:
        engine = self

        class Handler(_Handler):
            fake = engine

        self.path.unlink(missing_ok=True)
        self._server = _Server(str(self.path), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Die at once, as after kill -9: connections break."""
        for stream in self.streams:
            stream.put(None)
        self.streams = []
        self._server.shutdown()
        self._server.server_close()
        for connection in list(self._sockets):
            with connection:
                self._sockets.discard(connection)
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.path.unlink(missing_ok=True)

    def emit(self, kind: str, action: str, identity: str, **attributes: str) -> None:
        event = {
            "Type": kind,
            "Action": action,
            "Actor": {"ID": identity, "Attributes": attributes},
            "timeNano": 10**18,
        }
        for stream in self.streams:
            stream.put(event)

    def answer(self, path: str) -> Any:
        if path == "/_ping":
            return "OK"
        if path == "/info":
            return self.info
        if path == "/version":
            return self.version
        if path == "/networks":
            return [
                {key: value for key, value in entry.items() if key != "Containers"} for entry in self.networks.values()
            ]
        if path == "/containers/json":
            return [{"Id": key, "State": entry["State"]["Status"]} for key, entry in self.containers.items()]
        part, _, rest = path[1:].partition("/")
        return {"networks": self.networks, "containers": self.containers}[part].get(rest.removesuffix("/json"))


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Handler(http.server.BaseHTTPRequestHandler):
    fake: FakeEngine
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.fake._sockets.add(self.request)

    def finish(self) -> None:
        self.fake._sockets.discard(self.request)
        super().finish()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/v") and path[2:3].isdigit():
            path = "/" + path.split("/", 2)[2]
        self.fake.requests.append(path)
        if path == "/events":
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
            self.fake.since += asked.get("since", [""])
            self._events()
            return
        answer = self.fake.answer(path)
        data = json.dumps({"message": "gone"} if answer is None else answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self) -> None:
        stream: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.fake.streams.append(stream)
        self.close_connection = True
        try:
            while (event := stream.get()) is not None:
                data = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        except OSError:
            pass

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""
