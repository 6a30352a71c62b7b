"""Findings about rules without effect: a missing interface, after Docker's accepts, or a repeated jump."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netui.audit.doctor.changed_host import changed
from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Cure, Finding, Severity
from netui.audit.doctor.original_port import by_original_port
from netui.audit.doctor.publishing import shown
from netui.audit.doctor.remedy import cure, deleted, replaced, words_of
from netui.audit.doctor.shadowing import is_unconditional
from netui.explain.chain_owners import chain_of_dockers, neighbour
from netui.model import Chain, Family, PublishedPort
from netui.model.statements import Text
from netui.net.addresses import PROTOCOLS, address_text
from netui.net.conditions import DPORT, INTERFACES, PROTOCOL, SOURCE
from netui.text.phrases import plural, some
from netui.traversal import EndpointError, RulesError, Step, path, prepare

_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
_TABLES = ("filter", "nat", "mangle", "raw")
_BRIDGE = re.compile(r"br-[0-9a-f]{12}")
#: Interfaces of programs that come and go; a rule for them may match later.
_COMING = re.compile(
    r"(?:tun|tap|wg|ppp|tailscale|zt|vnet|veth|virbr|lxdbr|incusbr|cni|flannel|docker_gwbridge|nordlynx)"
)
#: The most rules after Docker's accepts that are tried before them.
_MOST = 24


# --- an interface that is not there ---------------------------------------------------------


def interface_missing(view: View) -> Iterator[Finding]:
    """Rules for an interface that the host does not have: they never match, or with ``!`` always."""
    interfaces = view.host.snapshot.interfaces
    if interfaces is None:
        return
    names = {interface.name for interface in interfaces}
    by_interface: dict[tuple[str, bool], list[ChainRule]] = {}
    for family in _FAMILIES:
        for table in _TABLES:
            for located in view.rules(family, table):
                if chain_of_dockers(located.chain.name) and located.chain.name != "DOCKER-USER":
                    continue
                whose = neighbour(located.chain.name)[0]
                if whose and not located.chain.name.startswith(("ufw-user-", "ufw6-user-")):
                    continue
                for interface in INTERFACES:
                    asked = located.asked(interface)
                    if asked is None or len(asked.names) != 1 or asked.printed in names:
                        continue
                    if _may_come(asked.names[0], names):
                        continue
                    # the leftover rules of a network are one finding
                    negated = asked.negated and not _BRIDGE.fullmatch(asked.printed)
                    located_rules = by_interface.setdefault((asked.printed, negated), [])
                    if located not in located_rules:
                        located_rules.append(located)
    for (name, negated), located_rules in by_interface.items():
        yield _missing(view, name, negated, located_rules)


def _may_come(asked: Text, names: set[str]) -> bool:
    stem = asked.text
    if asked.prefix and (not stem or any(name.startswith(stem) for name in names)):
        return True
    return _COMING.match(stem) is not None


#: What a rule fails to do, by its target.
_IN_VAIN = {"DROP": "nobody is kept out", "REJECT": "nobody is kept out", "ACCEPT": "nobody is let in"}


def _missing(view: View, name: str, negated: bool, located_rules: list[ChainRule]) -> Finding:
    first, stale = located_rules[0], _BRIDGE.fullmatch(name) is not None
    targets = {located.rule.spec.target.name for located in located_rules if located.rule.spec.target is not None}
    severity: Severity = "low" if stale else "high" if targets & {"DROP", "REJECT"} else "medium"
    others = f" and {plural(len(located_rules) - 1, 'other rule')}" if len(located_rules) > 1 else ""
    what = (
        f"Interface {name}, which rule {first.rule.number} of {first.chain.table} {first.chain.name}{others} "
        f"{'names' if len(located_rules) == 1 else 'name'}, is none of this host's: "
    )
    if negated:
        what += 'that condition always holds, for nothing comes in or leaves by it ("!").'
        why = "More packets are taken than the interface's name promises."
    else:
        what += "no packet is ever taken."
        effects = dict.fromkeys(_IN_VAIN[target] for target in sorted(targets) if target in _IN_VAIN)
        why = f"So {' and '.join(effects)} by that." if effects else "So nothing is done there."
    if stale:
        what = what.rpartition(": ")[0] + ": a network of Docker's had it, and is gone."
        why = 'The rules that it left behind never match, or match whatever comes ("!").'
    delete = cure(
        view, "Delete what was left: " if stale or negated else "Or delete it: ", [*map(deleted, located_rules)]
    )
    advice: list[str] = [delete]
    outer = view.host.outer("ip")
    named = outer is not None and any(outer.interface in words_of(located.rule) for located in located_rules)
    if outer is not None and not stale and not negated and not named:
        changes = [replaced(located, _with_interface(located, name, outer.interface)) for located in located_rules]
        advice.insert(0, cure(view, f"Where {outer.interface} is meant, which leads outside: ", changes))
    evidence = tuple(view.rule_evidence(located) for located in located_rules[:4])
    return Finding("interface-missing", severity, what, why, evidence, tuple(advice))


def _with_interface(located: ChainRule, name: str, other: str) -> tuple[str, ...]:
    return tuple(other if word == name else word for word in words_of(located.rule))


# --- behind Docker's accepts -----------------------------------------------------------------


def behind_docker(view: View) -> Iterator[Finding]:
    """A rule of FORWARD that would close a published port comes after Docker's accept that opens it."""
    if not view.judged:
        return
    tried = 0
    for chain in view.chains("ip", "filter", "FORWARD"):
        first = _first_of_docker(chain)
        for rule in chain.rules[first:] if first is not None else ():
            target = rule.spec.target
            if target is None or target.name not in ("DROP", "REJECT") or is_unconditional(rule, "ip"):
                continue
            located = ChainRule(chain, rule)
            for bound, name in _meant(view, located):
                tried += 1
                move = _in_vain(view, located, bound) if tried <= _MOST else None
                if move is None:
                    continue
                let_in, better = move
                yield Finding(
                    "behind-docker",
                    "high",
                    f"Rule {rule.number} of FORWARD does not keep anybody from published port {shown(bound)} of "
                    f"{name}: rule {let_in.rule} of {let_in.chain} lets them in before.",
                    "Docker puts its jumps at the head of FORWARD, so its accepts come before what is added with -A; "
                    "DOCKER-USER comes before them.",
                    (view.rule_evidence(located), view.step_evidence(let_in)),
                    (better, "Add rules for containers to DOCKER-USER with -I."),
                    (name,),
                )
                break


def _first_of_docker(chain: Chain) -> int | None:
    for position, rule in enumerate(chain.rules):
        target = rule.spec.target
        if target is not None and target.name != "DOCKER-USER" and chain_of_dockers(target.name):
            return position
    return None


def _meant(view: View, located: ChainRule) -> Iterator[tuple[PublishedPort, str]]:
    """Yield the published ports that a rule may concern: those with its port, or any."""
    named, protocol = located.asked(DPORT), located.asked(PROTOCOL)
    allowed = named.numbers() if named is not None and not named.negated else None
    protocols = protocol.numbers() if protocol is not None else None
    asked_for = {name: protocols is None or number in protocols for name, number in PROTOCOLS.items()}
    for container, bound in view.published():
        if ":" in bound.host_ip or not asked_for.get(bound.protocol):
            continue
        if allowed is None or bound.host_port in allowed or bound.container_port in allowed:
            yield bound, container.name


def _in_vain(view: View, located: ChainRule, bound: PublishedPort) -> tuple[Step, Cure] | None:
    """Return the step that accepts a packet before the rule, and a cure that moves the rule before it."""
    address = view.outside_address(bound)
    source = "outside"
    given = located.asked(*SOURCE)
    net = given.net if given is not None else None
    if net is not None:
        source = f"outside:{address_text('ip', net.value if net.single else net.value + 1)}"
    destination = f"{address}:{bound.host_port}/{bound.protocol}"
    answer = view.walk(source, destination) if address else None
    if answer is None or answer.verdict != "delivered" or answer.deciding is None or answer.deciding.hook != "forward":
        return None
    chain = located.chain
    has_user = any(c.backend == chain.backend for c in view.chains("ip", "filter", "DOCKER-USER"))
    head = "DOCKER-USER" if has_user else "FORWARD"
    key = (chain.family, chain.backend, chain.table)
    for words in (words_of(located.rule), by_original_port(located.rule, bound.host_port, "ip")):
        changes = (Change("delete", *key, chain.name, located.rule.number), Change("insert", *key, head, 1, words))
        after = changed(view.host.snapshot, changes)
        try:
            then = path(prepare(after), source, destination) if after is not None else None
        except (EndpointError, RulesError):
            return None
        if then is not None and then.verdict in ("dropped", "rejected"):
            return answer.deciding, cure(view, "Move it to where it counts: ", changes)
    return None


# --- the same jump again ----------------------------------------------------------------------


def jump_repeated(view: View) -> Iterator[Finding]:
    """A chain has the same jump several times, so each packet passes the other chain as often."""
    for family in _FAMILIES:
        for table in _TABLES:
            for chain in view.chains(family, table):
                again: dict[str, list[ChainRule]] = {}
                own = {other.name for other in view.chains(family, table) if other.backend == chain.backend}
                for rule in chain.rules:
                    target = rule.spec.target
                    if target is not None and target.name in own:
                        again.setdefault(rule.text, []).append(ChainRule(chain, rule))
                repeated = [located_rules for located_rules in again.values() if len(located_rules) > 1]
                if repeated:
                    yield _repeated(view, chain, repeated)


def _repeated(view: View, chain: Chain, repeated: list[list[ChainRule]]) -> Finding:
    targets = [
        located.rule.spec.target.name
        for located_rules in repeated
        for located in located_rules[:1]
        if located.rule.spec.target
    ]
    spare = sorted(
        (located for located_rules in repeated for located in located_rules[1:]),
        key=lambda located: -located.rule.number,
    )
    key = (chain.family, chain.backend, chain.table, chain.name)
    changes = [Change("delete", *key, located.rule.number) for located in spare]
    whose = neighbour(targets[0])[0] or ("Docker" if chain_of_dockers(targets[0]) else "")
    source = f"{whose}, or a script around it, has" if whose else "A script or a service has"
    return Finding(
        "jump-repeated",
        "low",
        f"{chain.table} {chain.name} jumps to {some(targets)} {max(map(len, repeated))} times by the same rule.",
        "What one pass lets through goes through it again: limits count each packet as often, logs say it as often, "
        f"and deleting one rule leaves the others. {source} put it in again without a look.",
        tuple(view.rule_evidence(located) for located_rules in repeated[:2] for located in located_rules[:4]),
        (cure(view, "Leave one: ", changes),),
    )
