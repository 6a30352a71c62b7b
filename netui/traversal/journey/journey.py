"""The journey: one packet from its sender through hooks, routing and bridges to its receiver.

It follows ip_rcv, ip_route_input, ip_forward, ip_output and br_netfilter. One call walks one way.
:class:`Unknowns` answers what the snapshot cannot tell.

Longer than 300 lines: the kernel's functions call each other in a circle, and so do these methods.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from netui.model import Container, Route
from netui.net.addresses import address_text, protocol_name
from netui.net.intervals import IntervalSet
from netui.traversal.host.discovery import Discovery
from netui.traversal.host.kernel_checks import KernelChecks
from netui.traversal.host.namespace import Namespace
from netui.traversal.host.prepared import Owner, PreparedHost
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.journey.frames import Frames
from netui.traversal.packet_state import HeaderOnEntry, PacketState
from netui.traversal.result import DeliveredTo, Fate, Step, Undecided, Verdict
from netui.traversal.rules.target_action import Unknowable
from netui.traversal.rules.walk import Walker, same_way
from netui.traversal.unknowns import Unknowns


def _passes() -> Fate:
    """No IP hook sees the frame."""
    return "accept"


_NO_WAY = (Route("ip", ""), "")


@dataclass(slots=True)
class LegResult:
    """The outcome of one packet: verdict, reason, receiver, steps and notes.

    seen: the packet's header on entry, with the interface by which it left.
    """

    verdict: Verdict
    reason: str
    seen: HeaderOnEntry
    steps: tuple[Step, ...]
    delivered_to: DeliveredTo | None = None
    undecided: Undecided | None = None
    notes: list[str] = field(default_factory=list)
    transit: PacketState | None = None
    #: the container's endpoint that received it
    owner: Owner | None = None
    #: the container's name where the rules of its own namespace were walked
    where: str = ""
    #: whether the host's kernel forwarded or delivered it; False: it never came to the host's IP stack
    walked: bool = False


class Journey:
    """Walks one packet through the host's namespace."""

    _oif = ""
    _came: tuple[int, int, int | None, int | None, str, str] | None = None
    _way: tuple[Route, str] = _NO_WAY
    _refusal: tuple[Verdict, str] | None = None

    def __init__(self, host: PreparedHost, unknowns: Unknowns, namespace: Namespace | None = None) -> None:
        self.host = host
        self.namespace = namespace or host.namespace
        self.unknowns = unknowns
        self.walker = Walker(self.namespace, unknowns)
        self.checks = KernelChecks(self.namespace, unknowns)
        self.notes: list[str] = []
        #: the chains outside the IP hooks, None where there are none
        self.frames: Frames | None = None
        if self.namespace.low:
            self.frames = Frames(self.namespace, self.walker, unknowns, alone=host.snapshot.alone)

    # --- the two ways in ------------------------------------------------------------------

    def receive(self, packet: PacketState, towards: str = "") -> LegResult:
        """Walk a packet that comes in by ``packet.iif``.

        towards: the bridge that sender and receiver share (the frame goes to the receiver's port, not to the
        host); "" otherwise.
        """
        self._begin(packet)
        try:
            if towards:
                return self._resolved(packet, self._side_by_side(packet, towards))
            return self._resolved(packet, self._incoming(packet))
        except Unknowable as error:
            return self._end(packet, "undecided", error.why.reason, undecided=error.why)
        except RoutingUnknown as error:
            return self._unknown_route(packet, error)

    def send(self, packet: PacketState) -> LegResult:
        """Walk a packet that a socket of this namespace sends (ip_route_output, OUTPUT, …).

        A source of 0 is chosen by the route, as for an unbound socket.
        """
        packet.local = True
        self.walker.reroute = self._reroute
        try:
            return self._resolved(packet, self._outgoing(packet))
        except Unknowable as error:
            return self._end(packet, "undecided", error.why.reason, undecided=error.why)
        except RoutingUnknown as error:
            return self._unknown_route(packet, error)
        finally:
            # leaves no reference cycle: collecting them took a fifth of the time of a host's walks
            self.walker.reroute = same_way

    def _resolved(self, packet: PacketState, arrival: LegResult) -> LegResult:
        """Check that neighbour discovery for the next hop works, without which the packet is not delivered."""
        if arrival.verdict != "delivered":
            return arrival
        if self.frames is not None and self.frames.unresolved:
            why = self.frames.unresolved[0]
            return self._end(packet, "undecided", why.reason, undecided=why)
        if (packet.family == "ip6" or self.namespace.arp) and not self.host.snapshot.alone:
            self._discover(packet)
        return arrival

    def _discover(self, packet: PacketState) -> None:
        """Note where rules stop neighbour discovery on a link; neighbours already known are still reached."""
        if self._came is None:
            return
        src, dst, _sport, _dport, iif, _oif = self._came
        if iif and iif == packet.oif:
            # between ports of a bridge, the two ends ask each other
            return
        discovery = self.host.discoveries.setdefault(self.namespace.name, Discovery(self.namespace))
        if packet.family == "ip":
            refusal = discovery.arp_refused(iif) or discovery.arp_refused(packet.oif)
        else:
            refusal = discovery.refused(iif, src, dst, comes=True) if iif else None
        if packet.family == "ip6" and refusal is None and packet.oif:
            refusal = discovery.refused(packet.oif, packet.dst, 0, comes=False)
        if refusal is not None and refusal.note not in self.notes:
            self.notes.append(refusal.note)

    # --- locally sent ---------------------------------------------------------------------

    def _outgoing(self, packet: PacketState) -> LegResult:
        fib = self.namespace.fibs[packet.family]
        route = fib.lookup(self._ask(packet, "lo"))
        if route is None or route.type in ("unreachable", "prohibit", "blackhole"):
            self._begin(packet)
            return self._end(packet, "unreachable", self._no_route(packet, route))
        if packet.src == 0:
            packet.src = fib.source_for(route, packet.dst) or 0
        packet.oif = self._out_device(route, packet)
        self._begin(packet)
        if self.checks.local_source_refused(packet, packet.oif):
            return self._end(packet, "unreachable", "a loopback source cannot leave by another interface")
        self._way = (route, packet.oif)
        fate = self.walker.hook("output", packet)
        if self._refusal is not None:
            return self._end(packet, *self._refusal)
        if fate != "accept":
            return self._stopped(packet, fate)
        # filter OUTPUT still saw the first out-interface
        route, packet.oif = self._way
        packet.iif = ""
        fate = self.walker.hook("postrouting", packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        if packet.connection is not None:
            packet.connection.confirmed = True
        if route.type in ("local", "broadcast") or packet.oif == "lo":
            return self._looped(packet)
        return self._leave(packet, route)

    def _reroute(self, packet: PacketState) -> bool:
        """ip_route_me_harder: OUTPUT changed an address or the mark; without a route the packet is dropped there."""
        route = self.namespace.fibs[packet.family].lookup(self._ask(packet, "lo"))
        if route is None or route.type in ("unreachable", "prohibit", "blackhole"):
            self._refusal = ("unreachable", self._no_route(packet, route))
            return False
        out = self._out_device(route, packet)
        if self.checks.local_source_refused(packet, out):
            source = address_text(packet.family, packet.src)
            reason = f"a packet from {source} may not leave by {out}: net.ipv4.conf.{out}.route_localnet is 0"
            self._refusal = ("dropped", reason)
            return False
        self._way = (route, out)
        return True

    def _looped(self, packet: PacketState) -> LegResult:
        """Loopback: PREROUTING and INPUT with the same connection, so nat chains are not asked again."""
        self._oif = packet.oif
        fate = self.frames.leave(packet) if self.frames is not None else "accept"
        packet.iif, packet.oif = "lo", ""
        packet.local = False
        if self.frames is not None and fate == "accept":
            fate = self.frames.looped(packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        fate = self.walker.hook("prerouting", packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        return self._deliver_here(packet)

    # --- received -------------------------------------------------------------------------

    def _incoming(self, packet: PacketState) -> LegResult:
        bridge = self.namespace.interfaces.get(packet.iif)
        over_bridge = bridge is not None and bridge.kind == "bridge" and self.checks.calls_iptables(packet.iif, packet)
        if over_bridge:
            packet.physin = self._port_of(packet)
        if self.frames is not None:
            fate = self.frames.enter(packet, diverted=over_bridge, guest=self._is_guest(packet))
            if fate != "accept":
                return self._stopped(packet, fate)
        dst_before = packet.dst
        if packet.family == "ip6" and (packet.dst == 1 or packet.src == 1):
            return self._end(packet, "dropped", "a loopback address came in by another interface: the kernel drops it")
        if packet.family == "ip6" and packet.src >> 120 == 0xFF:
            return self._end(packet, "dropped", "the source is a multicast address: the kernel drops it")
        fate = self.walker.hook("prerouting", packet)
        if fate == "accept" and self.frames is not None and packet.dst == dst_before:
            fate = self.frames.up(packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        return self._route_in(packet, bridged_nat=over_bridge and packet.dst != dst_before)

    def _route_in(self, packet: PacketState, *, bridged_nat: bool = False) -> LegResult:
        fib = self.namespace.fibs[packet.family]
        if packet.family == "ip":
            martian = self.checks.martian(packet)
            if martian:
                return self._end(packet, "dropped", martian)
        elif packet.dst == 1:
            # ::1 is looked up with its interface, and that is lo (rt6_need_strict)
            return self._end(packet, "dropped", f"::1 came in by {packet.iif}: IPv6 has no route_localnet")
        route = fib.known_route(packet.dst) or fib.lookup(self._ask(packet, packet.iif))
        if route is not None and route.type in ("local", "broadcast", "anycast"):
            refused = self.checks.source_refused(packet)
            if refused:
                return self._end(packet, "dropped", refused)
            return self._deliver_here(packet)
        forwards = self.checks.forwards(packet)
        out = self._out_device(route, packet) if route is not None and route.type == "unicast" else ""
        if bridged_nat and out == packet.iif:
            # br_nf_pre_routing_finish: translated towards a port of the same bridge
            if not forwards and self.unknowns.branch(
                2,
                Undecided(
                    "forwarding",
                    f"the host does not forward, and kernels differ in whether a frame that was translated "
                    f"towards another port of {packet.iif} then passes",
                ),
            ):
                return self._end(packet, "dropped", f"the host does not forward what comes in by {packet.iif}")
            return self._bridged(packet, packet.iif)
        if not forwards:
            name = "net.ipv4.ip_forward" if packet.family == "ip" else "net.ipv6.conf.all.forwarding"
            return self._end(packet, "dropped", f"the host does not forward: {name} is 0 for {packet.iif}")
        if route is None or route.type in ("unreachable", "prohibit"):
            return self._end(packet, "unreachable", self._no_route(packet, route))
        if route.type == "blackhole":
            return self._end(packet, "dropped", self._no_route(packet, route))
        refused = self.checks.source_refused(packet)
        if refused:
            return self._end(packet, "dropped", refused)
        return self._forward(packet, route, out)

    def _forward(self, packet: PacketState, route: Route, out: str) -> LegResult:
        fate = self.frames.up(packet) if self.frames is not None else "accept"
        if fate != "accept":
            return self._stopped(packet, fate)
        packet.oif = out
        fate = self.walker.hook("forward", packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        fate = self.walker.hook("postrouting", packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        return self._leave(packet, route)

    def _deliver_here(self, packet: PacketState) -> LegResult:
        fate = self.frames.up(packet) if self.frames is not None else "accept"
        if fate != "accept":
            return self._stopped(packet, fate)
        packet.oif = ""
        fate = self.walker.hook("input", packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        address = address_text(packet.family, packet.dst)
        name = self.namespace.name or self.host.snapshot.hostname or "host"
        if self.namespace.name:
            to = DeliveredTo("container", name, address, packet.dport)
        else:
            to = DeliveredTo("host", "host", address, packet.dport)
        return self._end(
            packet, "delivered", f"it reaches {'this machine' if not self.namespace.name else name}", to=to
        )

    # --- bridges --------------------------------------------------------------------------

    def _side_by_side(self, packet: PacketState, bridge: str) -> LegResult:
        packet.iif = bridge
        diverted = self.checks.calls_iptables(bridge, packet)
        if self.frames is not None:
            fate = self.frames.begin(packet, bridge, diverted=diverted, guest=self._is_guest(packet))
            if fate != "accept":
                return self._stopped(packet, fate)
        if not diverted:
            name = "iptables" if packet.family == "ip" else "ip6tables"
            self.notes.append(
                f"{bridge} passes frames from port to port and net.bridge.bridge-nf-call-{name} is 0: "
                f"no {'IP ' if self.frames is not None else ''}rule of the host sees this packet"
            )
            packet.oif = bridge
            if self.frames is not None:
                fate = self.frames.across(
                    packet, bridge, _passes, _passes, diverted=False, back=packet.src == packet.dst
                )
                if fate != "accept":
                    return self._stopped(packet, fate)
            return self._to_owner(packet, bridge)
        packet.physin = self._port_of(packet)
        dst_before = packet.dst
        fate = self.walker.hook("prerouting", packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        if packet.dst != dst_before:
            return self._route_in(packet, bridged_nat=True)
        return self._bridged(packet, bridge)

    def _bridged(self, packet: PacketState, bridge: str) -> LegResult:
        """A frame between ports of a bridge that the IP hooks see: POSTROUTING has no in-interface."""
        refused = self.checks.hairpin_refused(packet, bridge)
        if refused:
            return self._end(packet, "dropped", refused)
        if self.frames is not None and (fate := self.frames.rest(packet)) != "accept":
            return self._stopped(packet, fate)
        packet.iif = packet.oif = bridge
        packet.bridged = True
        packet.physin, packet.physout = self._port_of(packet), self._port_to(packet, bridge)
        forward, postrouting = partial(self.walker.hook, "forward", packet), partial(self._bridged_out, packet)
        if self.frames is not None:
            back = packet.src == packet.dst
            fate = self.frames.across(packet, bridge, forward, postrouting, diverted=True, back=back)
        else:
            fate = forward()
            if fate == "accept":
                fate = postrouting()
        if fate != "accept":
            return self._stopped(packet, fate)
        return self._to_owner(packet, bridge)

    def _bridged_out(self, packet: PacketState) -> Fate:
        packet.iif = ""
        packet.link = False
        return self.walker.hook("postrouting", packet)

    def _is_guest(self, packet: PacketState) -> bool:
        """Whether a container sent the packet that comes in by a bridge."""
        return self.host.owner(packet.family, packet.src, packet.iif) is not None

    def _port_of(self, packet: PacketState) -> str | None:
        ports = self.namespace.ports(packet.iif)
        return ports[0].name if len(ports) == 1 else None

    def _port_to(self, packet: PacketState, bridge: str) -> str | None:
        ports = self.namespace.ports(bridge)
        others = [port.name for port in ports if port.name != packet.physin]
        return others[0] if len(others) == 1 and packet.physin is not None else None

    # --- leaving --------------------------------------------------------------------------

    def _leave(self, packet: PacketState, route: Route) -> LegResult:
        """Send it by ``packet.oif``: to a container behind a bridge, or to a machine outside."""
        arrival = self._left(packet, route)
        if self.frames is None or arrival.verdict != "delivered":
            return arrival
        fate = self.frames.leave(packet)
        if fate != "accept":
            return self._stopped(packet, fate)
        arrival.steps = tuple(self.walker.steps)
        return arrival

    def _left(self, packet: PacketState, route: Route) -> LegResult:
        family = packet.family
        if packet.src == 1 if family == "ip6" else packet.src >> 24 == 127:
            # ipv6_rcv, ip_route_input_slow (martian source) of the receiver
            own = address_text(family, packet.src)
            return self._end(
                packet, "dropped", f"its source is {own}, and whoever gets a packet from there discards it"
            )
        text = address_text(family, packet.dst)
        interface = self.namespace.interfaces.get(packet.oif)
        if packet.oif and not route.gateway and packet.oif in self.host.bridges.values():
            return self._to_owner(packet, packet.oif)
        owner = self.host.owner(family, packet.dst)
        if owner is not None and owner.network is not None:
            if owner.network.driver in ("macvlan", "ipvlan"):
                if owner.network.parent.split(".")[0] == packet.oif.split(".")[0]:
                    return self._end(
                        packet,
                        "unreachable",
                        f"{owner.container.name} is a {owner.network.driver} endpoint of {packet.oif}: "
                        "the parent interface cannot reach its own children",
                    )
            elif owner.network.bridge:
                return self._end(
                    packet,
                    "unreachable",
                    f"the route to {text} leaves by {packet.oif}, not by {owner.network.bridge} of "
                    f"{owner.network.name}: it does not reach {owner.container.name}",
                )
        if interface is not None and not interface.carrier:
            return self._end(packet, "unreachable", f"{packet.oif} has no carrier: its cable is out")
        to = DeliveredTo("outside", text, text, packet.dport)
        return self._end(packet, "delivered", f"it leaves by {packet.oif}", to=to)

    def _to_owner(self, packet: PacketState, bridge: str) -> LegResult:
        owner = self.host.owner(packet.family, packet.dst, bridge)
        text = address_text(packet.family, packet.dst)
        if owner is None and bridge not in self.host.bridges.values():
            # a bridge that is not Docker's: who has the address there is not for netui to know
            to = DeliveredTo("outside", text, text, packet.dport)
            return self._end(packet, "delivered", f"it leaves by {bridge}", to=to)
        if owner is None:
            return self._end(packet, "unreachable", f"nobody has {text} on {bridge}")
        if "ingress-sbox" in (owner.container.id, owner.container.name):
            why = Undecided(
                "ingress",
                "the swarm's ingress sandbox passes it on by IPVS, whose choice is not in any rule of the host",
            )
            return self._end(packet, "undecided", why.reason, undecided=why)
        self._note_bypass(packet, bridge)
        refused = self._refused_by(owner.container, packet)
        to = DeliveredTo("container", owner.container.name, text, packet.dport, bool(refused))
        arrival = self._end(packet, "delivered", f"it reaches {owner.container.name}{refused}", to=to)
        arrival.owner = owner
        return arrival

    def _note_bypass(self, packet: PacketState, bridge: str) -> None:
        """Note a packet translated back to the same bridge, whose frames no hook sees: answers bypass conntrack."""
        connection = packet.connection
        if connection is None or not connection.dnat or connection.snat or packet.bridged:
            return
        sender = self.host.owner(packet.family, packet.src, bridge)
        if sender is not None and sender.container.id and packet.iif == bridge:
            self.notes.append(
                f"the answer goes straight over {bridge} to {sender.container.name}, past the translation "
                "(bridge-nf-call-iptables is 0): the client does not recognise it and drops it"
            )

    def _refused_by(self, container: Container, packet: PacketState) -> str:
        """Why the receiving container refuses the packet: no program listens there, or only on loopback."""
        if container.listening is None or packet.dport is None:
            return ""
        protocol = protocol_name(packet.protocol)
        if protocol not in ("tcp", "udp"):
            return ""
        if packet.any_dport is not None:
            # divide the ports: by whether a program listens
            listening = [s for s in container.listening if s.protocol.startswith(protocol)]
            own = {s.port for s in listening if s.address in ("127.0.0.1", "::1")}
            packet.any_dport.within_set(IntervalSet((s.port, s.port) for s in listening))
            packet.any_dport.within_set(IntervalSet((port, port) for port in own))
        at_port = [s for s in container.listening if s.port == packet.dport and s.protocol.startswith(protocol)]
        if not at_port:
            return f", where nothing listens on {packet.dport}/{protocol}: it refuses it"
        if all(s.address in ("127.0.0.1", "::1") for s in at_port):
            return f", which listens on {packet.dport}/{protocol} only at its own {at_port[0].address}: it refuses it"
        return ""

    # --- routing checks -------------------------------------------------------------------

    def _ask(self, packet: PacketState, iif: str) -> Lookup:
        return Lookup(
            packet.dst,
            packet.src,
            packet.mark,
            iif,
            protocol=packet.protocol,
            sport=packet.sport,
            dport=packet.dport,
            dport_range=packet.dport_range,
        )

    def _out_device(self, route: Route, packet: PacketState) -> str:
        if route.type == "local":
            return "lo"
        devices = self.namespace.fibs[packet.family].devices(route)
        if len(devices) > 1:
            unknown = Undecided(
                "route", f"the route to {route.dst} has several next hops; the kernel chooses by a hash", chance=True
            )
            return devices[self.unknowns.branch(len(devices), unknown)]
        return devices[0]

    def _no_route(self, packet: PacketState, route: Route | None) -> str:
        text = address_text(packet.family, packet.dst)
        return f"there is no route to {text}" if route is None else f"the route to {text} is {route.type}"

    # --- ends -----------------------------------------------------------------------------

    def _begin(self, packet: PacketState) -> None:
        self._came = (packet.src, packet.dst, packet.sport, packet.dport, packet.iif, packet.oif)

    def _stopped(self, packet: PacketState, fate: str) -> LegResult:
        verdict: Verdict = "rejected" if fate == "reject" else "dropped"
        steps = self.walker.steps
        last = steps[-1] if steps else None
        if last is None:
            return self._end(packet, verdict, "a native nftables rule could stop it")
        return self._end(packet, verdict, stop_reason(last))

    def _unknown_route(self, packet: PacketState, error: RoutingUnknown) -> LegResult:
        why = Undecided("route", str(error), family=packet.family)
        return self._end(packet, "undecided", str(error), undecided=why)

    def _end(
        self,
        packet: PacketState,
        verdict: Verdict,
        reason: str,
        *,
        to: DeliveredTo | None = None,
        undecided: Undecided | None = None,
    ) -> LegResult:
        src, dst, sport, dport, iif, oif = self._came or (
            packet.src,
            packet.dst,
            packet.sport,
            packet.dport,
            packet.iif,
            packet.oif,
        )
        out = packet.oif or self._oif or oif
        seen = HeaderOnEntry(packet.family, packet.protocol, src, dst, sport, dport, iif, out)
        return LegResult(
            verdict, reason, seen, tuple(self.walker.steps), to, undecided, self.notes, packet, walked=True
        )


def stop_reason(last: Step) -> str:
    """Return a sentence that names the rule or policy that stopped a packet; last: its last step."""
    where = f"{last.table} {last.chain}"
    if last.rule is None:
        return f"no rule lets it pass and the policy of {where} is {last.verdict.kind.upper()}"
    return f"rule {last.rule} of {where} {'rejects' if last.verdict.kind == 'reject' else 'drops'} it"
