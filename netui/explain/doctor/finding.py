"""A finding: what is wrong, why it matters, what shows it, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: high: broken, or open though it looks closed. medium: it works otherwise than it looks. low: it
#: can hurt later. note: nothing is wrong, and a reader should know (it does not count).
Severity = Literal["high", "medium", "low", "note"]
SEVERITIES: tuple[Severity, ...] = ("high", "medium", "low", "note")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows it. kind: "rule", "policy", "chain", "sysctl", "socket", "route", "interface", "network", "engine".

    text: as the host has it. packets: the rule's counter, None where it has none. place: of a
    rule, (family, backend, table, chain, number).
    """

    kind: str
    text: str
    packets: int | None = None
    place: tuple[str, str, str, str, int | None] | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. id: its kind, stable for scripts. about: containers and networks by name."""

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
