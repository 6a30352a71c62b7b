"""The live engine through the docker SDK: a full listing, then only what events say has changed.

``/networks`` has no containers and ``/containers/json`` no port bindings, so
each network and container is inspected once, and again when an event names it
or its state in the listing differs. The API version is the engine's own
(``version="auto"``); nothing here needs a particular one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netui.model import Container
from netui.model.events import Event
from netui.sources import docker_api
from netui.sources import json_text as js
from netui.sources.docker_context import EngineAddress, engine_address
from netui.sources.docker_errors import explain
from netui.sources.docker_events import EventStream
from netui.sources.errors import SourceError
from netui.sources.imports import IMPORTING
from netui.sources.parts import Part
from netui.sources.peer import engine_is_here

if TYPE_CHECKING:
    from docker import APIClient

#: Seconds for one request; a busy daemon can need some.
_TIMEOUT = 10
#: Seconds before the engine is tried again, longer each time.
_BACK_OFF = (0.25, 0.5, 1.0, 2.0)

OnEvent = Callable[[Event], None]


def connect(address: EngineAddress, timeout: int = _TIMEOUT) -> APIClient:
    """Return a client that speaks the engine's own API version; raises what the SDK raises."""
    with IMPORTING:
        from docker import APIClient
        from docker.tls import TLSConfig

    tls: Any = False
    if address.ca or address.cert:
        pair = (address.cert, address.key) if address.cert and address.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=address.ca or None, verify=address.verify)
    client = APIClient(base_url=address.url, version="auto", timeout=timeout, tls=tls)
    if address.path:
        # The SDK keeps a connection open for each of the last 25 URLs that were asked for, and
        # num_pools, which should say otherwise, is heeded over SSH alone (docker 7.2). A new one
        # on a local socket costs nothing.
        client.headers["Connection"] = "close"
    return client


class DockerEngine:
    """One engine, read from one thread; events come on a daemon thread of their own.

    on_event: called on the event thread for each event, also ``daemon``
    ``connected`` and ``disconnected``. None: no event stream, as for a report.
    """

    def __init__(self, environ: Mapping[str, str], on_event: OnEvent | None = None) -> None:
        self._environ = environ
        self._on_event = on_event
        self._client: APIClient | None = None
        self._stream: EventStream | None = None
        self._lock = threading.Lock()
        self._dirty: set[str] = set()
        self._lost = False
        self._failures = 0
        self._retry_at = 0.0
        self._seen = False
        self.address = EngineAddress("")
        self._here: bool | None = None
        #: The engine's answers as they came, for a capture.
        self.info: dict[str, Any] = {}
        self.version: dict[str, Any] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.containers: dict[str, dict[str, Any]] = {}
        self._states: dict[str, tuple[object, object]] = {}
        self._built: dict[str, tuple[dict[str, Any], Container]] = {}

    @property
    def due(self) -> float | None:
        """When it should be read next (monotonic seconds); None: when an event comes."""
        with self._lock:
            if self._client is None or self._lost:
                return self._retry_at
            return 0.0 if self._dirty else None

    def read(self) -> Part:
        """Read all, or after the first time what events named; raise SourceError and try again later.

        After a lost connection everything is read again, for no event tells what
        happened meanwhile.
        """
        try:
            with self._lock:
                lost, self._lost = self._lost, False
                dirty, self._dirty = self._dirty, set()
            if self._client is None or lost:
                self._reconnect()
            else:
                self._list(self._client, dirty)
            part = self._part()
        except Exception as error:
            explained = explain(error, self.address)
            self._failed(explained)
            raise explained from None
        self._failures = 0
        return part

    def close(self) -> None:
        """End the stream and free the connections; may be called from any thread."""
        stream, self._stream = self._stream, None
        client, self._client = self._client, None
        if stream is not None:
            stream.close()
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    # -- connecting ---------------------------------------------------------------

    def _reconnect(self) -> None:
        self.close()
        self.address = engine_address(self._environ)
        client = self._client = connect(self.address)
        self._here = engine_is_here(self.address.path)
        self.info = js.obj(client.info())
        self.version = js.obj(client.version())
        self.networks, self.containers, self._states = {}, {}, {}
        self._list(client, set())
        if self._on_event is not None:
            # From the moment before the listing, by the engine's own clock.
            since = js.text(self.info.get("SystemTime"))
            self._stream = EventStream(connect(self.address), since, self._take, self._stream_ended)
            self._tell("connected")

    def _failed(self, error: SourceError) -> None:
        was_connected = self._client is not None and self._seen
        self.close()
        self._retry_at = time.monotonic() + _BACK_OFF[min(self._failures, len(_BACK_OFF) - 1)]
        self._failures += 1
        if was_connected:
            self._tell("disconnected", str(error))

    def _tell(self, action: str, why: str = "") -> None:
        self._seen = action == "connected"
        if self._on_event is not None:
            self._on_event(Event(time.time(), "daemon", action, self.info.get("Name", ""), "", {"why": why}))

    def _stream_ended(self, stream: EventStream) -> None:
        if stream is not self._stream:
            return
        with self._lock:
            self._lost = True
            self._retry_at = time.monotonic()
        self._tell("disconnected", "the event stream ended")

    def _take(self, event: Event) -> None:
        """Mark what an event names; called on the event thread."""
        with self._lock:
            self._dirty |= {event.id, event.attributes.get("container", "")}
            if event.type == "daemon":
                self._lost = True
        if self._on_event is not None:
            self._on_event(event)

    # -- listing ------------------------------------------------------------------

    def _list(self, client: APIClient, dirty: set[str]) -> None:
        """Bring networks and containers up to date; ``dirty`` are inspected again."""
        from docker.errors import APIError

        listed = {
            js.text(entry.get("Id")): entry for entry in js.list_of_objects(client.containers(all=True), "a list")
        }
        states: dict[str, tuple[object, object]] = {
            key: (entry.get("State"), _without_age(entry.get("Status"))) for key, entry in listed.items()
        }
        for key in [key for key in self.containers if key not in listed]:
            del self.containers[key]
        for key in listed:
            if key in dirty or key not in self.containers or states[key] != self._states.get(key):
                dirty |= _network_ids(self.containers.get(key))
                with contextlib.suppress(APIError):  # it goes just now, or the next listing tells
                    self.containers[key] = js.obj(client.inspect_container(key))
                dirty |= _network_ids(self.containers.get(key))
        self._states = states
        networks = {js.text(entry.get("Id")): entry for entry in js.list_of_objects(client.networks(), "a list")}
        for key in [key for key in self.networks if key not in networks]:
            del self.networks[key]
        for key, entry in networks.items():
            if key in dirty or key not in self.networks:
                try:
                    self.networks[key] = js.obj(client.inspect_network(key))
                except APIError:
                    # A swarm's network that this node cannot inspect: what the listing says.
                    self.networks[key] = entry

    def _part(self) -> Part:
        local = self.address.local and "docker desktop" not in js.text(self.info.get("OperatingSystem")).lower()
        engine = docker_api.engine(self.info, self.version, self.address.url, local, self._here)
        note = ""
        if not local:
            note = "this engine is another machine: the rules here are not its rules, so names are not joined"
        elif not engine.here:
            kind = "a rootless engine" if engine.rootless else "this engine is in another network namespace"
            note = f"{kind}: its rules are in a namespace of its own, not in the tables that are read here"
        return Part(
            {
                "engine": replace(engine, local=local),
                "networks": docker_api.networks(list(self.networks.values())),
                "containers": self._containers(),
            },
            via=f"API {engine.api_version}",
            note=note,
            time=time.time(),
        )

    def _containers(self) -> tuple[Container, ...]:
        """Build those whose JSON is new; the others stay the same objects."""
        built = self._built
        self._built = {
            key: old if (old := built.get(key)) and old[0] is entry else (entry, docker_api.container(entry))
            for key, entry in self.containers.items()
        }
        return tuple(sorted((pair[1] for pair in self._built.values()), key=lambda entry: (entry.name, entry.id)))


def _without_age(status: object) -> str:
    """``Up 3 minutes (healthy)`` → the health alone, for the minutes change by themselves."""
    text = js.text(status)
    return text[text.find("(") :] if text.startswith("Up") and "(" in text else ""


def _network_ids(container: dict[str, Any] | None) -> set[str]:
    settings = js.obj(js.obj(container).get("NetworkSettings"))
    return {js.text(js.obj(entry).get("NetworkID")) for entry in js.obj(settings.get("Networks")).values()}
