"""The answer for SRC → DST: every way that the packet could go, put together as one path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netui.model import Family
from netui.net.intervals import IntervalSet, prefixes
from netui.traversal.address import host_port, width
from netui.traversal.agreement import Agreement, agreement
from netui.traversal.alone import by_hand, family_asked, unnamed, vague
from netui.traversal.choices import Choices, Explored, explore
from netui.traversal.departure import first_arrival
from netui.traversal.endpoints import (
    EndpointError,
    Written,
    parse_destination,
    parse_source,
)
from netui.traversal.host import PreparedHost
from netui.traversal.journey import Arrival
from netui.traversal.path import DeliveredTo, Leg, Packet, Path, SendersPart, Step, Undecided, Verdict
from netui.traversal.proxy import answered_on_host
from netui.traversal.question import Request, resolve
from netui.traversal.reply import answers
from netui.traversal.senders import TooManyParts, partition
from netui.traversal.way import Way, deciding_step


@dataclass(slots=True)
class Outcome:
    """What became of SRC → DST, its legs not written out: for those who ask a thousand times.

    All as in Path. notes: those of the way, without what is true of the whole host. protocol:
    the IANA number of the last leg's. reply: the answer's legs.
    """

    verdict: Verdict
    reason: str
    delivered_to: DeliveredTo | None
    deciding: Step | None
    protocol: int
    reply: Sequence[Leg]
    undecided: Sequence[Undecided]
    notes: Sequence[str]
    condition: str = ""
    one_of: Sequence[DeliveredTo] = ()
    senders: Sequence[SendersPart] = ()

    @classmethod
    def of(cls, path: Path, protocol: int) -> Outcome:
        """A path in the short form; protocol: its last leg's."""
        return cls(
            path.verdict, path.reason, path.delivered_to, path.deciding, protocol, path.reply or (), path.undecided,
            path.notes, path.condition, path.one_of, path.senders,
        )  # fmt: skip


def path(
    host: PreparedHost,
    source: str,
    destination: str,
    *,
    reply: bool = False,
    sport: int | None = None,
    iif: str = "",
    oif: str = "",
) -> Path:
    """Say which rules the first packet of SRC → DST meets, and what becomes of it.

    reply: walk the answer, too; a connection whose answer is lost is not delivered. sport: the
    source port, where it is known. iif: the interface by which a packet from outside comes in;
    "": the one that has the address asked for, else the way back to the sender. oif: of rules
    alone, the interface by which it leaves where it is not for the host. Raises
    EndpointError where SRC or DST cannot be used, RulesError (from ``prepare``) where rules loop.
    """
    if host.snapshot.alone:
        written, wanted = parse_source(source), parse_destination(destination)
        missing = unnamed(written, wanted, iif, oif)
        if missing is not None:
            return replace(
                _untold(source, _written_text(wanted), missing),
                notes=tuple(host_notes(host, family_asked(written, wanted))),
            )
        host = by_hand(host, written, wanted, iif, oif)
    elif oif:
        raise EndpointError("--out: is for rules alone; here the routes tell the way")
    request = _resolved(host, source, destination, iif)
    if isinstance(request, Path):
        return request
    if sport is not None:
        request = replace(request, sport=sport)
    explored = explore(lambda choices: _walk(host, request, choices, reply), patience=host.patience)
    return _told(host, request, explored, reply)


def _told(host: PreparedHost, request: Request, explored: Explored[Way], reply: bool) -> Path:
    """What all ways make of a question, told apart by sender where a rule asked who sends."""
    found = _combine(host, request, explored, reply)
    if request.any_src is None or not request.any_src.doubted:
        return found
    return _by_sender(host, request, found, reply)


def _by_sender(host: PreparedHost, request: Request, found: Path, reply: bool) -> Path:
    """The path where rules name senders: everyone else's, with a path for each part of the senders.

    found: what can be said of all of them together.
    """
    try:
        parts = list(partition(host, request, lambda asked, choices: _walk(host, asked, choices, reply)))
    except TooManyParts:
        return replace(found, notes=(*found.notes, "the rules tell more senders apart than netui walks"))
    alike: dict[object, tuple[list[IntervalSet], Path]] = {}
    for part in parts:
        made = _combine(host, request, part.explored, reply)
        legs = (*made.legs, *(made.reply or ()))
        steps = tuple((step.family, step.table, step.chain, step.rule) for leg in legs for step in leg.steps)
        key = (made.verdict, made.delivered_to, made.one_of, made.condition, made.undecided, steps)
        alike.setdefault(key, ([], made))[0].append(part.addresses)
    if len(alike) < 2:
        return next(iter(alike.values()))[1] if alike else found
    joined = [(IntervalSet(span for one in addresses for span in one), made) for addresses, made in alike.values()]
    (_most, others), *named = sorted(joined, key=lambda one: -one[0].size())
    bits = width(request.family)
    listed = tuple(
        SendersPart(tuple(prefixes(addresses, bits)), made, _telling(others, made)) for addresses, made in named
    )
    return replace(others, senders=(SendersPart(None, others, others.deciding), *listed))


def _telling(others: Path, made: Path) -> Step | None:
    """The first step by which a part of the senders goes another way than everyone else; else what decided theirs."""
    usual = [step for leg in others.legs for step in leg.steps]
    own = [step for leg in made.legs for step in leg.steps]
    for step, other in zip(own, usual, strict=False):
        if step != other:
            # a step that everyone else meets later is no sign of theirs
            return step if step not in usual else made.deciding
    return own[len(usual)] if len(own) > len(usual) else made.deciding


def outcome(host: PreparedHost, source: str, destination: str, *, reply: bool = False) -> Outcome:
    """Say what :func:`path` says, in half of the time where nobody looks at the legs."""
    if host.snapshot.alone:
        found = path(host, source, destination, reply=reply)
        return Outcome(found.verdict, found.reason, found.delivered_to, None, 0, (), found.undecided, found.notes)
    request = _resolved(host, source, destination)
    if isinstance(request, Path):
        return Outcome(request.verdict, request.reason, None, None, 0, (), request.undecided, ())
    choices = Choices()
    way = _walk(host, request, choices, reply)
    doubted = request.any_src is not None and request.any_src.doubted
    if not choices.taken and way.decided and not doubted:
        # this is asked 80,000 times for a host of 1,000 containers
        last = way.last
        return Outcome(
            way.verdict, way.reason, way.delivered_to, way.deciding, last.seen.protocol, way.reply, (), way.notes
        )
    explored = explore(lambda choices: _walk(host, request, choices, reply), (choices, way), host.patience)
    return Outcome.of(_told(host, request, explored, reply), explored.outcomes[0].last.seen.protocol)


def _resolved(host: PreparedHost, source: str, destination: str, iif: str = "") -> Request | Path:
    """Resolve the question, or say why no path can be told: what was not read may also hide who or where an end is."""
    written, wanted = parse_source(source), parse_destination(destination)
    try:
        request = resolve(host, written, wanted, iif)
    except EndpointError:
        if (why := host.blind.get("ip")) is not None:
            return _untold(source, destination, why)
        raise
    if host.snapshot.alone:
        own_source, own_destination = vague(host, wanted, written)
        request = replace(request, any_src=request.any_src or own_source, any_dst=request.any_dst or own_destination)
    if (why := host.blind.get(request.family)) is not None:
        return _untold(request.source.text, _destination_text(request), why)
    return request


def _untold(source: str, destination: str, why: Undecided) -> Path:
    """The path that cannot be told for what was not read."""
    return Path(source, destination, "undecided", why.reason, undecided=(why,))


def _only(explored: Explored[Way]) -> Way | None:
    """The way, where there is but one to go."""
    first = explored.outcomes[0]
    return first if not explored.unknown and first.decided else None


def _walk(host: PreparedHost, request: Request, choices: Choices, reply: bool) -> Way:
    arrivals = _arrivals(host, request, choices)
    if len(arrivals) == 1:
        notes = arrivals[0].notes
    else:
        notes = list(dict.fromkeys(note for arrival in arrivals for note in arrival.notes))
    answered = None
    if reply and arrivals[-1].verdict == "delivered":
        answered = answers(host, arrivals, choices, notes)
    return Way(arrivals, answered, notes)


def _arrivals(host: PreparedHost, request: Request, choices: Choices) -> list[Arrival]:
    first, packet = first_arrival(host, request, choices)
    arrivals = [first]
    if first.delivered_to is not None and first.delivered_to.kind == "host" and not packet.is_echo:
        following = answered_on_host(host, first, packet, choices)
        if following is not None:
            arrivals.append(following)
    return arrivals


def _combine(host: PreparedHost, request: Request, explored: Explored[Way], reply: bool) -> Path:
    way = _only(explored)
    if way is not None:
        return _decided(host, request, way, reply)
    agreed = agreement(explored)
    found = _agreed(explored, agreed) if agreed is not None else _differing(explored)
    notes = [*request.notes, *found.notes]
    return replace(
        found,
        source=request.source.text,
        destination=_destination_text(request),
        reply=found.reply if reply else None,
        notes=(*dict.fromkeys(notes), *host_notes(host, request.family)),
    )


def _agreed(explored: Explored[Way], agreed: Agreement) -> Path:
    """The path where all ways of a quiet sender end alike: the likely way is shown."""
    first = explored.outcomes[0]
    legs, reply, deciding, reason = first.legs(), first.reply, first.deciding, first.reason
    notes = [note for way in explored.of_quiet_sender() for note in way.notes]
    if agreed.one_of:
        quiet = explored.of_quiet_sender()
        legs, reply = _common_legs([way.legs() for way in quiet]), _common_legs([way.reply for way in quiet])
        deciding = deciding_step(agreed.verdict, [step for leg in legs for step in leg.steps])
        names = ", ".join(dict.fromkeys(to.name for to in agreed.one_of))
        reason = f"it reaches one of {names}: the kernel chooses by chance"
        notes = [note for note in first.notes if all(note in way.notes for way in quiet)]
        listed = ", ".join(f"{to.name} ({host_port(to.address, to.port)})" for to in agreed.one_of)
        notes.append(f"delivered to one of {listed}")
    # it ends alike, and which way it takes is not told by the steps of one
    notes += dict.fromkeys(item.reason for item in explored.unknown if item.chance and item.rule is None)
    return Path(
        "",
        "",
        agreed.verdict,
        reason,
        agreed.delivered_to,
        tuple(legs),
        tuple(reply),
        tuple(item for item in explored.unknown if item.rule is not None),
        (*notes, *agreed.notes),
        deciding,
        agreed.condition,
        agreed.one_of,
    )


def _differing(explored: Explored[Way]) -> Path:
    """The path where ways end differently: the steps that all have in common, and what is not known."""
    ways = explored.outcomes
    # what a limit counts does not keep a quiet sender's ways apart
    undecided = sorted(explored.unknown, key=lambda item: bool(item.bound))
    notes: list[str] = []
    for each in ways:
        notes += each.notes
        why_not = [arrival.undecided for arrival in each.arrivals if arrival.undecided is not None]
        if each.answered is not None and each.answered.undecided is not None:
            why_not.append(each.answered.undecided)
        undecided += [item for item in why_not if item not in undecided]
    if not explored.usual_complete:
        notes.append(f"more than {len(ways)} ways were possible; not all were walked")
    legs = _common_legs([each.legs() for each in ways])
    why = undecided[0] if undecided else Undecided("", "there are too many possibilities")
    return Path("", "", "undecided", _undecided_reason(why), None, tuple(legs), (), tuple(undecided), tuple(notes))


def _decided(host: PreparedHost, request: Request, way: Way, reply: bool) -> Path:
    """The path where there is but one way to go."""
    return Path(
        request.source.text,
        _destination_text(request),
        way.verdict,
        way.reason,
        way.delivered_to,
        tuple(way.legs()),
        tuple(way.reply) if reply else None,
        (),
        (*request.notes, *(note for note in way.notes if note not in request.notes), *host_notes(host, request.family)),
        way.deciding,
    )


def _undecided_reason(why: Undecided) -> str:
    if why.rule is not None:
        return f"{why.reason}: {why.match} in rule {why.rule} of {why.table} {why.chain}"
    return why.reason


def _destination_text(request: Request) -> str:
    return _written_text(request.destination)


def _written_text(written: Written) -> str:
    if written.protocol == "icmp" or f"/{written.protocol}" in written.text:
        return written.text
    return f"{written.text}/{written.protocol}"


def _common_legs(every: list[list[Leg]]) -> list[Leg]:
    """The steps that all ways have in common, from the beginning."""
    common: list[Leg] = []
    for legs in zip(*every, strict=False):
        steps: list[Step] = []
        for step in zip(*(leg.steps for leg in legs), strict=False):
            if any(other != step[0] for other in step):
                break
            steps.append(step[0])
        packet: Packet = legs[0].packet
        common.append(Leg(packet, tuple(steps), legs[0].where))
        if any(len(leg.steps) != len(steps) for leg in legs):
            break
    return common


def host_notes(host: PreparedHost, family: Family) -> list[str]:
    """What netui cannot see on this host and a reader of any path should know."""
    known = host.notes.get(family)
    if known is None:
        known = host.notes[family] = _host_notes(host, family)
    return known


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
