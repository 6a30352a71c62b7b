"""The engine's event stream, on a daemon thread.

``events()`` of the SDK blocks without a timeout. On a unix socket, closing the stream from another thread ends it.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from netui.model.events import Event
from netui.text import json_text as js

if TYPE_CHECKING:
    from docker import APIClient

#: The events that change a network, a container or an address. The engine filters out the exec_* events of health
#: checks, so netui stays idle on an idle host.
_ACTIONS = (
    "create", "start", "restart", "die", "stop", "kill", "pause", "unpause", "rename", "update", "destroy",
    "health_status", "connect", "disconnect", "remove", "reload",
)  # fmt: skip

_MOMENT = re.compile(r"([0-9T:-]{19})(?:\.(\d{1,9}))?\d*(Z|[+-]\d\d:\d\d)\Z")


class EventStream:
    """The events since a moment, until the connection ends or the stream is closed.

    client: for this stream only; closed with it. since: RFC 3339 by the engine's clock, "" for now. on_event,
    on_end: called on this thread; on_end once, and not after close().
    """

    def __init__(
        self,
        client: APIClient,
        since: str,
        on_event: Callable[[Event], None],
        on_end: Callable[[EventStream], None],
    ) -> None:
        self._client = client
        self._on_event, self._on_end = on_event, on_end
        self._closed = threading.Event()
        self._stream: Any = None
        self._since = since
        self._thread = threading.Thread(target=self._run, name="docker events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the stream and close its connection; the thread ends by itself at once."""
        self._closed.set()
        stream = self._stream
        if stream is not None:
            # over SSH the SDK cannot close a stream; the thread then ends with netui
            with contextlib.suppress(Exception):
                stream.close()
        with contextlib.suppress(Exception):
            self._client.close()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        # any error means that the stream has ended
        with contextlib.suppress(Exception):
            self._stream = self._client.events(
                since=_timestamp(self._since),
                filters={"type": ["container", "network", "daemon"], "event": list(_ACTIONS)},
                decode=True,
            )
            while not self._closed.is_set():
                entry = next(self._stream, None)
                if entry is None:
                    break
                if not self._closed.is_set():
                    self._on_event(event(js.obj(entry)))
        closed = self._closed.is_set()
        response = getattr(self._stream, "_response", None)
        if response is not None:
            # the SDK's stream does not close the connection after its end
            with contextlib.suppress(Exception):
                response.close()
        with contextlib.suppress(Exception):
            self._client.close()
        if not closed:
            self._on_end(self)


def event(entry: dict[str, Any]) -> Event:
    """Build an event from the engine's JSON (``status``, ``id`` and ``from`` are gone in API 1.52)."""
    actor = js.obj(entry.get("Actor"))
    attributes = js.labels(actor.get("Attributes"))
    nanoseconds = js.number(entry.get("timeNano"))
    return Event(
        time=nanoseconds / 1e9 if nanoseconds else float(js.number(entry.get("time"), int(time.time()))),
        type=js.text(entry.get("Type")),
        action=js.text(entry.get("Action")),
        name=attributes.get("name", ""),
        id=js.text(actor.get("ID")),
        attributes=attributes,
    )


def _timestamp(since: str) -> Any:  # noqa: ANN401 - the SDK's types know no fraction, the API does
    """``2026-11-23T23:46:42.123456789Z`` → seconds since 1970 with a fraction, as the API takes them."""
    match = _MOMENT.match(since)
    if match is None:
        return None
    try:
        seconds = int(datetime.fromisoformat(f"{match[1]}{match[3]}").timestamp())
    except ValueError:
        return None
    return f"{seconds}.{(match[2] or '').ljust(9, '0')}"
