"""Expressions in nft's JSON → keys of a packet, and the types of their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from netui.dialects.nft import expression_words
from netui.dialects.nft.values import elements_of, value_of
from netui.model.statements import Bits, Choice, Concat, Elements, Expression, Key, Literal, Lookup, Unread
from netui.text.json_fields import items, number, obj, text

_PORTS = {"sport": "inet_service", "dport": "inet_service"}
_PAYLOAD_TYPES: Mapping[str, Mapping[str, str]] = {
    "ip": {"saddr": "ipv4_addr", "daddr": "ipv4_addr", "protocol": "inet_proto"},
    "ip6": {"saddr": "ipv6_addr", "daddr": "ipv6_addr", "nexthdr": "inet_proto"},
    "tcp": {**_PORTS, "flags": "tcp_flag"},
    "udp": _PORTS,
    "udplite": _PORTS,
    "sctp": _PORTS,
    "dccp": _PORTS,
    "th": _PORTS,
    "icmp": {"type": "icmp_type", "code": "icmp_code"},
    "icmpv6": {"type": "icmpv6_type", "code": "integer"},
    "ether": {"saddr": "ether_addr", "daddr": "ether_addr", "type": "ether_type"},
}
_META_TYPES: Mapping[str, str] = {
    "iifname": "ifname", "oifname": "ifname", "iif": "iface_index", "oif": "iface_index",
    "ibrname": "ifname", "obrname": "ifname", "ibriport": "ifname", "obriport": "ifname",
    "sdifname": "ifname", "iifkind": "ifname", "oifkind": "ifname",
    "l4proto": "inet_proto", "nfproto": "nf_proto", "protocol": "ether_type", "pkttype": "pkt_type",
}  # fmt: skip
_CT_TYPES: Mapping[str, str] = {
    "state": "ct_state", "status": "ct_status", "direction": "ct_dir", "protocol": "inet_proto",
    "l3proto": "nf_proto", "proto-src": "inet_service", "proto-dst": "inet_service", "helper": "ct_helper",
    "ip saddr": "ipv4_addr", "ip daddr": "ipv4_addr", "ip6 saddr": "ipv6_addr", "ip6 daddr": "ipv6_addr",
}  # fmt: skip
#: Raw payload expressions that are known fields: (base, offset, length) in bits.
_RAW: Mapping[tuple[str, int, int], tuple[str, str]] = {
    ("th", 0, 16): ("th sport", "inet_service"),
    ("th", 16, 16): ("th dport", "inet_service"),
}
_RAW_IP: Mapping[tuple[str, int, int], tuple[str, str]] = {
    ("nh", 72, 8): ("ip protocol", "inet_proto"),
    ("nh", 96, 32): ("ip saddr", "ipv4_addr"),
    ("nh", 128, 32): ("ip daddr", "ipv4_addr"),
}
_BITS = ("&", "|", "^", "<<", ">>")


class Expressions:
    """Reads the expressions of one table of a family.

    keys: the types of its sets' keys by the set's name. data: those of its maps' data.
    """

    def __init__(self, family: str, keys: Mapping[str, tuple[str, ...]], data: Mapping[str, tuple[str, ...]]) -> None:
        self.family = family
        self._keys = keys
        self._data = data

    def read(self, printed: object, kind: str = "") -> Expression:
        """Return an expression; kind: the type of a plain value, where the context tells it."""
        if isinstance(printed, dict) and len(printed) == 1:
            name, value = next(iter(printed.items()))
            if name in _BITS:
                return self._bits(name, items(value), kind)
            reader = _READERS.get(name)
            if reader is not None:
                return reader(self, value, printed)
        value = value_of(kind, printed)
        return Unread(expression_words.expression(printed)) if value is None else Literal(value)

    def elements(self, left: Expression, printed: object) -> Elements:
        """Return the right side of a comparison: values in the rule, or a set of the table."""
        if isinstance(printed, str) and printed.startswith("@"):
            return Elements(name=printed[1:])
        kinds = types_of(left)
        listed = obj(printed).get("set")
        if isinstance(listed, str) and listed.startswith("@"):
            return Elements(name=listed[1:])
        return Elements(elements_of(kinds, items(listed) if listed is not None else [printed]))

    def map(self, left: Expression, printed: object, data_kinds: tuple[str, ...]) -> Elements:
        """Return a map's elements: in the rule, or of a map of the table."""
        if isinstance(printed, str) and printed.startswith("@"):
            return Elements(name=printed[1:])
        return Elements(elements_of(types_of(left), obj(printed).get("set"), data_kinds))

    def data_types(self, printed: object) -> tuple[str, ...]:
        """Return the types of a named map's data, () where it has no name or is unknown."""
        return self._data.get(printed[1:], ()) if isinstance(printed, str) and printed.startswith("@") else ()

    # --- one reader a kind --------------------------------------------------------------

    def _bits(self, operator: str, operands: list[Any], kind: str) -> Expression:
        if len(operands) < 2:
            return Unread(operator)
        expression = self.read(operands[0], kind)
        for operand in operands[1:]:
            expression = Bits(operator, expression, self.read(operand, type_of(expression) or kind))
        return expression

    def _payload(self, value: object, printed: object) -> Expression:
        entry = obj(value)
        if "base" in entry:
            raw = text(entry.get("base")), number(entry.get("offset")), number(entry.get("len"))
            key = _RAW.get(raw) or (_RAW_IP.get(raw) if self.family == "ip" else None)
            return Key(*key) if key else Key(expression_words.expression(printed))
        protocol, name = text(entry.get("protocol")), text(entry.get("field"))
        return Key(f"{protocol} {name}", _PAYLOAD_TYPES.get(protocol, {}).get(name, "integer"))

    def _meta(self, value: object, printed: object) -> Expression:
        key = text(obj(value).get("key")) or text(value)
        return Key(expression_words.expression(printed), _META_TYPES.get(key, "integer"))

    def _ct(self, value: object, printed: object) -> Expression:
        entry = obj(value)
        key = text(entry.get("key"))
        if key in ("saddr", "daddr"):
            # older nft: the family is that of the table, or a key of its own
            family = text(entry.get("family")) or {"ip6": "ip6"}.get(self.family, "ip")
            key = f"{family} {key}"
        direction = text(entry.get("dir"))
        return Key(f"ct {direction} {key}" if direction else f"ct {key}", _CT_TYPES.get(key, "integer"))

    def _fib(self, _value: object, printed: object) -> Expression:
        words = expression_words.expression(printed)
        kind = "fib_addrtype" if words.endswith(" type") else "ifname" if words.endswith("name") else "iface_index"
        return Key(words, kind)

    def _concat(self, value: object, _printed: object) -> Expression:
        return Concat(tuple(self.read(part) for part in items(value)))

    def _map(self, value: object, printed: object) -> Expression:
        entry = obj(value)
        key = self.read(entry.get("key"))
        data = entry.get("data")
        kinds = self.data_types(data) or ("",)
        if not isinstance(data, str):
            kinds = _guessed_types(data)
        return Lookup(key, self.map(key, data, kinds))

    def _choice(self, value: object, printed: object) -> Expression:
        entry = obj(value)
        return Choice(expression_words.expression(printed), number(entry.get("mod")), number(entry.get("offset")))

    def _other(self, _value: object, printed: object) -> Expression:
        return Key(expression_words.expression(printed), "integer")


_READERS: Mapping[str, Callable[[Expressions, object, object], Expression]] = {
    "payload": Expressions._payload,
    "meta": Expressions._meta,
    "ct": Expressions._ct,
    "fib": Expressions._fib,
    "concat": Expressions._concat,
    "map": Expressions._map,
    "numgen": Expressions._choice,
    "jhash": Expressions._choice,
    "symhash": Expressions._choice,
    "exthdr": Expressions._other,
    "tcp option": Expressions._other,
    "ip option": Expressions._other,
    "sctp chunk": Expressions._other,
    "dccp option": Expressions._other,
    "rt": Expressions._other,
    "socket": Expressions._other,
    "osf": Expressions._other,
    "ipsec": Expressions._other,
    "tunnel": Expressions._other,
}


def type_of(expression: Expression) -> str:
    """Return the type of an expression's values, "" where it is not known."""
    if isinstance(expression, Key):
        return expression.type
    if isinstance(expression, Bits):
        return type_of(expression.left)
    return ""


def types_of(expression: Expression) -> tuple[str, ...]:
    """Return the types of an expression's parts."""
    if isinstance(expression, Concat):
        return tuple(type_of(part) for part in expression.parts)
    return (type_of(expression),)


def _guessed_types(data: object) -> tuple[str, ...]:
    """Return the types of an anonymous map's data, guessed by its first element: address, port, or both."""
    for entry in items(obj(data).get("set")):
        pair = items(entry)
        if len(pair) != 2:
            continue
        parts = items(obj(pair[1]).get("concat")) or [pair[1]]
        return tuple(_guessed_type(part) for part in parts)
    return ("",)


def _guessed_type(printed: object) -> str:
    for kind in ("ipv4_addr", "ipv6_addr", "integer"):
        if value_of(kind, printed) is not None and not (kind != "integer" and isinstance(printed, int)):
            return kind
    return ""
