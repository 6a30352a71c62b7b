"""An engine's answers about itself, its networks and its containers, updated by inspections.

It is plain data, so it can be sent to another process, which then only asks for changes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from netui.model import Container
from netui.sources.docker import api as docker_api
from netui.sources.docker.context import EngineAddress
from netui.sources.machine import own_container
from netui.sources.reading import Reading
from netui.text import json_text as js

if TYPE_CHECKING:
    from docker import APIClient


_K = TypeVar("_K")
_T = TypeVar("_T")
#: Inspections of another machine's engine at a time.
_AT_A_TIME = 8


class Listing:
    """The engine's raw answers (``containers`` and ``networks`` by ID), and the objects that were built from them.

    here: whether the engine runs in this network namespace, None where that is unknown.
    """

    def __init__(self) -> None:
        self.address = EngineAddress("")
        self.here: bool | None = None
        self.info: dict[str, Any] = {}
        self.version: dict[str, Any] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.containers: dict[str, dict[str, Any]] = {}
        self._states: dict[str, tuple[object, object]] = {}
        self._built: dict[str, tuple[dict[str, Any], Container]] = {}

    def begin(self, client: APIClient, address: EngineAddress, here: bool | None) -> None:
        """Read everything of an engine; raises the SDK's errors."""
        self.address, self.here = address, here
        info, version = self._each(_call, (client.info, client.version))
        self.info, self.version = js.obj(info), js.obj(version)
        self.networks, self.containers, self._states = {}, {}, {}
        self.update(client, set())

    def update(self, client: APIClient, dirty: set[str]) -> None:
        """Update networks and containers; ``dirty`` are inspected again."""
        from docker.errors import APIError

        questions: tuple[Callable[[], Any], ...] = (partial(client.containers, all=True), client.networks)
        listings = iter(self._each(_call, questions))
        listed = {
            docker_api.container_id(entry.get("Id")): entry for entry in js.list_of_objects(next(listings), "a list")
        }
        states: dict[str, tuple[object, object]] = {
            key: (entry.get("State"), _without_age(entry.get("Status"))) for key, entry in listed.items()
        }
        for key in [key for key in self.containers if key not in listed]:
            del self.containers[key]

        def inspect(key: str) -> dict[str, Any] | None:
            with contextlib.suppress(APIError):  # it is being removed; else the next listing has it
                return js.obj(client.inspect_container(key))
            return None

        stale = [
            key for key in listed if key in dirty or key not in self.containers or states[key] != self._states.get(key)
        ]
        for key, container in zip(stale, self._each(inspect, stale), strict=True):
            dirty |= _network_ids(self.containers.get(key))
            if container is not None:
                self.containers[key] = container
            dirty |= _network_ids(self.containers.get(key))
        self._states = states
        # of this machine's engine it is asked now, after the containers
        networks = {
            docker_api.network_id(entry.get("Id")): entry for entry in js.list_of_objects(next(listings), "a list")
        }
        for key in [key for key in self.networks if key not in networks]:
            del self.networks[key]

        def inspect_network(key: str) -> dict[str, Any]:
            try:
                return js.obj(client.inspect_network(key))
            except APIError:
                # a swarm's network that this node cannot inspect: take the listing's entry
                return networks[key]

        stale = [key for key in networks if key in dirty or key not in self.networks]
        self.networks |= zip(stale, self._each(inspect_network, stale), strict=True)

    def _each(self, inspect: Callable[[_K], _T], keys: Sequence[_K]) -> Iterable[_T]:
        """Inspect objects one after the other; in parallel where each is a round trip to another machine."""
        if not self.address.there or len(keys) < 2:
            return map(inspect, keys)
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(inspect, keys))

    def part(self) -> Reading:
        """Return the reading for a snapshot."""
        local = self.address.local and "docker desktop" not in js.text(self.info.get("OperatingSystem")).lower()
        own = "" if self.address.there else own_container.identity()
        network, pids = own_container.apart(self.containers, own)
        here = False if network else self.here
        engine = docker_api.engine(self.info, self.version, self.address.shown, local, here)
        note = pids
        if not local:
            note = "this engine is another machine: the rules here are not its rules, so names are not joined"
        elif network:
            note = network
        elif not engine.here:
            kind = "a rootless engine" if engine.rootless else "this engine is in another network namespace"
            note = f"{kind}: its rules are in a namespace of its own, not in the tables that are read here"
        containers = self._made()
        return Reading(
            {
                "engine": replace(engine, local=local),
                "networks": docker_api.networks(list(self.networks.values())),
                "containers": tuple(replace(container, pid=-1) for container in containers) if pids else containers,
            },
            via=f"API {engine.api_version}",
            note=note,
            time=time.time(),
        )

    def _made(self) -> tuple[Container, ...]:
        """Build the objects whose JSON changed; the others stay the same."""
        built = self._built
        self._built = {
            key: old if (old := built.get(key)) and old[0] is entry else (entry, docker_api.container(entry))
            for key, entry in self.containers.items()
        }
        return tuple(sorted((pair[1] for pair in self._built.values()), key=lambda entry: (entry.name, entry.id)))


def _call(ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - an engine's answer
    return ask()


def _without_age(status: object) -> str:
    """Return only the health of ``Up 3 minutes (healthy)``, because the minutes always change."""
    text = js.text(status)
    return text[text.find("(") :] if text.startswith("Up") and "(" in text else ""


def _network_ids(container: dict[str, Any] | None) -> set[str]:
    settings = js.obj(js.obj(container).get("NetworkSettings"))
    return {js.text(js.obj(entry).get("NetworkID")) for entry in js.obj(settings.get("Networks")).values()}
