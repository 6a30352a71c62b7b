"""``iptables -S`` → tables: ``-P CHAIN POLICY``, ``-N CHAIN``, ``-A CHAIN …``, with ``-v`` each with ``-c N N``."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netui.dialects.iptables.listed import (
    Line,
    ListedChain,
    ListedRule,
    ListedTable,
    NotAListing,
    begins_another,
    name_table,
)

_HEADING = re.compile(r"(?:-P (\S+) (\S+)|-N (\S+))(?: -c (\d{1,20}) (\d{1,20}))?\Z")
_RULE = re.compile(r"-A (\S+)(?: .*)?\Z", re.DOTALL)
#: The counters before the target; quoted texts are skipped, as they may look like counters.
_COUNTER = re.compile(r'((?:[^"]|"(?:[^"\\]|\\.)*")*?) -c (\d{1,20}) (\d{1,20})(?= -[jg] |\Z)', re.DOTALL)


def read_specs(lines: Iterable[Line], table: str = "") -> list[ListedTable]:
    """Read the lines of ``iptables -S`` of one table or of several, one after another.

    table: its name, where the command line tells it. Raises NotAListing.
    """
    tables: list[ListedTable] = []
    headings = False
    for number, line in lines:
        heading = _HEADING.match(line)
        if heading is not None:
            policy_chain, policy, own_chain, packets, octets = heading.groups()
            name = policy_chain or own_chain
            current = tables[-1] if tables else None
            if current is None or (not headings and policy_chain) or begins_another(current, name):
                current = ListedTable(table if not tables else "")
                tables.append(current)
            headings = True
            current.chains[name] = ListedChain(name, policy, int(packets or 0), int(octets or 0))
            continue
        rule = _RULE.match(line)
        if rule is None:
            raise NotAListing(f"line {number} is no iptables -S output: {line[:60]!r}")
        headings = False
        if not tables:
            # a part of a listing: the rest of the chain is unknown
            tables.append(ListedTable(table))
        chain = tables[-1].chains.setdefault(rule[1], ListedChain(rule[1], whole=False))
        chain.rules.append(_rule(line))
    for listed in tables:
        name_table(listed)
    return tables


def _rule(line: str) -> ListedRule:
    counted = _COUNTER.match(line)
    if counted is None:
        return ListedRule(line)
    return ListedRule(counted[1] + line[counted.end() :], int(counted[2]), int(counted[3]))
