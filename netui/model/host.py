"""The host's interfaces, addresses, routes, policy rules and sockets (iproute2's words)."""

from __future__ import annotations

from dataclasses import dataclass

from netui.model.ruleset import Family


@dataclass(frozen=True, slots=True)
class Address:
    """An interface's address; ``scope`` as ``ip address`` prints it."""

    family: Family
    address: str
    prefixlen: int
    scope: str = "global"
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface of the host.

    kind: ``bridge``, ``veth``, ``macvlan``, ``dummy``, … ("" for a plain device).
    master: the bridge of which it is a port, "" if none. link: its parent or peer. peer, netns: for a peer in another
    namespace, its index (0 if none) and the namespace's number (-1 if none). vlan: the tag of a VLAN's frames
    (802.1Q), 0 for another device. active: a bond's active port, "" where it is not printed.
    nf_call_iptables, nf_call_ip6tables: the bridge's own setting, None if not printed.
    hairpin: whether a bridge port may send a frame back where it came from. carrier: False
    without a link (the flag NO-CARRIER).
    """

    index: int
    name: str
    up: bool = True
    kind: str = ""
    master: str = ""
    link: str = ""
    mac: str = ""
    mtu: int = 1500
    addresses: tuple[Address, ...] = ()
    nf_call_iptables: bool | None = None
    nf_call_ip6tables: bool | None = None
    hairpin: bool = False
    isolated: bool = False
    group: str = ""
    carrier: bool = True
    peer: int = 0
    netns: int = -1
    vlan: int = 0
    active: str = ""


@dataclass(frozen=True, slots=True)
class NextHop:
    """One next hop of a multipath route."""

    dev: str
    gateway: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Route:
    """A route. dst: CIDR (0.0.0.0/0 or ::/0 for ``default``).

    type: ``unicast``, ``local``, ``broadcast``, ``multicast``, ``anycast``,
    ``blackhole``, ``unreachable``, ``prohibit``, ``throw``.
    """

    family: Family
    dst: str
    type: str = "unicast"
    table: str = "main"
    dev: str = ""
    gateway: str = ""
    prefsrc: str = ""
    metric: int = 0
    scope: str = ""
    protocol: str = ""
    nexthops: tuple[NextHop, ...] = ()
    flags: tuple[str, ...] = ()
    src: str = ""


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """A rule of ``ip rule``; ``table`` "" for an action other than a lookup."""

    family: Family
    priority: int
    table: str = ""
    action: str = "lookup"
    src: str = ""
    dst: str = ""
    iif: str = ""
    oif: str = ""
    fwmark: int | None = None
    fwmask: int = 0xFFFFFFFF
    inverted: bool = False
    suppress_prefixlength: int | None = None
    protocol: str = ""
    sport: tuple[int, int] | None = None
    dport: tuple[int, int] | None = None
    uidrange: str = ""
    tos: str = ""
    goto: int | None = None
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Socket:
    """A listening TCP socket, or an unconnected UDP socket.

    address: "0.0.0.0" or "::" for all of the family; "*" for both families.
    device: the interface to which it is bound, "" if to none.
    """

    protocol: str
    address: str
    port: int
    program: str = ""
    pid: int = 0
    device: str = ""
