"""Native nftables rules on the screen: nft's own words, what a rule does, and where its jumps lead."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
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
    Note,
    SetField,
    SetUpdate,
    Statement,
    Strange,
    Text,
    Untrack,
    Value,
    Verdict,
    VerdictMap,
)
from netui.ui.presenters.names import Names

Sets = Mapping[str, NftSet]

_WORD = re.compile(r'"[^"]*"|[^\s"]+')
#: A quoted name, or what may be an address with or without a port.
_NAMED = re.compile(r'(prefix |comment )?"([^"]*)"|[\w.:/-]+')
#: What nft's keys for a destination port say of the protocol.
_PORT_KEYS = {
    "tcp dport": "tcp", "udp dport": "udp", "sctp dport": "sctp", "th dport": "", "ct original proto-dst": "",
}  # fmt: skip
_COUNTED = frozenset({"counter", "comment"})


class Lead(NamedTuple):
    """A chain that a rule may jump or go to; key: by which element of a verdict map, "" without one."""

    chain: str
    key: str = ""
    element: Element | None = None


# --- what a rule says and does ----------------------------------------------------------


def effect(native: NativeRule) -> str:
    """Return what a rule does, for the column of targets; "" for one that only counts."""
    for statement in native.statements:
        if isinstance(statement, Verdict):
            return statement.chain or statement.kind
        if isinstance(statement, VerdictMap):
            name = statement.elements.name
            return f"vmap @{name}" if name else ", ".join(_verdicts(statement.elements.elements))
        if isinstance(statement, Nat):
            return statement.kind
        if isinstance(statement, Strange):
            return statement.words.partition(" ")[0]
    for statement in native.statements:
        if isinstance(statement, SetField):
            return f"{statement.key} set"
        if isinstance(statement, SetUpdate):
            return " ".join(statement.words.split(" ")[:2])
        if isinstance(statement, Untrack):
            return "notrack"
        if isinstance(statement, Note) and statement.kind not in _COUNTED:
            return statement.kind
    return "" if any(isinstance(each, Note) and each.kind == "counter" for each in native.statements) else "(nothing)"


def _verdicts(elements: Sequence[Element]) -> list[str]:
    """Return the verdicts of a map, each once."""
    data = (element.data for element in elements)
    return list(dict.fromkeys(each.chain or each.kind for each in data if isinstance(each, Verdict)))


def body(rule: Rule, native: NativeRule) -> str:
    """Return a rule in nft's words, without what its other columns say: its counter and its plain verdict."""
    comment = f'comment "{native.comment}"' if native.comment else ""
    text = rule.text.removesuffix(comment).rstrip() if comment else rule.text
    words = _WORD.findall(text)
    kept: list[str] = []
    depth = 0
    for place, word in enumerate(words):
        depth += word.count("{") - word.count("}") if not word.startswith('"') else 0
        follows = words[place + 1] if place + 1 < len(words) else ""
        if word == "counter" and depth == 0 and follows != "name":
            continue
        kept.append(word)
    said = _plain_verdict(native)
    if said and kept[-len(said) :] == said:
        del kept[-len(said) :]
    return " ".join([*kept, *([comment] if comment else [])])


def _plain_verdict(native: NativeRule) -> list[str]:
    """Return the words of a last statement that the column of targets says whole."""
    last = native.statements[-1] if native.statements else None
    if isinstance(last, Verdict) and last.kind in ("accept", "drop", "return", "continue", "queue", "jump"):
        return [last.kind, last.chain] if last.chain else [last.kind]
    if isinstance(last, Nat) and last.words == last.kind:
        return [last.kind]
    return []


def with_names(text: str, names: Names) -> tuple[str, tuple[str, ...]]:
    """Return nft's words with Docker's names for interfaces and addresses, and those names, each once."""
    found: list[str] = []

    def named(match: re.Match[str]) -> str:
        spoken, quoted, word = match[1], match[2], match[0]
        if quoted is not None:
            name = "" if spoken else names.interface(quoted)
            port = ""
        else:
            name, port = names.address(word), ""
            if not name and word.count(":") == 1:
                address, _, number = word.partition(":")
                name, port = names.address(address), f":{number}"
        if not name:
            return word
        found.append(name)
        return name + port

    return _NAMED.sub(named, text), tuple(dict.fromkeys(found))


# --- jumps ------------------------------------------------------------------------------


def leads(native: NativeRule, sets: Sets) -> list[Lead]:
    """Return the chains that a rule may jump or go to, in order, each once; those of its verdict maps by element."""
    found: list[Lead] = []
    for statement in native.statements:
        if isinstance(statement, Verdict) and statement.chain:
            found.append(Lead(statement.chain))
        elif isinstance(statement, VerdictMap):
            found += [
                Lead(element.data.chain, element_key(element), element)
                for element in members(statement.elements, sets)
                if isinstance(element.data, Verdict) and element.data.chain
            ]
    return found


def reached(native: NativeRule, sets: Sets) -> list[str]:
    """Return the names of those chains, each once."""
    return list(dict.fromkeys(targets_of(native.statements, sets)))


def maps_unread(native: NativeRule, sets: Sets) -> bool:
    """Whether a rule asks a verdict map whose elements were not read, so that it may jump anywhere."""
    names = [each.elements.name for each in native.statements if isinstance(each, VerdictMap) and each.elements.name]
    return any(name not in sets or sets[name].elements is None for name in names)


# --- sets and maps ----------------------------------------------------------------------


def members(elements: Elements, sets: Sets) -> Sequence[Element]:
    """Return the elements that stand in a rule or in the set that it names."""
    if not elements.name:
        return elements.elements
    found = sets.get(elements.name)
    return found.elements or () if found is not None else ()


def looked_up(statements: Sequence[Statement]) -> Iterator[tuple[object, Elements]]:
    """Yield (key, elements) of all that a rule looks up: matches, verdict maps, maps of translations."""
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
    """Yield the single destination ports that elements name, with their protocol, "" for any."""
    for place, part in enumerate(key.parts if isinstance(key, Concat) else (key,)):
        protocol = _PORT_KEYS.get(part.words) if isinstance(part, Key) else None
        for element in elements if protocol is not None else ():
            value = element.parts[place] if place < len(element.parts) else None
            if isinstance(value, Interval) and value.low == value.high:
                yield value.low, protocol or ""


def ports_named(native: NativeRule, sets: Sets) -> Iterator[tuple[int, str]]:
    """Yield the single destination ports that a rule names, itself and in its sets and maps."""
    for key, elements in looked_up(native.statements):
        yield from ports_of(key, members(elements, sets))


def set_texts(rule: Rule, sets: Sets) -> list[str]:
    """Return the elements of each named set and map that a rule asks, as text to search."""
    native = rule.native
    if native is None or not sets:
        return []
    names = dict.fromkeys(elements.name for _, elements in _asked(native.statements) if elements.name)
    return [_set_text(sets[name]) for name in names if name in sets]


def _asked(statements: Sequence[Statement]) -> Iterator[tuple[object, Elements]]:
    """Yield what a rule looks up, what it asks not to be in included."""
    yield from looked_up(statements)
    yield from ((each.left, each.right) for each in statements if isinstance(each, Compare) and each.operator != "==")


def searched(rule: Rule, sets: Sets) -> str:
    """Return all the words by which a rule is found: its own, and those of the sets that it asks."""
    return " \n".join((rule.text, *set_texts(rule, sets))) if rule.native is not None else rule.text


def set_lines(native: NativeRule, sets: Sets, most: int) -> Iterator[tuple[str, str]]:
    """Yield (name, elements in words) of each named set and map that a rule asks, the first ``most`` elements.

    A map's jumps are not among them: :func:`leads` has them.
    """
    for name in dict.fromkeys(elements.name for _, elements in _asked(native.statements) if elements.name):
        found = sets.get(name)
        if found is None or found.elements is None:
            yield name, "not known: its elements were not read"
            continue
        shown = [each for each in found.elements if not (isinstance(each.data, Verdict) and each.data.chain)]
        if found.elements and not shown:
            continue
        listed = ", ".join(_element(element) for element in shown[:most])
        more = f" and {len(shown) - most} more" if len(shown) > most else ""
        changes = "; packets or time change it" if found.changes else ""
        yield name, (listed + more if listed else "empty") + changes


@lru_cache(maxsize=128)
def _set_text(found: NftSet) -> str:
    return ", ".join(_element(element) for element in found.elements or ())


def element_key(element: Element) -> str:
    """Return an element's key as nft prints it."""
    return " . ".join(_value(part) for part in element.parts)


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
