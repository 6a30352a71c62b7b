"""The live engine through the docker SDK: a full listing, then only the objects of events.

``/networks`` has no containers and ``/containers/json`` has no port bindings. So each network and container is
inspected once, and again when an event names it or its state in the listing differs. The API version is the
engine's (``version="auto"``).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from netui.model.events import Event
from netui.sources.docker import client as docker_client
from netui.sources.docker.context import EngineAddress
from netui.sources.docker.errors import elsewhere, explain
from netui.sources.docker.events import EventStream
from netui.sources.docker.listing import Listing
from netui.sources.machine import Machine
from netui.sources.machine.local import LocalMachine
from netui.sources.reading import Reading
from netui.text import json_text as js
from netui.text.errors import SourceError

if TYPE_CHECKING:
    from docker import APIClient

#: Seconds for one request; a busy daemon can need some.
_TIMEOUT = 10
#: Seconds before it connects again, longer each time.
_BACK_OFF = (0.25, 0.5, 1.0, 2.0)
#: Seconds before it connects to an engine that the child process has read: so the SDK is not imported during the
#: first paint. Events of that time are not lost.
_LATER = 0.4

OnEvent = Callable[[Event], None]


class FirstReading(NamedTuple):
    """A complete reading of another process: the listing and its part, or only an error."""

    listing: Listing
    part: Reading


def connect(address: EngineAddress, timeout: int = _TIMEOUT, begun: Callable[[], None] = lambda: None) -> APIClient:
    """Return a client for the engine's API version; raises the SDK's errors."""
    client = docker_client.connect(address, timeout, begun)
    if address.path:
        # The SDK keeps a connection open for each of the last 25 URLs that were asked for, and
        # num_pools, which should say otherwise, is heeded over SSH alone (docker 7.2). A new one
        # on a local socket costs nothing.
        client.headers["Connection"] = "close"
    return client


class DockerEngine:
    """One engine, read by one thread; events come on a daemon thread.

    on_event: called on the event thread for each event, including ``daemon`` ``connected`` and
    ``disconnected``. None: no event stream, as for a report. first: called once, for the reading of another
    process; where it returns None, the engine is read here. machine: the engine's machine; None: this one.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        on_event: OnEvent | None = None,
        first: Callable[[], FirstReading | None] | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._machine: Machine = machine or LocalMachine(environ)
        self._on_event = on_event
        self._client: APIClient | None = None
        self._stream: EventStream | None = None
        self._lock = threading.Lock()
        self._dirty: set[str] = set()
        self._lost = False
        self._failures = 0
        self._retry_at = 0.0
        self._seen = False
        self._first = first
        self._unheard = False
        self._bounded = docker_client.Bounded()
        self.listing = Listing()

    @property
    def due(self) -> float | None:
        """The time of the next reading (monotonic seconds); None: at the next event."""
        with self._lock:
            if self._client is None or self._lost:
                return self._retry_at
            return 0.0 if self._dirty else None

    def read(self) -> Reading:
        """Read all, or after the first time the objects of events; raise SourceError and try again later.

        After a lost connection it reads everything, because events may be missing.
        """
        try:
            first, self._first = self._first, None
            if first is not None and (reading := first()) is not None:
                return self._take_over(reading)
            with self._lock:
                lost, self._lost = self._lost, False
                dirty, self._dirty = self._dirty, set()
            self._bounded.run(lambda: self._ask(lost, dirty))
            part = self.listing.part()
        except Exception as error:
            if isinstance(error, TimeoutError):
                # an abandoned reading has a listing of its own
                self._lost_listing()
            explained = explain(error, self.listing.address)
            self._failed(explained)
            raise explained from None
        self._failures = 0
        return part

    def _ask(self, lost: bool, dirty: set[str]) -> None:
        if self._unheard:
            self._listen(dirty)
        elif self._client is None or lost:
            self._reconnect()
        else:
            self.listing.update(self._client, dirty)

    def _lost_listing(self) -> None:
        address, self.listing = self.listing.address, Listing()
        self.listing.address = address

    def close(self) -> None:
        """End the stream and close the connections; may be called from any thread."""
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
        address = self.listing.address = self._machine.engine_address()
        if address.url.startswith("ssh://"):
            raise elsewhere(address)
        client = self._client = connect(address, begun=self._bounded.begun)
        self.listing.begin(client, address, self._machine.engine_is_here(address))
        if self._client is client:
            # else it took too long, and another reading has begun
            self._hear()

    def _take_over(self, reading: FirstReading) -> Reading:
        """Continue from the reading of another process: connect later, with the events since then."""
        if reading.part.error:
            raise SourceError(reading.part.error)
        self.listing = reading.listing
        # without the engine's time, the start of the events is unknown: read again
        self._unheard = bool(self._since)
        self._retry_at = time.monotonic() + _LATER
        return reading.part

    def _listen(self, dirty: set[str]) -> None:
        """Connect to the engine that another process read; objects of events are read afterwards."""
        self._unheard = False
        client = self._client = connect(self.listing.address, begun=self._bounded.begun)
        self.listing.update(client, dirty)
        self._hear()

    def _hear(self) -> None:
        """Start the events at the moment before the listing, by the engine's clock."""
        if self._on_event is not None:
            self._stream = EventStream(connect(self.listing.address), self._since, self._take, self._stream_ended)
            self._tell("connected")

    @property
    def _since(self) -> str:
        return js.text(self.listing.info.get("SystemTime"))

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
            self._on_event(Event(time.time(), "daemon", action, self.listing.info.get("Name", ""), "", {"why": why}))

    def _stream_ended(self, stream: EventStream) -> None:
        if stream is not self._stream:
            return
        with self._lock:
            self._lost = True
            self._retry_at = time.monotonic()
        self._tell("disconnected", "the event stream ended")

    def _take(self, event: Event) -> None:
        """Mark the objects of an event; called on the event thread."""
        with self._lock:
            self._dirty |= {event.id, event.attributes.get("container", "")}
            if event.type == "daemon":
                self._lost = True
        if self._on_event is not None:
            self._on_event(event)
