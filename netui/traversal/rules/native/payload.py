"""Keys of a packet's headers (nft_payload.c, nft_exthdr.c)."""

from __future__ import annotations

from netui.model import Family
from netui.net.addresses import ICMP, ICMP6, TCP, WITH_PORTS, width
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native.reading import ABSENT, PORT_BITS, KeyContext, PortSpan, Reader, Reading, Vague

_FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
_ETHERTYPES = {"ip": 0x800, "ip6": 0x86DD}


def arp(packet: PacketState, _context: KeyContext) -> Reading:
    """Read a field of ARP: an IP packet has none."""
    return ABSENT if packet.family in _ETHERTYPES else None


def no_extension(packet: PacketState, _context: KeyContext) -> Reading:
    """Read whether the packet has an extension header: the walked packets have none (nft_exthdr_ipv6_eval)."""
    return 0 if packet.family == "ip6" else ABSENT


def _source(packet: PacketState) -> Reading:
    return packet.src if packet.any_src is None else Vague(packet.any_src, width(packet.family))


def _destination(packet: PacketState) -> Reading:
    return packet.dst if packet.any_dst is None else Vague(packet.any_dst, width(packet.family))


def address(family: Family, source: bool) -> Reader:
    """Return the reader of an address of a family."""
    which = _source if source else _destination
    return lambda packet, _context: which(packet) if packet.family == family else ABSENT


def protocol_of(family: Family) -> Reader:
    """Return the reader of a family's protocol field."""
    return lambda packet, _context: packet.protocol if packet.family == family else ABSENT


def of_family(family: Family) -> Reader:
    """Return the reader of a header field that netui does not follow: it is present, and its value unknown."""
    return lambda packet, _context: None if packet.family == family else ABSENT


def of_protocol(protocol: int) -> Reader:
    """Return the reader of a field that netui does not follow, of a protocol."""
    return lambda packet, _context: None if packet.protocol == protocol else ABSENT


def option(protocol: int, exists: bool) -> Reader:
    """Return the reader of a TCP option or SCTP chunk; it is missing in other protocols."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.protocol == protocol:
            return None
        return 0 if exists else ABSENT

    return read


def _source_port(packet: PacketState) -> Reading:
    if packet.any_sport is not None:
        return Vague(packet.any_sport, PORT_BITS)
    return PortSpan(*packet.sport_range) if packet.sport is None else packet.sport


def _destination_port(packet: PacketState) -> Reading:
    if packet.any_dport is not None:
        return Vague(packet.any_dport, PORT_BITS)
    if packet.dport is None and packet.dport_range is not None:
        return PortSpan(*packet.dport_range, client=True)
    return packet.dport


def port(protocol: int, source: bool) -> Reader:
    """Return the reader of a protocol's port."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.protocol != protocol:
            return ABSENT
        return _source_port(packet) if source else _destination_port(packet)

    return read


def transport_port(source: bool) -> Reader:
    """Return the reader of ``th dport``: the same offset in the header of any protocol."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.protocol in (ICMP, ICMP6) and source and packet.icmp is not None:
            return packet.icmp[0] << 8 | packet.icmp[1]
        if packet.protocol not in WITH_PORTS:
            return ABSENT if packet.protocol < 0 else None
        return _source_port(packet) if source else _destination_port(packet)

    return read


def tcp_flags(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the flags of TCP as bits."""
    if packet.protocol != TCP:
        return ABSENT
    return sum(_FLAG_BITS[name] for name in packet.tcp_flags if name in _FLAG_BITS)


def icmp(protocol: int, position: int) -> Reader:
    """Return the reader of the type (position 0) or code of ICMP."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.protocol != protocol:
            return ABSENT
        return None if packet.icmp is None else packet.icmp[position]

    return read


def ether_address(packet: PacketState, _context: KeyContext) -> Reading:
    """Read an Ethernet address; absent without an Ethernet header (a packet sent from here)."""
    if not packet.link:
        return ABSENT
    return None if packet.mac is None else int(packet.mac.replace(":", ""), 16)


def ether_other(packet: PacketState, _context: KeyContext) -> Reading:
    """Read a hardware address that netui does not follow."""
    return None if packet.link else ABSENT


def ether_type(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the outermost ether type: that of the tag, where the frame has one."""
    if not packet.link:
        return ABSENT
    return ethertype(packet) if packet.vlan is None else 0x8100


def vlan(field: str) -> Reader:
    """Return the reader of a field of the frame's tag."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.vlan is None:
            return ABSENT
        return packet.vlan if field == "id" else ethertype(packet) if field == "type" else None

    return read


def ethertype(packet: PacketState) -> int:
    """Return the ether type of the frame's payload."""
    return _ETHERTYPES.get(packet.family, 0x806)
