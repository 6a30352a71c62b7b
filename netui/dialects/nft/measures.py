"""What measures in native rules: quotas and limits, and counters that a rule names; with what they have used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from netui.dialects.nft import words
from netui.model.ruleset import Measure
from netui.text.json_fields import number, obj, text

#: What a quota has used, as it stands in the text. nft prints none where that is nothing.
USED = re.compile(r'"used": ?(\d{1,20})(?:, ?"used_unit": ?"([a-z]{1,10})")?')
#: Of a quota's and a limit's bytes.
DATA_UNITS = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20, "gbytes": 1 << 30}
_KINDS = ("quota", "limit", "counter")

Named = Mapping[tuple[str, str], Mapping[str, Any]]


def used_in(printed: str) -> tuple[int, ...]:
    """Return all that stands as used in a text, in its order, in bytes."""
    return tuple(int(amount) * DATA_UNITS.get(unit, 1) for amount, unit in USED.findall(printed))


def uses(entry: object) -> Iterator[tuple[int, int]]:
    """Yield the identity of each object that says what it has used, and how much, in the order of the text."""
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
    """Return what a rule measures by, in order.

    named: the table's limits, quotas and counters by (kind, name). used: of an object's identity its place in
    ``Counters.used``. counters: of a named counter its place in ``Counters``.
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
            place = used.get(id(entry), -1)
            if kind == "counter":
                yield Measure(kind, name, "", counters.get(name, -1))
                continue
            amount = _amount(entry) if kind == "quota" else 0
            if "bytes" in entry:
                # a named one is printed in bytes
                entry = {**entry, **_in_units(amount)}
            written = words.statement({kind: entry}).removeprefix(f"{kind} ")
            yield Measure(kind, name, written, place, amount)


def _amount(quota: Mapping[str, Any]) -> int:
    if "bytes" in quota:
        return number(quota["bytes"])
    return number(quota.get("val")) * DATA_UNITS.get(text(quota.get("val_unit")), 1)


def _in_units(amount: int) -> dict[str, Any]:
    """Return bytes as nft writes them: in the largest unit of which they are a whole number."""
    unit = next(name for name in reversed(DATA_UNITS) if amount % DATA_UNITS[name] == 0)
    return {"val": amount // DATA_UNITS[unit], "val_unit": unit}
