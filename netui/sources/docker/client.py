"""The docker SDK's client, with a limit of bytes for each answer and of time for each reading.

The SDK's timeout is for one read of the socket: an engine that sends single bytes never exceeds it. So each reading
runs on a thread, which is abandoned after the time limit.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from netui.sources.docker.context import EngineAddress
from netui.sources.import_lock import IMPORTING
from netui.text.errors import SourceError

if TYPE_CHECKING:
    from docker import APIClient

#: The inspection of a thousand containers is 5 MB, their listing 1 MB.
MAX_ANSWER = 64 * 2**20
#: Seconds for one complete answer; and for a complete reading of a host with thousands of containers.
MAX_SECONDS, MAX_READING = 15.0, 120.0
#: After so many abandoned readings, the engine is not asked again.
_MOST_LEFT = 3

T = TypeVar("T")


def connect(address: EngineAddress, timeout: int, begun: Callable[[], None]) -> APIClient:
    """Return a client for the engine's API version; raises the SDK's errors.

    begun: called at the start of a request.
    """
    with IMPORTING:
        from docker import APIClient
        from docker.tls import TLSConfig

    class Client(APIClient):
        def send(self, request: Any, **options: Any) -> Any:  # noqa: ANN401 - requests' own
            begun()
            response: Any = super().send(request, **options | {"stream": True})
            if not options.get("stream"):
                # requests has no public way to give a response its body
                response._content = _body(response)  # noqa: SLF001
                response._content_consumed = True  # noqa: SLF001
            return response

    tls: TLSConfig | bool = False
    if address.ca or address.cert:
        pair = (address.cert, address.key) if address.cert and address.key else None
        tls = TLSConfig(client_cert=pair, ca_cert=address.ca or None, verify=address.verify)
    client = Client(base_url=address.url, version="auto", timeout=timeout, tls=tls)
    # compressed data can expand to any size
    client.headers["Accept-Encoding"] = "identity"
    return client


def _body(response: Any) -> bytes:  # noqa: ANN401 - requests' own
    """Return an answer's body; raise SourceError where it is too large."""
    body = bytearray()
    # undecoded: netui asks for no compression, so a compressed answer is no JSON
    for piece in response.raw.stream(2**16, decode_content=False):
        body += piece
        if len(body) > MAX_ANSWER:
            response.close()
            raise SourceError(f"the engine's answer is larger than {MAX_ANSWER // 2**20} MB")
    response.close()
    return bytes(body)


class Bounded:
    """Runs readings that may never return."""

    def __init__(self) -> None:
        self._left: list[threading.Thread] = []
        self._last = 0.0

    def begun(self) -> None:
        """Note the start of a request."""
        self._last = time.monotonic()

    def run(self, read: Callable[[], T]) -> T:
        """Return the result of a reading; raise its error, or TimeoutError where it takes too long."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= _MOST_LEFT:
            raise TimeoutError
        results: list[T] = []
        errors: list[BaseException] = []
        done = threading.Event()

        def work() -> None:
            try:
                results.append(read())
            except BaseException as error:
                errors.append(error)
            done.set()

        self.begun()
        end = time.monotonic() + MAX_READING
        thread = threading.Thread(target=work, name="engine", daemon=True)
        thread.start()
        while not done.wait(max(0.0, min(end, self._last + MAX_SECONDS) - time.monotonic())):
            if time.monotonic() >= min(end, self._last + MAX_SECONDS):
                self._left.append(thread)
                raise TimeoutError
        if errors:
            raise errors[0]
        return results[0]
