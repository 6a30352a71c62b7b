"""Values in nft's JSON → numbers and names, by the type of the key."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from netui.model.statements import Element, Interval, Text, Value, Verdict
from netui.text.json_fields import items, obj

#: IANA protocol numbers by the names that nft prints (/etc/protocols).
_PROTOCOLS: Mapping[str, int] = {
    "ip": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "ipip": 4, "tcp": 6, "egp": 8, "udp": 17, "dccp": 33, "ipv6": 41,
    "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58, "ospf": 89, "pim": 103, "comp": 108, "vrrp": 112,
    "l2tp": 115, "sctp": 132, "udplite": 136,
}  # fmt: skip
#: Services that nft -S prints by name, and users write.
SERVICES: Mapping[str, int] = {
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "bootps": 67, "bootpc": 68, "http": 80, "pop3": 110,
    "ntp": 123, "imap2": 143, "snmp": 161, "https": 443, "submission": 587, "imaps": 993, "pop3s": 995,
}  # fmt: skip
_ICMP: Mapping[str, int] = {
    "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5, "echo-request": 8,
    "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11, "parameter-problem": 12,
    "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15, "info-reply": 16,
    "address-mask-request": 17, "address-mask-reply": 18,
}  # fmt: skip
_ICMPV6: Mapping[str, int] = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133, "nd-router-advert": 134,
    "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136, "nd-redirect": 137, "router-renumbering": 138,
    "ind-neighbor-solicit": 141, "ind-neighbor-advert": 142, "mld2-listener-report": 143,
}  # fmt: skip
_ICMP_CODES: Mapping[str, int] = {
    "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3, "frag-needed": 4,
    "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
}  # fmt: skip
#: Symbols by type. Bits of ct state and ct status: include/uapi/linux/netfilter/nf_conntrack_common.h.
_SYMBOLS: Mapping[str, Mapping[str, int]] = {
    "inet_proto": _PROTOCOLS,
    "inet_service": SERVICES,
    "icmp_type": _ICMP,
    "icmp_code": _ICMP_CODES,
    "icmpv6_type": _ICMPV6,
    "ct_state": {"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64},
    "ct_status": {
        "expected": 1, "seen-reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32, "dying": 512,
    },
    "ct_dir": {"original": 0, "reply": 1},
    "tcp_flag": {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128},
    "nf_proto": {"ipv4": 2, "ipv6": 10},
    "ether_type": {"ip": 0x800, "arp": 0x806, "vlan": 0x8100, "8021q": 0x8100, "8021ad": 0x88A8, "ip6": 0x86DD},
    "pkt_type": {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3},
    "boolean": {"exists": 1, "missing": 0},
}  # fmt: skip
#: Types whose values are names.
_NAMES = frozenset({"ifname", "iface_index", "fib_addrtype", "ct_helper", "string"})
_ADDRESS_BITS = {"ipv4_addr": 32, "ipv6_addr": 128}


def value_of(kind: str, printed: object) -> Value:
    """Return a printed value of a type as an interval of numbers or a name; None where it is not understood."""
    if isinstance(printed, bool):
        return Interval(int(printed), int(printed))
    if isinstance(printed, int):
        return Interval(printed, printed) if kind not in ("ifname", "iface_index") else Text(str(printed))
    if isinstance(printed, str):
        return _symbol(kind, printed)
    if isinstance(printed, list):
        return _flags(kind, printed)
    entry = obj(printed)
    if "elem" in entry:
        return value_of(kind, obj(entry["elem"]).get("val"))
    if "prefix" in entry:
        return _prefix(kind, obj(entry["prefix"]))
    if "range" in entry:
        return _range(kind, items(entry["range"]))
    if "|" in entry:
        return _flags(kind, items(entry["|"]))
    return None


def _symbol(kind: str, printed: str) -> Value:
    if kind in _NAMES:
        if printed.endswith("\\*"):
            return Text(printed[:-2] + "*")
        if kind == "ifname" and printed.endswith("*"):
            return Text(printed[:-1], prefix=True)
        return Text(printed)
    if kind in _ADDRESS_BITS:
        try:
            address = ipaddress.ip_address(printed)
        except ValueError:
            return None
        number = int(address)
        return Interval(number, number) if address.max_prefixlen == _ADDRESS_BITS[kind] else None
    if kind == "ether_addr":
        digits = printed.replace(":", "")
        try:
            return Interval(int(digits, 16), int(digits, 16)) if len(digits) == 12 else None
        except ValueError:
            return None
    constant = _SYMBOLS.get(kind, {}).get(printed)
    if constant is not None:
        return Interval(constant, constant)
    if kind in ("ct_state", "ct_status", "tcp_flag") and "," in printed:
        return _flags(kind, printed.split(","))
    try:
        number = int(printed, 0)
    except ValueError:
        return Text(printed) if not kind else None
    return Interval(number, number)


def _flags(kind: str, printed: Sequence[object]) -> Value:
    """Return several flags as one number."""
    bits = 0
    for part in printed:
        value = value_of(kind, part)
        if not isinstance(value, Interval) or value.low != value.high:
            return None
        bits |= value.low
    return Interval(bits, bits)


def _prefix(kind: str, printed: dict[str, object]) -> Value:
    address, length = value_of(kind, printed.get("addr")), printed.get("len")
    bits = _ADDRESS_BITS.get(kind, 32)
    if not isinstance(address, Interval) or not isinstance(length, int) or not 0 <= length <= bits:
        return None
    rest = (1 << (bits - length)) - 1
    low = address.low & ~rest
    return Interval(low, low | rest)


def _range(kind: str, printed: list[object]) -> Value:
    if len(printed) != 2:
        return None
    low, high = value_of(kind, printed[0]), value_of(kind, printed[1])
    if not isinstance(low, Interval) or not isinstance(high, Interval) or high.high < low.low:
        return None
    return Interval(low.low, high.high)


def parts_of(kinds: tuple[str, ...], printed: object) -> tuple[Value, ...]:
    """Return a printed set element's key: a value for each part of a concatenation; () for the catch-all."""
    entry = obj(printed)
    if "elem" in entry:
        return parts_of(kinds, obj(entry["elem"]).get("val"))
    parts = items(entry.get("concat"))
    if parts:
        if len(parts) != len(kinds):
            return (None,) * len(kinds)
        return tuple(value_of(kind, part) for kind, part in zip(kinds, parts, strict=True))
    if printed == "*":
        return ()
    if len(kinds) != 1:
        return (None,) * max(len(kinds), 1)
    return (value_of(kinds[0], printed),)


def verdict_of(printed: object) -> Verdict | None:
    """Return a printed verdict, None where it is none."""
    if isinstance(printed, str):
        return Verdict(printed) if printed in _VERDICTS else None
    for kind, value in obj(printed).items():
        if kind in ("jump", "goto"):
            target = obj(value).get("target", value)
            return Verdict(kind, target) if isinstance(target, str) else None
        if kind in _VERDICTS:
            return Verdict(kind)
        if kind == "queue":
            return Verdict("queue")
    return None


_VERDICTS = frozenset({"accept", "drop", "continue", "return"})


def elements_of(
    kinds: tuple[str, ...], printed: object, data_kinds: tuple[str, ...] | None = None
) -> tuple[Element, ...]:
    """Return the printed elements of a set, or of a map whose data has these types (() for verdicts)."""
    elements: list[Element] = []
    for entry in items(printed):
        if data_kinds is None:
            elements.append(Element(parts_of(kinds, entry)))
            continue
        pair = items(entry)
        if len(pair) != 2:
            elements.append(Element((None,) * len(kinds), (None,)))
            continue
        verdict = verdict_of(pair[1])
        data = verdict if verdict is not None else parts_of(data_kinds or ("",), pair[1])
        elements.append(Element(parts_of(kinds, pair[0]), data))
    return tuple(elements)
