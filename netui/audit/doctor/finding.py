"""A finding: what is wrong, why it matters, what shows it, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netui.model import Backend, TableFamily

#: high: broken, or open though it looks closed. medium: it works otherwise than it looks. low: it
#: can hurt later. note: nothing is wrong, and a reader should know (it does not count).
Severity = Literal["high", "medium", "low", "note"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "note")


#: insert, replace, delete, append, flush and policy as iptables does; sysctl sets a value, ip-rule adds a policy rule.
Op = Literal["insert", "replace", "delete", "append", "flush", "policy", "sysctl", "ip-rule"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a host, as a command makes it.

    number: the rule's, for insert, replace and delete. words: the rule's words behind the chain;
    of a sysctl its value; of a policy rule what ``ip rule add`` takes. chain: of a sysctl its name.
    """

    op: Op
    family: TableFamily = "ip"
    backend: Backend = "nft"
    table: str = "filter"
    chain: str = ""
    number: int = 0
    words: tuple[str, ...] = ()


class Cure(str):
    """Advice whose commands are known as changes too, so that it can be tried before it is given.

    otherwise: what to try where this one does not help.
    """

    changes: tuple[Change, ...]
    otherwise: Cure | None

    def __new__(cls, text: str, changes: tuple[Change, ...], otherwise: Cure | None = None) -> Cure:
        """Make the text, with its changes beside it."""
        made = super().__new__(cls, text)
        made.changes, made.otherwise = changes, otherwise
        return made

    def or_else(self, other: Cure) -> Cure:
        """Return the cure with one more to try where neither it nor what follows it helps."""
        then = other if self.otherwise is None else self.otherwise.or_else(other)
        return Cure(str(self), self.changes, then)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows it.

    kind: "rule", "policy", "chain", "sysctl", "socket", "route", "interface", "network", "engine", "kernel".
    text: as the host has it. packets: the rule's counter, None where it has none. rule_ref: of a
    rule, (family, backend, table, chain, number).
    """

    kind: str
    text: str
    packets: int | None = None
    rule_ref: tuple[str, str, str, str, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. id: its kind, stable for scripts. about: containers and networks by name.

    advice: each is plain text, or a :class:`Cure` that was tried on the host as it was read.
    """

    id: str
    severity: Severity
    what: str
    why: str
    evidence: tuple[Evidence, ...]
    advice: tuple[str, ...]
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """findings: worst first. notes: what a reader should know. unknown: what could not be checked, and why.

    decided: whether the rules, networks and containers were read, so that no finding means none.
    """

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    unknown: tuple[str, ...]
    decided: bool = True
