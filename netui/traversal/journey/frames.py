"""The chains outside the IP hooks that a frame meets: ingress and egress of devices, and the bridge family's.

The order is that of the kernel's trace (6.18), and of net/core/dev.c, net/bridge/br_input.c, br_forward.c and
br_netfilter_hooks.c. A device's ingress runs first. In a bridge's prerouting and forward, the IP hook runs at priority
0 where br_netfilter is on; the IP postrouting runs last. A bridge's input runs before the bridge's own ingress. A
bridge's own egress runs before its output and postrouting. A device's egress runs last.

Longer than 300 lines: the stages of one frame call each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from netui.model import Family, Hook, Interface
from netui.net.addresses import ICMP6
from netui.traversal.host.namespace import BaseChain, Namespace
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Fate, Undecided
from netui.traversal.rules.target_action import Unknowable
from netui.traversal.rules.walk import CONNTRACK, Walker
from netui.traversal.unknowns import Unknowns

#: NF_BR_PRI_BRNF: at this priority br_netfilter passes frames to the IP hooks (older kernels: in forward one before).
_DIVERTED = 0
_STACKED = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"})
_TEAMS = frozenset({"bond", "team"})
_NO_ADDRESS = "00:00:00:00:00:00"
_MOST_PORTS = 12
#: ff02::1:ff00:0 (RFC 4291).
_SOLICITED = 0xFF02_0000_0000_0000_0000_0001_FF00_0000


class Frames:
    """Walks one packet through the chains outside the IP hooks."""

    def __init__(self, namespace: Namespace, walker: Walker, unknowns: Unknowns, *, alone: bool) -> None:
        self.namespace = namespace
        self.walker = walker
        self.unknowns = unknowns
        self._alone = alone
        #: walks the frames of neighbour discovery; their steps are not part of the path
        self._resolver = Walker(namespace, unknowns)
        #: why it is not known whether neighbours find one another
        self.unresolved: list[Undecided] = []
        #: the port by which it came to a bridge, and whether br_netfilter took it out of prerouting
        self._came_by = ""
        self._over = ""
        self._diverted = False
        #: the chains at priority 0 of prerouting that run after the IP hook, in this walk
        self._behind: Sequence[BaseChain] = ()

    # --- in -------------------------------------------------------------------------------

    def enter(self, packet: PacketState, *, diverted: bool, guest: bool) -> Fate:
        """Walk the chains before PREROUTING of a packet for the host; guest: a container sent it."""
        device = packet.iif
        interface = self.namespace.interfaces.get(device)
        if interface is None or interface.kind != "bridge":
            self._doubt_alone(packet, device)
            self._resolve_back(packet, ("egress",), device)
            return self._ingress(packet, device)
        fate = self.begin(packet, device, diverted=diverted, guest=guest)
        if fate == "accept" and not diverted:
            fate = self._up(packet)
        return fate

    def begin(self, packet: PacketState, bridge: str, *, diverted: bool, guest: bool) -> Fate:
        """Walk a frame's ingress at its port, and the part of the bridge's prerouting before the IP hook."""
        self._over, self._diverted = bridge, diverted
        before, behind = self._prerouting(packet, diverted)
        self._behind = behind
        self._came_by = port = self._guest(packet, bridge, packet.src) or self._port(packet, bridge, "", guest)
        self._resolve_back(packet, ("output", "postrouting", "egress"), port, bridge)
        fate = self._ingress(packet, port, bridge)
        if not self.namespace.bridges_track:
            return self._bridge("prerouting", packet, before, port, "") if fate == "accept" else fate
        untracked = [base for base in before if base.priority <= CONNTRACK]
        if fate == "accept":
            fate = self._bridge("prerouting", packet, untracked, port, "")
        packet.track()
        if fate == "accept":
            fate = self._bridge("prerouting", packet, [b for b in before if b not in untracked], port, "")
        return fate

    def up(self, packet: PacketState) -> Fate:
        """Walk the rest of prerouting (unless br_netfilter took the frame), the bridge's input and its ingress."""
        if not self._diverted:
            return "accept"
        fate = self.rest(packet)
        return self._up(packet) if fate == "accept" else fate

    def rest(self, packet: PacketState) -> Fate:
        """Walk the part of the bridge's prerouting after the IP hook."""
        if not self._diverted:
            return "accept"
        self._diverted = False
        return self._bridge("prerouting", packet, self._behind, self._came_by, "")

    def _up(self, packet: PacketState) -> Fate:
        fate = self._bridge("input", packet, self._bases("bridge", "input"), self._came_by, "")
        return self._ingress(packet, self._over) if fate == "accept" else fate

    def _prerouting(self, packet: PacketState, diverted: bool) -> tuple[Sequence[BaseChain], Sequence[BaseChain]]:
        bases = self._bases("bridge", "prerouting")
        if not diverted:
            return bases, ()
        first = [base for base in bases if base.priority < _DIVERTED]
        middle = [base for base in bases if base.priority == _DIVERTED]
        last = [base for base in bases if base.priority > _DIVERTED]
        is_behind = [self.namespace.behind(base, "prerouting", "br_nf_pre_routing") for base in middle]
        if any(base.does_something and behind is None for base, behind in zip(middle, is_behind, strict=True)):
            later = bool(self.unknowns.branch(2, self._order(middle, packet)))
            is_behind = [later if behind is None else behind for behind in is_behind]
        ahead = [base for base, behind in zip(middle, is_behind, strict=True) if not behind]
        return [*first, *ahead], [*(base for base in middle if base not in ahead), *last]

    # --- across ---------------------------------------------------------------------------

    def across(
        self,
        packet: PacketState,
        bridge: str,
        forward: Callable[[], Fate],
        postrouting: Callable[[], Fate],
        *,
        diverted: bool,
        back: bool,
    ) -> Fate:
        """Walk a frame from port to port; forward, postrouting: walk the IP hooks, where br_netfilter is on.

        back: it goes out where it came in.
        """
        towards = self._guest(packet, bridge, packet.dst)
        port = self._came_by if back else towards or self._port(packet, bridge, self._came_by, guest=True)
        before, behind = self._forward(packet, diverted)
        with self._seen(packet, "bridge", bridge, port, self._came_by):
            # br_netfilter ignores these frames, so chains at its priority see them
            self._resolve("forward", self._bases("bridge", "forward"), packet)
        self._resolve_back(packet, ("ingress", "prerouting"), port, bridge)
        fate = self._bridge("forward", packet, before, self._came_by, port)
        if fate == "accept":
            fate = forward()
        if fate == "accept":
            fate = self._bridge("forward", packet, behind, self._came_by, port)
        if fate == "accept":
            fate = self._bridge("postrouting", packet, self._bases("bridge", "postrouting"), "", port)
        if fate == "accept":
            fate = postrouting()
        return self._egress(packet, port, bridge, packet.mac) if fate == "accept" else fate

    def _forward(self, packet: PacketState, diverted: bool) -> tuple[Sequence[BaseChain], Sequence[BaseChain]]:
        """A chain at br_netfilter's own priority runs before it if it is newer, else never (measured)."""
        bases = self._bases("bridge", "forward")
        if not diverted:
            return bases, ()
        first = [base for base in bases if base.priority < _DIVERTED - 1]
        middle = [base for base in bases if _DIVERTED - 1 <= base.priority <= _DIVERTED]
        last = [base for base in bases if base.priority > _DIVERTED]
        runs: list[BaseChain] = []
        for base in middle:
            behind = self.namespace.behind(base, "forward", "br_nf_forward")
            if behind is None and base.does_something:
                behind = bool(self.unknowns.branch(2, self._skipped(base, packet)))
            if behind is False:
                runs.append(base)
        return [*first, *runs], last

    # --- out ------------------------------------------------------------------------------

    def leave(self, packet: PacketState) -> Fate:
        """Walk the chains after POSTROUTING of a packet that the host sends or forwards."""
        device = packet.oif
        interface = self.namespace.interfaces.get(device)
        mac = _NO_ADDRESS if device == "lo" else interface.mac if interface is not None else None
        if interface is None or interface.kind != "bridge":
            self._doubt_alone(packet, device)
            self._resolve_back(packet, ("ingress",), device)
            return self._egress(packet, device, "", mac)
        fate = self._egress(packet, device, "", mac)
        towards = self._guest(packet, device, packet.dst)
        port = towards or self._port(packet, device, "", guest=False) if fate == "accept" else ""
        self._over = device
        if fate == "accept":
            self._resolve_back(packet, ("ingress", "prerouting", "input"), port, device)
        for hook in ("output", "postrouting"):
            if fate == "accept":
                with self._link(packet, mac):
                    fate = self._bridge(hook, packet, self._bases("bridge", hook), "", port)
        return self._egress(packet, port, device, mac) if fate == "accept" else fate

    def looped(self, packet: PacketState) -> Fate:
        """Walk the loopback device's ingress."""
        with self._link(packet, _NO_ADDRESS):
            return self._ingress(packet, "lo")

    # --- devices --------------------------------------------------------------------------

    def _ingress(self, packet: PacketState, device: str, bridge: str = "") -> Fate:
        """Walk the ingress of the lower devices, then the device's own (Linux 6.12: the tag is there, and is read)."""
        fate: Fate = "accept"
        if (lower := self._beneath("ingress", packet, device)) is not None:
            with self._tagged(packet, device):
                fate = self._ingress(packet, lower, bridge)
        with self._seen(packet, "netdev", bridge, device, ""):
            return self._at_device("ingress", packet, device) if fate == "accept" else fate

    def _egress(self, packet: PacketState, device: str, bridge: str, mac: str | None) -> Fate:
        """Walk a device's egress, then that of its lower devices."""
        with self._seen(packet, "netdev", bridge, "", device), self._link(packet, mac):
            fate = self._at_device("egress", packet, device)
        if fate == "accept" and (lower := self._beneath("egress", packet, device)) is not None:
            with self._tagged(packet, device):
                fate = self._egress(packet, lower, bridge, mac)
        return fate

    def _at_device(self, hook: Hook, packet: PacketState, device: str) -> Fate:
        bases = self._bases("netdev", hook)
        if not bases:
            return "accept"
        here: list[BaseChain] = []
        for base in bases:
            hangs = self._hangs(base, device)
            if hangs is None and base.native is not None:
                hangs = True
            if hangs is None and base.does_something:
                hangs = bool(self.unknowns.branch(2, self._about(base, hook, packet, "its devices are not known")))
            if hangs:
                here.append(base)
        return self._walk(hook, here, packet, device)

    def _beneath(self, hook: Hook, packet: PacketState, device: str) -> str | None:
        """Return the lower device that the frames pass, None where it has no chain.

        It is a VLAN's parent or a bond's port. Other kinds (macvlan, …) are not followed.
        """
        interface = self.namespace.interfaces.get(device)
        hanging = [
            (base, lower)
            for base in self._bases("netdev", hook)
            for lower in self._lower(device)
            if self._hangs(base, lower) is not False
        ]
        if interface is None or not hanging:
            return None
        if interface.kind == "vlan" and interface.vlan and interface.link and packet.vlan is None:
            return interface.link
        if interface.kind in _TEAMS:
            ports = [port.name for port in self.namespace.ports(device)]
            if interface.active in ports or len(ports) == 1:
                return interface.active if interface.active in ports else ports[0]
            if 1 < len(ports) <= _MOST_PORTS:
                why = f"by which port of {device} the frame passes is not known"
                return ports[self.unknowns.branch(len(ports), Undecided("port", why, hook, packet.family))]
        for base, lower in hanging:
            if base.does_something:
                self._doubt(base, hook, packet, f"netui does not follow what {lower} sees of {device}'s frames")
        return None

    @contextmanager
    def _tagged(self, packet: PacketState, device: str) -> Iterator[None]:
        """Set the tag that a frame has below a VLAN."""
        before = packet.vlan
        interface = self.namespace.interfaces.get(device)
        packet.vlan = interface.vlan if interface is not None and interface.vlan else before
        try:
            yield
        finally:
            packet.vlan = before

    @staticmethod
    def _hangs(base: BaseChain, device: str) -> bool | None:
        if not base.devices:
            return None
        return any(device.startswith(name[:-1]) if name.endswith("*") else name == device for name in base.devices)

    def _lower(self, device: str) -> list[str]:
        """The lower devices of a device."""
        lower: list[str] = []
        waiting = [device]
        while waiting:
            interface = self.namespace.interfaces.get(waiting.pop())
            if interface is None:
                continue
            beneath: list[str] = []
            if interface.kind in _STACKED and interface.link:
                beneath = [interface.link]
            elif interface.kind in _TEAMS:
                beneath = [port.name for port in self.namespace.ports(interface.name)]
            waiting += [name for name in beneath if name not in lower]
            lower += [name for name in beneath if name not in lower]
        return lower

    # --- bridges --------------------------------------------------------------------------

    def _bridge(self, hook: Hook, packet: PacketState, bases: Sequence[BaseChain], iif: str, oif: str) -> Fate:
        if not bases:
            return "accept"
        with self._seen(packet, "bridge", self._over, iif, oif):
            return self._walk(hook, bases, packet, iif or oif)

    def _walk(self, hook: Hook, bases: Sequence[BaseChain], packet: PacketState, device: str) -> Fate:
        fate = self.walker.frame(hook, bases, packet)
        if fate == "accept" and device != "lo":
            self._resolve(hook, bases, packet)
        return fate

    # --- neighbours -----------------------------------------------------------------------

    def _resolve(self, hook: Hook, bases: Sequence[BaseChain], packet: PacketState) -> None:
        """Walk the request for the next hop's hardware address, without which no packet is sent."""
        if not any(base.does_something for base in bases):
            return
        before = len(self._resolver.steps)
        if self._resolver.frame(hook, bases, _neighbour_question(packet)) == "accept":
            return
        last = self._resolver.steps[-1] if len(self._resolver.steps) > before else None
        name = "ARP" if packet.family == "ip" else "neighbour discovery"
        where = f"{last.family} {last.table} {last.chain}" if last is not None else "a native table"
        why = f"{where} drops {name}: whether the next hop's hardware address is known already is not known"
        self.unresolved.append(Undecided(name, why, hook, packet.family, "nftables"))

    def _resolve_back(self, packet: PacketState, hooks: Sequence[Hook], device: str, bridge: str = "") -> None:
        """Walk the neighbour's answer, which passes in the other direction."""
        if device == "lo":
            return
        for lower in self._lower(device):
            self._resolve_back(packet, [hook for hook in hooks if hook in ("ingress", "egress")], lower, bridge)
        for hook in hooks:
            layer = "netdev" if hook in ("ingress", "egress") else "bridge"
            bases = [base for base in self._bases(layer, hook) if layer == "bridge" or self._hangs(base, device)]
            out = hook in ("egress", "output", "postrouting")
            with self._seen(packet, layer, bridge, "" if out else device, device if out else ""):
                self._resolve(hook, bases, packet)

    def _guest(self, packet: PacketState, bridge: str, address: int) -> str:
        """Return the port of the container that has an address, "" where that is not known."""
        return self.namespace.guests.get((bridge, packet.family, address), "") if self.namespace.low else ""

    def _port(self, packet: PacketState, bridge: str, other: str, guest: bool) -> str:
        """Return the port of a bridge that a frame passes; ports that no chain distinguishes count as one.

        other: the port at the frame's other end. guest: a container is behind the port.
        """
        self._over = bridge
        if not self.namespace.low:
            return ""
        every = self.namespace.ports(bridge)
        ports = [port for port in every if port.name != other] or every
        if guest:
            ports = [port for port in ports if port.kind == "veth"] or ports
        if not ports:
            busy = [base for bases in self.namespace.low.values() for base in bases if base.does_something]
            if busy:
                self._doubt(busy[0], "prerouting", packet, f"the ports of {bridge} were not read")
            return ""
        exact, prefixes = self.namespace.low_names()
        kinds: dict[object, Interface] = {}
        for port in ports:
            begins_with = tuple(prefix for prefix in prefixes if port.name.startswith(prefix))
            kinds.setdefault((port.name if port.name in exact else "", begins_with, port.kind, port.group), port)
        if len(kinds) == 1:
            return ports[0].name
        why = Undecided("port", f"by which port of {bridge} the frame passes is not known", family=packet.family)
        if len(kinds) > _MOST_PORTS:
            raise Unknowable(why)
        return [port.name for port in kinds.values()][self.unknowns.branch(len(kinds), why)]

    # --- how it is seen there -------------------------------------------------------------

    @contextmanager
    def _seen(self, packet: PacketState, layer: str, bridge: str, iif: str, oif: str) -> Iterator[None]:
        before = packet.layer, packet.over, packet.iif, packet.oif
        packet.layer, packet.over, packet.iif, packet.oif = layer, bridge, iif, oif
        try:
            yield
        finally:
            packet.layer, packet.over, packet.iif, packet.oif = before

    @contextmanager
    def _link(self, packet: PacketState, mac: str | None) -> Iterator[None]:
        """Set the Ethernet header: a frame has one, whoever sent it."""
        before = packet.link, packet.mac
        packet.link, packet.mac = True, mac or None
        try:
            yield
        finally:
            packet.link, packet.mac = before

    # --- what is not known ----------------------------------------------------------------

    def _bases(self, layer: str, hook: Hook) -> Sequence[BaseChain]:
        return self.namespace.low.get((layer, hook), ())

    def _doubt_alone(self, packet: PacketState, device: str) -> None:
        """Note that rules alone do not tell whether an interface is a bridge."""
        if not self._alone or device == "lo":
            return
        for (layer, hook), bases in self.namespace.low.items():
            for base in bases if layer == "bridge" else ():
                if base.does_something:
                    self._doubt(base, hook, packet, f"rules alone do not tell whether {device} is a bridge")

    def _doubt(self, base: BaseChain, hook: Hook, packet: PacketState, reason: str) -> None:
        """Branch: in one walk the chain does nothing; in the other nothing is known."""
        about = self._about(base, hook, packet, reason)
        if self.unknowns.branch(2, about):
            raise Unknowable(about)

    def _about(self, base: BaseChain, hook: Hook, packet: PacketState, reason: str) -> Undecided:
        family, table, name = base.place
        words = f"chain {name} of table {family} {table}: {reason}"
        return Undecided("nftables", words, hook, packet.family, "nftables", table, name)

    def _order(self, bases: Sequence[BaseChain], packet: PacketState) -> Undecided:
        why = "it has br_netfilter's own priority, and which of the two runs first is not known"
        return self._about(next(base for base in bases if base.does_something), "prerouting", packet, why)

    def _skipped(self, base: BaseChain, packet: PacketState) -> Undecided:
        why = (
            "it has br_netfilter's own priority: it runs if it was made after the first bridge, and else no frame "
            "meets it; another priority than 0 makes it sure"
        )
        return self._about(base, "forward", packet, why)


def _neighbour_question(packet: PacketState) -> PacketState:
    """The frame that asks for a neighbour: ARP, or a neighbour solicitation to its multicast address."""
    ask = PacketState(packet.family, ICMP6, packet.src, packet.dst, iif=packet.iif, oif=packet.oif)
    ask.any_src, ask.any_dst = packet.any_src, None
    ask.link, ask.mac, ask.layer, ask.over = True, packet.mac, packet.layer, packet.over
    ask.vlan = packet.vlan
    if packet.family == "ip":
        # ARP has no IP family or protocol that a rule could ask for
        ask.family, ask.protocol = cast("Family", "arp"), -1
    else:
        ask.icmp, ask.dst = (135, 0), _SOLICITED | (packet.dst & 0xFFFFFF)
    return ask
