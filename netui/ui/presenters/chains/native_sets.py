"""The sets, maps and jumps of native rules, and the words by which a rule is found."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from netui.model import NativeRule, Rule
from netui.model.references import targets_of
from netui.model.statements import (
    Compare,
    Concat,
    Element,
    Elements,
    Interval,
    Key,
    Lookup,
    Nat,
    NftSet,
    SetField,
    Statement,
    Text,
    Value,
    Verdict,
    VerdictMap,
)

Sets = Mapping[str, NftSet]

#: The protocols of nft's keys for a destination port.
_PORT_KEYS = {
    "tcp dport": "tcp", "udp dport": "udp", "sctp dport": "sctp", "th dport": "", "ct original proto-dst": "",
}  # fmt: skip


class Lead(NamedTuple):
    """A chain to which a rule may jump or go; key: the element of a verdict map, "" without one."""

    chain: str
    key: str = ""
    element: Element | None = None


# --- jumps ------------------------------------------------------------------------------


def leads(native: NativeRule, sets: Sets) -> list[Lead]:
    """Return the chains to which a rule may jump or go, in order, without repetition; with elements of verdict maps."""
    leads: list[Lead] = []
    for statement in native.statements:
        if isinstance(statement, Verdict) and statement.chain:
            leads.append(Lead(statement.chain))
        elif isinstance(statement, VerdictMap):
            leads += [
                Lead(element.data.chain, element_key(element), element)
                for element in members(statement.elements, sets)
                if isinstance(element.data, Verdict) and element.data.chain
            ]
    return leads


def reached(native: NativeRule, sets: Sets) -> list[str]:
    """Return the names of those chains, each once."""
    return list(dict.fromkeys(targets_of(native.statements, sets)))


def maps_unread(native: NativeRule, sets: Sets) -> bool:
    """Whether a rule has a verdict map whose elements were not read, so that it may jump anywhere."""
    names = [each.elements.name for each in native.statements if isinstance(each, VerdictMap) and each.elements.name]
    return any(name not in sets or sets[name].elements is None for name in names)


# --- sets and maps ----------------------------------------------------------------------


def members(elements: Elements, sets: Sets) -> Sequence[Element]:
    """Return the elements of an anonymous set, or of the named set."""
    if not elements.name:
        return elements.elements
    named = sets.get(elements.name)
    return named.elements or () if named is not None else ()


def looked_up(statements: Sequence[Statement]) -> Iterator[tuple[object, Elements]]:
    """Yield (key, elements) of all lookups of a rule: matches, verdict maps, maps of translations."""
    for statement in statements:
        if isinstance(statement, Compare):
            if statement.operator == "==":
                yield statement.left, statement.right
        elif isinstance(statement, VerdictMap):
            yield statement.key, statement.elements
        elif isinstance(statement, Nat):
            for part in (statement.address, statement.port, statement.both):
                if isinstance(part, Lookup):
                    yield part.key, part.elements
        elif isinstance(statement, SetField) and isinstance(statement.value, Lookup):
            yield statement.value.key, statement.value.elements


def ports_of(key: object, elements: Sequence[Element]) -> Iterator[tuple[int, str]]:
    """Yield the single destination ports in elements, with their protocol, "" for any."""
    for position, part in enumerate(key.parts if isinstance(key, Concat) else (key,)):
        protocol = _PORT_KEYS.get(part.words) if isinstance(part, Key) else None
        for element in elements if protocol is not None else ():
            value = element.parts[position] if position < len(element.parts) else None
            if isinstance(value, Interval) and value.low == value.high:
                yield value.low, protocol or ""


def holds_address(key: object, element: Element, addresses: Mapping[str, Sequence[int]]) -> bool:
    """Whether an element is one of these addresses (by nft's word for their family), or a network or range with it."""
    for position, part in enumerate(key.parts if isinstance(key, Concat) else (key,)):
        family, _, name = part.words.partition(" ") if isinstance(part, Key) else ("", "", "")
        value = element.parts[position] if position < len(element.parts) else None
        asked = addresses.get(family, ()) if name in ("saddr", "daddr") else ()
        if isinstance(value, Interval) and any(value.low <= address <= value.high for address in asked):
            return True
    return False


def numbers_of(words: Iterable[str]) -> dict[str, list[int]]:
    """Return the addresses among words as numbers, by nft's word for their family."""
    numbers: dict[str, list[int]] = {"ip": [], "ip6": []}
    for word in words:
        try:
            address = ipaddress.ip_address(word)
        except ValueError:
            continue
        numbers["ip" if address.version == 4 else "ip6"].append(int(address))
    return numbers


def ports_named(native: NativeRule, sets: Sets) -> Iterator[tuple[int, str]]:
    """Yield the single destination ports in a rule and in its sets and maps."""
    for key, elements in looked_up(native.statements):
        yield from ports_of(key, members(elements, sets))


def set_texts(rule: Rule, sets: Sets) -> list[str]:
    """Return the elements of each named set and map of a rule, as text for the filter."""
    native = rule.native
    if native is None or not sets:
        return []
    names = dict.fromkeys(elements.name for _, elements in _asked(native.statements) if elements.name)
    return [_set_text(sets[name]) for name in names if name in sets]


def _asked(statements: Sequence[Statement]) -> Iterator[tuple[object, Elements]]:
    """Yield a rule's lookups, including negated ones."""
    yield from looked_up(statements)
    yield from ((each.left, each.right) for each in statements if isinstance(each, Compare) and each.operator != "==")


def searched(rule: Rule, sets: Sets) -> str:
    """Return all words by which a rule is found: its own, and those of its sets."""
    return " \n".join((rule.text, *set_texts(rule, sets))) if rule.native is not None else rule.text


def set_lines(native: NativeRule, sets: Sets, most: int) -> Iterator[tuple[str, str]]:
    """Yield (name, elements as text) of each named set and map of a rule, at most ``most`` elements.

    Jumps of a map are not included: :func:`leads` has them.
    """
    for name in dict.fromkeys(elements.name for _, elements in _asked(native.statements) if elements.name):
        named = sets.get(name)
        if named is None or named.elements is None:
            yield name, "not known: its elements were not read"
            continue
        shown = [each for each in named.elements if not (isinstance(each.data, Verdict) and each.data.chain)]
        if named.elements and not shown:
            continue
        listed = ", ".join(_element(element) for element in shown[:most])
        more = f" and {len(shown) - most} more" if len(shown) > most else ""
        changes = "; packets or time change it" if named.changes else ""
        yield name, (listed + more if listed else "empty") + changes


@lru_cache(maxsize=128)
def _set_text(named: NftSet) -> str:
    return ", ".join(_element(element) for element in named.elements or ())


def element_key(element: Element) -> str:
    """Return an element's key as nft prints it; ``*`` for the catch-all."""
    return " . ".join(_value(part) for part in element.parts) or "*"


def _element(element: Element) -> str:
    """Return an element as nft prints it: ``"docker0" : jump a``."""
    key = element_key(element)
    if isinstance(element.data, Verdict):
        return f"{key} : {' '.join(filter(None, (element.data.kind, element.data.chain)))}"
    return f"{key} : {' . '.join(_value(part) for part in element.data)}" if element.data is not None else key


def _value(value: Value) -> str:
    """Return a value; a number that is too large for a port is an address."""
    if isinstance(value, Text):
        return f'"{value.text}{"*" if value.prefix else ""}"'
    if not isinstance(value, Interval):
        return "?"
    if value.high > 0xFFFFFF:
        return _addresses(value)
    return str(value.low) if value.low == value.high else f"{value.low}-{value.high}"


def _addresses(value: Interval) -> str:
    make = ipaddress.IPv4Address if value.high <= 0xFFFFFFFF else ipaddress.IPv6Address
    if value.high >= 1 << 128:
        return "?"
    low, high = make(value.low), make(value.high)
    if low == high:
        return str(low)
    size = value.high - value.low + 1
    if size & (size - 1) or value.low & (size - 1):
        return f"{low}-{high}"
    return f"{low}/{low.max_prefixlen - size.bit_length() + 1}"
