"""The readers of native rules' keys, by nft's words; each kind of key has a module of its own.

A reading is a number or a name. It is None where it is not known, and ABSENT where the packet has no such field,
which ends the rule (NFT_BREAK), inverted or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from netui.net.addresses import ICMP, ICMP6, SCTP, TCP, UDP
from netui.traversal.packet_state import PacketState
from netui.traversal.rules.native import meta, payload
from netui.traversal.rules.native.connection import connection_key
from netui.traversal.rules.native.fib import fib_key
from netui.traversal.rules.native.reading import ABSENT, KeyContext, Reader, Reading, unknown

_PROTOCOLS = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "dccp": 33, "udplite": 136}


@lru_cache(maxsize=512)
def reader(words: str) -> Reader:
    """Return the reader of a key, by nft's words; the reader of an unknown key returns None."""
    own = _READERS.get(words)
    if own is not None:
        return own
    first, _, rest = words.partition(" ")
    if first in _PROTOCOLS and rest in ("sport", "dport"):
        return payload.port(_PROTOCOLS[first], rest == "sport")
    if words.startswith(("tcp option ", "sctp chunk ")):
        return payload.option(_PROTOCOLS[first], exists=words.count(" ") == 2)
    if first in _PROTOCOLS:
        return payload.of_protocol(_PROTOCOLS[first])
    if first == "fib":
        return fib_key(rest)
    if first == "ct":
        return connection_key(rest)
    if first == "exthdr":
        return _absent if " " in rest else payload.no_extension
    if first in ("ip", "ip6"):
        return payload.of_family("ip" if first == "ip" else "ip6")
    if first == "vlan":
        return payload.vlan(rest)
    if first == "arp":
        return payload.arp
    return unknown


def _absent(_packet: PacketState, _context: KeyContext) -> Reading:
    return ABSENT


def _zero(_packet: PacketState, _context: KeyContext) -> Reading:
    return 0


_READERS: Mapping[str, Reader] = {
    "ip saddr": payload.address("ip", source=True),
    "ip daddr": payload.address("ip", source=False),
    "ip6 saddr": payload.address("ip6", source=True),
    "ip6 daddr": payload.address("ip6", source=False),
    "ip protocol": payload.protocol_of("ip"),
    "ip6 nexthdr": payload.protocol_of("ip6"),
    "ip version": lambda packet, _context: 4 if packet.family == "ip" else ABSENT,
    "ip6 version": lambda packet, _context: 6 if packet.family == "ip6" else ABSENT,
    "th sport": payload.transport_port(source=True),
    "th dport": payload.transport_port(source=False),
    "tcp flags": payload.tcp_flags,
    "icmp type": payload.icmp(ICMP, 0),
    "icmp code": payload.icmp(ICMP, 1),
    "icmpv6 type": payload.icmp(ICMP6, 0),
    "icmpv6 code": payload.icmp(ICMP6, 1),
    "ether saddr": payload.ether_address,
    "ether daddr": payload.ether_other,
    "ether type": payload.ether_type,
    "iifname": lambda packet, _context: packet.iif,
    "oifname": lambda packet, _context: packet.oif,
    "iif": lambda packet, _context: packet.iif,
    "oif": lambda packet, _context: packet.oif,
    "iifgroup": meta.group(incoming=True),
    "oifgroup": meta.group(incoming=False),
    "meta iifkind": meta.kind(incoming=True),
    "meta oifkind": meta.kind(incoming=False),
    "meta ibrname": meta.bridge_name(incoming=True),
    "meta obrname": meta.bridge_name(incoming=False),
    "meta l4proto": lambda packet, _context: ABSENT if packet.protocol < 0 else packet.protocol,
    "meta nfproto": meta.table_family,
    "meta protocol": lambda packet, _context: payload.ethertype(packet),
    "meta mark": lambda packet, _context: packet.mark,
    "meta pkttype": meta.packet_type,
    "meta skuid": meta.user,
    "meta skgid": meta.group_id,
    "meta ipsec": _zero,
}
