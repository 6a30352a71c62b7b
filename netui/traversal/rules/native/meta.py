"""Keys of a packet's metadata: devices, families, the sender (nft_meta.c)."""

from __future__ import annotations

from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native.reading import ABSENT, KeyContext, Reader, Reading


def kind(incoming: bool) -> Reader:
    """Return the reader of a device's kind."""

    def read(packet: PacketState, context: KeyContext) -> Reading:
        name = packet.iif if incoming else packet.oif
        if not name:
            return ABSENT
        interface = context.interfaces.get(name)
        return interface.kind if interface is not None and interface.kind else None

    return read


def group(incoming: bool) -> Reader:
    """Return the reader of a device's group; ``ip address`` prints its name, "default" for 0."""

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
    """Read the bridge of a port; the IP hooks see the bridge itself, which has none."""

    def read(packet: PacketState, _context: KeyContext) -> Reading:
        if packet.layer != "bridge":
            return ABSENT
        return packet.over if (packet.iif if incoming else packet.oif) else None

    return read


def table_family(packet: PacketState, _context: KeyContext) -> Reading:
    """Read NFPROTO_IPV4 or NFPROTO_IPV6; outside the IP hooks it may be the table's own family."""
    if packet.layer:
        return None
    return 2 if packet.family == "ip" else 10


def packet_type(packet: PacketState, _context: KeyContext) -> Reading:
    """Read 0 for a packet to this host; broadcasts and multicasts are unknown."""
    if packet.over or (packet.layer and not packet.iif):
        # a port of a bridge also receives frames for others
        return None
    if packet.family == "ip":
        special = packet.dst >> 28 == 0xE or packet.dst == 0xFFFFFFFF
    else:
        special = packet.dst >> 120 == 0xFF
    return None if special else 0


def user(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the sender's user, for a packet sent from here."""
    return packet.uid if packet.local else ABSENT


def group_id(packet: PacketState, _context: KeyContext) -> Reading:
    """Read the sender's group, which a snapshot does not have."""
    return None if packet.local else ABSENT
