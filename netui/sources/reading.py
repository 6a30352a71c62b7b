"""The readings of sources, and the snapshot that is assembled from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netui.dialects.nft.ruleset import NativeRules
from netui.model import SOURCES, Container, Snapshot, SourceState
from netui.model.engine import Inside
from netui.sources.outputs import RULESET_SOURCES
from netui.text.errors import SourceError


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one source.

    values, by source: docker: engine, networks, containers; each ruleset source:
    rules (ruleset, counters); nft: native (NativeRules); ipset: sets; address: interfaces; route
    and rule: families; sysctl: sysctls; sockets: sockets; listening: listening
    (sockets by container ID), insides and netns (by process ID); namespaces: rulesets by container ID; kernel: kernel;
    daemon: daemon (its settings). Empty: not read.
    error, via, note, time, disconnected: as in SourceState.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    via: str = ""
    note: str = ""
    time: float | None = None
    disconnected: bool = False


def failed(error: SourceError, prefix: str = "") -> Reading:
    """Return the reading of a source that could not be read; prefix: of the error's text."""
    return Reading(error=f"{prefix}{error}", disconnected=error.disconnected)


def kept(old: Reading | None, new: Reading) -> Reading:
    """Return the new reading; where it failed, the old values and time with the new error."""
    if new.values or old is None or not old.values:
        return new
    return replace(old, error=new.error, disconnected=new.disconnected)


class Assembly:
    """Assembles snapshots from readings; unchanged values stay the same objects."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._joined: tuple[Mapping[str, Any], Mapping[str, Any], tuple[Container, ...] | None] | None = None

    def snapshot(self, parts: Mapping[str, Reading], time: float, hostname: str = "") -> Snapshot:
        """Return the snapshot; sources without a reading count as not read."""
        whole = {name: parts.get(name, _NOTHING) for name in SOURCES}
        values = {name: part.values for name, part in whole.items()}
        rules = {key: values[name]["rules"] for name, key in RULESET_SOURCES.items() if values[name]}
        native: NativeRules | None = values["nft"].get("native")
        if native is not None:
            for key, (printed, true) in native.corrected.items():
                if key in rules and rules[key][0] is printed:
                    rules[key] = true, rules[key][1]
            rules |= native.rules
        engine = values["docker"].get("engine")
        return Snapshot(
            time=time,
            hostname=hostname or (engine.name if engine else ""),
            origin=self._origin,
            engine=engine,
            networks=values["docker"].get("networks"),
            containers=self._containers(values["docker"], values["listening"]),
            rulesets={key: pair[0] for key, pair in rules.items()},
            counters={key: pair[1] for key, pair in rules.items()},
            nft_chains=native.unread if native is not None else None,
            hook_order=native.order if native is not None else {},
            table_handles=native.handles if native is not None else {},
            ipsets=values["ipset"].get("sets"),
            interfaces=values["address"].get("interfaces"),
            routes=values["route"].get("families", {}),
            policy_rules=values["rule"].get("families", {}),
            sysctls=values["sysctl"].get("sysctls"),
            sockets=values["sockets"].get("sockets"),
            kernel=parts.get("kernel", _NOTHING).values.get("kernel"),
            daemon=parts.get("daemon", _NOTHING).values.get("daemon"),
            namespaces=parts.get("namespaces", _NOTHING).values,
            sources={
                name: SourceState(
                    name,
                    bool(part.values),
                    part.time if part.values else None,
                    part.error,
                    part.via,
                    part.note,
                    part.disconnected,
                )
                for name, part in {**whole, **parts}.items()
                if name in SOURCES or part.note or part.error
            },
        )

    def _containers(self, docker: Mapping[str, Any], listening: Mapping[str, Any]) -> tuple[Container, ...] | None:
        """Return the containers with their listening sockets and own routes."""
        if self._joined is None or self._joined[0] is not docker or self._joined[1] is not listening:
            containers: tuple[Container, ...] | None = docker.get("containers")
            sockets = listening.get("listening", {})
            if containers is not None:
                containers = tuple(
                    replace(entry, listening=sockets[entry.id], inside=_inside(entry, listening))
                    if entry.id in sockets
                    else entry
                    for entry in containers
                )
            self._joined = (docker, listening, containers)
        return self._joined[2]


def _inside(container: Container, listening: Mapping[str, Any]) -> Inside | None:
    """Return what a container's namespace tells, with its number."""
    inside: Inside | None = listening.get("insides", {}).get(container.id)
    number = listening.get("netns", {}).get(container.pid, -1)
    return replace(inside, netns=number) if inside is not None and number >= 0 else inside


_NOTHING = Reading()
