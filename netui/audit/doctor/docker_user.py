"""Findings about rules in DOCKER-USER that can never match, each with the rule that would."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from netui.audit.doctor.checkup import Place, View
from netui.audit.doctor.finding import Change, Finding, Severity
from netui.audit.doctor.lists import told
from netui.audit.doctor.remedy import cure, replaced, words_of
from netui.audit.doctor.shadowing import Earlier, is_unconditional
from netui.model import Chain, Container, Family, Match, PublishedPort, Rule, packet_family
from netui.net.addresses import parse_net, parse_ports
from netui.text.phrases import some

_ENDS = ("ACCEPT", "DROP", "REJECT", "RETURN")
#: The port of most rules, told without parsing them: thousands need no second look.
_ONE_PORT = re.compile(r" --dport (\d{1,5}) -j ")
_FAMILIES: tuple[Family, Family] = ("ip", "ip6")


def _chains(view: View) -> Iterator[Chain]:
    for family in _FAMILIES:
        yield from view.chains(family, "filter", "DOCKER-USER")


def _ends(rule: Rule) -> bool:
    target = rule.spec.target
    return target is not None and (target.name in _ENDS or target.goto)


def _moved(view: View, chain: Chain, rule: Rule, before: int) -> tuple[str, ...]:
    key = (chain.family, chain.backend, chain.table, chain.name)
    changes = (Change("delete", *key, rule.number), Change("insert", *key, before, words_of(rule)))
    return (cure(view, "Put it before that rule: ", changes), "Add rules with -I, not -A.")


def behind_the_end(view: View) -> Iterator[Finding]:
    """A rule stands behind one that takes every packet (up to 28.1, Docker's own RETURN)."""
    for chain in _chains(view):
        end = next((rule for rule in chain.rules if is_unconditional(rule) and _ends(rule)), None)
        if end is None:
            continue
        for rule in chain.rules[end.number :]:
            if rule.text == end.text:
                # the same again changes nothing
                continue
            yield Finding(
                "docker-user-behind-end",
                "high",
                f"Rule {rule.number} of DOCKER-USER never sees a packet: rule {end.number} before it takes every one "
                f"({end.spec.target.name if end.spec.target else ''}).",
                "It does nothing, whatever it is meant to keep out or let in.",
                (view.rule_evidence(Place(chain, rule)), view.rule_evidence(Place(chain, end))),
                _moved(view, chain, rule, end.number),
            )


def shadowed(view: View) -> Iterator[Finding]:
    """A rule is covered by an earlier one that takes all of its packets."""
    of_lists = told(view)
    for chain in _chains(view):
        before = Earlier(packet_family(chain.family))
        key = (chain.family, chain.backend, chain.table, chain.name)
        for rule in chain.rules:
            if is_unconditional(rule):
                if _ends(rule):
                    break
                continue
            earlier = before.covering(rule)
            if _ends(rule):
                before.add(rule)
            if earlier is None or earlier.spec.target is None:
                continue
            if (chain.family, chain.backend, chain.name, rule.number) in of_lists:
                continue
            same = rule.spec.target is not None and rule.spec.target == earlier.spec.target
            severity: Severity = "low" if same else "medium"
            advice = (
                (cure(view, "Delete it: ", (Change("delete", *key, rule.number),)),)
                if same
                else _moved(view, chain, rule, earlier.number)
            )
            yield Finding(
                "docker-user-shadowed",
                severity,
                f"Rule {rule.number} of DOCKER-USER never sees a packet: rule {earlier.number} takes all of its "
                f"packets before ({earlier.spec.target.name}).",
                "It does nothing; the earlier rule decides."
                if not same
                else "It does nothing that the earlier does not do.",
                (view.rule_evidence(Place(chain, rule)), view.rule_evidence(Place(chain, earlier))),
                advice,
            )


# --- after the translation -----------------------------------------------------------------


def names_published_port(view: View) -> Iterator[Finding]:
    """A rule names the published port, which packets have no more when they come to DOCKER-USER."""
    if not view.judged:
        return
    known = _Ports(view)
    for chain in _chains(view):
        for rule in _reached(chain):
            ports = _published_in(view, chain, rule, known)
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
                f"{_effect(rule)} {host_port}/{protocol}.",
                (view.rule_evidence(Place(chain, rule)),),
                (
                    cure(
                        view,
                        "Ask for the port as it was before the translation: ",
                        _by_original_port(chain, rule, list(dict.fromkeys(p[0] for p in ports))),
                    ),
                ),
                tuple(dict.fromkeys(p[2] for p in ports)),
            )


def _effect(rule: Rule) -> str:
    target = rule.spec.target.name if rule.spec.target is not None else ""
    return {
        "DROP": "it does not keep anybody from",
        "REJECT": "it does not keep anybody from",
        "ACCEPT": "it does not let anybody in to",
        "RETURN": "it does not spare",
    }.get(target, "it does nothing for")


def _reached(chain: Chain) -> Sequence[Rule]:
    """The rules up to the first that takes every packet."""
    for position, rule in enumerate(chain.rules):
        if is_unconditional(rule) and _ends(rule):
            return chain.rules[:position]
    return chain.rules


def _dports(rule: Rule) -> list[tuple[int, int]]:
    for match in rule.spec.matches:
        option = match.option("--dport", "--dports", "--destination-port", "--destination-ports")
        if option is not None and not option.negated:
            return [span for part in option.value.split(",") if (span := parse_ports(part)) is not None]
    return []


class _Ports:
    """What is needed of each port and address while rules are looked at, gathered once for all of them."""

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


def _within(in_order: Sequence[int], spans: Sequence[tuple[int, int]]) -> Iterator[int]:
    """The numbers that lie in one of the spans, in order."""
    found = {n for low, high in spans for n in in_order[bisect_left(in_order, low) : bisect_right(in_order, high)]}
    yield from sorted(found)


def _published_in(view: View, chain: Chain, rule: Rule, known: _Ports) -> list[tuple[int, int, str, str]]:
    """(host port, container port, container, protocol) that the rule names by host port, in vain."""
    if (only := _ONE_PORT.search(rule.text)) and rule.text.count("port") == 1 and int(only[1]) not in known.published:
        return []
    spans = _dports(rule)
    protocol = rule.spec.basic_option("-p")
    if not spans or protocol is None or protocol.negated:
        return []
    named = list(_within(known.in_order, spans))
    if not named or _from_containers(chain, rule, known):
        return []
    if any(_within(known.inside.get(protocol.value, ()), spans)):
        # it does match packets to that port of a container
        return []
    found = []
    for container, bound in (pair for port in named for pair in known.published[port]):
        if bound.protocol != protocol.value or bound.host_port == bound.container_port:
            continue
        if (":" in bound.host_ip) != (chain.family == "ip6") and bound.host_ip:
            continue
        if _missed(view, chain, rule, bound.host_port, bound.protocol):
            found.append((bound.host_port, bound.container_port, container.name, bound.protocol))
    return found


def _container_ports(container: Container) -> Iterator[tuple[int, str]]:
    yield from container.exposed
    yield from ((b.container_port, b.protocol) for b in (*container.bound, *container.asked))
    yield from ((s.port, s.protocol.removesuffix("6")) for s in container.listening or () if s.address != "127.0.0.11")


def _from_containers(chain: Chain, rule: Rule, known: _Ports) -> bool:
    """Whether the rule is about packets that containers send."""
    inwards, source = rule.spec.basic_option("-i"), rule.spec.basic_option("-s")
    if inwards is not None and not inwards.negated and inwards.value in known.bridges:
        return True
    net = parse_net(source.value, chain.family) if source is not None and not source.negated else None
    if net is None:
        return False
    addresses = known.addresses[packet_family(chain.family)]
    return net.value in addresses if net.single else any(address in net for address in addresses)


def _missed(view: View, chain: Chain, rule: Rule, port: int, protocol: str) -> bool:
    """Walk a packet to the published port: it visits DOCKER-USER, and this rule does not match."""
    if chain.family == "ip6":
        return True
    found = view.walk("outside", f"host:{port}/{protocol}")
    if found is None:
        return True
    for leg in found.legs:
        for step in leg.steps:
            if step.chain == chain.name and step.rule == rule.number and step.backend == chain.backend:
                return False
    return True


def _by_original_port(chain: Chain, rule: Rule, ports: Sequence[int]) -> list[Change]:
    """Return the rule with the published port asked for as it was before the translation: a rule for each."""
    key = (chain.family, chain.backend, chain.table, chain.name)
    changes: list[Change] = []
    for port in ports:
        words = by_original_port(rule, port)
        last = rule.number + len(changes)
        changes.append(Change("insert" if changes else "replace", *key, last, words))
    return changes


def by_original_port(rule: Rule, port: int) -> tuple[str, ...]:
    """Return a rule's words with its destination port asked for as it was before the translation."""
    kept: list[str] = []
    for match in rule.spec.matches:
        if match.module in ("tcp", "udp", "sctp", "multiport") and _is_only_ports(match):
            continue
        kept += _words(match)
    asked = ("-m", "conntrack", "--ctorigdstport", str(port), "--ctdir", "ORIGINAL")
    return (*kept, *asked, *_then(rule))


def _then(rule: Rule) -> list[str]:
    target = rule.spec.target
    return [] if target is None else ["-j", target.name, *(w for o in target.options for w in (o.name, *o.values))]


def _is_only_ports(match: Match) -> bool:
    return all(
        option.name in ("--dport", "--dports", "--destination-port", "--destination-ports") for option in match.options
    )


def _words(match: Match) -> list[str]:
    words = ["-m", match.module] if match.module else []
    for option in match.options:
        words += ["!"] if option.negated else []
        words += [option.name, *option.values]
    return words


def names_host_address(view: View) -> Iterator[Finding]:
    """A rule names the host's own address as the destination, which no forwarded packet has."""
    if view.host.snapshot.interfaces is None:
        return
    for chain in _chains(view):
        for rule in _reached(chain):
            if " -d " not in rule.text:
                continue
            to = rule.spec.basic_option("-d")
            net = parse_net(to.value, chain.family) if to is not None and not to.negated else None
            if net is None or to is None or not net.single:
                continue
            if not view.host.namespace.fibs[packet_family(chain.family)].is_local(net.value):
                continue
            address = to.value.partition("/")[0]
            rest = [w for m in rule.spec.matches for w in _words(m)]
            at = rest.index("-d")
            rest = rest[:at] + rest[at + 2 :] + ["-m", "conntrack", "--ctorigdst", address]
            yield Finding(
                "docker-user-host-address",
                "high",
                f"Rule {rule.number} of DOCKER-USER names this machine's own address {address} as the destination.",
                "It never sees a packet: what is for the host's address goes to INPUT, and what was sent to a "
                "published port has the container's address by then.",
                (view.rule_evidence(Place(chain, rule)),),
                (
                    cure(
                        view,
                        "Ask for the address as it was before the translation: ",
                        (replaced(Place(chain, rule), [*rest, *_then(rule)]),),
                    ),
                ),
            )
