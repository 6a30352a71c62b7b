"""Findings about rules in DOCKER-USER with a published port, which DNAT has replaced by then."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Finding
from netui.audit.doctor.remedy import cure
from netui.audit.doctor.user_rules import ONE_PORT, effect_of, options_of, reached, then, user_chains
from netui.dialects.iptables.conditions import match_conditions
from netui.model import Chain, Container, Family, Match, PublishedPort, Rule, packet_family
from netui.net.addresses import protocol_name
from netui.net.conditions import DPORT, IIF, PROTOCOL, SOURCE, Condition
from netui.net.intervals import IntervalSet
from netui.text.phrases import some


def names_published_port(view: View) -> Iterator[Finding]:
    """A rule matches the published port, which packets no longer have in DOCKER-USER."""
    if not view.judged:
        return
    published = _Ports(view)
    for chain in user_chains(view):
        for rule in reached(chain):
            ports = _published_in(view, chain, rule, published)
            if not ports:
                continue
            host_port, container_port, name, protocol = ports[0]
            named = some([str(port) for port in dict.fromkeys(p[0] for p in ports)])
            yield Finding(
                "docker-user-published-port",
                "high",
                f"Rule {rule.number} of DOCKER-USER names port {named}, and packets to published port {host_port} come "
                f"there with port {container_port}.",
                f"The translation to {name} comes first, so the rule never sees them: "
                f"{effect_of(rule)} {host_port}/{protocol}.",
                (view.rule_evidence(ChainRule(chain, rule)),),
                (
                    cure(
                        view,
                        "Ask for the port as it was before the translation: ",
                        _by_original_port(chain, rule, list(dict.fromkeys(p[0] for p in ports))),
                    ),
                ),
                tuple(dict.fromkeys(p[2] for p in ports)),
            )


class _Ports:
    """Data about ports and addresses for this check, gathered once for all rules."""

    def __init__(self, view: View) -> None:
        self.published: dict[int, list[tuple[Container, PublishedPort]]] = {}
        for container, bound in view.published():
            self.published.setdefault(bound.host_port, []).append((container, bound))
        self.in_order = sorted(self.published)
        self.inside: dict[str, list[int]] = {}
        for container in view.host.containers:
            for port, protocol in _container_ports(container) if container.running else ():
                self.inside.setdefault(protocol, []).append(port)
        for ports in self.inside.values():
            ports.sort()
        self.bridges = {network.bridge for network in view.host.networks.values()}
        self.addresses: dict[Family, set[int]] = {"ip": set(), "ip6": set()}
        for family, address in view.host.owners:
            self.addresses[family].add(address)


def _within(in_order: Sequence[int], spans: IntervalSet) -> Iterator[int]:
    """The numbers in one of the spans, in order."""
    numbers = {n for low, high in spans for n in in_order[bisect_left(in_order, low) : bisect_right(in_order, high)]}
    yield from sorted(numbers)


def _published_in(view: View, chain: Chain, rule: Rule, published: _Ports) -> list[tuple[int, int, str, str]]:
    """(host port, container port, container, protocol) of the host ports that the rule matches without effect."""
    if (
        (only := ONE_PORT.search(rule.text))
        and rule.text.count("port") == 1
        and int(only[1]) not in published.published
    ):
        return []
    located = ChainRule(chain, rule)
    ports, asked = located.asked(DPORT), located.asked(PROTOCOL)
    spans = ports.numbers() if ports is not None and not ports.negated else None
    if not spans or asked is None or asked.number is None:
        return []
    protocol = protocol_name(asked.number)
    named = list(_within(published.in_order, spans))
    if not named or _from_containers(located, published):
        return []
    if any(_within(published.inside.get(protocol, ()), spans)):
        # the rule matches packets to that port of a container
        return []
    missed = []
    for container, bound in (pair for port in named for pair in published.published[port]):
        if bound.protocol != protocol or bound.host_port == bound.container_port:
            continue
        if (":" in bound.host_ip) != (chain.family == "ip6") and bound.host_ip:
            continue
        if _missed(view, chain, rule, bound.host_port, bound.protocol):
            missed.append((bound.host_port, bound.container_port, container.name, bound.protocol))
    return missed


def _container_ports(container: Container) -> Iterator[tuple[int, str]]:
    yield from container.exposed
    yield from ((b.container_port, b.protocol) for b in (*container.bound_ports, *container.requested_ports))
    yield from ((s.port, s.protocol.removesuffix("6")) for s in container.listening or () if s.address != "127.0.0.11")


def _from_containers(located: ChainRule, published: _Ports) -> bool:
    """Whether the rule is about packets of containers."""
    inwards, source = located.asked(IIF), located.asked(*SOURCE)
    if inwards is not None and not inwards.negated and inwards.name in published.bridges:
        return True
    net = source.net if source is not None else None
    if net is None:
        return False
    addresses = published.addresses[packet_family(located.chain.family)]
    return net.value in addresses if net.single else any(address in net for address in addresses)


def _missed(view: View, chain: Chain, rule: Rule, port: int, protocol: str) -> bool:
    """Walk a packet to the published port: it visits DOCKER-USER, and this rule does not match."""
    if chain.family == "ip6":
        return True
    answer = view.walk("outside", f"host:{port}/{protocol}")
    if answer is None:
        return True
    for leg in answer.legs:
        for step in leg.steps:
            if step.chain == chain.name and step.rule == rule.number and step.backend == chain.backend:
                return False
    return True


def _by_original_port(chain: Chain, rule: Rule, ports: Sequence[int]) -> list[Change]:
    """Return rules that match the published ports before the translation, one for each port."""
    key = (chain.family, chain.backend, chain.table, chain.name)
    changes: list[Change] = []
    for port in ports:
        words = by_original_port(rule, port, packet_family(chain.family))
        last = rule.number + len(changes)
        changes.append(Change("insert" if changes else "replace", *key, last, words))
    return changes


def by_original_port(rule: Rule, port: int, family: Family) -> tuple[str, ...]:
    """Return a rule's words with a match of the destination port before the translation."""
    kept = [word for match in rule.spec.matches if not _is_only_ports(match, family) for word in options_of(match)]
    asked = ("-m", "conntrack", "--ctorigdstport", str(port), "--ctdir", "ORIGINAL")
    return (*kept, *asked, *then(rule))


def _is_only_ports(match: Match, family: Family) -> bool:
    """Whether a match has only destination ports; ``-m tcp`` alone counts, too."""
    required = list(match_conditions(match, family))
    if not match.module or (match.options and not required):
        return False
    return all(isinstance(condition, Condition) and condition.key == DPORT for condition in required)
