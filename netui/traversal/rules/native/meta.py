"""What native rules read beside the headers: devices, families, the sender (nft_meta.c)."""

from __future__ import annotations

from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native.reading import ABSENT, KeyContext, Reader, Reading


def kind(incoming: bool) -> Reader:
    """Return what reads a device's kind."""

    def read(packet: PacketState, context: KeyContext) -> Reading:
        name = packet.iif if incoming else packet.oif
        if not name:
            return ABSENT
        interface = context.interfaces.get(name)
        return interface.kind if interface is not None and interface.kind else None

    return read


def group(incoming: bool) -> Reader:
    """``ip address`` prints a group by name; 0 is "default"."""

    def read(packet: PacketState, context: KeyContext) -> Reading:
        name = packet.iif if incoming else packet.oif
        if not name:
            return ABSENT
        interface = context.interfaces.get(name)
        if interface is None:
            return None
        if interface.group in ("default", ""):
            return 0 if interface.group else None
        return int(interface.group) if interface.group.isdigit() else None

    return read


def bridge_name(incoming: bool) -> Reader:
    """Only a bridge's port has a bridge, and the IP hooks see the bridge itself."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.layer != "bridge":
            return ABSENT
        return packet.over if (packet.iif if incoming else packet.oif) else None

    return read


def table_family(packet: PacketState, _context: KeyContext) -> Reading:
    """NFPROTO_IPV4 or NFPROTO_IPV6; elsewhere it may be the table's own family."""
    if packet.layer:
        return None
    return 2 if packet.family == "ip" else 10


def packet_type(packet: PacketState, _context: KeyContext) -> Reading:
    """Read 0 for a packet to this host; broadcasts and multicasts are not told apart."""
    if packet.over or (packet.layer and not packet.iif):
        # a bridge's port takes frames for others, too
        return None
    if packet.family == "ip":
        special = packet.dst >> 28 == 0xE or packet.dst == 0xFFFFFFFF
    else:
        special = packet.dst >> 120 == 0xFF
    return None if special else 0


def user(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the user who sends; only of what is sent from here."""
    return packet.uid if packet.local else ABSENT


def group_id(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the sender's group, which no snapshot tells."""
    return None if packet.local else ABSENT
