"""The answer packet of each leg: it belongs to a known connection, so nat chains are not asked again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netui.net.addresses import ICMP, ICMP6, TCP, address_text
from netui.traversal.host.own_routes import OwnRouteUnknown, container_route, no_route
from netui.traversal.host.prepared import Owner, PreparedHost
from netui.traversal.journey.journey import Journey, LegResult
from netui.traversal.packet_state import PacketState
from netui.traversal.result import Leg, Step, Undecided, Verdict
from netui.traversal.unknowns import Unknowns

_LOST = "the answer does not come back"
#: Kinds of interfaces (tunnels) where the other end decides which packets it accepts.
_TUNNELS = frozenset({"wireguard", "tun", "ipip", "sit", "gre", "ip6tnl", "vti", "xfrm"})


@dataclass(slots=True)
class Answered:
    """The answers' legs, those of the last connection first, and their outcome.

    verdict: "delivered" where all come back. A sender without an answer sees a time-out, even after a reject:
    "dropped", or "unreachable" where there is no route. step: the step that dropped.
    """

    legs: list[Leg] = field(default_factory=list)
    verdict: Verdict = "delivered"
    reason: str = ""
    undecided: Undecided | None = None
    step: Step | None = None

    def lose(self, verdict: Verdict, reason: str, steps: Sequence[Step] = ()) -> None:
        """Note that an answer is lost, and by which step."""
        if self.verdict in ("dropped", "unreachable"):
            return
        self.verdict = "unreachable" if verdict == "unreachable" else "dropped"
        self.reason, self.undecided = f"{_LOST}: {reason}", None
        last = steps[-1] if steps else None
        if last is not None and last.verdict.stops:
            self.step = last

    def doubt(self, why: Undecided) -> None:
        """Note that it cannot be known whether an answer comes back."""
        if self.verdict == "delivered":
            self.verdict, self.reason, self.undecided = "undecided", f"the answer: {why.reason}", why


@dataclass(slots=True)
class _Exit:
    """How an answer leaves its container: into which bridge, and whether straight to a neighbour there.

    no_way: why it has no route; elsewhere: why its route is not known.
    """

    bridge: str = ""
    towards: str = ""
    no_way: str = ""
    elsewhere: str = ""


def answers(host: PreparedHost, arrivals: list[LegResult], unknowns: Unknowns, notes: list[str]) -> Answered:
    """Walk the answers, the last leg's first."""
    answered = Answered()
    for arrival in reversed(arrivals):
        _answer(host, arrival, unknowns, notes, answered)
    if answered.verdict in ("dropped", "unreachable"):
        notes.append(answered.reason)
    return answered


def _answer(host: PreparedHost, arrival: LegResult, unknowns: Unknowns, notes: list[str], answered: Answered) -> None:
    sent = arrival.transit
    to = arrival.delivered_to
    if sent is None or to is None or arrival.where or not arrival.walked:
        return None
    answer = _answer_to(sent)
    journey = Journey(host, unknowns)
    if to.kind == "host":
        walked = journey.send(answer)
    else:
        leaving = _Exit(arrival.seen.oif)
        if arrival.owner is not None:
            leaving = _exit(host, arrival.owner, answer, arrival.seen.oif)
            answer.mac = arrival.owner.endpoint.mac or None
        if leaving.no_way:
            return answered.lose("unreachable", leaving.no_way)
        if leaving.elsewhere:
            if sent.connection is not None and (sent.connection.dnat or sent.connection.snat):
                return answered.lose("dropped", f"{leaving.elsewhere}, past the translation of this host")
            return answered.doubt(Undecided("route", leaving.elsewhere, family=answer.family))
        answer.iif = leaving.bridge
        walked = journey.receive(answer, towards=leaving.towards)
    answered.legs.append(Leg(walked.seen.packet(), walked.steps))
    if walked.undecided is not None:
        return answered.doubt(walked.undecided)
    if walked.verdict != "delivered":
        return answered.lose(walked.verdict, walked.reason, walked.steps)
    return _check_way(host, arrival, walked, notes, answered)


def _answer_to(sent: PacketState) -> PacketState:
    """The answer packet: conntrack finds its connection, unless the first packet was not tracked."""
    answer = PacketState(
        sent.family,
        sent.protocol,
        sent.dst,
        sent.src,
        sent.dport,
        sent.sport,
        any_src=sent.any_dst,
        any_dst=sent.any_src,
        # None: nothing on the host makes the kernel track connections
        pending=sent.connection.answered() if sent.connection is not None else None,
        link=True,
        dport_range=sent.sport_range,
        any_sport=sent.any_dport,
    )
    # an answer to an untracked packet begins no connection, except for datagrams
    answer.stray = sent.untracked and sent.protocol in (TCP, ICMP, ICMP6)
    if sent.icmp is not None:
        answer.icmp = (0 if sent.protocol == ICMP else 129, 0)
    if sent.protocol == TCP:
        answer.tcp_flags = frozenset({"SYN", "ACK"})
    return answer


def _exit(host: PreparedHost, owner: Owner, answer: PacketState, arrived_by: str) -> _Exit:
    """Where a container sends its answer: by its own routes, not by the network of the question."""
    container, family = owner.container, answer.family
    side = host.sender(container, family)
    try:
        hop = container_route(side, answer.dst)
    except OwnRouteUnknown as error:
        return _Exit(elsewhere=str(error))
    if hop is None:
        if side.routes is None and (owner.network is None or not owner.network.internal):
            # its gateway is not known: take the network of the question
            return _Exit(arrived_by)
        return _Exit(no_way=no_route(side, address_text(family, answer.dst)))
    endpoint, on_link, gateway = hop.endpoint, hop.on_link, hop.gateway
    bridge = host.bridge_of(endpoint)
    if not bridge:
        network = host.network_of(endpoint)
        if endpoint.network_id == owner.endpoint.network_id:
            return _Exit(arrived_by)
        driver = network.driver if network is not None else "unknown"
        return _Exit(elsewhere=f"{container.name} sends it by {driver} {endpoint.network_name}")
    fib = host.namespace.fibs[family]
    if on_link:
        beside = not fib.is_local(answer.dst) and host.owner(family, answer.dst, bridge) is not None
        return _Exit(bridge, bridge if beside else "")
    if gateway is not None and fib.known and not fib.is_local(gateway[1]):
        text = address_text(family, gateway[1])
        return _Exit(elsewhere=f"{container.name} sends it through {text}, which is not this host")
    return _Exit(bridge)


def _check_way(host: PreparedHost, arrival: LegResult, walked: LegResult, notes: list[str], answered: Answered) -> None:
    """Check that an answer comes back to the sender with the addresses that the sender expects."""
    sent, came_by, leaves_by = arrival.transit, arrival.seen.iif, walked.seen.oif
    to, connection = walked.delivered_to, sent.connection if sent is not None else None
    outside = to is not None and to.kind == "outside"
    if outside and came_by in host.bridges.values():
        # the source is not an address of that network
        return answered.lose("unreachable", f"it leaves by {leaves_by}, not by {came_by}")
    back = walked.transit
    if connection is not None and back is not None and (connection.dnat or connection.snat):
        asked = connection.original
        if (back.src, back.dst) != (asked.dst, asked.src):
            reason = f"it goes past the translation as {address_text(back.family, back.src)}"
            return answered.lose("dropped", f"{reason}, which the client does not recognise")
    if outside and came_by and leaves_by != came_by:
        interface = host.namespace.interfaces.get(leaves_by)
        elsewhere = f"it leaves by {leaves_by}, not by {came_by}"
        if interface is not None and interface.kind in _TUNNELS:
            return answered.doubt(
                Undecided(
                    "route",
                    f"{elsewhere}, and whether the tunnel's other end passes it on is not known",
                    family=back.family if back is not None else "",
                )
            )
        notes.append(f"its answer {elsewhere.removeprefix('it ')}: a router on that way may refuse its source")
    return None
