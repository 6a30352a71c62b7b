"""Keys of a packet's connection (nft_ct.c)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from netui.net.addresses import width
from netui.traversal.packet_state import Connection, PacketState
from netui.traversal.rules.native.reading import ABSENT, PORT_BITS, KeyContext, PortSpan, Reader, Reading, Vague

#: enum ip_conntrack_status.
_SEEN_REPLY, _CONFIRMED, _SNAT, _DNAT, _SNAT_DONE, _DNAT_DONE = 2, 8, 16, 32, 128, 256


def _state(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the state; without a connection (before conntrack sees the packet) it is invalid."""
    connection = packet.connection
    if connection is None:
        return 64 if packet.untracked else 1
    return 8 if connection.new else 2


def connection_key(words: str) -> Reader:
    """Return the reader of a key of a connection, by the words after ``ct``."""
    if words == "state":
        return _state
    asked = _CT.get(words) or _side(words)

    def read(packet: PacketState, _context: KeyContext) -> Reading:
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
                return Vague(several, PORT_BITS)
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
