"""What a native rule's key reads of a packet, after the kernel's nft_payload.c, nft_meta.c, nft_ct.c, nft_fib*.c.

A reading is a number or a name; None where it cannot be known; :data:`ABSENT` where the packet
has no such thing, which ends the rule (NFT_BREAK), inverted or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from netui.model import Family, Interface
from netui.net.addresses import ICMP, ICMP6, SCTP, TCP, UDP, WITH_PORTS, parse_address, width
from netui.traversal.any_outside import AnyOutside
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import Connection, PacketState
from netui.traversal.rules.native.masked import Masked
from netui.traversal.several import Several


class _Absent:
    """The packet has no such thing."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class PortSpan:
    """A port that is not chosen yet, somewhere from ``low`` to ``high``.

    client: of an answer, the port that the client chose: one that no rule singles out.
    """

    low: int
    high: int
    client: bool = False


@dataclass(frozen=True, slots=True)
class Vague:
    """A number that is only a representative: of some machine outside (bits: 32 or 128), or of several ports (16)."""

    who: AnyOutside | Several | Masked
    bits: int


_PORT_BITS = 16


Reading = int | str | Vague | PortSpan | _Absent | None


@dataclass(frozen=True, slots=True)
class Place:
    """What keys need to know of the namespace: its routes by family, and its interfaces by name."""

    fibs: Mapping[Family, Fib]
    interfaces: Mapping[str, Interface]


Reader = Callable[[PacketState, Place], Reading]

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "dccp": 33, "udplite": 136}
_FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_ETHERTYPES = {"ip": 0x800, "ip6": 0x86DD}
#: enum ip_conntrack_status.
_SEEN_REPLY, _CONFIRMED, _SNAT, _DNAT, _SNAT_DONE, _DNAT_DONE = 2, 8, 16, 32, 128, 256


@lru_cache(maxsize=512)
def reader(words: str) -> Reader:
    """Return what reads a key, by nft's words for it; a key that is not known reads None."""
    known = _READERS.get(words)
    if known is not None:
        return known
    first, _, rest = words.partition(" ")
    if first in _PROTOCOLS and rest in ("sport", "dport"):
        return _port(_PROTOCOLS[first], rest == "sport")
    if words.startswith(("tcp option ", "sctp chunk ")):
        return _option(_PROTOCOLS[first], exists=words.count(" ") == 2)
    if first in _PROTOCOLS:
        return _of_protocol(_PROTOCOLS[first])
    if first == "fib":
        return _fib(rest)
    if first == "ct":
        return _ct(rest)
    if first == "exthdr":
        return _absent if " " in rest else _no_extension
    if first in ("ip", "ip6"):
        return _of_family("ip" if first == "ip" else "ip6")
    if first == "vlan":
        return _vlan(rest)
    if first == "arp":
        return _arp
    return _unknown


def _unknown(_packet: PacketState, _place: Place) -> Reading:
    return None


def _absent(_packet: PacketState, _place: Place) -> Reading:
    return ABSENT


def _arp(packet: PacketState, _place: Place) -> Reading:
    return ABSENT if packet.family in _ETHERTYPES else None


def _zero(_packet: PacketState, _place: Place) -> Reading:
    return 0


def _no_extension(packet: PacketState, _place: Place) -> Reading:
    """Whether an IPv6 packet has an extension header: these have none (nft_exthdr_ipv6_eval)."""
    return 0 if packet.family == "ip6" else ABSENT


# --- payload ----------------------------------------------------------------------------


def _source(packet: PacketState) -> Reading:
    return packet.src if packet.any_src is None else Vague(packet.any_src, width(packet.family))


def _destination(packet: PacketState) -> Reading:
    return packet.dst if packet.any_dst is None else Vague(packet.any_dst, width(packet.family))


def _address(family: Family, source: bool) -> Reader:
    which = _source if source else _destination
    return lambda packet, _place: which(packet) if packet.family == family else ABSENT


def _protocol_of(family: Family) -> Reader:
    return lambda packet, _place: packet.protocol if packet.family == family else ABSENT


def _of_family(family: Family) -> Reader:
    """A header field that netui does not follow: it is there, and not known."""
    return lambda packet, _place: None if packet.family == family else ABSENT


def _of_protocol(protocol: int) -> Reader:
    return lambda packet, _place: None if packet.protocol == protocol else ABSENT


def _option(protocol: int, exists: bool) -> Reader:
    """A TCP option or an SCTP chunk: one that is asked for is missing where the protocol is another."""

    def read(packet: PacketState, _place: Place) -> Reading:
        if packet.protocol == protocol:
            return None
        return 0 if exists else ABSENT

    return read


def _source_port(packet: PacketState) -> Reading:
    if packet.any_sport is not None:
        return Vague(packet.any_sport, _PORT_BITS)
    return PortSpan(*packet.sport_range) if packet.sport is None else packet.sport


def _destination_port(packet: PacketState) -> Reading:
    if packet.any_dport is not None:
        return Vague(packet.any_dport, _PORT_BITS)
    if packet.dport is None and packet.dport_range is not None:
        return PortSpan(*packet.dport_range, client=True)
    return packet.dport


def _port(protocol: int, source: bool) -> Reader:
    def read(packet: PacketState, _place: Place) -> Reading:
        if packet.protocol != protocol:
            return ABSENT
        return _source_port(packet) if source else _destination_port(packet)

    return read


def _transport_port(source: bool) -> Reader:
    """``th dport``: the same place in the header of whatever protocol."""

    def read(packet: PacketState, _place: Place) -> Reading:
        if packet.protocol in (ICMP, ICMP6) and source and packet.icmp is not None:
            return packet.icmp[0] << 8 | packet.icmp[1]
        if packet.protocol not in WITH_PORTS:
            return ABSENT if packet.protocol < 0 else None
        return _source_port(packet) if source else _destination_port(packet)

    return read


def _tcp_flags(packet: PacketState, _place: Place) -> Reading:
    if packet.protocol != TCP:
        return ABSENT
    return sum(_FLAG_BITS[name] for name in packet.tcp_flags if name in _FLAG_BITS)


def _icmp(protocol: int, position: int) -> Reader:
    def read(packet: PacketState, _place: Place) -> Reading:
        if packet.protocol != protocol:
            return ABSENT
        return None if packet.icmp is None else packet.icmp[position]

    return read


def _ether_address(packet: PacketState, _place: Place) -> Reading:
    """Without an Ethernet header (sent from here) there is nothing to read."""
    if not packet.link:
        return ABSENT
    return None if packet.mac is None else int(packet.mac.replace(":", ""), 16)


def _ether_other(packet: PacketState, _place: Place) -> Reading:
    return None if packet.link else ABSENT


def _ether_type(packet: PacketState, _place: Place) -> Reading:
    """The outermost: that of a tag, where the frame has one."""
    if not packet.link:
        return ABSENT
    return _ethertype(packet) if packet.vlan is None else 0x8100


def _vlan(field: str) -> Reader:
    def read(packet: PacketState, _place: Place) -> Reading:
        if packet.vlan is None:
            return ABSENT
        return packet.vlan if field == "id" else _ethertype(packet) if field == "type" else None

    return read


def _ethertype(packet: PacketState) -> int:
    return _ETHERTYPES.get(packet.family, 0x806)


# --- meta -------------------------------------------------------------------------------


def _kind(incoming: bool) -> Reader:
    def read(packet: PacketState, place: Place) -> Reading:
        name = packet.iif if incoming else packet.oif
        if not name:
            return ABSENT
        interface = place.interfaces.get(name)
        return interface.kind if interface is not None and interface.kind else None

    return read


def _group(incoming: bool) -> Reader:
    """``ip address`` prints a group by name; 0 is "default"."""

    def read(packet: PacketState, place: Place) -> Reading:
        name = packet.iif if incoming else packet.oif
        if not name:
            return ABSENT
        interface = place.interfaces.get(name)
        if interface is None:
            return None
        if interface.group in ("default", ""):
            return 0 if interface.group else None
        return int(interface.group) if interface.group.isdigit() else None

    return read


def _bridge_name(incoming: bool) -> Reader:
    """Only a bridge's port has a bridge, and the IP hooks see the bridge itself."""

    def read(packet: PacketState, _place: Place) -> Reading:
        if packet.layer != "bridge":
            return ABSENT
        return packet.over if (packet.iif if incoming else packet.oif) else None

    return read


def _table_family(packet: PacketState, _place: Place) -> Reading:
    """NFPROTO_IPV4 or NFPROTO_IPV6; elsewhere it may be the table's own family."""
    if packet.layer:
        return None
    return 2 if packet.family == "ip" else 10


def _packet_type(packet: PacketState, _place: Place) -> Reading:
    if packet.over or (packet.layer and not packet.iif):
        # a bridge's port takes frames for others, too
        return None
    if packet.family == "ip":
        special = packet.dst >> 28 == 0xE or packet.dst == 0xFFFFFFFF
    else:
        special = packet.dst >> 120 == 0xFF
    return None if special else 0


def _user(packet: PacketState, _place: Place) -> Reading:
    return packet.uid if packet.local else ABSENT


def _group_id(packet: PacketState, _place: Place) -> Reading:
    return None if packet.local else ABSENT


# --- conntrack --------------------------------------------------------------------------


def _state(packet: PacketState, _place: Place) -> Reading:
    """Before conntrack saw the packet there is no connection, which reads as invalid."""
    connection = packet.connection
    if connection is None:
        return 64 if packet.untracked else 1
    return 8 if connection.new else 2


def _ct(words: str) -> Reader:
    if words == "state":
        return _state
    asked = _CT.get(words) or _side(words)

    def read(packet: PacketState, _place: Place) -> Reading:
        return ABSENT if packet.connection is None else asked(packet, packet.connection)

    return read


def _status(_packet: PacketState, connection: Connection) -> Reading:
    answered = connection.is_reply or not connection.new
    return (
        (_SEEN_REPLY if answered else 0)
        | (_CONFIRMED if connection.confirmed or not connection.new else 0)
        | (_SNAT if connection.snat else 0)
        | (_DNAT if connection.dnat else 0)
        | (_SNAT_DONE if connection.src_done else 0)
        | (_DNAT_DONE if connection.dst_done else 0)
    )


_CT: Mapping[str, Callable[[PacketState, Connection], Reading]] = {
    "direction": lambda _packet, connection: int(connection.is_reply),
    "status": _status,
    "mark": lambda _packet, connection: connection.mark,
    "protocol": lambda packet, _connection: packet.protocol,
    "original protocol": lambda packet, _connection: packet.protocol,
    "l3proto": lambda packet, _connection: 2 if packet.family == "ip" else 10,
    "original l3proto": lambda packet, _connection: 2 if packet.family == "ip" else 10,
    # a first packet has no helper but by expectation
    "helper": lambda _packet, _connection: ABSENT,
    "zone": lambda _packet, _connection: 0,
}


def _side(words: str) -> Callable[[PacketState, Connection], Reading]:
    """``original ip saddr``, ``reply proto-dst``."""
    parts = words.split(" ")
    direction, name = parts[0], parts[-1]
    family = parts[1] if len(parts) == 3 else ""
    if direction not in ("original", "reply") or name not in ("saddr", "daddr", "proto-src", "proto-dst"):
        return lambda _packet, _connection: None
    source = name in ("saddr", "proto-src")

    def read(packet: PacketState, connection: Connection) -> Reading:
        tuple5 = connection.original if direction == "original" else connection.reply
        # the original source and the reply's destination are the client's side
        client = source == (direction == "original")
        if name.startswith("proto"):
            port = tuple5.sport if source else tuple5.dport
            several = connection.any_dport if direction == "original" else connection.any_reply_sport
            if several is not None and not client:
                return Vague(several, _PORT_BITS)
            if port is None and client and not packet.is_echo:
                return PortSpan(*packet.sport_range)
            return port
        if family and family != packet.family:
            return ABSENT
        value = tuple5.src if source else tuple5.dst
        vague = packet.any_src if client != connection.is_reply else packet.any_dst
        if vague is not None and value in (packet.src, packet.dst):
            return Vague(vague, width(packet.family))
        return value

    return read


# --- fib --------------------------------------------------------------------------------


def _fib(words: str) -> Reader:
    flags_text, _, result = words.rpartition(" ")
    flags = flags_text.split(" . ")
    source = "saddr" in flags
    device = "iif" if "iif" in flags else "oif" if "oif" in flags else ""
    marked = "mark" in flags
    if result == "type":
        return _fib_type(source, device)
    if result in ("oif", "oifname", "check"):
        return _fib_device(source, device, marked)
    return _unknown


def _fib_type(source: bool, device: str) -> Reader:
    """inet_addr_type_dev_table; without ``. iif`` the address is asked of all devices."""

    def read(packet: PacketState, place: Place) -> Reading:
        fib = place.fibs.get(packet.family)
        if fib is None or not fib.known or packet.layer == "bridge":
            return None
        address = packet.src if source else packet.dst
        if address in fib.doubtful:
            return None
        name = packet.iif if device == "iif" else packet.oif if device == "oif" else ""
        if packet.family == "ip6":
            return _type6(fib, address, name, named=bool(device))
        return fib.address_type(address, name)

    return read


def _type6(fib: Fib, address: int, device: str, *, named: bool) -> Reading:
    """__nft_fib6_eval_type: with a device only its own addresses are local; a refusing route comes first."""
    try:
        route = fib.lookup(Lookup(address))
    except RoutingUnknown:
        return None
    if route is None:
        return "unreachable"
    if route.type in ("blackhole", "prohibit", "throw", "unreachable", "anycast"):
        return route.type
    own = {parse_address(entry.address) for entry in fib.addresses(device)} if device else set()
    if ("ip6", address) in own or (not (named and device) and route.type == "local"):
        return "local"
    return "multicast" if address >> 120 == 0xFF else "unicast"


def _fib_device(source: bool, device: str, marked: bool) -> Reader:
    """nft_fib4_eval: the device of the route; "" where there is none, or not by the device asked for.

    What comes by the loopback is not looked up: its device is lo (nft_fib_can_skip).
    """

    def read(packet: PacketState, place: Place) -> Reading:
        fib = place.fibs.get(packet.family)
        if fib is None or not fib.known or packet.layer == "bridge":
            return None
        name = packet.iif if device == "iif" else packet.oif if device == "oif" else ""
        if name == "lo" or packet.iif == "lo":
            return "lo"
        address, other = (packet.src, packet.dst) if source else (packet.dst, packet.src)
        ask = Lookup(address, other, packet.mark if marked else 0, oif=name if packet.family == "ip6" else "")
        try:
            route = fib.lookup(ask)
        except RoutingUnknown:
            return None
        if route is None or route.type != "unicast":
            return ""
        devices = fib.devices(route)
        if name:
            return name if name in devices else ""
        return devices[0] if len(devices) == 1 else None

    return read


_READERS: Mapping[str, Reader] = {
    "ip saddr": _address("ip", source=True),
    "ip daddr": _address("ip", source=False),
    "ip6 saddr": _address("ip6", source=True),
    "ip6 daddr": _address("ip6", source=False),
    "ip protocol": _protocol_of("ip"),
    "ip6 nexthdr": _protocol_of("ip6"),
    "ip version": lambda packet, _place: 4 if packet.family == "ip" else ABSENT,
    "ip6 version": lambda packet, _place: 6 if packet.family == "ip6" else ABSENT,
    "th sport": _transport_port(source=True),
    "th dport": _transport_port(source=False),
    "tcp flags": _tcp_flags,
    "icmp type": _icmp(ICMP, 0),
    "icmp code": _icmp(ICMP, 1),
    "icmpv6 type": _icmp(ICMP6, 0),
    "icmpv6 code": _icmp(ICMP6, 1),
    "ether saddr": _ether_address,
    "ether daddr": _ether_other,
    "ether type": _ether_type,
    "iifname": lambda packet, _place: packet.iif,
    "oifname": lambda packet, _place: packet.oif,
    "iif": lambda packet, _place: packet.iif,
    "oif": lambda packet, _place: packet.oif,
    "iifgroup": _group(incoming=True),
    "oifgroup": _group(incoming=False),
    "meta iifkind": _kind(incoming=True),
    "meta oifkind": _kind(incoming=False),
    "meta ibrname": _bridge_name(incoming=True),
    "meta obrname": _bridge_name(incoming=False),
    "meta l4proto": lambda packet, _place: ABSENT if packet.protocol < 0 else packet.protocol,
    "meta nfproto": _table_family,
    "meta protocol": lambda packet, _place: _ethertype(packet),
    "meta mark": lambda packet, _place: packet.mark,
    "meta pkttype": _packet_type,
    "meta skuid": _user,
    "meta skgid": _group_id,
    "meta ipsec": _zero,
}
