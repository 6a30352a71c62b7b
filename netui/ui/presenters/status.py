"""The header line: the host, the age of the data, and unread sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.cells import cell_len

from netui.model import SOURCES, Snapshot
from netui.text.visible import escape
from netui.ui.presenters.cells import clip
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.spans import Role, Spans, plain
from netui.ui.presenters.times import clock, date

Mode = Literal["live", "replay", "demo"]

#: A live snapshot is old after so many seconds (intervals are about a second).
STALE = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """The problem of the data; lost: the time of the last good data, None without a problem."""

    lost: float | None = None
    what: str = ""


def health(snapshot: Snapshot, mode: Mode, now: float, stale: float = STALE) -> Health:
    """Return whether the shown data is current."""
    if mode != "live":
        return Health()
    lost = [state.time for state in snapshot.sources.values() if state.disconnected and state.time]
    if lost:
        return Health(max(lost), "disconnected")
    for name in SOURCES:
        state = snapshot.sources.get(name)
        if state is not None and state.error and state.read and state.time is not None:
            return Health(state.time, "Docker disconnected" if name == "docker" else f"{name} not read")
    if now - snapshot.time > stale:
        return Health(snapshot.time, "nothing new")
    return Health()


def status_spans(
    snapshot: Snapshot,
    mode: Mode,
    state: Health,
    *,
    arrived: bool,
    width: int,
    pace: str = "live",
    findings: int = 0,
    place: str = "",
) -> Spans:
    """Return the header line; parts that do not fit are omitted as a whole, the least important first.

    pace: the interval in words. findings: of the doctor. place: the user's name for another machine.
    """
    if not arrived:
        return [(" netui ", "title"), (f" reading {escape(place) or 'the host'}…", "dim")]
    parts = [_Part(0, [(" netui ", "title")])]
    if place:
        parts.append(_Part(0, [(f" {clip(escape(place), 40)} ", "strong")]))
    if mode == "demo":
        parts.append(_Part(0, [(" DEMO ", "bad")]))
        parts.append(_Part(5, [(" a recorded host, not this one ", "warn")]))
    elif mode == "replay":
        parts.append(_Part(0, [(" REPLAY ", "bad")]))
        parts.append(_Part(2, [(f" of {date(snapshot.time)} ", "warn")]))
    docker = snapshot.sources.get("docker")
    if place and docker is not None and docker.disconnected and not docker.read:
        # not connected yet
        parts.append(_Part(0, [(f" ⚠ {clip(escape(docker.error), 70)} ", "bad")]))
    elif state.lost is not None:
        parts.append(_Part(0, [(f" ⚠ {state.what}, data of {clock(state.lost)} ", "bad")]))
    if findings:
        parts.append(_Part(1, [(f" doctor: {plural(findings, 'finding')} ", "warn")]))
    if snapshot.hostname:
        parts.append(_Part(3, [(f" {clip(escape(snapshot.hostname), 40)}", "strong")]))
    parts += _engine(snapshot)
    variants = sorted({key.backend for key, ruleset in snapshot.rulesets.items() if ruleset.rule_count()})
    rules = f"  rules in {' and '.join(variants)}" if variants else "  no rules"
    parts.append(_Part(6 if len(variants) == 1 else 2, [(rules, "" if variants else "warn")]))
    sources = _Part(2 if _failed(snapshot) else 8, _sources(snapshot, 0))
    parts.append(sources)
    if mode == "live" and state.lost is None:
        parts.append(_Part(4, [(f"  {pace}", "good")]))
    kept = _fitting(parts, width)
    room = width - sum(cell_len(plain(part.spans)) for part in kept if part is not sources)
    return [span for part in kept for span in (_sources(snapshot, room) if part is sources else part.spans)]


class _Part(NamedTuple):
    """A part of the header line. rank: parts with a higher rank are omitted first; 0: never omitted."""

    rank: int
    spans: Spans


def _fitting(parts: list[_Part], width: int) -> list[_Part]:
    """Omit the parts with the highest ranks, of equal ones the last, until the rest fits."""
    kept = list(parts)
    while sum(cell_len(plain(part.spans)) for part in kept) > width:
        least = max(kept, key=lambda part: part.rank)
        if not least.rank:
            break
        del kept[max(place for place, part in enumerate(kept) if part.rank == least.rank)]
    return kept


def _engine(snapshot: Snapshot) -> list[_Part]:
    """Return the engine's text; a missing engine, or one whose rules are not here, has a higher priority."""
    engine, docker = snapshot.engine, snapshot.sources.get("docker")
    if engine is None:
        waiting = docker is not None and not docker.read and not docker.error
        return [
            _Part(2, [("  Docker has not answered yet" if waiting else "  no Docker", "dim" if waiting else "warn")])
        ]
    where = "" if engine.here else " in a namespace of its own"
    where = where if engine.local else " on another machine"
    kind = f" {engine.firewall}" if engine.firewall else ""
    role: Role = "warn" if where else ""
    return [_Part(1 if where else 7, [(f"  Docker {clip(escape(engine.version), 14)}{escape(kind)}{where}", role)])]


def _failed(snapshot: Snapshot) -> list[str]:
    """Return the sources that could not be read."""
    states = ((name, snapshot.sources[name]) for name in SOURCES if name in snapshot.sources)
    return [name for name, state in states if not state.read or state.error]


def _sources(snapshot: Snapshot, room: int) -> Spans:
    """Return each source's state if it fits, else the failed sources, else their number."""
    states = [(name, snapshot.sources[name]) for name in SOURCES if name in snapshot.sources]
    if not states:
        return []
    failed = _failed(snapshot)
    full: Spans = []
    for name, state in states:
        good = state.read and not state.error
        full.append((f" {'✓' if good else '⚠' if state.read else '✗'}", "good" if good else "warn"))
        full.append((_SHORT.get(name, name), "dim" if good else ""))
    if len(plain(full)) + 2 <= room:
        return [(" ", ""), *full]
    if not failed:
        return [("  all sources read", "dim")]
    named = f"  not read: {', '.join(_SHORT.get(name, name) for name in failed)}"
    if len(named) <= room:
        return [(named, "warn")]
    return [(f"  {len(failed)} of {len(states)} sources not read", "warn")]


_SHORT = {
    "iptables-nft": "nft4",
    "ip6tables-nft": "nft6",
    "iptables-legacy": "legacy4",
    "ip6tables-legacy": "legacy6",
    "nft": "nft list",
    "listening": "listen",
    "address": "addr",
}
