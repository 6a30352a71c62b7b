"""The header line: whose data this is, how old, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netui.model import SOURCES, Snapshot
from netui.text.visible import escape
from netui.ui.presenters.cells import clip
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.spans import Spans, plain
from netui.ui.presenters.times import clock, date

Mode = Literal["live", "replay", "demo"]

#: A live snapshot older than this many seconds is called old (intervals are a second or so).
STALE = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with the data; ``lost`` is the time of the last good data, None where all is well."""

    lost: float | None = None
    what: str = ""


def health(snapshot: Snapshot, mode: Mode, now: float, stale: float = STALE) -> Health:
    """Say whether what stands on the screen is of now."""
    if mode != "live":
        return Health()
    lost = [state.time for state in snapshot.sources.values() if state.error.startswith("disconnected") and state.time]
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
    """Return the header line; the most important first, for the end may not fit.

    pace: how often it is read, in words. findings: the doctor's. place: another machine, as the user named it.
    """
    if not arrived:
        return [(" netui ", "title"), (f" reading {escape(place) or 'the host'}…", "dim")]
    spans: Spans = [(" netui ", "title")]
    if place:
        spans.append((f" {clip(escape(place), 40)} ", "strong"))
    if mode == "demo":
        spans.append((" DEMO ", "bad"))
        spans.append((" a recorded host, not this one ", "warn"))
    elif mode == "replay":
        spans.append((" REPLAY ", "bad"))
        spans.append((f" of {date(snapshot.time)} ", "warn"))
    docker = snapshot.sources.get("docker")
    if place and docker is not None and docker.error.startswith("disconnected") and not docker.read:
        # it has not been connected to yet
        spans.append((f" ⚠ {clip(escape(docker.error), 70)} ", "bad"))
    elif state.lost is not None:
        spans.append((f" ⚠ {state.what}, data of {clock(state.lost)} ", "bad"))
    if findings:
        spans.append((f" doctor: {plural(findings, 'finding')} ", "warn"))
    if snapshot.hostname:
        spans.append((f" {escape(snapshot.hostname)}", "strong"))
    engine = snapshot.engine
    if engine is not None:
        where = "" if engine.here else " in a namespace of its own"
        where = where if engine.local else " on another machine"
        kind = f" {engine.firewall}" if engine.firewall else ""
        spans.append((f"  Docker {clip(escape(engine.version), 14)}{escape(kind)}{where}", "warn" if where else ""))
    else:
        waiting = docker is not None and not docker.read and not docker.error
        spans.append(("  Docker has not answered yet" if waiting else "  no Docker", "dim" if waiting else "warn"))
    variants = sorted({key.backend for key, ruleset in snapshot.rulesets.items() if ruleset.rule_count()})
    spans.append((f"  rules in {' and '.join(variants)}" if variants else "  no rules", "" if variants else "warn"))
    spans.extend(_sources(snapshot, width - len(plain(spans)) - len(pace) - 2))
    if mode == "live" and state.lost is None:
        spans.append((f"  {pace}", "good"))
    return spans


def _sources(snapshot: Snapshot, room: int) -> Spans:
    """Return each source's state where there is room, else those that failed, else how many did."""
    states = [(name, snapshot.sources[name]) for name in SOURCES if name in snapshot.sources]
    if not states:
        return []
    failed = [name for name, state in states if not state.read or state.error]
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
