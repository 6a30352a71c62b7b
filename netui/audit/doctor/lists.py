"""Findings about allow lists and block lists after an accept or drop for all, or without members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netui.audit.doctor.checkup import ChainRule, View
from netui.audit.doctor.finding import Change, Finding
from netui.audit.doctor.remedy import cure, words_of
from netui.audit.doctor.shadowing import all_implied, covers, is_unconditional
from netui.dialects.conditions import conditions_of
from netui.model import Chain, Family, Rule, packet_family
from netui.net.addresses import ICMP, ICMP6
from netui.net.conditions import IIF, PROTOCOL, SOURCE, STATE, Condition, Requirement, SetReference
from netui.text.phrases import some

_FAMILIES: tuple[Family, Family] = ("ip", "ip6")
_CHAINS = ("INPUT", "FORWARD", "DOCKER-USER", "ufw-user-input", "ufw6-user-input")
_CLOSES = ("DROP", "REJECT")
#: Longer chains belong to a program, and are not read as lists.
_MOST_RULES = 2_000
_MOST_FOR_ALL = 64
#: The conditions on the sender.
_SENDER = (*SOURCE, "set src")


@dataclass(frozen=True, slots=True)
class _List:
    """Rules of one chain that name senders, and the rule before or after them that makes them useless."""

    chain: Chain
    kind: str
    rules: tuple[Rule, ...]
    closing: Rule | None
    other: Rule


def _source(rule: Rule, family: Family) -> bool:
    """The condition of a rule on the sender."""
    if not any(word in rule.text for word in (" -s ", " src", "--src-range")):
        return False
    return len(_for_all(rule, family)) < len(conditions_of(rule, family))


def _for_all(rule: Rule, family: Family) -> list[Requirement]:
    """The conditions of a rule, except those on the sender."""
    return [
        condition
        for condition in conditions_of(rule, family)
        if not (isinstance(condition, Condition) and condition.key in _SENDER)
    ]


def _target(rule: Rule) -> str:
    target = rule.spec.target
    return target.name if target is not None and not target.goto else ""


def _lets_in(chain: Chain, rule: Rule) -> bool:
    return _target(rule) == "ACCEPT" or (_target(rule) == "RETURN" and chain.name == "DOCKER-USER")


def _of_others(view: View, chain: Chain, rule: Rule) -> bool:
    """Whether a rule matches new connections of other machines: not answers, not packets of containers or lo."""
    located = ChainRule(chain, rule)
    if any(condition.key == STATE and not condition.takes_name("new") for condition in located.conditions()):
        return False
    inwards, protocol = located.asked(IIF), located.asked(PROTOCOL)
    if protocol is not None and protocol.number in (ICMP, ICMP6):
        return False
    return inwards is None or any(
        inwards.takes_name(link.name) for link in view.host.links(packet_family(chain.family))
    )


def _found(view: View) -> Iterator[_List]:
    for family in _FAMILIES:
        for name in _CHAINS:
            for chain in view.chains(family, "filter", name):
                if len(chain.rules) <= _MOST_RULES and any(_source(rule, family) for rule in chain.rules):
                    yield from _in_chain(view, chain)


def _in_chain(view: View, chain: Chain) -> Iterator[_List]:
    family = packet_family(chain.family)
    plain = [rule for rule in chain.rules if rule.native is None and _of_others(view, chain, rule)]
    listed = [rule for rule in plain if _source(rule, family)]
    rest = [rule for rule in plain if not _source(rule, family)]
    by_hand = chain.name == "DOCKER-USER"
    opening = [rule for rule in rest if _lets_in(chain, rule) and not (by_hand and is_unconditional(rule, family))][
        :_MOST_FOR_ALL
    ]
    closing = [rule for rule in rest if _target(rule) in _CLOSES][:_MOST_FOR_ALL]
    allowing = [rule for rule in listed if _lets_in(chain, rule)]
    blocking = [rule for rule in listed if _target(rule) in _CLOSES]
    for close in closing:
        # one list for each closing rule: the rules that differ from it only in the sender
        closes = conditions_of(close, family)
        allowed = tuple(rule for rule in allowing if all_implied(closes, _for_all(rule, family)))
        before = tuple(rule for rule in allowed if rule.number < close.number)
        accept = next((rule for rule in opening if rule.number < close.number and covers(rule, close, family)), None)
        if before and accept is not None:
            yield _List(chain, "open", before, close, accept)
        elif allowed and not before:
            # a rule in between lets some senders in, too
            yield _List(chain, "closed", allowed, close, close)
    late: dict[Rule, list[Rule]] = {}
    for block in blocking:
        accept = next((rule for rule in opening if rule.number < block.number and _opens(rule, block, family)), None)
        if accept is not None and _target(accept) not in _CLOSES:
            late.setdefault(accept, []).append(block)
    for accept, blocks in late.items():
        yield _List(chain, "late", tuple(blocks), None, accept)


def _opens(accept: Rule, block: Rule, family: Family) -> bool:
    """Whether a block rule would match all packets of an accept, except for the sender."""
    return all_implied(_for_all(block, family), conditions_of(accept, family))


def told(view: View) -> set[tuple[str, str, str, int]]:
    """Return the rules of these findings, each by family, variant, chain and number."""
    return {
        (entry.chain.family, entry.chain.backend, entry.chain.name, rule.number)
        for entry in _found(view)
        for rule in (*entry.rules, *([entry.closing] if entry.closing is not None else []))
    }


def _numbers(rules: Sequence[Rule]) -> str:
    words = [str(rule.number) for rule in rules]
    return f"Rule {words[0]}" if len(words) == 1 else f"Rules {some(words)}"


def _moved(view: View, chain: Chain, lead: str, rule: Rule, to: int) -> str:
    """Advice to move a rule down, to after the last rule that must come before it."""
    where = (chain.family, chain.backend, chain.table, chain.name)
    changes = (Change("delete", *where, rule.number), Change("insert", *where, to, words_of(rule)))
    return cure(view, lead, changes)


def allow_list_open(view: View) -> Iterator[Finding]:
    """An allow list comes after an accept for all: everyone is let in, listed or not."""
    for entry in _found(view):
        if entry.kind != "open" or entry.closing is None:
            continue
        chain, where = entry.chain, (entry.chain.family, entry.chain.backend, entry.chain.table, entry.chain.name)
        delete = (Change("delete", *where, entry.other.number),)
        yield Finding(
            "allow-list-open",
            "high",
            f"{_numbers(entry.rules)} of {chain.name} let{'s' if len(entry.rules) == 1 else ''} named senders in, rule "
            f"{entry.closing.number} keeps everyone else out; but rule {entry.other.number} lets everyone in "
            "before that.",
            "The list decides nothing: who is not on it comes in as well.",
            tuple(
                view.rule_evidence(ChainRule(chain, rule)) for rule in (entry.other, *entry.rules[:2], entry.closing)
            ),
            (cure(view, "Delete it, or name in it who is meant: ", delete),),
        )


def allow_list_closed(view: View) -> Iterator[Finding]:
    """An allow list comes after the rule that closes: nobody on it is let in."""
    for entry in _found(view):
        if entry.kind != "closed":
            continue
        chain, last = entry.chain, entry.rules[-1]
        plural = len(entry.rules) > 1
        yield Finding(
            "allow-list-closed",
            "medium",
            f"{_numbers(entry.rules)} of {chain.name} name{'' if plural else 's'} who may come in, and rule "
            f"{entry.other.number} before keeps everyone out, them too.",
            "The list lets nobody in.",
            tuple(view.rule_evidence(ChainRule(chain, rule)) for rule in (entry.other, *entry.rules[:3])),
            (_moved(view, chain, "Put that rule behind the list: ", entry.other, last.number),),
        )
    yield from _empty_sets(view)


def _empty_sets(view: View) -> Iterator[Finding]:
    """An allow list is a set without members."""
    sets = view.host.snapshot.ipsets or {}
    for family in _FAMILIES:
        for name in _CHAINS:
            for located in view.rules(family, "filter", name):
                named = located.asked("set src") if "--match-set" in located.rule.text else None
                values = named.values if named is not None and not named.negated else None
                if not isinstance(values, SetReference) or not _lets_in(located.chain, located.rule):
                    continue
                ipset = sets.get(values.name)
                if ipset is None or ipset.entries:
                    continue
                behind = [r for r in located.chain.rules[located.rule.number :] if _target(r) in _CLOSES]
                given = _for_all(located.rule, family)
                if not any(all_implied(conditions_of(rule, family), given) for rule in behind):
                    continue
                yield Finding(
                    "allow-list-closed",
                    "medium",
                    f"Rule {located.rule.number} of {name} lets in whom the set {values.name} names: nobody.",
                    "A set is empty after a restart that did not restore it: everyone is kept out.",
                    (view.rule_evidence(located),),
                    (f"Fill it: ipset add {values.name} ADDRESS; and see that it is restored at boot.",),
                )


def block_list_late(view: View) -> Iterator[Finding]:
    """A block list comes after an accept, which lets in everyone, listed or not."""
    for entry in _found(view):
        if entry.kind != "late":
            continue
        chain = entry.chain
        where = (chain.family, chain.backend, chain.table, chain.name)
        changes: list[Change] = []
        for done, rule in enumerate(entry.rules):
            changes.append(Change("delete", *where, rule.number))
            changes.append(Change("insert", *where, entry.other.number + done, words_of(rule)))
        verb, them = ("keep", "they come") if len(entry.rules) > 1 else ("keeps", "it comes")
        ufw = chain.name.startswith("ufw")
        yield Finding(
            "block-list-late",
            "high" if is_unconditional(entry.other, packet_family(chain.family)) else "medium",
            f"{_numbers(entry.rules)} of {chain.name} {verb} nobody from what rule {entry.other.number} lets in: "
            f"{them} behind it.",
            "The first rule that matches decides, so that the senders named come in there like everyone else.",
            tuple(view.rule_evidence(ChainRule(chain, rule)) for rule in (entry.other, *entry.rules[:3])),
            (
                cure(view, "Put what blocks before what accepts: ", changes),
                *(("With ufw: ufw insert 1 deny from ADDRESS, so that it stays so.",) if ufw else ()),
            ),
        )
