"""The result of a traversal: packets, steps, legs, and the path with its verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from netui.model import Backend, Family, Hook, TableFamily
from netui.model.statements import Verdict as RuleVerdict

Verdict = Literal["delivered", "dropped", "rejected", "unreachable", "undecided"]

#: The fate of a packet in a chain or at a hook.
Fate = Literal["accept", "drop", "reject"]


@dataclass(frozen=True, slots=True)
class PacketHeader:
    """A packet's header at one point of its way.

    protocol: ``tcp``, ``udp``, ``sctp``, ``icmp``, ``icmpv6`` or a number as text.
    sport, dport: None where the protocol has no ports or the port is not chosen yet.
    iif, oif: "" where there is none (yet).
    """

    family: Family
    protocol: str
    src: str
    dst: str
    sport: int | None = None
    dport: int | None = None
    iif: str = ""
    oif: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a rule changed of the packet, or of its connection.

    value: an address with its port as text (source, destination), a number (the marks; None where it is not
    known), or whether conntrack follows the packet (tracked).
    """

    field: Literal["source", "destination", "mark", "ct mark", "tracked"]
    value: str | int | None


@dataclass(frozen=True, slots=True)
class Step:
    """A rule that matched, or (``rule`` None) the policy of a base chain.

    index: the index of its counter in the ruleset's counters. changes: what the rule changed, in order.
    handle: a native rule's handle, 0 for iptables' own.
    """

    hook: Hook
    family: TableFamily
    backend: Backend
    table: str
    chain: str
    rule: int | None
    text: str
    verdict: RuleVerdict
    index: int = -1
    changes: tuple[Change, ...] = ()
    handle: int = 0

    @property
    def says(self) -> str:
        """The verdict in one line: ``accept``, ``jump DOCKER``, ``policy drop``."""
        return self.verdict.text if self.rule is not None else f"policy {self.verdict.text}"


@dataclass(frozen=True, slots=True)
class Leg:
    """One connection's first packet on its way through the host.

    packet: as it came in (iif) and went out (oif). where: "" for the host's own
    rules, a container's name where the leg ran through that container's namespace.
    """

    packet: PacketHeader
    steps: tuple[Step, ...]
    where: str = ""


@dataclass(frozen=True, slots=True)
class DeliveredTo:
    """Who received it: kind ``container``, ``host`` or ``outside``. refuses: nothing listens there for the sender."""

    kind: Literal["container", "host", "outside"]
    name: str
    address: str
    port: int | None
    refuses: bool = field(default=False, compare=False)


#: An Undecided's match: the order of chains of equal priority, of which the tables' age is known.
BY_AGE = "order by age"


@dataclass(frozen=True, slots=True)
class Undecided:
    """A match that cannot be known from a snapshot, and whose outcome matters.

    rule None: what cannot be known is not a rule's match (no routes, native tables).
    bound: for a match that only counts (a limit), how much it takes before it answers
    otherwise, in words ("up to 25/s"). chance: the kernel draws lots or hashes.
    """

    match: str
    reason: str
    hook: str = ""
    family: str = ""
    backend: str = ""
    table: str = ""
    chain: str = ""
    rule: int | None = None
    text: str = ""
    bound: str = ""
    chance: bool = False


@dataclass(frozen=True, slots=True)
class SendersPart:
    """Some of the machines beyond the default route; all of them meet the same rules.

    addresses: their networks in order; None for everyone else, the largest part. path: the answer for them.
    decided_by: the rule that distinguishes them from everyone else; for everyone else, their deciding step.
    """

    addresses: tuple[str, ...] | None
    path: Path
    decided_by: Step | None = None

    @property
    def everyone_else(self) -> bool:
        """Whether they are the machines that no other part names."""
        return self.addresses is None


@dataclass(frozen=True, slots=True)
class Path:
    """The answer for SRC → DST.

    reason: one sentence that says what decided. deciding: the step that decided (the DROP, the ACCEPT, else
    the DNAT), or None. condition: the limits of the verdict, where rules count ("up to 25/s (rule 1 of filter
    flood)"). one_of: all possible receivers where the kernel chooses by chance; delivered_to is None then.
    senders: where the outcome depends on the sender, all machines beyond the default route in parts; the other
    fields are those of everyone else.
    """

    source: str
    destination: str
    verdict: Verdict
    reason: str = ""
    delivered_to: DeliveredTo | None = None
    legs: tuple[Leg, ...] = ()
    reply: tuple[Leg, ...] | None = None
    undecided: tuple[Undecided, ...] = ()
    notes: tuple[str, ...] = ()
    deciding: Step | None = field(default=None)
    condition: str = ""
    one_of: tuple[DeliveredTo, ...] = ()
    senders: tuple[SendersPart, ...] = ()
    #: the same by receiver, where the outcome depends on which machine beyond the default route receives
    receivers: tuple[SendersPart, ...] = ()

    @property
    def parts(self) -> tuple[SendersPart, ...]:
        """The parts by sender, or by receiver; everyone else is the first part."""
        return self.senders or self.receivers

    @property
    def telling_legs(self) -> tuple[Leg, ...]:
        """The legs that lead to the verdict; the answer's legs, too, where the answer may be lost."""
        return self.legs if self.verdict == "delivered" or not self.reply else (*self.legs, *self.reply)


@dataclass(frozen=True, slots=True)
class Flow:
    """One of the flows of a container, with its path.

    kind: ``published``, ``direct``, ``outbound``, ``neighbour``, ``cross``, ``hairpin``,
    ``host`` or ``dns``. label: "outside → 443/tcp".
    """

    kind: str
    label: str
    source: str
    destination: str
    path: Path


def step_place(step: Step | None) -> str:
    """Return the table, chain and number of a step: ``filter DOCKER 2``, ``filter FORWARD policy``; "" for no step."""
    if step is None:
        return ""
    number = "policy" if step.rule is None else str(step.rule)
    return f"{step.table} {step.chain} {number}"
