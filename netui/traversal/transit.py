"""The packet on its way: what changes from hook to hook, and its connection."""

from __future__ import annotations

from dataclasses import dataclass, field

from netui.model import Family
from netui.traversal.address import ICMP, ICMP6, Net, address_text, protocol_name
from netui.traversal.path import Packet


@dataclass(frozen=True, slots=True)
class Anywhere:
    """Some machine outside: an address that is only a representative.

    on_link: the outer interface's own networks. inside: networks that lie behind other
    interfaces, or are the host's own; an outside machine is in none of them.
    """

    on_link: tuple[Net, ...] = ()
    inside: tuple[Net, ...] = ()
    _known: dict[Net, bool | None] = field(default_factory=dict, compare=False, repr=False)

    def within(self, net: Net) -> bool | None:
        """Return whether such a machine is in ``net``; None where some are and some are not.

        A single address beyond the own link singles one machine out; "some machine" is
        defined as one that no rule singles out (name it to ask about that one).
        """
        if net not in self._known:
            self._known[net] = self._within(net)
        return self._known[net]

    def _within(self, net: Net) -> bool | None:
        if net.whole:
            return True
        if any(net.mask & own.mask == own.mask and net.value & own.mask == own.value for own in self.inside):
            return False
        if net.single and not any(net.value in own for own in self.on_link):
            return False
        return None

    def may_be(self, address: int) -> bool:
        """Return whether :meth:`within` says None for this one address, which is quicker to tell."""
        return any(address in own for own in self.on_link) and not any(address in own for own in self.inside)


@dataclass(slots=True)
class Tuple5:
    """Addresses and ports of one direction of a connection."""

    src: int
    dst: int
    sport: int | None
    dport: int | None


@dataclass(slots=True)
class Connection:
    """The conntrack entry of the packet.

    new: the packet is the first (NEW); else it is an answer (ESTABLISHED, direction
    REPLY). dst_done, src_done: the binding of that kind was made, so that nat chains of
    that kind are not consulted again. confirmed: it left through the last hook once.
    """

    original: Tuple5
    reply: Tuple5
    new: bool = True
    is_reply: bool = False
    mark: int | None = 0
    dst_done: bool = False
    src_done: bool = False
    dnat: bool = False
    snat: bool = False
    confirmed: bool = False

    def answered(self) -> Connection:
        """Return it as the answer finds it: established, in the other direction."""
        return Connection(
            self.original,
            self.reply,
            False,
            True,
            self.mark,
            self.dst_done,
            self.src_done,
            self.dnat,
            self.snat,
            True,
        )


@dataclass(slots=True)
class Seen:
    """A packet as it came in and went out, as numbers: most are never written out."""

    family: Family
    protocol: int
    src: int
    dst: int
    sport: int | None
    dport: int | None
    iif: str
    oif: str

    def packet(self) -> Packet:
        """Return it as the public, frozen packet."""
        return Packet(
            self.family,
            protocol_name(self.protocol),
            address_text(self.family, self.src),
            address_text(self.family, self.dst),
            self.sport,
            self.dport,
            self.iif,
            self.oif,
        )


@dataclass(slots=True)
class Transit:
    """The packet at one point of its way (mutable: rules and hooks change it).

    protocol: IANA number. any_src, any_dst: set where the address stands for "some
    machine outside" and is only a representative. untracked: NOTRACK was applied; connection is
    None then, and before conntrack saw the packet. local: a socket of this machine sent
    it; uid: its owner, None if not known. physin: the bridge port that it came by; ""
    where there is none, None where it is a port but not known which. link: it has an
    Ethernet header; mac: the sender's, None if not known.
    """

    family: Family
    protocol: int
    src: int
    dst: int
    sport: int | None = None
    dport: int | None = None
    icmp: tuple[int, int] | None = None
    iif: str = ""
    oif: str = ""
    mark: int | None = 0
    any_src: Anywhere | None = None
    any_dst: Anywhere | None = None
    connection: Connection | None = None
    pending: Connection | None = None
    untracked: bool = False
    local: bool = False
    uid: int | None = None
    physin: str | None = ""
    physout: str | None = ""
    bridged: bool = False
    link: bool = False
    mac: str | None = None
    sport_range: tuple[int, int] = (1, 65535)
    tcp_flags: frozenset[str] = frozenset({"SYN"})
    touched: set[str] = field(default_factory=set)

    def address_in(self, net: Net, *, source: bool) -> bool | None:
        """Return whether the source (else destination) is in ``net``; None if unknown."""
        vague = self.any_src if source else self.any_dst
        if vague is not None:
            return vague.within(net)
        return (self.src if source else self.dst) in net

    def seen(self) -> Seen:
        """Return it as it is now."""
        return Seen(self.family, self.protocol, self.src, self.dst, self.sport, self.dport, self.iif, self.oif)

    def track(self) -> None:
        """Let conntrack see it (priority -200), unless it is untracked or known already."""
        if self.untracked or self.connection is not None:
            return
        if self.pending is not None:
            self.connection, self.pending = self.pending, None
        else:
            original = Tuple5(self.src, self.dst, self.sport, self.dport)
            self.connection = Connection(original, Tuple5(self.dst, self.src, self.dport, self.sport))

    @property
    def is_echo(self) -> bool:
        """Whether it is an ICMP or ICMPv6 packet."""
        return self.protocol in (ICMP, ICMP6)
