"""The state of a native rule's quotas, limits and named counters, as text and as data."""

from __future__ import annotations

from typing import Any

from netui.model import Counters, NativeRule, Rule
from netui.model.ruleset import Measure
from netui.text.visible import printable


def measure_lines(rule: Rule, counters: Counters) -> list[tuple[str, str]]:
    """Return (kind, state) of each quota, limit and named counter of a rule."""
    native = rule.native
    return [(measure.kind, _words(measure, counters)) for measure in native.measures] if native is not None else []


def measures_json(native: NativeRule, counters: Counters) -> list[dict[str, Any]]:
    """Return the same as data; used, packets and bytes are None where no number was printed."""
    entries: list[dict[str, Any]] = []
    for measure in native.measures:
        entry: dict[str, Any] = {"kind": measure.kind, "name": measure.name or None, "text": measure.words}
        if measure.kind == "quota":
            entry |= {"bytes": measure.amount, "used": _used(measure, counters)}
        elif measure.kind == "counter":
            packets, octets = counters[measure.index] if 0 <= measure.index < len(counters) else (None, None)
            entry |= {"packets": packets, "bytes": octets}
        entries.append(entry)
    return entries


def _used(measure: Measure, counters: Counters) -> int | None:
    return counters.used[measure.index] if 0 <= measure.index < len(counters.used) else None


def _words(measure: Measure, counters: Counters) -> str:
    name = f'"{printable(measure.name, 60)}": ' if measure.name else ""
    if measure.kind == "counter":
        if not 0 <= measure.index < len(counters):
            return f"{name}was not read"
        packets, octets = counters[measure.index]
        return f"{name}{packets:,} packets, {octets:,} bytes of all rules that name it"
    written = printable(measure.words, 80)
    if measure.kind != "quota":
        return f"{name}{written}; how much of it is used the kernel does not tell"
    used = _used(measure, counters)
    if used is None:
        return f"{name}{written}, nothing used as far as was printed"
    # most reports do not need this library
    from humanize import naturalsize

    share = f", {used / measure.amount:.0%}" if measure.amount else ""
    return f"{name}{written}, {naturalsize(used, binary=True)} used{share}"
