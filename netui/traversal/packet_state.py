"""The packet during a walk: the fields that hooks change, and its connection."""

from __future__ import annotations

from dataclasses import dataclass, field

from netui.model import Family
from netui.net.addresses import ICMP, ICMP6, Net, address_text, client_port_in, protocol_name
from netui.traversal.any_outside import AnyOutside
from netui.traversal.result import PacketHeader
from netui.traversal.several import Several


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

    new: the packet is the first (NEW); else it is an answer (ESTABLISHED, direction REPLY). dst_done,
    src_done: that binding exists, so nat chains of that kind are not consulted again. confirmed: the
    packet passed the last hook.
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
    #: the ports for which the original's destination port, or the reply's source port, stands
    any_dport: Several | None = None
    any_reply_sport: Several | None = None

    def answered(self) -> Connection:
        """Return the connection as the answer packet sees it: established, in the other direction."""
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
            self.any_dport,
            self.any_reply_sport,
        )


@dataclass(slots=True)
class HeaderOnEntry:
    """A packet's header on entry and exit, as numbers; most of them are never made into text."""

    family: Family
    protocol: int
    src: int
    dst: int
    sport: int | None
    dport: int | None
    iif: str
    oif: str

    def packet(self) -> PacketHeader:
        """Return the public record of it."""
        return PacketHeader(
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
class PacketState:
    """The packet at one point of its walk (mutable: rules and hooks change it).

    protocol: IANA number. any_src, any_dst: set where the address is only a representative of "any
    machine outside". untracked: NOTRACK was applied. connection: None for an untracked packet, and until
    conntrack sees the packet. local: a socket of this machine sent it. uid: the socket's owner, None if
    not known. physin: the bridge port by which it came in; "" for none, None for an unknown port. link: it
    has an Ethernet header. mac: the sender's, None if not known. vlan: the frame's tag at this point.
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
    any_src: AnyOutside | None = None
    any_dst: AnyOutside | None = None
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
    vlan: int | None = None
    sport_range: tuple[int, int] = (1, 65535)
    tcp_flags: frozenset[str] = frozenset({"SYN"})
    touched: set[str] = field(default_factory=set)
    stray: bool = False
    #: the hooks that see it now: "netdev", "bridge" (with the bridge's name), or "" for the IP hooks
    layer: str = ""
    over: str = ""
    dport_range: tuple[int, int] | None = None
    #: the ports of which the port is only a representative
    any_dport: Several | None = None
    any_sport: Several | None = None

    def address_in(self, net: Net, *, source: bool) -> bool | None:
        """Return whether the source (else destination) is in ``net``; None if unknown."""
        vague = self.any_src if source else self.any_dst
        if vague is not None:
            return vague.within(net)
        return (self.src if source else self.dst) in net

    def dport_in(self, limits: tuple[int, int]) -> bool | None:
        """Return whether the destination port is within limits; None if unknown."""
        if self.any_dport is not None:
            return self.any_dport.within(*limits)
        if self.dport is not None:
            return limits[0] <= self.dport <= limits[1]
        if limits == (0, 65535):
            return True
        return None if self.dport_range is None else client_port_in(limits, self.dport_range)

    def sport_in(self, limits: tuple[int, int]) -> bool | None:
        """Return whether the source port is within limits; a port that is not chosen yet lies in its range."""
        if self.any_sport is not None:
            return self.any_sport.within(*limits)
        if self.sport is not None:
            return limits[0] <= self.sport <= limits[1]
        low, high = self.sport_range
        if limits[0] <= low and high <= limits[1]:
            return True
        return False if limits[1] < low or high < limits[0] else None

    def seen(self) -> HeaderOnEntry:
        """Return its header as it is now."""
        return HeaderOnEntry(self.family, self.protocol, self.src, self.dst, self.sport, self.dport, self.iif, self.oif)

    def track(self) -> None:
        """Let conntrack see it (priority -200), unless it is untracked or has a connection already."""
        if self.untracked or self.stray or self.connection is not None:
            return
        if self.pending is not None:
            self.connection, self.pending = self.pending, None
        else:
            original = Tuple5(self.src, self.dst, self.sport, self.dport)
            self.connection = Connection(original, Tuple5(self.dst, self.src, self.dport, self.sport))
            if self.any_dport is not None:
                self.connection.any_dport = self.connection.any_reply_sport = self.any_dport

    @property
    def is_echo(self) -> bool:
        """Whether it is an ICMP or ICMPv6 packet."""
        return self.protocol in (ICMP, ICMP6)
