"""Which of many containers' packets to one address the host's rules stop, decided for all of them at once.

The exposure of a host asks for each container from a container of each other network, and most of these packets are
stopped: by the rule that guards the container's own address, or by the isolation of networks. Packets that meet the
same rules in PREROUTING share one outcome. Packets without an outcome here must be walked. The outcomes are those of
the walk (see journey).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netui.model import Hook
from netui.net.addresses import parse_address, protocol_number
from netui.traversal.answer import BriefPath
from netui.traversal.branch import deciding_step
from netui.traversal.host.kernel_checks import KernelChecks
from netui.traversal.host.namespace import BaseChain
from netui.traversal.host.own_routes import OwnRouteUnknown, Sender, by_gateway, container_route
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.host.prepared_chain import PreparedChain
from netui.traversal.host.route_table import Lookup, RoutingUnknown
from netui.traversal.journey.journey import stop_reason
from netui.traversal.packet_state import PacketState
from netui.traversal.question.endpoints import EndpointError, EndpointSpec, parse_destination, parse_source
from netui.traversal.question.resolution import resolve
from netui.traversal.question.sender import RESOLVER, new_transit, other_gateway, sent_by
from netui.traversal.result import Step, Verdict
from netui.traversal.rules.remembered import NotPlain, Passage, forwarded, through
from netui.traversal.rules.target_action import TargetContext, Unknowable
from netui.traversal.rules.walk import CONNTRACK
from netui.traversal.unknowns import Unknowns

#: After all priorities of base chains.
_LAST = 1 << 31
#: For fewer containers, walking each takes no longer.
_FEW = 2


@dataclass(slots=True)
class Asker:
    """A container that sends through the host. packet: reused for each question. own: the host's address."""

    source: str
    packet: PacketState
    side: Sender
    own: int


def stopped(host: PreparedHost, sources: Sequence[str], destination: str) -> dict[str, BriefPath]:
    """Return the outcome for each of these containers (as SRC of a path) whose packet is stopped.

    destination: the host or an address, with its port, as DST of a path.
    """
    if len(sources) < _FEW or host.namespace.low or host.snapshot.alone:
        return {}
    try:
        wanted = parse_destination(destination)
        askers = list(_askers(host, sources, wanted))
        return _together(host, askers) if len(askers) >= _FEW else {}
    except (EndpointError, NotPlain, Unknowable, RoutingUnknown):
        return {}


# --- who asks -----------------------------------------------------------------------------------


def _askers(host: PreparedHost, sources: Sequence[str], wanted: EndpointSpec) -> Iterator[Asker]:
    """Yield the containers whose packet goes to the host's own stack, each with its packet."""
    address = parse_address(wanted.address) if wanted.address else None
    if wanted.port is None or wanted.kind not in ("host", "address") or (address is None) != (wanted.kind == "host"):
        return
    protocol = protocol_number(wanted.protocol) or 0
    for source in sources:
        key = (source, address[0] if address is not None else "")
        if key not in host.askers:
            host.askers[key] = _asker(host, source, wanted)
        asker: Asker | None = host.askers[key]
        if asker is None:
            continue
        dst = asker.own if address is None else address[1]
        packet = asker.packet
        if (dst == RESOLVER and wanted.port == 53) or not _comes_in(host, asker, dst):
            continue
        packet.dst, packet.dport, packet.protocol = dst, wanted.port, protocol
        packet.oif, packet.connection = "", None
        yield asker


def _comes_in(host: PreparedHost, asker: Asker, dst: int) -> bool:
    """Whether a packet comes to the host's own stack: it is neither for its sender nor for a neighbour."""
    side, family = asker.side, asker.packet.family
    if dst in side.own or (dst >> 24 == 127 if family == "ip" else dst == 1):
        return False
    try:
        hop = container_route(side, dst)
    except OwnRouteUnknown:
        return False
    if hop is None or hop.endpoint is not side.gateway_endpoint or other_gateway(host, hop, family) is not None:
        return False
    own = not hop.on_link or host.namespace.fibs[family].is_local(dst)
    return own and (not hop.on_link or host.owner(family, dst, asker.packet.iif) is None)


def _asker(host: PreparedHost, source: str, wanted: EndpointSpec) -> Asker | None:
    try:
        query = resolve(host, parse_source(source), wanted)
    except EndpointError:
        return None
    sender, family = query.sender, query.family
    if sender is None or sender.network_mode == "host" or query.any_src is not None or not query.src:
        return None
    if query.notes or host.blind.get(family) is not None:
        return None
    side = host.sender(sender, family)
    endpoint = side.gateway_endpoint
    bridge = host.bridge_of(endpoint) if endpoint is not None else ""
    if endpoint is None or not bridge or host.network_of(endpoint) is None:
        return None
    hop = by_gateway(side, endpoint)
    if other_gateway(host, hop, family) is not None or host.namespace.calls_iptables(bridge, family) is None:
        return None
    packet = new_transit(query)
    packet.iif = bridge
    sent_by(packet, endpoint)
    return Asker(source, packet, side, query.dst)


# --- what they meet -----------------------------------------------------------------------------


def _together(host: PreparedHost, askers: list[Asker]) -> dict[str, BriefPath]:
    """Walk PREROUTING with the first packet, and keep the packets that meet the same rules (as Walker.hook does)."""
    first = askers[0].packet
    hook_chains = host.namespace.hook_chains(first.family, "prerouting")
    if hook_chains.unread or not host.namespace.fibs[first.family].simple:
        return {}
    nat_done = False
    for priority, bases in (*hook_chains.groups, (_LAST, ())):
        if hook_chains.tracks and priority > CONNTRACK and first.connection is None:
            for asker in askers:
                asker.packet.track()
        if not nat_done and priority >= hook_chains.nat_at:
            nat_done = True
            if hook_chains.nat and first.connection is not None:
                askers, end = _alike(host, _only(hook_chains.nat), askers)
                if end is not None:
                    return _told(askers, end)
        if bases:
            askers, end = _alike(host, _only(bases), askers)
            if end is not None:
                return _told(askers, end)
    return _forwarded(host, [other for other in askers if other.packet.dst == first.dst])


def _only(bases: Sequence[BaseChain]) -> PreparedChain:
    """The one chain of a priority that does something."""
    busy = [base for base in bases if base.does_something] or bases[:1]
    if len(busy) != 1 or busy[0].chain is None:
        raise NotPlain
    return busy[0].chain


def _alike(host: PreparedHost, chain: PreparedChain, askers: list[Asker]) -> tuple[list[Asker], Step | None]:
    """Return the packets that meet the same rules of a base chain as the first, and the step that stops them if any."""
    first = askers[0].packet
    passage = through(chain, "prerouting", first)
    alike = [askers[0], *(asker for asker in askers[1:] if passage.fits(asker.packet))]
    rule = passage.translation
    if rule is None:
        return alike, _stop(passage, chain, "prerouting")
    translate, unknowns = rule.action.effect, Unknowns()
    context = TargetContext(
        "prerouting", host.namespace.fibs[first.family], unknowns, rule.named("prerouting", chain.chain)
    )
    if translate is not None:
        for asker in alike:
            translate(asker.packet, context)
    if unknowns.taken:
        raise NotPlain
    return alike, None


def _stop(passage: Passage, chain: PreparedChain, hook: Hook) -> Step | None:
    """The step by which a passage stops a packet, None where it goes on."""
    if passage.fate is not None:
        return None if passage.fate == "accept" else passage.steps[-1]
    return chain.left_by_policy(hook) if chain.chain.policy == "DROP" else None


def _forwarded(host: PreparedHost, askers: list[Asker]) -> dict[str, BriefPath]:
    """The packets that FORWARD stops, each with its own way through it (as Journey._route_in and _forward do)."""
    namespace, first = host.namespace, askers[0].packet
    fib, dst = namespace.fibs[first.family], first.dst
    if fib.is_local(dst) or (first.family == "ip6" and dst == 1):
        return {}
    route = fib.known_route(dst) or fib.lookup(Lookup(dst, first.src, first.mark, first.iif))
    hook_chains = namespace.hook_chains(first.family, "forward")
    if route is None or route.type != "unicast" or route.nexthops or hook_chains.unread:
        return {}
    chains = [_only(bases) for _priority, bases in hook_chains.groups if bases]
    unknowns = Unknowns()
    checks = KernelChecks(namespace, unknowns)
    stops: dict[int, tuple[Step, list[Asker]]] = {}
    for asker in askers:
        packet = asker.packet
        if packet.iif == route.dev or (packet.family == "ip" and checks.martian(packet)):
            continue
        if not checks.forwards(packet) or checks.source_refused(packet):
            continue
        packet.oif = route.dev
        for chain in chains:
            passage = forwarded(chain, "forward", packet)
            if passage is None:
                break
            step = _stop(passage, chain, "forward")
            if step is not None:
                stops.setdefault(id(step), (step, []))[1].append(asker)
                break
    if unknowns.taken:
        raise NotPlain
    return {source: outcome for step, alike in stops.values() for source, outcome in _told(alike, step).items()}


def _told(askers: Sequence[Asker], step: Step) -> dict[str, BriefPath]:
    """The shared outcome of packets that a step stops."""
    verdict: Verdict = "rejected" if step.verdict.kind == "reject" else "dropped"
    protocol = askers[0].packet.protocol
    outcome = BriefPath(verdict, stop_reason(step), None, deciding_step(verdict, (step,)), protocol, (), (), ())
    return dict.fromkeys((asker.source for asker in askers), outcome)
