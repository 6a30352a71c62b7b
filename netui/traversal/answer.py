"""The answer for SRC → DST: all possible ways of the packet, combined into one path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from netui.net.addresses import width
from netui.traversal.branch import Branch, deciding_step
from netui.traversal.by_sender import Cell, Together, reworded, told_apart
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.question.alone import by_hand, family_asked, unnamed, vague
from netui.traversal.question.endpoints import EndpointError, parse_destination, parse_source
from netui.traversal.question.query import combined, destination_text, host_notes, only, walk, written_text
from netui.traversal.question.resolution import Query, questions
from netui.traversal.result import DeliveredTo, Leg, Path, SendersPart, Step, Undecided, Verdict
from netui.traversal.senders import Part, TooManyParts, asks_for_several, partition
from netui.traversal.several import Several
from netui.traversal.unknowns import Unknowns, explore

_TOO_MANY = "the rules tell more machines apart than netui walks"


@dataclass(slots=True)
class BriefPath:
    """The outcome of SRC → DST without its legs, for callers with thousands of questions.

    The fields are those of Path. notes: those of this way only, not those of the whole host. protocol:
    the IANA number of the last leg's protocol. reply: the answer's legs.
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
    #: the senders with another outcome
    senders: Sequence[OutcomePart] = ()

    @classmethod
    def of(cls, path: Path, protocol: int) -> BriefPath:
        """A path in the short form; protocol: its last leg's."""
        return cls(
            path.verdict, path.reason, path.delivered_to, path.deciding, protocol, path.reply or (), path.undecided,
            path.notes, path.condition, path.one_of,
        )  # fmt: skip


@dataclass(slots=True)
class OutcomePart:
    """Some of the senders: their networks, the rule that distinguishes them, and the outcome of their packets.

    reason: that of the outcome for one of them.
    """

    addresses: tuple[str, ...]
    outcome: BriefPath
    decided_by: Step | None
    reason: str


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
                untold(source, written_text(wanted), missing),
                notes=tuple(host_notes(host, family_asked(written, wanted))),
            )
        host = by_hand(host, written, wanted, iif, oif)
    elif oif:
        raise EndpointError("--out: is for rules alone; here the routes tell the way")
    requests = _resolved(host, source, destination, iif)
    if isinstance(requests, Path):
        return requests
    if sport is not None:
        requests = [replace(query, sport=sport) for query in requests]
    return _answered(host, requests, reply)


def _answered(host: PreparedHost, requests: Sequence[Query], reply: bool) -> Path:
    """The path of a question, in parts by machine where rules distinguish machines."""
    query = requests[0]
    if not asks_for_several(query):
        return _together(host, query, reply)
    try:
        parts = _parts(host, requests, reply)
    except TooManyParts:
        whole = _together(host, query, reply)
        return replace(whole, notes=(*whole.notes, _TOO_MANY))
    if not parts:
        return _together(host, query, reply)
    walks = []
    for part in parts:
        answer = combined(host, part.query, part.explored, reply)
        steps = [step for leg in (*answer.legs, *(answer.reply or ())) for step in leg.steps]
        key = (answer.verdict, answer.delivered_to, answer.one_of, answer.condition, answer.undecided)
        walks.append(Together(_several(part), steps, key, answer.deciding, answer))
    everyone, *named = told_apart(walks)
    usual = everyone.way.written(everyone.cells[0])
    if not named:
        return usual
    bits = width(query.family)
    listed = tuple(
        SendersPart(group.texts(bits), group.way.written(group.cells[0]), group.decided_by) for group in named
    )
    every = (SendersPart(None, usual, usual.deciding), *listed)
    return replace(usual, senders=every) if query.any_src is not None else replace(usual, receivers=every)


def _parts(host: PreparedHost, requests: Sequence[Query], reply: bool) -> list[Part[Branch]]:
    return [
        part
        for query in requests
        for part in partition(host, query, lambda asked, unknowns: walk(host, asked, unknowns, reply))
    ]


def _several(part: Part[Branch]) -> Several:
    several = part.senders if part.senders is not None else part.receivers
    assert several is not None
    return several


def _together(host: PreparedHost, query: Query, reply: bool) -> Path:
    """The path of a question that has no parts."""
    explored = explore(lambda unknowns: walk(host, query, unknowns, reply), patience=host.patience)
    return combined(host, query, explored, reply)


def outcome(host: PreparedHost, source: str, destination: str, *, reply: bool = False) -> BriefPath:
    """Return the outcome that :func:`path` has, without its legs, in half of the time."""
    if host.snapshot.alone:
        answer = path(host, source, destination, reply=reply)
        return BriefPath(
            answer.verdict, answer.reason, answer.delivered_to, None, 0, (), answer.undecided, answer.notes
        )
    requests = _resolved(host, source, destination)
    if isinstance(requests, Path):
        return BriefPath(requests.verdict, requests.reason, None, None, 0, (), requests.undecided, ())
    query = requests[0]
    if asks_for_several(query):
        return _outcome_by_sender(host, requests, reply)
    unknowns = Unknowns()
    branch = walk(host, query, unknowns, reply)
    if not unknowns.taken and branch.decided:
        # this is asked 80,000 times for a host of 1,000 containers
        return _of_way(branch)
    explored = explore(lambda unknowns: walk(host, query, unknowns, reply), (unknowns, branch), host.patience)
    return BriefPath.of(combined(host, query, explored, reply), explored.outcomes[0].last.seen.protocol)


def _of_way(branch: Branch) -> BriefPath:
    if branch.answered is None and len(branch.arrivals) == 1:
        # what most of a host's questions come to
        arrival = branch.arrivals[0]
        deciding = deciding_step(arrival.verdict, arrival.steps)
        return BriefPath(
            arrival.verdict, arrival.reason, arrival.delivered_to, deciding, arrival.seen.protocol, (), (), branch.notes
        )  # fmt: skip
    return BriefPath(
        branch.verdict,
        branch.reason,
        branch.delivered_to,
        branch.deciding,
        branch.last.seen.protocol,
        branch.reply,
        (),
        branch.notes,
    )


def _outcome_by_sender(host: PreparedHost, requests: Sequence[Query], reply: bool) -> BriefPath:
    query = requests[0]
    try:
        parts = _parts(host, requests, reply)
    except TooManyParts:
        parts = []
    if not parts:
        return BriefPath.of(_together(host, query, reply), query.protocol)
    walks: list[Together] = []
    outcomes: dict[int, BriefPath] = {}
    for part in parts:
        branch = only(part.explored)
        if branch is not None:
            brief = _of_way(branch)
            steps = [*branch.steps, *(step for leg in branch.reply for step in leg.steps)]
        else:
            path = combined(host, part.query, part.explored, reply)
            brief = BriefPath.of(path, part.explored.outcomes[0].last.seen.protocol)
            steps = [step for leg in (*path.legs, *(path.reply or ())) for step in leg.steps]
        key = (brief.verdict, brief.delivered_to, tuple(brief.one_of), brief.condition, tuple(brief.undecided))
        walks.append(Together(_several(part), steps, key, brief.deciding))
        outcomes[id(walks[-1])] = brief
    everyone, *named = told_apart(walks)
    usual = _of_cell(everyone.way, everyone.cells[0], outcomes[id(everyone.way)])
    if query.any_src is not None:
        bits = width(query.family)
        usual.senders = [
            OutcomePart(
                group.texts(bits),
                outcomes[id(group.way)],
                group.decided_by,
                _reason(group.way, group.cells[0], outcomes[id(group.way)]),
            )
            for group in named
        ]
    return usual


def _reason(way: Together, cell: Cell, brief: BriefPath) -> str:
    if not way.fans or brief.verdict == "delivered":
        return brief.reason
    reason = brief.reason
    for fan, step in zip(way.fans, cell.steps, strict=True):
        reason = reworded(reason, fan, step)
    return reason


def _of_cell(way: Together, cell: Cell, brief: BriefPath) -> BriefPath:
    if not way.fans:
        return brief
    return replace(brief, deciding=way.step_of(brief.deciding, cell), reason=_reason(way, cell, brief))


def _resolved(host: PreparedHost, source: str, destination: str, iif: str = "") -> list[Query] | Path:
    """Resolve the question, or return the path that says why it has no answer.

    What was not read may also be what identifies an endpoint.
    """
    written, wanted = parse_source(source), parse_destination(destination)
    try:
        queries = questions(host, written, wanted, iif)
    except EndpointError:
        if (why := host.blind.get("ip")) is not None:
            return untold(source, destination, why)
        raise
    if host.snapshot.alone:
        own_source, own_destination = vague(host, wanted, written)
        queries = [
            replace(one, any_src=one.any_src or own_source, any_dst=one.any_dst or own_destination) for one in queries
        ]
    query = queries[0]
    if (why := host.blind.get(query.family)) is not None:
        return untold(query.source.text, destination_text(query), why)
    return queries


def untold(source: str, destination: str, why: Undecided) -> Path:
    """Return the undecided path that names what was not read."""
    return Path(source, destination, "undecided", why.reason, undecided=(why,))
