"""Walks each possible way of a question's packet, and combines the ways into one path."""

from __future__ import annotations

from dataclasses import replace

from netui.dialects.iptables.listed import UNTOLD
from netui.model import Family
from netui.net.addresses import host_port
from netui.traversal.agreement import Agreement, agreement
from netui.traversal.branch import Branch, deciding_step
from netui.traversal.host.listener import answered_on_host
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.journey.journey import LegResult
from netui.traversal.journey.reply import answers
from netui.traversal.question.endpoints import EndpointSpec
from netui.traversal.question.resolution import Query
from netui.traversal.question.sender import first_arrival
from netui.traversal.result import Leg, PacketHeader, Path, Step, Undecided
from netui.traversal.unknowns import Explored, Unknowns


def walk(host: PreparedHost, query: Query, unknowns: Unknowns, reply: bool) -> Branch:
    """Walk one way of a question."""
    arrivals = _arrivals(host, query, unknowns)
    if len(arrivals) == 1:
        notes = arrivals[0].notes
    else:
        notes = list(dict.fromkeys(note for arrival in arrivals for note in arrival.notes))
    answered = None
    if reply and arrivals[-1].verdict == "delivered":
        answered = answers(host, arrivals, unknowns, notes)
    return Branch(arrivals, answered, notes)


def _arrivals(host: PreparedHost, query: Query, unknowns: Unknowns) -> list[LegResult]:
    first, packet = first_arrival(host, query, unknowns)
    arrivals = [first]
    if first.delivered_to is not None and first.delivered_to.kind == "host" and not packet.is_echo:
        following = answered_on_host(host, first, packet, unknowns)
        if following is not None:
            arrivals.append(following)
    return arrivals


def only(explored: Explored[Branch]) -> Branch | None:
    """The way, where there is only one."""
    first = explored.outcomes[0]
    return first if not explored.undecided and first.decided else None


def combined(host: PreparedHost, query: Query, explored: Explored[Branch], reply: bool) -> Path:
    """Return the path that combines all ways of a question."""
    branch = only(explored)
    if branch is not None:
        return _decided(host, query, branch, reply)
    agreed = agreement(explored)
    answer = _agreed(explored, agreed) if agreed is not None else _differing(explored)
    notes = [*query.notes, *answer.notes]
    return replace(
        answer,
        source=query.source.text,
        destination=destination_text(query),
        reply=answer.reply if reply else None,
        notes=(*dict.fromkeys(notes), *host_notes(host, query.family)),
    )


def _agreed(explored: Explored[Branch], agreed: Agreement) -> Path:
    """The path where all ways of a quiet sender have the same outcome: it shows the likely way."""
    first = explored.outcomes[0]
    legs, reply, deciding, reason = first.legs(), first.reply, first.deciding, first.reason
    notes = [note for branch in explored.of_quiet_sender() for note in branch.notes]
    if agreed.one_of:
        quiet = explored.of_quiet_sender()
        legs, reply = (
            _common_legs([branch.legs() for branch in quiet]),
            _common_legs([branch.reply for branch in quiet]),
        )
        deciding = deciding_step(agreed.verdict, [step for leg in legs for step in leg.steps])
        names = ", ".join(dict.fromkeys(to.name for to in agreed.one_of))
        reason = f"it reaches one of {names}: the kernel chooses by chance"
        notes = [note for note in first.notes if all(note in branch.notes for branch in quiet)]
        listed = ", ".join(f"{to.name} ({host_port(to.address, to.port)})" for to in agreed.one_of)
        notes.append(f"delivered to one of {listed}")
    # the outcomes agree, but the steps of one way do not tell which way the packet takes
    notes += dict.fromkeys(item.reason for item in explored.undecided if item.chance and item.rule is None)
    return Path(
        "",
        "",
        agreed.verdict,
        reason,
        agreed.delivered_to,
        tuple(legs),
        tuple(reply),
        tuple(item for item in explored.undecided if item.rule is not None),
        (*notes, *agreed.notes),
        deciding,
        agreed.condition,
        agreed.one_of,
    )


def _differing(explored: Explored[Branch]) -> Path:
    """The path where outcomes differ: the steps that all ways have in common, and what is not known."""
    branches = explored.outcomes
    # what a limit counts does not keep a quiet sender's ways apart
    undecided = sorted(explored.undecided, key=lambda item: bool(item.bound))
    notes: list[str] = []
    for branch in branches:
        notes += branch.notes
        why_not = [arrival.undecided for arrival in branch.arrivals if arrival.undecided is not None]
        if branch.answered is not None and branch.answered.undecided is not None:
            why_not.append(branch.answered.undecided)
        undecided += [item for item in why_not if item not in undecided]
    if not explored.usual_complete:
        notes.append(f"more than {len(branches)} ways were possible; not all were walked")
    legs = _common_legs([branch.legs() for branch in branches])
    why = undecided[0] if undecided else Undecided("", "there are too many possibilities")
    return Path("", "", "undecided", _undecided_reason(why), None, tuple(legs), (), tuple(undecided), tuple(notes))


def _decided(host: PreparedHost, query: Query, branch: Branch, reply: bool) -> Path:
    """The path where there is only one way."""
    return Path(
        query.source.text,
        destination_text(query),
        branch.verdict,
        branch.reason,
        branch.delivered_to,
        tuple(branch.legs()),
        tuple(branch.reply) if reply else None,
        (),
        (*query.notes, *(note for note in branch.notes if note not in query.notes), *host_notes(host, query.family)),
        branch.deciding,
    )


def _undecided_reason(why: Undecided) -> str:
    if why.rule is not None and why.match.startswith(f"{UNTOLD} "):
        return f"{why.reason} (rule {why.rule} of {why.table} {why.chain})"
    if why.rule is not None:
        return f"{why.reason}: {why.match} in rule {why.rule} of {why.table} {why.chain}"
    return why.reason


def destination_text(query: Query) -> str:
    """Write the destination of a question, with its protocol."""
    return written_text(query.destination)


def written_text(written: EndpointSpec) -> str:
    """Write a destination with its protocol."""
    if written.protocol == "icmp" or f"/{written.protocol}" in written.text:
        return written.text
    return f"{written.text}/{written.protocol}"


def _common_legs(every: list[list[Leg]]) -> list[Leg]:
    """The first steps, as long as all ways have them in common."""
    common: list[Leg] = []
    for legs in zip(*every, strict=False):
        steps: list[Step] = []
        for step in zip(*(leg.steps for leg in legs), strict=False):
            if any(other != step[0] for other in step):
                break
            steps.append(step[0])
        packet: PacketHeader = legs[0].packet
        common.append(Leg(packet, tuple(steps), legs[0].where))
        if any(len(leg.steps) != len(steps) for leg in legs):
            break
    return common


def host_notes(host: PreparedHost, family: Family) -> list[str]:
    """What netui cannot see on this host; a note of every path."""
    notes = host.notes.get(family)
    if notes is None:
        notes = host.notes[family] = _host_notes(host, family)
    return notes


def _host_notes(host: PreparedHost, family: Family) -> list[str]:
    notes: list[str] = []
    stem = "iptables" if family == "ip" else "ip6tables"
    sources = host.snapshot.sources
    if sources:
        missing = [name for name in (f"{stem}-nft", f"{stem}-legacy") if name not in sources or not sources[name].read]
        if len(missing) == 1:
            notes.append(f"{missing[0]} rules were not read: if this host has any, they count too")
        if "nft" not in sources or not sources["nft"].read:
            notes.append("native nftables tables were not read: if this host has any, they count too")
    unread = [chain for chain in host.snapshot.nft_chains or () if chain.family in (family, "inet")]
    notes += dict.fromkeys(chain.why or f"table {chain.family} {chain.table} was not read" for chain in unread)
    engine = host.snapshot.engine
    if engine is not None and not engine.local:
        notes.append("the engine is on another machine: its containers are not joined with these rules")
    if engine is not None and not engine.here:
        kind = "rootless" if engine.rootless else "in another network namespace"
        notes.append(f"the engine is {kind}: its rules are in a namespace of its own, not here")
    if host.snapshot.alone:
        notes += [f"{state.via}: {state.note}" for state in sources.values() if state.read and state.note]
    return notes
