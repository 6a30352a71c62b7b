"""The answer packet of each leg: conntrack knows it, so that nat chains are not asked again."""

from __future__ import annotations

from netui.traversal.address import ICMP, TCP
from netui.traversal.choices import Choices
from netui.traversal.host import PreparedHost
from netui.traversal.journey import Arrival, Journey
from netui.traversal.path import Leg
from netui.traversal.transit import Transit


def answer_legs(host: PreparedHost, arrivals: list[Arrival], choices: Choices, notes: list[str]) -> list[Leg]:
    """Walk the answers, the last leg's first."""
    legs: list[Leg] = []
    for arrival in reversed(arrivals):
        leg, note = _answer(host, arrival, choices)
        if note and note not in notes:
            notes.append(note)
        if leg is not None:
            legs.append(leg)
    return legs


def _answer(host: PreparedHost, arrival: Arrival, choices: Choices) -> tuple[Leg | None, str]:
    sent = arrival.transit
    to = arrival.delivered_to
    if sent is None or to is None or arrival.where or not arrival.steps:
        return None, ""
    if sent.untracked:
        return None, "the packet is not tracked: how its answer fares depends on what conntrack makes of it"
    answer = Transit(
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
    )
    connection = answer.pending
    if sent.icmp is not None:
        answer.icmp = (0 if sent.protocol == ICMP else 129, 0)
    if sent.protocol == TCP:
        answer.tcp_flags = frozenset({"SYN", "ACK"})
    journey = Journey(host, choices)
    if to.kind == "host":
        walked = journey.send(answer)
    else:
        answer.iif = arrival.seen.oif
        side_by_side = sent.bridged and not (connection is not None and (connection.snat or connection.dnat))
        walked = journey.receive(answer, towards=arrival.seen.oif if side_by_side else "")
    note = ""
    if walked.verdict != "delivered":
        note = f"the answer does not come back: {walked.reason}"
    elif _leaves_elsewhere(host, arrival, walked):
        note = f"the answer does not come back: it leaves by {walked.seen.oif}, not by {arrival.seen.iif}"
    return Leg(walked.seen.packet(), walked.steps), note


def _leaves_elsewhere(host: PreparedHost, arrival: Arrival, answer: Arrival) -> bool:
    """Whether the answer to one of Docker's bridges goes outside: the source is not an address of that network."""
    to = answer.delivered_to
    return to is not None and to.kind == "outside" and arrival.seen.iif in host.bridges.values()
