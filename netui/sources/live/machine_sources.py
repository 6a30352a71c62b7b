"""All sources of a machine, in groups with different intervals."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from netui.model import Container, Family, Ruleset, Snapshot
from netui.model.events import Event
from netui.sources.docker.engine import DockerEngine, FirstReading, OnEvent
from netui.sources.docker.ping import answers
from netui.sources.live import host as host_live
from netui.sources.live.iptables import LiveRules
from netui.sources.live.kernel_modules import kernel_asks, read_daemon, read_kernel
from netui.sources.live.nft import LiveNative
from netui.sources.live.proc_sockets import ProcSockets
from netui.sources.machine import Ask, Machine, command
from netui.sources.machine.local import LocalMachine
from netui.sources.outputs import GROUPS, RULESET_SOURCES
from netui.sources.reading import Assembly, Reading, failed
from netui.text.errors import SourceError

if TYPE_CHECKING:
    from netui.sources.legacy.tables import LegacyTables
    from netui.sources.live.nft_listed import ListedNative


class HostReading(NamedTuple):
    """A reading of the host by another process: its parts, and the rules of namespaces as LiveHost caches them."""

    parts: Mapping[str, Reading]
    namespaces: Mapping[tuple[str, int], tuple[Ruleset, ...]]


class FirstReadings(Protocol):
    """Readings of the engine and the host that another process began earlier."""

    def docker(self) -> FirstReading | None:
        """Wait for the engine's reading; None where there is none. Must be called first."""

    def host(self, containers: tuple[Container, ...]) -> HostReading | None:
        """Wait for the host's reading; None unless it was made with these containers."""

    def close(self) -> None:
        """End the readings; waiting calls return None."""


class LiveHost:
    """Sources of this host. Each group is read from one thread at a time; groups do not wait for each other."""

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        on_event: OnEvent | None = None,
        head_start: FirstReadings | None = None,
        machine: Machine | None = None,
    ) -> None:
        self._head_start = head_start
        environ = os.environ if environ is None else environ
        self.machine: Machine = machine or LocalMachine(environ)
        self.docker = DockerEngine(
            environ, on_event and self._noted, head_start.docker if head_start else None, self.machine
        )
        self._on_event = on_event
        self._legacy: LegacyTables | None = None
        # for a report, importing the library takes longer than the program; it cannot read another machine
        by_library = on_event is not None and not self.machine.name
        self._rules = LiveRules(self._read_legacy if by_library else None)
        self._native: LiveNative | ListedNative = _native_of(self.machine)
        self._sockets = host_live.sockets_of(self.machine)
        #: the rules in containers' own namespaces, by container and process ID
        self.namespaces: dict[tuple[str, int], tuple[Ruleset, ...]] = {}

    @property
    def hostname(self) -> str:
        """The machine's own name."""
        return self.machine.hostname

    def _read_legacy(self, family: Family, tables: list[str]) -> tuple[str, str]:
        """Read legacy tables by python-iptables, which is imported only where there are any."""
        from netui.sources.legacy.tables import LegacyTables

        if self._legacy is None:
            self._legacy = LegacyTables()
        return self._legacy(family, tables)

    def _noted(self, event: Event) -> None:
        self._rules.look_everywhere()
        if self._on_event is not None:
            self._on_event(event)

    def read_docker(self) -> dict[str, Reading]:
        """Read the engine: everything, or the objects of its events."""
        try:
            return {"docker": self.docker.read()}
        except SourceError as error:
            return {"docker": failed(error)}

    def engine_answers(self, seconds: float) -> bool:
        """Ping an engine on this machine; True where there is no engine to ping."""
        address = self.docker.listing.address
        return not address.path or address.costly or answers(address.path, seconds)

    def read_rules(self) -> dict[str, Reading]:
        """Read the four iptables rulesets and the native tables with their counters."""
        if isinstance(self._native, LiveNative):
            parts = self._rules.read(self.machine)
            parts["nft"] = self._native.read(rulesets_of(parts), self.machine.loaded("nf_tables"))
            return parts
        try:
            machine = self.machine.fetch((*self._rules.asks(self.machine), *self._native.asks()))
        except SourceError as error:
            return _none("rules", error)
        parts = self._rules.read(machine)
        parts["nft"] = self._native.read(machine, rulesets_of(parts))
        return parts

    def read_host(self, containers: Iterable[Container]) -> dict[str, Reading]:
        """Read interfaces, routes, sysctls and sockets, and those of the containers given."""
        containers = tuple(containers)
        if self._head_start is not None and (reading := self._head_start.host(containers)) is not None:
            self.namespaces = dict(reading.namespaces)
            return dict(reading.parts)
        try:
            machine = self.machine.fetch(self._host_asks(containers)) if self.machine.name else self.machine
            parts = host_live.read_host(self._sockets, machine)
            parts["listening"] = host_live.read_listening(containers, machine)
            parts["kernel"], parts["daemon"] = read_kernel(machine), read_daemon(machine)
            parts["namespaces"] = host_live.namespace_part(containers, self.namespaces, machine)
        except SourceError as error:
            return _none("host", error)
        return parts

    def _host_asks(self, containers: tuple[Container, ...]) -> tuple[Ask, ...]:
        sockets = () if isinstance(self._sockets, ProcSockets) else self._sockets.asks()
        of_containers = host_live.container_asks(containers, self.namespaces, self.machine)
        return (*host_live.HOST_ASKS, *sockets, *of_containers, *kernel_asks(self.machine))

    def read_sets(self) -> dict[str, Reading]:
        """Read the ipsets."""
        try:
            return {"ipset": host_live.read_ipsets(self.machine.fetch(host_live.SET_ASKS))}
        except SourceError as error:
            return _none("sets", error)

    def close(self) -> None:
        """End the event stream and all running programs; returns at once."""
        if self._head_start is not None:
            self._head_start.close()
        self.docker.close()
        if self._legacy is not None:
            self._legacy.close()
        command.stop_all()


def _native_of(machine: Machine) -> LiveNative | ListedNative:
    """Return the reader of a machine's native tables: on this machine it also asks the kernel."""
    if not machine.name:
        return LiveNative()
    from netui.sources.live.nft_listed import ListedNative

    return ListedNative()


def _none(group: str, error: SourceError) -> dict[str, Reading]:
    """Return the readings of a group whose machine cannot be reached."""
    return {name: failed(error) for name in GROUPS[group].sources}


def local_containers(docker: Reading | None) -> tuple[Container, ...]:
    """Return the containers whose processes are on this host."""
    if docker is None or not docker.values or not docker.values["engine"].local:
        return ()
    containers: tuple[Container, ...] = docker.values["containers"]
    return containers


def rulesets_of(parts: Mapping[str, Reading]) -> tuple[Ruleset, ...]:
    """Return the rulesets in readings."""
    return tuple(parts[name].values["rules"][0] for name in RULESET_SOURCES if name in parts and parts[name].values)


def read_live(environ: Mapping[str, str] | None = None, machine: Machine | None = None) -> Snapshot:
    """Read a machine once, for a report; each source can fail without the others, and nothing is raised."""
    host = LiveHost(environ, machine=machine)
    try:
        if host.machine.name:
            # the engine and the rest are read in parallel
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(1) as pool:
                engine = pool.submit(host.read_docker)
                parts = host.read_rules() | host.read_sets() | engine.result()
        else:
            parts = host.read_docker() | host.read_rules() | host.read_sets()
        parts |= host.read_host(local_containers(parts["docker"]))
        return Assembly("live").snapshot(parts, time.time(), host.machine.hostname)
    finally:
        host.close()
