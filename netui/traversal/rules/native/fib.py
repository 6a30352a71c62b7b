"""Keys of the routing table (nft_fib.c, nft_fib_ipv4.c, nft_fib_ipv6.c)."""

from __future__ import annotations

from netui.net.addresses import parse_address
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.host.routing import Fib
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native.reading import KeyContext, Reader, Reading, unknown


def fib_key(words: str) -> Reader:
    """Return the reader of a key of the routing table, by the words after ``fib``."""
    flags_text, _, result = words.rpartition(" ")
    flags = flags_text.split(" . ")
    source = "saddr" in flags
    device = "iif" if "iif" in flags else "oif" if "oif" in flags else ""
    marked = "mark" in flags
    if result == "type":
        return _fib_type(source, device)
    if result in ("oif", "oifname", "check"):
        return _fib_device(source, device, marked)
    return unknown


def _fib_type(source: bool, device: str) -> Reader:
    """inet_addr_type_dev_table; without ``. iif`` all devices count."""

    def read(packet: PacketState, context: KeyContext) -> Reading:
        fib = context.fibs.get(packet.family)
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
    """__nft_fib6_eval_type: with a device only its own addresses are local; an unreachable route comes first."""
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
    """nft_fib4_eval: the device of the route; "" where there is no route, or none by the given device.

    A packet from the loopback device is not looked up: its device is lo (nft_fib_can_skip).
    """

    def read(packet: PacketState, context: KeyContext) -> Reading:
        fib = context.fibs.get(packet.family)
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
