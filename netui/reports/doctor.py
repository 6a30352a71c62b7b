"""``netui doctor``: findings as text that an administrator can act on, or as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from netui.audit.doctor import Diagnosis, Evidence, Finding
from netui.audit.doctor.finding import Change, Cure
from netui.text.phrases import plural
from netui.text.visible import printable

_MARKS = {"high": "!!", "medium": "! ", "low": "· ", "note": "i "}
HEADS = ("SEVERITY", "FINDING")
#: The text without findings, and without findings where data was missing.
NOTHING = "Nothing is wrong that netui can see."
NOTHING_IN_PART = "Nothing is wrong in what could be checked; what could not is marked with ?."


def doctor_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return the diagnosis in JSON's form."""
    return {
        "findings": [_finding_json(finding) for finding in diagnosis.findings],
        "notes": [_finding_json(note) for note in diagnosis.notes],
        "unknown": list(diagnosis.unknown),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "what": finding.what,
        "why": finding.why,
        "evidence": [_evidence_json(item) for item in finding.evidence],
        "advice": list(finding.advice),
        "cures": [_cure_json(text) for text in finding.advice if isinstance(text, Cure)],
        "about": list(finding.about),
    }


def _cure_json(cure: Cure) -> dict[str, Any]:
    """Return a cure with its changes, in the order of its commands."""
    return {"text": str(cure), "changes": [_change_json(change) for change in cure.changes]}


def _change_json(change: Change) -> dict[str, Any]:
    if change.op == "sysctl":
        return {"op": "sysctl", "name": change.chain, "value": " ".join(change.words)}
    if change.op == "ip-rule":
        return {"op": "ip-rule", "family": change.family, "words": list(change.words)}
    result: dict[str, Any] = {
        "op": change.op,
        "family": change.family,
        "backend": change.backend,
        "table": change.table,
        "chain": change.chain,
    }
    if change.number:
        result["rule"] = change.number
    return result | {"words": list(change.words)}


def _evidence_json(item: Evidence) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": item.kind, "text": item.text}
    if item.packets is not None:
        result["packets"] = item.packets
    if item.rule_ref is not None:
        family, backend, table, chain, number = item.rule_ref
        result |= {"family": family, "backend": backend, "table": table, "chain": chain, "rule": number}
    return result


def doctor_text(diagnosis: Diagnosis, *, width: int = 100, ascii_only: bool = False) -> str:
    """Return the findings, worst first, then notes and what could not be checked."""
    lines: list[str] = []
    for finding in diagnosis.findings:
        lines += [*_finding_lines(finding, width), ""]
    if not diagnosis.findings:
        lines += [NOTHING if diagnosis.decided else NOTHING_IN_PART, ""]
    else:
        lines += [f"{plural(len(diagnosis.findings), 'finding')}.", ""]
    for note in diagnosis.notes:
        lines += [*_finding_lines(note, width), ""]
    for text in diagnosis.unknown:
        lines.append(f"?  {printable(text)}")
    text = "\n".join(lines).rstrip("\n")
    return text.replace("·", "-").replace("…", "...") if ascii_only else text


def doctor_rows(diagnosis: Diagnosis) -> tuple[list[list[str]], list[str]]:
    """Return a row for each finding, in the columns of HEADS, and a remark for each unknown."""
    rows = [[finding.severity, printable(finding.what)] for finding in diagnosis.findings]
    return rows, [f"?  {printable(text)}" for text in diagnosis.unknown]


def _finding_lines(finding: Finding, width: int) -> Iterator[str]:
    yield from _wrapped(f"{_MARKS[finding.severity]} ", finding.what, width)
    yield from _wrapped("   ", finding.why, width)
    for item in finding.evidence:
        yield f"   {_where(item)}{printable(item.text)}{_count(item)}"
    for text in finding.advice:
        # a command stays on one line, so that it can be copied
        yield f"   > {printable(text)}"


def _where(item: Evidence) -> str:
    if item.rule_ref is None:
        return f"{item.kind}: "
    family, _, table, chain, number = item.rule_ref
    six = "ip6 " if family == "ip6" else ""
    return f"{six}{printable(table)} {printable(chain)} {number if number is not None else 'policy'}: "


def _count(item: Evidence) -> str:
    return "" if item.packets is None else f"  [{plural(item.packets, 'packet')}]"


def _wrapped(indent: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        printable(text),
        width,
        initial_indent=indent,
        subsequent_indent="   ",
        break_long_words=False,
        break_on_hyphens=False,
    )
