"""The differences between two snapshots of a host: networks, containers, rules and verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import SequenceMatcher
from ipaddress import ip_network
from typing import Literal

from netui.audit.cells import Cell
from netui.audit.exposure import Exposure, exposures
from netui.model import Chain, Container, Family, Network, Snapshot
from netui.net.addresses import ip_version, width
from netui.net.intervals import IntervalSet, prefixes
from netui.traversal import PreparedHost
from netui.traversal.result import step_place

Kind = Literal["network", "container", "rule", "policy", "chain", "verdict", "sender"]
Sign = Literal["+", "-", "~"]
#: Parts of a rule that change with each start of a container, without a meaning.
_MOVES = frozenset({"pid", "started", "health", "sandbox_key", "created", "listening", "labels"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. sign: "+" only in the second, "-" only in the first, "~" changed."""

    kind: Kind
    sign: Sign
    name: str
    before: str = ""
    after: str = ""


def differences(before: PreparedHost, after: PreparedHost) -> tuple[Difference, ...]:
    """Return the differences, from networks to verdicts; parts that were not read on one side are not compared."""
    earlier, later = before.snapshot, after.snapshot
    differences: list[Difference] = []
    if earlier.networks is not None and later.networks is not None:
        differences += _objects("network", _by_name(earlier.networks), _by_name(later.networks))
    if earlier.containers is not None and later.containers is not None:
        differences += _objects("container", _by_name(earlier.containers), _by_name(later.containers))
    differences += _rules(earlier, later)
    if not _untold(before) and not _untold(after):
        differences += _verdicts(exposures(before), exposures(after))
    return tuple(differences)


#: The sources that a comparison needs.
_NEEDED = ("docker", "iptables-nft", "ip6tables-nft", "nft", "address", "route")


def not_compared(before: PreparedHost, after: PreparedHost) -> tuple[str, ...]:
    """Return what could not be compared, with the reasons: not read on one side, or needed and read on neither."""
    missing: list[str] = []
    earlier, later = before.snapshot.sources, after.snapshot.sources
    for name in [*earlier, *(name for name in later if name not in earlier)]:
        states = (earlier.get(name), later.get(name))
        unread = [state is None or not state.read for state in states]
        if any(unread) and (name in _NEEDED or not all(unread)):
            errors = dict.fromkeys(
                state.error for state in states if state is not None and not state.read and state.error
            )
            missing.append(f"{name}{f': {chr(59).join(errors)}' if errors else ''}")
    for host in (before, after):
        why = _untold(host)
        if why:
            missing.append(f"verdicts: {why}")
            break
    return tuple(dict.fromkeys(missing))


def _untold(host: PreparedHost) -> str:
    """Why all verdicts of a host are unknown, "" where they are not."""
    return next((why.reason for why in host.blind.values() if why is not None), "")


def _by_name(objects: Iterable[Network] | Iterable[Container]) -> dict[str, Network | Container]:
    return {item.name: item for item in objects}


def _objects(
    kind: Kind, before: Mapping[str, Network | Container], after: Mapping[str, Network | Container]
) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            there = new or old
            assert there is not None
            yield Difference(kind, "+" if old is None else "-", name, _summary(old), _summary(new))
            continue
        for field in fields(old):
            if field.name in _MOVES or field.name == "members":
                continue
            was, now = getattr(old, field.name), getattr(new, field.name)
            if was != now:
                label = f"{name} {field.name.replace('_', ' ')}"
                yield Difference(kind, "~", label, _value(was), _value(now))


def _summary(one: Network | Container | None) -> str:
    if one is None:
        return ""
    if isinstance(one, Network):
        return f"{one.driver} {' '.join(subnet.subnet for subnet in one.subnets)}".strip()
    places = [f"{endpoint.network_name} {endpoint.ipv4 or endpoint.ipv6}".strip() for endpoint in one.endpoints]
    return f"{one.state} {', '.join(places)}".strip()


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(_value(part) for part in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={part}" for key, part in sorted(value.items())) or "none"
    if hasattr(value, "__dataclass_fields__"):
        words = [str(getattr(value, field.name)) for field in fields(value)]  # type: ignore[arg-type]
        return " ".join(word for word in words if word not in ("", "0", "()"))
    return str(value)


# --- rules -------------------------------------------------------------------------------------

_ChainKey = tuple[str, str, str, str]


def _chains(snapshot: Snapshot) -> dict[_ChainKey, Chain]:
    return {
        (chain.family, chain.backend, chain.table, chain.name): chain
        for ruleset in snapshot.rulesets.values()
        for chain in ruleset.chains()
    }


def _rules(before: Snapshot, after: Snapshot) -> Iterator[Difference]:
    shared = before.rulesets.keys() & after.rulesets.keys()
    old, new = _chains(before), _chains(after)
    for key in [*new, *(key for key in old if key not in new)]:
        if not any(ruleset.family == key[0] and ruleset.backend == key[1] for ruleset in shared):
            continue
        label = " ".join(key)
        if key not in old or key not in new:
            yield Difference("chain", "+" if key not in old else "-", label)
        was = [rule.text for rule in old[key].rules] if key in old else []
        now = [rule.text for rule in new[key].rules] if key in new else []
        if key in old and key in new and old[key].policy != new[key].policy:
            yield Difference("policy", "~", label, old[key].policy or "", new[key].policy or "")
        if was != now:
            yield from _lines(label, was, now)


def _lines(label: str, was: list[str], now: list[str]) -> Iterator[Difference]:
    if Counter(was) == Counter(now):
        yield Difference("rule", "~", label, "the same rules", "in another order")
    for tag, first, last, begin, end in SequenceMatcher(a=was, b=now, autojunk=False).get_opcodes():
        if tag in ("delete", "replace"):
            for number in range(first, last):
                yield Difference("rule", "-", f"{label} {number + 1}", was[number])
        if tag in ("insert", "replace"):
            for number in range(begin, end):
                yield Difference("rule", "+", f"{label} {number + 1}", "", now[number])


# --- verdicts -----------------------------------------------------------------------------------

_CellKey = tuple[str, int, str, str, str, Family]


def _cells(every: Iterable[Exposure]) -> dict[_CellKey, Cell]:
    return {
        (e.container, e.port, e.protocol, cell.origin.where, cell.origin.name, cell.origin.family): cell
        for e in every
        for cell in e.cells
    }


def _verdicts(before: Iterable[Exposure], after: Iterable[Exposure]) -> Iterator[Difference]:
    """Differing cells of both hosts; new or removed containers are differences of their own."""
    old, new = _cells(before), _cells(after)
    for key, cell in new.items():
        was = old.get(key)
        if was is not None and was.state != cell.state:
            yield Difference("verdict", "~", _label(key), _said(was), _said(cell))
    for key, cell in new.items():
        was = old.get(key)
        if was is not None and (was.senders or cell.senders):
            yield from _senders(_label(key), was, cell)


def _label(key: _CellKey) -> str:
    container, port, protocol, where, name, family = key
    origin = f"{where} {name}".strip()
    return f"{container} {port}/{protocol} from {origin} ({ip_version(family)})"


def _senders(label: str, was: Cell, now: Cell) -> Iterator[Difference]:
    """The senders that got in before and do no more, and the other way round."""
    bits = width(now.origin.family)
    before, after = _let_in(was, bits), _let_in(now, bits)
    if gained := after - before:
        yield Difference("sender", "+", label, "", f"comes in now: {_who(gained, bits)}")
    if lost := before - after:
        yield Difference("sender", "-", label, f"comes in no more: {_who(lost, bits)}")


def _let_in(cell: Cell, bits: int) -> IntervalSet:
    """The senders that get through, out of all addresses."""
    named = {True: IntervalSet(), False: IntervalSet()}
    for part in cell.senders:
        nets = [ip_network(text) for text in part.addresses]
        spans = IntervalSet((int(net.network_address), int(net.broadcast_address)) for net in nets)
        named[part.state == "open"] |= spans
    if cell.state == "open":
        return IntervalSet([(0, (1 << bits) - 1)]) - named[False]
    return named[True]


def _who(addresses: IntervalSet, bits: int) -> str:
    """Return networks as text; for most of all addresses, everyone except the others."""
    every = IntervalSet([(0, (1 << bits) - 1)])
    if addresses.size() * 2 <= every.size():
        return ", ".join(prefixes(addresses, bits))
    left = every - addresses
    return f"everyone but {', '.join(prefixes(left, bits))}" if left else "everyone"


def _said(cell: Cell) -> str:
    where = step_place(cell.step)
    return f"{cell.state}{f' ({where})' if where else ''}"
