"""The statements of a native rule, in order (libnftables-json(5)).

A rule is a program: its statements run from left to right, and the first match that fails ends it.
The effects before that match have happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Interval(NamedTuple):
    """Numbers from ``low`` to ``high``, both included: addresses, ports, marks, protocols."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Text:
    """A name: of an interface (``prefix``: printed ``br-*``), of a helper, an address type."""

    text: str
    prefix: bool = False


#: One part of a set's element, or the right side of a match; None: not understood.
Value = Interval | Text | None


@dataclass(frozen=True, slots=True)
class Key:
    """A field of a packet, in nft's words: ``ip saddr``, ``iifname``, ``ct original proto-dst``.

    type: of its values (``ipv4_addr``, ``inet_service``, ``ifname``, …), "" where it is not known.
    """

    words: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant in the rule."""

    value: Value


@dataclass(frozen=True, slots=True)
class Bits:
    """A bitwise operation; operator: ``&``, ``|``, ``^``, ``<<`` or ``>>``."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Concat:
    """Several values side by side: ``ip saddr . tcp dport``."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A value that a map gives for a key: ``tcp dport map { 80 : 10.0.0.2 }``."""

    key: Expression
    elements: Elements


@dataclass(frozen=True, slots=True)
class Choice:
    """A number below ``modulus``, plus ``offset``, by chance, counter or hash: numgen, jhash, symhash."""

    words: str
    modulus: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Unread:
    """An expression that netui does not understand."""

    words: str


Expression = Key | Literal | Bits | Concat | Lookup | Choice | Unread


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict: accept, drop, reject, return, continue, queue, jump or goto.

    A rule that translates has the translation's kind: dnat, snat, masquerade, redirect, netmap. chain: the target
    of jump and goto. how: the answer of reject (``tcp reset``, ``icmp-port-unreachable``), the target of a translation.
    """

    kind: str
    chain: str = ""
    how: str = ""

    @property
    def text(self) -> str:
        """In one line: ``jump DOCKER``, ``reject tcp-reset``, ``dnat 172.18.0.3:443``."""
        return " ".join(filter(None, (self.kind, self.chain, self.how)))

    @property
    def stops(self) -> bool:
        """Whether it stops the packet."""
        return self.kind in ("drop", "reject")


@dataclass(frozen=True, slots=True)
class Element:
    """An element of a set or map: a value for each part of its key, and what a map gives for it.

    data: None in a set; a verdict, or values (one for each part of the map's data).
    """

    parts: tuple[Value, ...]
    data: Verdict | tuple[Value, ...] | None = None


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of an anonymous set or map, or (``name`` not "") a reference to a named one of the table."""

    elements: tuple[Element, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class NftSet:
    """A set or map of a table.

    types: of each part of its key. elements: None where they were not printed. changes: packets or time can
    change it (``dynamic``, ``timeout``), so only its state at the time of reading is known.
    """

    name: str
    types: tuple[str, ...]
    elements: tuple[Element, ...] | None
    is_map: bool = False
    changes: bool = False
    flags: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Compare:
    """``left operator right``: ``==``, ``!=``, ``<``, ``>``, ``<=``, ``>=``, or ``in`` (any of these bits)."""

    left: Expression
    operator: str
    right: Elements
    words: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """A match that netui does not understand, or that a snapshot cannot decide.

    likely: the answer for a single packet of a quiet sender (a limit is not exceeded), None where there is none.
    bound: for a match that counts, how much it allows before its answer changes ("up to 25/second"). reason: why it
    is unknown, where there is more to say than that a snapshot cannot tell.
    """

    words: str
    likely: bool | None = None
    bound: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """``key vmap { … }``: the verdict of the key's element; without one the rule does not match."""

    key: Expression
    elements: Elements
    words: str


@dataclass(frozen=True, slots=True)
class Nat:
    """snat, dnat, masquerade or redirect.

    family: "" where it is the table's. address, port: None where they are not given; both: a map that gives both.
    prefix: it replaces the network and keeps the rest of the address.
    """

    kind: str
    words: str
    family: str = ""
    address: Expression | None = None
    last_address: Expression | None = None
    port: Expression | None = None
    last_port: Expression | None = None
    both: Lookup | None = None
    random: bool = False
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class SetField:
    """``meta mark set …``, ``ct mark set …``, ``ip dscp set …``."""

    key: str
    value: Expression
    words: str


@dataclass(frozen=True, slots=True)
class Note:
    """A statement without an effect that a match can see: counter, log, comment, dup, flow and others."""

    kind: str
    words: str
    details: Mapping[str, object] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class SetUpdate:
    """``add @s { … }``, ``update``, ``delete``: the packet changes the set.

    key: the element that is added; a packet without that field ends the rule.
    """

    name: str
    words: str
    key: Expression | None = None


@dataclass(frozen=True, slots=True)
class Untrack:
    """``notrack``."""


@dataclass(frozen=True, slots=True)
class Strange:
    """A statement that netui does not follow and that may redirect or stop the packet: fwd, tproxy, synproxy."""

    words: str


Statement = Compare | Opaque | VerdictMap | Verdict | Nat | SetField | Note | SetUpdate | Untrack | Strange
