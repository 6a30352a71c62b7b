"""A finding: what is wrong, why it matters, the evidence, and the advice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from netui.model import Backend, TableFamily

#: high: broken, or open although it looks closed. medium: it works differently than it looks. low: it can cause
#: harm later. note: nothing is wrong, but the user should know (it does not count).
Severity = Literal["high", "medium", "low", "note"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "note")


#: insert, replace, delete, append, flush and policy as iptables does; sysctl sets a value, ip-rule adds a policy rule.
Op = Literal["insert", "replace", "delete", "append", "flush", "policy", "sysctl", "ip-rule"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a host by a command.

    number: of the rule, for insert, replace and delete. words: the rule's words after the chain; for a sysctl its
    value; for a policy rule the arguments of ``ip rule add``. chain: for a sysctl its name.
    """

    op: Op
    family: TableFamily = "ip"
    backend: Backend = "nft"
    table: str = "filter"
    chain: str = ""
    number: int = 0
    words: tuple[str, ...] = ()


class Cure(str):
    """Advice whose commands are also known as changes, so netui can try it before it is given.

    otherwise: the next cure to try where this one does not help.
    """

    changes: tuple[Change, ...]
    otherwise: Cure | None

    def __new__(cls, text: str, changes: tuple[Change, ...], otherwise: Cure | None = None) -> Cure:
        """Make the text with its changes."""
        cure = super().__new__(cls, text)
        cure.changes, cure.otherwise = changes, otherwise
        return cure

    def or_else(self, other: Cure) -> Cure:
        """Return the cure with another one appended to its alternatives."""
        then = other if self.otherwise is None else self.otherwise.or_else(other)
        return Cure(str(self), self.changes, then)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of evidence.

    kind: "rule", "policy", "chain", "sysctl", "socket", "route", "interface", "network", "engine", "kernel".
    text: as the host prints it. packets: the rule's counter, None where it has none. rule_ref: for a rule,
    (family, backend, table, chain, number).
    """

    kind: str
    text: str
    packets: int | None = None
    rule_ref: tuple[str, str, str, str, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. id: its kind, stable for scripts. about: names of containers and networks.

    advice: plain texts, or cures that were tried on a copy of the host.
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
    """findings: worst first. notes: what the user should know. unknown: what could not be checked, and why.

    decided: whether the rules, networks and containers were read, so that "no finding" is reliable.
    """

    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    unknown: tuple[str, ...]
    decided: bool = True
