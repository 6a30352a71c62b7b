"""Findings about answers: a connection's first packet passes, but its answer is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from netui.audit.doctor.checkup import View
from netui.audit.doctor.finding import Change, Cure, Finding
from netui.audit.doctor.forwarding import one_of_each
from netui.audit.doctor.publishing import shown
from netui.audit.doctor.remedy import at_the_head, at_the_head_of, cure
from netui.audit.doctor.stops import client_sees, does, only_new, owner, where
from netui.model import Container, PublishedPort
from netui.net.addresses import address_text
from netui.net.conditions import SOURCE
from netui.text.phrases import some
from netui.traversal import Path, Step

#: A single machine of the internet (RFC 5737), for cases where "any machine outside" is undecided.
_WEB = ("outside:443/tcp", "203.0.113.99:443/tcp")
#: A client's port, in the range of every system: rules for ports of services do not match such answers.
_CLIENT_PORT = 50000
_ESTABLISHED = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


@dataclass(slots=True)
class _Lost:
    """A step that stops answers, and the connections that it stops."""

    step: Step
    networks: dict[str, None] = field(default_factory=dict)
    containers: dict[str, None] = field(default_factory=dict)
    ports: dict[str, None] = field(default_factory=dict)
    clients: dict[str, None] = field(default_factory=dict)
    host: bool = False


def _stop_of_answer(view: View, source: str, destination: str, home: str | None = None) -> tuple[Path, Step] | None:
    """Return the path and the step that stops the answer, None where the answer comes back or is unknown.

    home: the interface by which the answer should leave ("" for this machine); None: that of the packet. Answers that
    leave by another interface have findings of their own.
    """
    back = view.walk(source, destination, reply=True, sport=_CLIENT_PORT)
    for leg in back.reply or () if back is not None else ():
        if leg.steps and not leg.where and leg.steps[-1].verdict.stops:
            there = view.walk(source, destination, sport=_CLIENT_PORT)
            if there is None or there.verdict != "delivered":
                return None
            expected = there.legs[0].packet.iif if home is None else home
            return (there, leg.steps[-1]) if leg.packet.oif in ("", expected) else None
    return None


def answers_dropped(view: View) -> Iterator[Finding]:
    """A rule or policy stops answers: no connection is established, although its first packet passes."""
    if not view.walked:
        return
    losses: dict[tuple[object, ...], _Lost] = {}

    def note(step: Step) -> _Lost:
        key = (step.family, step.backend, step.table, step.chain, step.rule)
        return losses.setdefault(key, _Lost(step))

    for container, _, network in one_of_each(view, "ip"):
        lost = _outwards(view, f"{container.id}@{network.name}", network.bridge)
        # answers to a network that is not masqueraded have a finding of their own
        if lost is not None and lost[1].table != "raw":
            note(lost[1]).networks[network.name] = None
    for container, bound, client, destination in _asked(view):
        lost = _stop_of_answer(view, client, destination)
        if lost is not None:
            loss = note(lost[1])
            loss.ports[shown(bound)] = loss.containers[container.name] = None
            if client != "outside":
                loss.clients[client.removeprefix("outside:")] = None
    for destination in _WEB:
        lost = _stop_of_answer(view, "host", destination, "")
        if lost is not None:
            note(lost[1]).host = True
            break
    for loss in losses.values():
        yield _finding(view, loss)


def _outwards(view: View, source: str, home: str) -> tuple[Path, Step] | None:
    for destination in _WEB:
        lost = _stop_of_answer(view, source, destination, home)
        if lost is not None:
            return lost
    return None


def _asked(view: View) -> Iterator[tuple[Container, PublishedPort, str, str]]:
    """Yield published ports with their senders: anybody, and each address that DOCKER-USER lets in."""
    clients = ["outside", *(f"outside:{address}" for address in _let_in(view))]
    for container, bound in view.published():
        address = view.outside_address(bound)
        for client in clients if address else ():
            if client == "outside" or not address.startswith("["):
                yield container, bound, client, f"{address}:{bound.host_port}/{bound.protocol}"


def _let_in(view: View) -> list[str]:
    addresses: dict[str, None] = {}
    for located in view.rules("ip", "filter", "DOCKER-USER"):
        if "ACCEPT" not in located.rule.text and "RETURN" not in located.rule.text and located.rule.native is None:
            # told without parsing it: a block list has thousands
            continue
        target, source = located.rule.spec.target, located.asked(*SOURCE)
        if target is None or target.name not in ("ACCEPT", "RETURN") or source is None or source.number is None:
            continue
        if view.host.owner("ip", source.number) is None:
            addresses[address_text("ip", source.number)] = None
        if len(addresses) == 4:
            break
    return list(addresses)


def _finding(view: View, lost: _Lost) -> Finding:
    step = lost.step
    whose: list[str] = []
    if lost.networks:
        whose.append(f"connections that containers of network {some(list(lost.networks))} open")
    if lost.ports:
        by = f" from {some(list(lost.clients))}" if lost.clients else ""
        whose.append(f"connections to published port {some(list(lost.ports))}{by}")
    if lost.host:
        whose.append("connections that this machine opens")
    because = (
        "The first packet passes, and nothing lets the answers of open connections pass before the policy."
        if step.rule is None
        else "The first packet passes; the rule takes answers as it takes new connections."
    )
    words: Cure | None = at_the_head(view, view.key("ip", step), "Let answers pass first: ", _ESTABLISHED)
    if step.backend == "nftables":
        words = at_the_head_of(view, step, "Let answers pass first: ", _ESTABLISHED) if not owner(view, step) else None
    elif step.hook == "input":
        accept = Change("insert", *view.key("ip", step), "filter", "INPUT", 1, tuple(_ESTABLISHED.split()))
        words = cure(view, "Let answers pass first: ", (accept,))
    narrower = only_new(view, step, "ip")
    return Finding(
        "answers-dropped",
        "high",
        f"Answers are lost: {where(step)} {does(step)} those to {' and to '.join(whose)}.",
        f"{because} Who asked waits until it times out"
        + (f"; who answered {client_sees(step)}." if step.verdict.kind == "reject" else "."),
        (view.step_evidence(step),),
        (*filter(None, (words, narrower)), *_owners(view, step)),
        tuple(dict.fromkeys((*lost.networks, *lost.containers))),
    )


def _owners(view: View, step: Step) -> Iterator[str]:
    whose = owner(view, step)
    if whose:
        yield f"The rule is {whose}'s, which makes it anew when it starts: change it there."
