"""What a native rule says, as statements in order (libnftables-json(5)).

A rule is a program: its statements run from left to right, and the first match that does
not hold ends it. What stood before that match has happened.
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
    """A name: an interface's (``prefix``: all that begin so, printed ``br-*``), a helper's, an address type."""

    text: str
    prefix: bool = False


#: One part of a set's element, or what a match compares with; None: not understood.
Value = Interval | Text | None


@dataclass(frozen=True, slots=True)
class Key:
    """What an expression reads of a packet, in nft's words: ``ip saddr``, ``iifname``, ``ct original proto-dst``.

    type: of its values (``ipv4_addr``, ``inet_service``, ``ifname``, …), "" where it is not known.
    """

    words: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that stands in the rule."""

    value: Value


@dataclass(frozen=True, slots=True)
class Bits:
    """A calculation with bits; operator: ``&``, ``|``, ``^``, ``<<`` or ``>>``."""

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
    """A number below ``modulus``, plus ``offset``, that the kernel draws, counts or hashes: numgen, jhash, symhash."""

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
    """What becomes of the packet: accept, drop, reject, return, continue, queue, jump or goto.

    A rule that translates has the translation's kind: dnat, snat, masquerade, redirect, netmap.
    chain: of jump and goto. how: of reject (``tcp reset``, ``icmp-port-unreachable``), and where a translation leads.
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
        """Whether the packet goes no further."""
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
    """Elements that stand in a rule, or (``name`` not "") a reference to a set or map of the table."""

    elements: tuple[Element, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class NftSet:
    """A set or map of a table.

    types: of each part of its key. elements: None where they were not printed. changes: packets can
    change it (``dynamic``, ``timeout``), so that it is only known as it stood.
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
    """A match that is not understood, or that a snapshot cannot tell.

    likely: what holds for a single packet of a quiet sender (a limit is not exceeded), None where nothing is.
    bound: for what counts, how much it takes before it answers otherwise ("up to 25/second"). reason: why it
    cannot be told, where that is more than that a snapshot cannot.
    """

    words: str
    likely: bool | None = None
    bound: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """``key vmap { … }``: the verdict that the map gives; without an element the rule does not match."""

    key: Expression
    elements: Elements
    words: str


@dataclass(frozen=True, slots=True)
class Nat:
    """snat, dnat, masquerade or redirect.

    family: "" where the table's tells. address, port: None where they are not given; a map may give both
    (``both``). prefix: the network is replaced and the rest of the address kept.
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
    """``meta mark set …``, ``ct mark set …``, ``ip dscp set …``: a key gets a value."""

    key: str
    value: Expression
    words: str


@dataclass(frozen=True, slots=True)
class Note:
    """A statement that changes nothing that a rule can see: counter, log, comment, dup, flow and others."""

    kind: str
    words: str
    details: Mapping[str, object] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class SetUpdate:
    """``add @s { … }``, ``update``, ``delete``: packets change the set.

    key: what of the packet is put in; one that lacks it ends the rule.
    """

    name: str
    words: str
    key: Expression | None = None


@dataclass(frozen=True, slots=True)
class Untrack:
    """``notrack``."""


@dataclass(frozen=True, slots=True)
class Strange:
    """A statement that netui does not follow, and that may end or change the packet's way: fwd, tproxy, synproxy."""

    words: str


Statement = Compare | Opaque | VerdictMap | Verdict | Nat | SetField | Note | SetUpdate | Untrack | Strange
