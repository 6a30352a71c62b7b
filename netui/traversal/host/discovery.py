"""Whether the host's own rules allow neighbour discovery, without which no packet passes a link.

An INPUT that accepts no ICMPv6 drops the messages of RFC 4861; a chain of the arp family may drop ARP. A neighbour
that does not know the host's hardware address then cannot send it a packet. A snapshot does not tell which addresses a
neighbour knows already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from netui.model import Family, Hook, Interface
from netui.net.addresses import ICMP6, parse_address, parse_net
from netui.traversal.host.namespace import Namespace
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Step, Undecided
from netui.traversal.rules.target_action import Unknowable
from netui.traversal.rules.walk import Walker
from netui.traversal.unknowns import Unknowns

#: ff02::1:ff00:0, the destination of a neighbour solicitation, and an address for a router that is not known.
_SOLICITED = 0xFF02_0000_0000_0000_0000_0001_FF00_0000
_SOME_ROUTER = 0xFE80_0000_0000_0000_0000_0000_0000_0001
_SOLICITATION, _ADVERTISEMENT = (135, 0), (136, 0)
#: Links without hardware addresses.
_WITHOUT = frozenset({"tun", "wireguard", "sit", "ip6tnl", "gre", "ip6gre", "vti6", "vti", "ipip", "ppp", "xfrm"})


class Unsettled(Exception):
    """A trial walk came to something that a snapshot cannot tell."""


class NoChoice(Unknowns):
    """The unknowns of a trial walk: it may have none."""

    def branch(self, answers: int, unknown: Undecided, likely: int = 0) -> int:
        """End the trial."""
        raise Unsettled


@dataclass(frozen=True, slots=True)
class Refusal:
    """Neighbour discovery on a device that a step stops."""

    device: str
    step: Step

    @property
    def what(self) -> str:
        """Which messages it stops."""
        return "out ARP" if self.step.family == "arp" else "out IPv6's neighbour discovery"

    @property
    def note(self) -> str:
        """The note of a path."""
        where = f"rule {self.step.rule} of" if self.step.rule is not None else "the policy of"
        return (
            f"{where} {self.step.table} {self.step.chain} keeps {self.what} on {self.device}: "
            "packets come and go there only while the two know each other's hardware address already"
        )


@dataclass(slots=True)
class Discovery:
    """Neighbour discovery on the links of one namespace; each message is walked once."""

    namespace: Namespace
    _known: dict[tuple[str, int, int, bool], Refusal | None] = field(default_factory=dict)
    _arp: dict[str, Refusal | None] = field(default_factory=dict)

    def refused(self, device: str, peer: int, own: int, *, comes: bool) -> Refusal | None:
        """Return the step that stops neighbour discovery on a link; None where no step does.

        comes: the neighbour asks for ``own``; else the host asks for ``peer``. 0 stands for an address that is not on
        the link, or not known.
        """
        interface = self.namespace.interfaces.get(device)
        if interface is None or device == "lo" or interface.kind in _WITHOUT:
            return None
        peer = peer if peer and _on_link(interface, peer) else _SOME_ROUTER
        own = own if own and _on_link(interface, own) else _address(interface)
        key = (device, peer, own, comes)
        if key not in self._known:
            self._known[key] = self._walked(device, peer, own, comes)
        return self._known[key]

    def arp_refused(self, device: str) -> Refusal | None:
        """Return the step that stops ARP on a link, in or out; None where no step does."""
        interface = self.namespace.interfaces.get(device)
        if interface is None or device == "lo" or interface.kind in _WITHOUT or not self.namespace.arp:
            return None
        if device not in self._arp:
            hooks: tuple[Hook, Hook] = ("input", "output")
            steps = (self._arp_step(hook, device) for hook in hooks)
            self._arp[device] = next((Refusal(device, step) for step in steps if step is not None), None)
        return self._arp[device]

    def _arp_step(self, hook: Hook, device: str) -> Step | None:
        inwards = hook == "input"
        ask = PacketState(cast("Family", "arp"), -1, 0, 0, iif=device if inwards else "", oif="" if inwards else device)
        ask.link, ask.untracked = True, True
        walker = Walker(self.namespace, NoChoice())
        try:
            if walker.frame(hook, self.namespace.arp.get(hook, ()), ask) != "accept":
                return walker.steps[-1] if walker.steps else None
        except (Unsettled, Unknowable):
            pass
        return None

    def _walked(self, device: str, peer: int, own: int, comes: bool) -> Refusal | None:
        asked = own if comes else peer
        question = PacketState("ip6", ICMP6, *((peer, own) if comes else (own, peer)))
        question.dst = _SOLICITED | (asked & 0xFFFFFF)
        question.icmp = _SOLICITATION
        answer = PacketState("ip6", ICMP6, *((own, peer) if comes else (peer, own)), icmp=_ADVERTISEMENT)
        for packet, inwards in ((question, comes), (answer, not comes)):
            packet.untracked, packet.link = True, True
            packet.iif, packet.oif = (device, "") if inwards else ("", device)
            packet.local = not inwards
            step = self._stopped(packet, ("prerouting", "input") if inwards else ("output", "postrouting"))
            if step is not None:
                return Refusal(device, step)
        return None

    def _stopped(self, packet: PacketState, hooks: tuple[Hook, Hook]) -> Step | None:
        walker = Walker(self.namespace, NoChoice())
        try:
            for hook in hooks:
                if hook == "input" and packet.oif:
                    packet.oif = ""
                if walker.hook(hook, packet) != "accept":
                    return walker.steps[-1] if walker.steps else None
        except (Unsettled, Unknowable):
            pass
        return None


def _on_link(interface: Interface, address: int) -> bool:
    if address >> 118 == 0x3FA:
        return True
    nets = (parse_net(f"{a.address}/{a.prefixlen}", "ip6") for a in interface.addresses if a.family == "ip6")
    return any(net is not None and address in net for net in nets)


def _address(interface: Interface) -> int:
    for address in interface.addresses:
        parsed = parse_address(address.address) if address.family == "ip6" else None
        if parsed is not None:
            return parsed[1]
    return 0
