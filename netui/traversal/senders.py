"""To whom: all machines beyond the default route, in parts that each meet the same rules.

The plain walk of one packet is the specification. A walk of many machines at once goes on as long as each
question holds for all of them or for none; where it holds for some, they are split there and both parts are
walked. What stays unknown (a limit, a module) is unknown within its part only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from netui.model import PolicyRule
from netui.net.intervals import IntervalSet, of_mask
from netui.traversal.address import parse_net, width
from netui.traversal.choices import Choices, Explored, explore
from netui.traversal.host import PreparedHost
from netui.traversal.question import Request
from netui.traversal.transit import Senders, Split

Outcome = TypeVar("Outcome")

#: More parts than this are not walked apart.
MOST_PARTS = 2048


@dataclass(slots=True)
class Part(Generic[Outcome]):
    """Senders that all meet the same rules, and what becomes of their packets."""

    addresses: IntervalSet
    explored: Explored[Outcome]


class TooManyParts(Exception):
    """The rules tell more senders apart than are walked."""


def partition(
    host: PreparedHost, request: Request, walk: Callable[[Request, Choices], Outcome]
) -> Iterator[Part[Outcome]]:
    """Yield the parts of all senders of a question from outside; raises TooManyParts.

    walk: one way of a packet of a request, for one set of choices.
    """
    assert request.any_src is not None
    waiting = list(_by_policy_rules(host, request, request.any_src.machines()))
    parts = 0
    while waiting:
        addresses = waiting.pop()
        if not addresses:
            continue
        asked = _from(request, addresses)
        try:
            explored = explore(lambda choices, asked=asked: walk(asked, choices), patience=host.patience)  # type: ignore[misc]
        except Split as split:
            waiting += [addresses - split.part, addresses & split.part]
            if parts + len(waiting) > MOST_PARTS:
                raise TooManyParts from None
            continue
        parts += 1
        yield Part(addresses, explored)


def _from(request: Request, addresses: IntervalSet) -> Request:
    """The question asked by these senders; their representative is one of them, of the largest interval."""
    low, high = max(addresses, key=lambda span: span[1] - span[0])
    # not the first one where there are more: that is the network's own address
    representative = request.src if request.src in addresses else min(low + 1, high)
    made = request.copy()
    made.src, made.any_src = representative, Senders(addresses, request.family)
    return made


def _by_policy_rules(host: PreparedHost, request: Request, addresses: IntervalSet) -> list[IntervalSet]:
    """Cut the senders at what policy rules ask for: which way an answer goes may hang on it."""
    parts = [addresses]
    for rule in host.snapshot.policy_rules.get(request.family, ()):
        for span in _nets_of(rule, request):
            parts = [piece for part in parts for piece in (part & span, part - span) if piece]
    return parts


def _nets_of(rule: PolicyRule, request: Request) -> Iterator[IntervalSet]:
    for text in (rule.src, rule.dst):
        net = parse_net(text, request.family) if text and text not in ("all", "default") else None
        if net is not None and not net.whole:
            found = of_mask(net.value, net.mask, width(request.family))
            if found is not None:
                yield found
