"""Every source to every destination of the wide host: the flows that are judged."""

from __future__ import annotations

from dataclasses import dataclass

from .hosts import HOST, HOST6, HOST_LAN, LAN, OUTSIDE, OUTSIDE6, Host
from .senders import Flow
from .wide import BOXES, Box

CLOSED = 9
PUBLISHED_TCP = (8080, 7000, 7002, 8081, 8082, 8083, 8084, 8085, 8086, 8087, 8443)
PUBLISHED_UDP = (5353, 5354)


@dataclass(frozen=True)
class Target:
    """An address, and the ports to try there."""

    address: str
    tcp: tuple[int, ...]
    udp: tuple[int, ...]


def boxes_of(host: Host) -> list[Box]:
    """The containers that this engine has."""
    return [box for box in BOXES if box.only in ("", host.engine.version)]


def container_targets(host: Host) -> list[Target]:
    """Each container's own addresses: what it serves, and a closed port."""
    targets = []
    for box in boxes_of(host):
        ends = host.engine.client.api.inspect_container(box.name)["NetworkSettings"]["Networks"]
        for end in ends.values():
            for address in (end["IPAddress"], end["GlobalIPv6Address"]):
                if address:
                    targets.append(Target(address, (*box.tcp[:2], CLOSED), (*box.udp, CLOSED)))
    return targets


def host_targets(host: Host, source: str) -> list[Target]:
    """The host's addresses as this source may ask for them: every published port."""
    every = Target(HOST, (*PUBLISHED_TCP, 9000, CLOSED), (*PUBLISHED_UDP, 9053, CLOSED))
    targets = [
        every,
        Target(HOST_LAN, (8080, 8082, 8083, 8085, 9000, CLOSED), (5353,)),
        Target("172.28.0.1", (8080, 8081, 9000), (5353,)),
        Target("172.17.0.1", (8085, 8080), ()),
        Target(HOST6, (8080, 8084, 8085, 9000, CLOSED), (5354, CLOSED)),
        Target("fd00:27::1", (8084,), (5354,)),
    ]
    if source in ("host", "onhost"):
        targets += [Target("127.0.0.1", every.tcp, every.udp), Target("::1", (8080, 8084, 9000, CLOSED), (5354,))]
    return targets


OUTER = [
    Target(OUTSIDE, (CLOSED,), (CLOSED,)),
    Target(LAN, (CLOSED,), (CLOSED,)),
    Target(OUTSIDE6, (CLOSED,), (CLOSED,)),
    Target("192.0.2.77", (CLOSED,), (CLOSED,)),  # beyond the default route
]


def flows(host: Host) -> list[Flow]:
    """All flows of the wide host."""
    six = {"outside", "host", "onhost", "six", "six2"}
    found: list[Flow] = []
    containers = container_targets(host)
    own = {box.name: set(box.networks.values()) for box in boxes_of(host)}
    for source in ["outside", "lan", "host", *own]:
        for target in [*containers, *host_targets(host, source), *OUTER]:
            version6 = ":" in target.address
            if version6 and source not in six:
                continue
            if target.address in own.get(source, ()) or own_address(source, target.address):
                continue
            found += [Flow(source, target.address, port) for port in target.tcp]
            found += [Flow(source, target.address, port, "udp") for port in target.udp]
            found.append(Flow(source, target.address, 0, "icmp"))
    return found


def own_address(source: str, address: str) -> bool:
    """Whether the packet would never leave its sender, or the sender cannot know the address."""
    mine = {"outside": {OUTSIDE, OUTSIDE6, "192.0.2.77"}, "lan": {LAN, "192.0.2.77"}}
    if source in ("six", "six2"):
        return address == ("fd00:27::10" if source == "six" else "fd00:27::11")
    return address in mine.get(source, ())
