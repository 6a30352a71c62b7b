"""Quotas, limits and named counters of native rules, with the used bytes of quotas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from netui.dialects.nft import words
from netui.model.ruleset import Measure
from netui.text.json_fields import number, obj, text

#: The used bytes of a quota in the text; nft prints nothing for zero.
USED = re.compile(r'"used": ?(\d{1,20})(?:, ?"used_unit": ?"([a-z]{1,10})")?')
#: The units of quotas and limits.
DATA_UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20, "gbytes": 1 << 30}
_KINDS = ("quota", "limit", "counter")

Named = Mapping[tuple[str, str], Mapping[str, Any]]


def used_in(printed: str) -> tuple[int, ...]:
    """Return all used amounts in a text, in order, in bytes."""
    return tuple(int(amount) * DATA_UNITS.get(unit, 1) for amount, unit in USED.findall(printed))


def uses(entry: object) -> Iterator[tuple[int, int]]:
    """Yield the identity of each object with a used amount, and the amount, in the order of the text."""
    if isinstance(entry, dict):
        for name, value in entry.items():
            if name == "used" and isinstance(value, int):
                yield id(entry), value * DATA_UNITS.get(text(entry.get("used_unit")), 1)
            else:
                yield from uses(value)
    elif isinstance(entry, list):
        for value in entry:
            yield from uses(value)


def measures_of(
    printed: list[Any], named: Named, used: Mapping[int, int], counters: Mapping[str, int]
) -> tuple[Measure, ...]:
    """Return a rule's quotas, limits and named counters, in order.

    named: the table's limits, quotas and counters by (kind, name). used: the index in ``Counters.used``, by the
    object's identity. counters: the index in ``Counters``, by the counter's name.
    """
    return tuple(_measures(printed, named, used, counters))


def _measures(
    printed: list[Any], named: Named, used: Mapping[int, int], counters: Mapping[str, int]
) -> Iterator[Measure]:
    for statement in printed:
        for kind, value in obj(statement).items():
            name = value if isinstance(value, str) else ""
            entry = named.get((kind, name), {}) if name else obj(value)
            if kind not in _KINDS or not entry or (kind == "counter" and not name):
                continue
            index = used.get(id(entry), -1)
            if kind == "counter":
                yield Measure(kind, name, "", counters.get(name, -1))
                continue
            amount = _amount(entry) if kind == "quota" else 0
            if "bytes" in entry:
                # a named quota is printed in bytes
                entry = {**entry, **_in_units(amount)}
            written = words.statement({kind: entry}).removeprefix(f"{kind} ")
            yield Measure(kind, name, written, index, amount)


def _amount(quota: Mapping[str, Any]) -> int:
    if "bytes" in quota:
        return number(quota["bytes"])
    return number(quota.get("val")) * DATA_UNITS.get(text(quota.get("val_unit")), 1)


def _in_units(amount: int) -> dict[str, Any]:
    """Return bytes as nft prints them: in the largest unit without a fraction."""
    unit = next(name for name in reversed(DATA_UNITS) if amount % DATA_UNITS[name] == 0)
    return {"val": amount // DATA_UNITS[unit], "val_unit": unit}
