"""``ip -j -d address``, ``ip -j route show table all``, ``ip -j rule`` → the model.

Shapes: iproute2's ip/ipaddress.c, ip/iproute.c and ip/iprule.c, versions 5.10 to
6.15; a flag without a value (``not``, ``l3mdev``, ``nop``) is a key with null.
"""

from __future__ import annotations

from typing import Any

from netui.model import Address, Family, Interface, NextHop, PolicyRule, Route
from netui.text import json_text as js

_FULL: dict[Family, int] = {"ip": 32, "ip6": 128}
_ANY: dict[Family, str] = {"ip": "0.0.0.0/0", "ip6": "::/0"}
#: Keys of a policy rule that have a field of their own; ``…_detached`` only means that the interface does not
#: exist at the moment.
_KNOWN = {
    "priority", "not", "src", "srclen", "dst", "dstlen", "tos", "fwmark", "fwmask", "iif", "iif_detached", "oif",
    "oif_detached", "uid_start", "uid_end", "sport", "sport_start", "sport_end", "dport", "dport_start", "dport_end",
    "table", "suppress_prefixlen", "goto", "action", "nop", "protocol",
}  # fmt: skip


def interfaces(listing: object) -> tuple[Interface, ...]:
    """Build the interfaces in the order of their index; raise SourceError where it is no list."""
    entries = js.list_of_objects(listing, "ip -j address output")
    listed = [_interface(entry) for entry in entries if js.text(entry.get("ifname"))]
    return tuple(sorted(listed, key=lambda interface: interface.index))


def routes(listing: object, family: Family) -> tuple[Route, ...]:
    """Build one family's routes in the order printed; raise SourceError where it is no list.

    ``ip -j route show table all`` without -4 prints those of IPv6 too: they are left out.
    Routes of table main are printed without a table.
    """
    entries = js.list_of_objects(listing, "ip -j route output")
    return tuple(_route(entry, family) for entry in entries if entry.get("dst") and _family(entry) == family)


def policy_rules(listing: object, family: Family) -> tuple[PolicyRule, ...]:
    """Build one family's policy rules by priority; raise SourceError where it is no list."""
    rules = [_policy_rule(entry, family) for entry in js.list_of_objects(listing, "ip -j rule output") if entry]
    return tuple(sorted(rules, key=lambda rule: rule.priority))


def _interface(entry: dict[str, Any]) -> Interface:
    link = js.obj(entry.get("linkinfo"))
    data, port = js.obj(link.get("info_data")), js.obj(link.get("info_slave_data"))
    return Interface(
        index=js.number(entry.get("ifindex")),
        name=js.text(entry.get("ifname")),
        up="UP" in js.texts(entry.get("flags")),
        kind=js.text(link.get("info_kind")),
        master=js.text(entry.get("master")),
        link=js.text(entry.get("link")),
        mac=js.text(entry.get("address")),
        mtu=js.number(entry.get("mtu"), 1500),
        addresses=tuple(
            _address(address)
            for address in js.items(entry.get("addr_info"))
            if isinstance(address, dict) and address.get("family") in ("inet", "inet6")
        ),
        nf_call_iptables=_flag(data.get("nf_call_iptables")),
        nf_call_ip6tables=_flag(data.get("nf_call_ip6tables")),
        hairpin=port.get("hairpin") is True,
        isolated=port.get("isolated") is True,
        group=js.text(entry.get("group")),
        carrier="NO-CARRIER" not in js.texts(entry.get("flags")),
        peer=js.number(entry.get("link_index")),
        netns=js.number(entry.get("link_netnsid"), -1),
        vlan=js.number(data.get("id")) if data.get("protocol") == "802.1Q" else 0,
        active=js.text(data.get("active_slave")) if data.get("mode") == "active-backup" else "",
    )


def _address(entry: dict[str, Any]) -> Address:
    family: Family = "ip" if entry.get("family") == "inet" else "ip6"
    return Address(
        family,
        js.text(entry.get("local")),
        js.number(entry.get("prefixlen"), _FULL[family]),
        js.text(entry.get("scope")),
        js.text(entry.get("address")),
    )


def _flag(value: object) -> bool | None:
    return None if value is None else bool(js.number(value))


def _family(entry: dict[str, Any]) -> Family:
    """Return the family of a route; a ``default`` names none, but only IPv6 routes have a preference (``pref``)."""
    words = js.text(entry.get("dst")) + js.text(entry.get("gateway")) + js.text(entry.get("prefsrc"))
    return "ip6" if ":" in words or "pref" in entry else "ip"


def _route(entry: dict[str, Any], family: Family) -> Route:
    return Route(
        family=family,
        dst=_cidr(js.text(entry.get("dst")), family),
        type=js.text(entry.get("type")) or "unicast",
        table=js.text(entry.get("table")) or "main",
        dev=js.text(entry.get("dev")),
        gateway=_gateway(entry),
        prefsrc=js.text(entry.get("prefsrc")),
        metric=js.number(entry.get("metric")),
        scope=js.text(entry.get("scope")),
        protocol=js.text(entry.get("protocol")),
        nexthops=tuple(
            NextHop(js.text(hop.get("dev")), _gateway(hop), js.number(hop.get("weight"), 1))
            for hop in js.items(entry.get("nexthops"))
            if isinstance(hop, dict)
        ),
        flags=js.texts(entry.get("flags")),
        src=js.text(entry.get("from")) or js.text(entry.get("src")),
    )


def _gateway(entry: dict[str, Any]) -> str:
    """Return the gateway, which may be IPv6 in an IPv4 route: ``"via": {"family", "host"}``."""
    return js.text(entry.get("gateway")) or js.text(js.obj(entry.get("via")).get("host"))


def _cidr(dst: str, family: Family) -> str:
    if dst in ("default", "any", "all"):
        return _ANY[family]
    return dst if "/" in dst else f"{dst}/{_FULL[family]}"


def _policy_rule(entry: dict[str, Any], family: Family) -> PolicyRule:
    table = js.text(entry.get("table"))
    action = js.text(entry.get("action")) or "lookup"
    if "goto" in entry:
        action = "goto"
    elif "nop" in entry:
        action = "nop"
    uids = f"{js.text(entry['uid_start'])}-{js.text(entry.get('uid_end'))}" if "uid_start" in entry else ""
    return PolicyRule(
        family=family,
        priority=js.number(entry.get("priority")),
        table=table,
        action=action,
        src=_prefix(entry, "src"),
        dst=_prefix(entry, "dst"),
        iif=js.text(entry.get("iif")),
        oif=js.text(entry.get("oif")),
        fwmark=js.number(entry["fwmark"]) if "fwmark" in entry else None,
        fwmask=js.number(entry.get("fwmask"), 0xFFFFFFFF),
        inverted="not" in entry,
        suppress_prefixlength=js.number(entry["suppress_prefixlen"]) if "suppress_prefixlen" in entry else None,
        protocol=js.text(entry.get("protocol")),
        sport=_range(entry, "sport"),
        dport=_range(entry, "dport"),
        uidrange=uids,
        tos=js.text(entry.get("tos")),
        goto=js.number(entry["goto"]) if "goto" in entry else None,
        other=tuple(f"{key} {js.text(entry[key])}".rstrip() for key in entry if key not in _KNOWN),
    )


def _prefix(entry: dict[str, Any], key: str) -> str:
    """``"src": "10.0.0.0", "srclen": 8`` → 10.0.0.0/8; "" for ``all`` or nothing."""
    address = js.text(entry.get(key))
    if address in ("", "all", "any", "default"):
        return ""
    length = entry.get(f"{key}len")
    return address if length is None or "/" in address else f"{address}/{js.number(length)}"


def _range(entry: dict[str, Any], key: str) -> tuple[int, int] | None:
    if key in entry:
        port = js.number(entry[key])
        return (port, port)
    if f"{key}_start" in entry:
        return (js.number(entry[f"{key}_start"]), js.number(entry.get(f"{key}_end")))
    return None
