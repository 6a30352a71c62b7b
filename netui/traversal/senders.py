"""All machines beyond the default route (or all ports) in parts, each of which meets the same rules.

The walk of one packet is the specification. A walk for many packets goes on while each match holds for all
of them or for none. Where a match holds for some, they are split, and each part is walked. An unknown (a limit, a
module) concerns its own part only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from netui.model import Family, PolicyRule
from netui.net.addresses import parse_net, width
from netui.net.intervals import IntervalSet, of_mask
from netui.traversal.any_outside import AnyOutside, Senders
from netui.traversal.host.prepared import PreparedHost
from netui.traversal.question.resolution import Query
from netui.traversal.several import Fork, Several, Split
from netui.traversal.unknowns import Explored, Unknowns, explore

Outcome = TypeVar("Outcome")

#: The most parts that are walked.
MOST_PARTS = 2048


@dataclass(slots=True)
class Part(Generic[Outcome]):
    """Senders, receivers and ports whose packets go the same way, and the outcome.

    query: the question for them. senders, receivers, ports: which ones; None where the question names one.
    """

    query: Query
    senders: Several | None
    receivers: Several | None
    ports: Several | None
    explored: Explored[Outcome]


class TooManyParts(Exception):
    """The rules divide the machines or ports into more parts than are walked."""


def asks_for_several(query: Query) -> bool:
    """Return whether a question is about many machines or ports at once."""
    return _parted(query.any_src) or _parted(query.any_dst) or query.any_dport is not None


def _parted(vague: AnyOutside | None) -> bool:
    # the host's own addresses are not divided
    return type(vague) is AnyOutside


def partition(
    host: PreparedHost, query: Query, walk: Callable[[Query, Unknowns], Outcome], most: int = MOST_PARTS
) -> Iterator[Part[Outcome]]:
    """Yield the parts of a question about many; raises TooManyParts where there are more than ``most``.

    walk: walks a packet of a query, with one set of answers to what is unknown.
    """
    waiting: list[tuple[Several | None, Several | None, Several | None]] = [
        (senders, receivers, ports)
        for senders in _everyone(host, query.any_src, query, query.src)
        # where both ends stand for many, only the senders are divided
        for receivers in _everyone(host, None if _parted(query.any_src) else query.any_dst, query, query.dst)
        for ports in (_ports(host, query) if query.any_dport is not None else (None,))
    ]
    waiting.reverse()
    parts = 0
    while waiting:
        one = waiting.pop()
        asked = _asked(query, *one)
        try:
            explored = explore(lambda unknowns, asked=asked: walk(asked, unknowns), patience=host.patience)  # type: ignore[misc]
        except (Split, Fork) as split:
            at = next(index for index, several in enumerate(one) if several is split.several)
            for each in split.parts():
                left = [*one[:at], each, *one[at + 1 :]]
                waiting.append((left[0], left[1], left[2]))
            if parts + len(waiting) > most:
                raise TooManyParts from None
            continue
        parts += 1
        yield Part(asked, *one, explored)


def _everyone(host: PreparedHost, vague: AnyOutside | None, query: Query, first: int) -> list[Several | None]:
    """All machines of one end of a question, divided by the networks of policy rules; [None] for one machine."""
    if vague is None or not _parted(vague):
        return [None]
    if not vague.everyone:
        parts = _by_policy_rules(host, query.family, vague.machines())
        vague.everyone += [senders_of(Several(part), query.family, first) for part in parts]
    return [senders.several for senders in vague.everyone]


def senders_of(several: Several, family: Family, first: int) -> Senders:
    """Return machines as senders. first: their representative, where it is one of them."""
    kept: Senders | None = several.kept.get("senders")
    if kept is None:
        numbers = several.numbers
        if first not in numbers:
            low, high = max(numbers, key=lambda span: span[1] - span[0])
            # the second address where there are more: the first is the network's own address
            first = min(low + 1, high)
        kept = several.kept["senders"] = Senders(several, family, first)
    return kept


def _asked(query: Query, senders: Several | None, receivers: Several | None, ports: Several | None) -> Query:
    """The question for these senders, receivers and ports."""
    part = query.copy()
    if senders is not None:
        source = senders_of(senders, query.family, query.src)
        part.src, part.any_src = source.representative, source
    if receivers is not None:
        target = senders_of(receivers, query.family, query.dst)
        part.dst, part.any_dst = target.representative, target
    if ports is not None:
        part.dport = ports.numbers.lows[0]
        part.any_dport = ports
    return part


def _by_policy_rules(host: PreparedHost, family: Family, addresses: IntervalSet) -> list[IntervalSet]:
    """Divide machines by the networks of policy rules, because the answer's route may depend on them."""
    parts = [addresses] if addresses else []
    for rule in host.snapshot.policy_rules.get(family, ()):
        for span in _nets_of(rule, family):
            parts = [piece for part in parts for piece in (part & span, part - span) if piece]
    return parts


def _ports(host: PreparedHost, query: Query) -> list[Several]:
    """Divide ports by the ports of policy rules."""
    assert query.any_dport is not None
    spans = [
        IntervalSet([limits])
        for rule in host.snapshot.policy_rules.get(query.family, ())
        for limits in (rule.sport, rule.dport)
        if limits is not None
    ]

    def cut() -> list[IntervalSet]:
        assert query.any_dport is not None
        parts = [query.any_dport.numbers]
        for span in spans:
            parts = [piece for part in parts for piece in (part & span, part - span) if piece]
        return parts

    return list(query.any_dport.cut("policy", cut)) if spans else [query.any_dport]


def _nets_of(rule: PolicyRule, family: Family) -> Iterator[IntervalSet]:
    for text in (rule.src, rule.dst):
        net = parse_net(text, family) if text and text not in ("all", "default") else None
        if net is not None and not net.whole:
            addresses = of_mask(net.value, net.mask, width(family))
            if addresses is not None:
                yield addresses
