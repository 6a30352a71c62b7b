"""A snapshot of rules alone: a path by the interfaces that the user named, where nothing else of the host is known.

The packet is walked on a host that is built for the question: its routes lead by the named interfaces, any address may
be its own, it forwards, and it has no reverse path filter. The notes state these assumptions.
"""

from __future__ import annotations

import re
from dataclasses import replace

from netui.model import Address, Family, Interface, PolicyRule, Route, packet_family
from netui.net.addresses import Net, parse_address, parse_net
from netui.traversal.any_outside import AnyOutside
from netui.traversal.host.prepare import prepare
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.host.routing import UNTOLD
from netui.traversal.question.endpoints import EndpointError, EndpointSpec
from netui.traversal.result import Undecided

#: Representatives of any address of the host; the first one that the question does not use is taken.
_OWN: dict[Family, tuple[str, ...]] = {
    "ip": ("198.18.77.1", "198.18.78.1", "198.18.79.1"),
    "ip6": ("2001:db8:7e57::1", "2001:db8:7e58::1", "2001:db8:7e59::1"),
}
_LOOPBACK: dict[Family, tuple[str, int]] = {"ip": ("127.0.0.1", 8), "ip6": ("::1", 128)}
_SYSCTLS = {
    "net.ipv4.ip_forward": "1",
    "net.ipv4.conf.all.forwarding": "1",
    "net.ipv6.conf.all.forwarding": "1",
    "net.ipv4.conf.all.rp_filter": "0",
    "net.ipv4.conf.all.route_localnet": "0",
}
#: The interface that has the host's address where none was named.
_NO_NAME = "(the host's own)"
#: The routing table for packets that come in by the named interface.
_ONWARD = "77"


class OwnAddress(AnyOutside):
    """Any address of the host: rules alone do not tell which of their addresses is the host's."""

    def may_be(self, address: int) -> bool:
        """Return whether it could be this address: always true."""
        return True

    def _within(self, net: Net) -> bool | None:
        if net.whole:
            return True
        # a loopback address is always named
        return False if self._excluded(net) else None


def unnamed(source: EndpointSpec, destination: EndpointSpec, iif: str, oif: str) -> Undecided | None:
    """Return what the user must name for a path by rules alone, None where nothing is missing."""
    if source.kind == "host":
        if oif or destination.kind == "host":
            return None
        return Undecided("route", f"{_MISSING}: name the interface by which it leaves: --out IFACE")
    if iif:
        return None
    onward = "" if oif else ", and unless it is for the host, the one by which it leaves: --out IFACE"
    return Undecided("route", f"{_MISSING}: name the interface by which it comes in: --in IFACE{onward}")


def family_asked(source: EndpointSpec, destination: EndpointSpec) -> Family:
    """Return the family of the question's addresses, IPv4 where there are none."""
    parsed = parse_address(destination.address or source.address) if destination.address or source.address else None
    return parsed[0] if parsed is not None else "ip"


_MISSING = "rules alone do not tell the host's routes, interfaces and addresses"


def by_hand(host: PreparedHost, source: EndpointSpec, destination: EndpointSpec, iif: str, oif: str) -> PreparedHost:
    """Return the host that is built for the question. Raises EndpointError for a container: it has none."""
    for end in (source, destination):
        if end.kind == "container":
            raise EndpointError(f"{end.text}: rules alone tell of no containers; write its address")
        if end.kind in ("lan", "any"):
            raise EndpointError(f"{end.text}: rules alone tell of no links; write outside, or an address")
    key = (iif, oif, source.text, destination.text)
    built = host.by_hand.get(key)
    if built is None:
        built = _made(host, source, destination, iif, oif)
        host.by_hand.clear()
        host.by_hand[key] = built
    return built


def _made(host: PreparedHost, source: EndpointSpec, destination: EndpointSpec, iif: str, oif: str) -> PreparedHost:
    asked = {end.address for end in (source, destination)}
    first = iif or oif or _NO_NAME
    names = dict.fromkeys(name for name in (first, oif, "lo") if name)
    own: dict[Family, str] = {
        family: next(text for text in texts if text not in asked) for family, texts in _OWN.items()
    }
    interfaces = tuple(
        Interface(
            index,
            name,
            addresses=tuple(Address(family, *_LOOPBACK[family], scope="host") for family in own if name == "lo")
            + tuple(
                Address(family, text, 32 if family == "ip" else 128) for family, text in own.items() if name == first
            ),
        )
        for index, name in enumerate(names, 1)
    )
    routes: dict[Family, tuple[Route, ...]] = {}
    rules: dict[Family, tuple[PolicyRule, ...]] = {}
    for family in own:
        default = "0.0.0.0/0" if family == "ip" else "::/0"
        routes[family] = (_way(family, default, "main", iif or oif), _way(family, default, _ONWARD, oif))
        rules[family] = (
            PolicyRule(family, 0, "local"),
            *((PolicyRule(family, 100, _ONWARD, iif=iif),) if iif else ()),
            PolicyRule(family, 32766, "main"),
        )
    built = prepare(
        replace(host.snapshot, interfaces=interfaces, routes=routes, policy_rules=rules, sysctls=dict(_SYSCTLS))
    )
    built.namespace.filters_sources = False
    if destination.kind != "host":
        parsed = parse_address(destination.address) if destination.address else None
        if parsed is not None:
            # it may be one of the host's own
            built.namespace.fibs[parsed[0]].doubtful = frozenset({parsed[1]})
    for family, text in own.items():
        built.notes[family] = _notes(host, family, text, source, destination, iif, oif)
    return built


def _way(family: Family, default: str, table: str, device: str) -> Route:
    return Route(family, default, table=table, dev=device) if device else Route(family, default, UNTOLD, table)


def _notes(
    host: PreparedHost, family: Family, own: str, source: EndpointSpec, destination: EndpointSpec, iif: str, oif: str
) -> list[str]:
    from netui.traversal.question.query import host_notes

    notes = ["rules alone: that the host forwards and filters no reverse path is taken for granted"]
    if "host" in (source.kind, destination.kind):
        notes.append(f"host stands for any address of this machine that is no container's ({own} here)")
    if destination.address:
        notes.append(f"whether {destination.address} is this machine's own is not known; write host for one of its own")
    if oif:
        notes.append(f"what is not for the host is taken to leave by {oif}, as --out says")
    return [*notes, *host_notes(host, family)]


#: Addresses of containers: the targets of DNAT, and those that Docker's raw rules guard.
_CONTAINERS = re.compile(
    r" --to-destination \[?([0-9a-fA-F.:]+?)\]?(?::\d+)?(?: |\Z)"
    r"|-A PREROUTING -d (\S+) ! -i \S+ .*-j DROP\Z"
)


def _containers(host: PreparedHost) -> list[Net]:
    nets: list[Net] = []
    for ruleset in host.snapshot.rulesets.values():
        for chain in ruleset.chains():
            for rule in chain.rules:
                named = _CONTAINERS.search(rule.text) if chain.table in ("nat", "raw") else None
                net = parse_net(named[1] or named[2], packet_family(ruleset.family)) if named is not None else None
                if net is not None and net.single:
                    nets.append(net)
    return nets


def vague(
    host: PreparedHost, destination: EndpointSpec, source: EndpointSpec
) -> tuple[AnyOutside | None, AnyOutside | None]:
    """Return for which addresses the source and the destination stand, where they are the host's own."""
    return (
        OwnAddress(inside=_containers(host)) if source.kind == "host" else None,
        OwnAddress(inside=_containers(host)) if destination.kind == "host" else None,
    )
