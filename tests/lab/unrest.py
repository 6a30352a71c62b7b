"""A host that does not rest: containers, networks and rules come and go, counted as the engine's events."""

from __future__ import annotations

import collections
import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import docker
import requests

from .hosts import Host, serve
from .traffic import Traffic

#: A busy host has an event every two and a half seconds.
NORMAL = 0.4
#: How many guests there are at most, and how many networks for them.
_GUESTS, _YARDS = 4, 3
#: What an engine that is just killed, or a container that is just gone, answers.
_REFUSED = (docker.errors.DockerException, requests.exceptions.RequestException, RuntimeError, OSError)


class Events:
    """Counts the container and network events of an engine, those that netui asks for, also over its restarts."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._stopped = threading.Event()
        self._client: docker.APIClient | None = None
        self.count = 0
        self.by_kind: collections.Counter[str] = collections.Counter()
        threading.Thread(target=self._run, name="count events", daemon=True).start()

    def _run(self) -> None:
        since = time.time()
        while not self._stopped.is_set():
            with contextlib.suppress(Exception):  # The daemon is killed now and then.
                self._client = docker.APIClient(base_url=self._host.engine.url, version="auto")
                moment: Any = since  # the stubs know whole seconds only
                filters = {"type": ["container", "network"]}
                for event in self._client.events(since=moment, filters=filters, decode=True):
                    action = event["Action"].partition(":")[0]
                    since = event["timeNano"] / 1e9 + 1e-6
                    if not action.startswith("exec_"):
                        self.count += 1
                        self.by_kind[f"{event['Type']} {action}"] += 1
            self._stopped.wait(0.2)

    def close(self) -> None:
        """Count no more."""
        self._stopped.set()


class Unrest:
    """Acts on a blog host from a thread of its own, `rate` events a second as the engine counts them.

    seconds: when it ends by itself. restart_every: seconds between two kill -9 of the daemon, each
    followed by its start; containers end with the daemon, so blog and openresty are started again.
    """

    def __init__(self, host: Host, rate: float, seconds: float, restart_every: float) -> None:
        self._host, self._rate, self._seconds, self._restart_every = host, rate, seconds, restart_every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="unrest", daemon=True)
        self._traffic = Traffic(host, seconds)
        self._guests: collections.deque[str] = collections.deque()
        self.events = Events(host)
        self.restarts = 0
        self.refused: list[str] = []
        self.sent = 0

    def __enter__(self) -> Unrest:
        self._traffic.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.events.close()

    def stop(self) -> None:
        """Leave the host as it is now; the traffic stops too."""
        self._stopped.set()
        self._thread.join()
        self._traffic.__exit__(None, None, None)

    def _run(self) -> None:
        began = time.monotonic()
        restart = began + self._restart_every
        for number in itertools.count(1):
            acts = self._acts(number)
            while not self._stopped.wait(max(0.0, self.events.count / self._rate - (time.monotonic() - began))):
                if time.monotonic() - began > self._seconds:
                    return
                if time.monotonic() > restart:
                    self._restart()
                    restart = time.monotonic() + self._restart_every
                try:
                    next(acts)
                except StopIteration:
                    break
                except _REFUSED as error:
                    # The round is over; what it left is taken by a later one.
                    self.refused.append(" ".join(str(error).split()))
                    break
            if self._stopped.is_set():
                return

    def _acts(self, number: int) -> Iterator[None]:
        """One round: a guest comes, is moved about, and the oldest goes."""
        client, name, yard = self._host.engine.client, f"guest-{number}", f"yard-{number % _YARDS}"
        for network in client.networks.list(names=[f"^{yard}$"]):
            for container in client.containers.list(all=True, filters={"network": yard}):
                network.disconnect(container, force=True)
                yield
            network.remove()
            yield
        network = client.networks.create(yard, driver="bridge", internal=number % 4 == 0)
        yield
        self._guests.append(name)
        guest = self._host.container(
            name, serve([8000 + number % 50]), networks={"hehe": {}}, ports={"80/tcp": 20000 + number % 100}
        )
        yield
        network.connect(guest)
        yield
        self._rule("-I", number)
        yield
        guest.pause()
        yield
        guest.unpause()
        yield
        guest.rename(f"{name}-b")
        yield
        guest.restart(timeout=0)
        yield
        if number % 2:
            network.disconnect(guest)
        yield
        self._rule("-D", number)
        if number % 3 == 0:
            guest.kill()
            yield
        while len(self._guests) > _GUESTS:
            self._remove(self._guests.popleft())
            yield

    def _rule(self, action: str, number: int) -> None:
        source = f"203.0.113.{number % 250 + 1}"
        self._host.engine.tool("iptables", "-w", action, "DOCKER-USER", "-s", source, "-p", "tcp", "-j", "DROP")

    def _remove(self, name: str) -> None:
        for at in (f"{name}-b", name):
            with contextlib.suppress(docker.errors.NotFound):
                self._host.engine.client.containers.get(at).remove(force=True, v=True)

    def _restart(self) -> None:
        """kill -9 of the daemon, and its start as a service manager would."""
        self.sent += self._traffic.sent
        self._traffic.__exit__(None, None, None)
        self._host.engine.kill()
        self._host.engine.start()
        for name in ("blog", "openresty"):
            with contextlib.suppress(docker.errors.APIError):
                self._host.engine.client.containers.get(name).start()
        self.restarts += 1
        self._traffic = Traffic(self._host, self._seconds)
        self._traffic.__enter__()
