"""Expressions and values in nft's text → the JSON that ``nft -j`` prints for them (libnftables-json(5)).

An unknown expression raises :class:`NotRead`; the rest of the rule is then an unknown statement.
"""

from __future__ import annotations

from typing import Any

from netui.dialects.nft.text_values import NUMBER, plain_value
from netui.dialects.nft.text_words import Words

_META = frozenset(
    {"iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup", "iiftype", "oiftype", "mark", "l4proto", "nfproto",
     "protocol", "pkttype", "skuid", "skgid", "cgroup", "rtclassid", "length", "priority", "random", "cpu", "ibrname",
     "obrname", "ibriport", "obriport", "ibriname", "obriname", "secpath", "secmark", "day", "hour", "time", "iifkind",
     "oifkind", "sdif", "sdifname", "ibrpvid", "ibrvproto", "nftrace"}
)  # fmt: skip
#: Meta keys that are written without "meta".
_PLAIN_META = frozenset(
    {"iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup", "iiftype", "oiftype", "mark", "skuid", "skgid",
     "pkttype", "ibrname", "obrname", "rtclassid", "cpu"}
)  # fmt: skip
_FIELDS = {
    "ether": {"saddr", "daddr", "type"},
    "vlan": {"id", "dei", "cfi", "pcp", "type"},
    "arp": {"htype", "ptype", "hlen", "plen", "operation", "saddr", "daddr"},
    "ip": {"version", "hdrlength", "dscp", "ecn", "length", "id", "frag-off", "ttl", "protocol", "checksum", "saddr",
           "daddr"},
    "ip6": {"version", "dscp", "ecn", "flowlabel", "length", "nexthdr", "hoplimit", "saddr", "daddr"},
    "icmp": {"type", "code", "checksum", "id", "sequence", "gateway", "mtu"},
    "icmpv6": {"type", "code", "checksum", "id", "sequence", "mtu", "max-delay", "parameter-problem", "packet-too-big"},
    "igmp": {"type", "checksum", "mrt", "group"},
    "tcp": {"sport", "dport", "sequence", "ackseq", "doff", "reserved", "flags", "window", "checksum", "urgptr"},
    "udp": {"sport", "dport", "length", "checksum"},
    "udplite": {"sport", "dport", "checksum"},
    "sctp": {"sport", "dport", "vtag", "checksum"},
    "dccp": {"sport", "dport", "type"},
    "th": {"sport", "dport"},
    "ah": {"nexthdr", "hdrlength", "reserved", "spi", "sequence"},
    "esp": {"spi", "sequence"},
    "comp": {"nexthdr", "flags", "cpi"},
}  # fmt: skip
_CT = frozenset(
    {"state", "direction", "status", "mark", "expiration", "helper", "label", "l3proto", "protocol", "saddr", "daddr",
     "proto-src", "proto-dst", "zone", "id", "packets", "bytes", "avgpkt", "event", "secmark"}
)  # fmt: skip
_FIB_FLAGS = ("saddr", "daddr", "mark", "iif", "oif")
_SIGNS = {"&": "&", "|": "|", "^": "^", "<<": "<<", ">>": ">>", "and": "&", "or": "|", "xor": "^", "lshift": "<<",
          "rshift": ">>"}  # fmt: skip
#: The words after a value.
_ENDS = frozenset({"", "\n", ";", "}", ",", ")", ":", "."})


class NotRead(Exception):
    """The expression is unknown to netui."""


class ExpressionReader:
    """Reads expressions from words."""

    def __init__(self, words: Words) -> None:
        self.words = words

    # --- what is read of a packet ---------------------------------------------------------

    def left(self) -> object:
        """Read the left side of a match: keys, concatenated or with bitwise operations."""
        parts = [self._with_bits(self.key())]
        while self.words.takes("."):
            parts.append(self._with_bits(self.key()))
        return parts[0] if len(parts) == 1 else {"concat": parts}

    def is_key(self) -> bool:
        """Whether a key comes next."""
        start = self.words.place
        try:
            self.key()
        except NotRead:
            return False
        finally:
            self.words.back(start)
        return True

    def _with_bits(self, left: object) -> object:
        sign = _SIGNS.get(self.words.next)
        while sign is not None:
            self.words.take()
            left = {sign: [left, self._flags_or_value()]}
            sign = _SIGNS.get(self.words.next)
        return left

    def _flags_or_value(self) -> object:
        """Read ``(fin|syn|rst|ack)``, an operation in JSON, or one value."""
        if not self.words.takes("("):
            if self.is_key():
                return self.key()
            listed = [self.value()]
            while self.words.takes(","):
                listed.append(self.value())
            return listed if len(listed) > 1 else listed[0]
        expression: object = self.value()
        while not self.words.takes(")"):
            sign = _SIGNS.get(self.words.next)
            if sign is None:
                raise NotRead(self.words.next)
            self.words.take()
            expression = {sign: [expression, self.value()]}
        return expression

    def key(self) -> object:
        """Read one key; raise NotRead where none comes next."""
        words = self.words
        first = words.next
        if first in _PLAIN_META:
            return {"meta": {"key": words.take().text}}
        if first == "meta":
            words.take()
            return {"meta": {"key": self._one_of(_META)}}
        if first == "ct":
            return self._ct()
        if first == "fib":
            return self._fib()
        if first.startswith("@") and first.count(",") == 2:
            base, offset, length = words.take().text[1:].split(",")
            return {"payload": {"base": base, "offset": int(offset), "len": int(length)}}
        if first in ("numgen", "jhash", "symhash"):
            return self._choice()
        if first == "socket":
            words.take()
            return {"socket": {"key": self._one_of(frozenset({"transparent", "mark", "wildcard"}))}}
        if first == "rt":
            words.take()
            return {"rt": {"key": self._one_of(frozenset({"classid", "nexthop", "mtu"}))}}
        if first == "tcp" and words.ahead(1) == "option":
            words.take()
            words.take()
            name = words.take().text
            field = words.next
            return {"tcp option": {"name": name, **({"field": words.take().text} if field in ("size", "kind") else {})}}
        if first in _FIELDS and words.ahead(1) in _FIELDS[first]:
            return {"payload": {"protocol": words.take().text, "field": words.take().text}}
        raise NotRead(first)

    def _one_of(self, names: frozenset[str]) -> str:
        if self.words.next not in names:
            raise NotRead(self.words.next)
        return self.words.take().text

    def _ct(self) -> object:
        words = self.words
        words.take()
        direction: dict[str, Any] = {}
        if words.next in ("original", "reply"):
            direction["dir"] = words.take().text
        key = ""
        if words.next in ("ip", "ip6"):
            key = f"{words.take().text} "
        key += self._one_of(_CT)
        return {"ct": {"key": key, **direction}}

    def _fib(self) -> object:
        words = self.words
        words.take()
        flags = [self._one_of(frozenset(_FIB_FLAGS))]
        while words.takes("."):
            flags.append(self._one_of(frozenset(_FIB_FLAGS)))
        return {"fib": {"result": self._one_of(frozenset({"type", "oif", "oifname"})), "flags": flags}}

    def _choice(self) -> object:
        words = self.words
        kind = words.take().text
        fields: dict[str, Any] = {}
        if kind == "numgen":
            fields["mode"] = self._one_of(frozenset({"inc", "random"}))
        elif kind == "jhash":
            fields["expr"] = self.left()
        if not words.takes("mod"):
            raise NotRead(kind)
        fields["mod"] = self._int()
        while words.next in ("seed", "offset"):
            name = words.take().text
            fields[name] = self._int()
        return {kind: fields}

    def _int(self) -> int:
        text = self.words.take().text
        if NUMBER.match(text) is None:
            raise NotRead(text)
        return int(text, 0)

    # --- values ---------------------------------------------------------------------------

    def value(self) -> object:
        """Read one value: a number, an address, a name, a range or a prefix."""
        if self.words.next in _ENDS and not self._quoted():
            raise NotRead(self.words.next)
        if self._quoted():
            return self.words.take().text
        if self.words.next in "{(=!<>&|^":
            raise NotRead(self.words.next)
        return plain_value(self.words.take().text)

    def _quoted(self) -> bool:
        return self.words.next == "" and not self.words.ended

    def values(self) -> object:
        """Read a value or a concatenation (``.``)."""
        parts = [self._with_bits(self.value())]
        while self.words.takes("."):
            parts.append(self.value())
        return parts[0] if len(parts) == 1 else {"concat": parts}

    def right(self) -> object:
        """Read the right side of a match: a set, a list of flags, or a value."""
        words = self.words
        if words.next == "{":
            return {"set": self.elements()}
        if words.next.startswith("@"):
            return words.take().text
        if words.next == "(":
            return self._flags_or_value()
        first = self.values()
        listed = [first]
        while words.next == ",":
            words.take()
            listed.append(self.values())
        return listed if len(listed) > 1 else first

    def elements(self, data: bool = False) -> list[Any]:
        """Read ``{ … }``; data: whether the elements are those of a map."""
        words = self.words
        words.needs("{")
        elements: list[Any] = []
        while True:
            words.skip_lines()
            if words.takes("}"):
                return elements
            key = self._element()
            words.skip_lines()
            if data or words.next == ":":
                words.needs(":")
                elements.append([key, self.data()])
            else:
                elements.append(key)
            words.skip_lines()
            if not words.takes(",") and words.next != "}":
                raise NotRead(words.next)

    def _element(self) -> object:
        """Read an element's key, with its timeout, counter and comment."""
        words = self.words
        key = self.values()
        extras: dict[str, Any] = {}
        while True:
            if words.next in ("timeout", "expires"):
                name = words.take().text
                extras[name] = words.take().text
            elif words.next == "counter":
                words.take()
                while words.next in ("packets", "bytes"):
                    words.take()
                    words.take()
            elif words.next == "comment":
                words.take()
                extras["comment"] = words.take().text
            elif words.next in ("limit", "quota", "ct", "last"):
                # a limit or quota of the element: it may match or not
                raise NotRead(words.next)
            else:
                return {"elem": {"val": key, **extras}} if extras else key

    def data(self) -> object:
        """Read the data of a map's element: a verdict or a value."""
        words = self.words
        words.skip_lines()
        if words.next in ("accept", "drop", "return", "continue"):
            return {words.take().text: None}
        if words.next in ("jump", "goto"):
            kind = words.take().text
            return {kind: {"target": words.take().text}}
        return self.values()
