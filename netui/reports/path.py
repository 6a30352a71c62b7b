"""A path as JSON (the contract's form) and as text."""

from __future__ import annotations

from typing import Any

from netui.explain.native_chains import native_chain
from netui.model import parse_rule
from netui.net.addresses import host_port
from netui.reports.step_changes import changes_text
from netui.text.phrases import some
from netui.text.visible import printable
from netui.traversal.result import DeliveredTo, Leg, PacketHeader, Path, SendersPart, Step, Undecided

_VERDICTS = {
    "delivered": "DELIVERED",
    "dropped": "DROPPED",
    "rejected": "REJECTED",
    "unreachable": "UNREACHABLE",
    "undecided": "UNDECIDED",
}


def path_json(path: Path) -> dict[str, Any]:
    """Return the path in the contract's JSON form."""
    return {
        "from": path.source,
        "to": path.destination,
        **answer_json(path),
        "notes": list(path.notes),
        "senders": [_who_json(part) | answer_json(part.path) for part in path.senders],
        "receivers": [_who_json(part) | answer_json(part.path) for part in path.receivers],
    }


def parts_json(path: Path) -> list[dict[str, Any]]:
    """Return the parts of the senders in JSON's form, without their steps."""
    return [_who_json(part) for part in path.senders]


def _who_json(part: SendersPart) -> dict[str, Any]:
    return {
        "addresses": None if part.addresses is None else list(part.addresses),
        "everyone_else": part.everyone_else,
        "verdict": part.path.verdict,
        "decided_by": None if part.decided_by is None else _step_json(part.decided_by),
    }


def answer_json(path: Path) -> dict[str, Any]:
    """Return the outcome in JSON's form, without SRC and DST."""
    to = path.delivered_to
    return {
        "verdict": path.verdict,
        "reason": path.reason,
        "delivered_to": None if to is None else _receiver_json(to),
        "one_of": [_receiver_json(receiver) for receiver in path.one_of],
        "condition": path.condition,
        "legs": [_leg_json(leg) for leg in path.legs],
        "reply": None if path.reply is None else [_leg_json(leg) for leg in path.reply],
        "undecided": [_undecided_json(item) for item in path.undecided],
    }


def _receiver_json(to: DeliveredTo) -> dict[str, Any]:
    return {"kind": to.kind, "name": to.name, "address": to.address, "port": to.port}


def _leg_json(leg: Leg) -> dict[str, Any]:
    packet = leg.packet
    result: dict[str, Any] = {
        "packet": {
            "family": packet.family,
            "protocol": packet.protocol,
            "src": packet.src,
            "dst": packet.dst,
            "sport": packet.sport,
            "dport": packet.dport,
            "iif": packet.iif,
            "oif": packet.oif,
        },
        "steps": [_step_json(step) for step in leg.steps],
    }
    if leg.where:
        result["namespace"] = leg.where
    return result


def _step_json(step: Step) -> dict[str, Any]:
    result: dict[str, Any] = {
        "hook": step.hook,
        "family": step.family,
        "backend": step.backend,
        "table": step.table,
        "chain": step.chain,
        "rule": step.rule,
        "text": step.text,
        "verdict": step.says,
    }
    if step.handle:
        result["backend"], result["handle"] = "nftables", step.handle
    if step.changes:
        result["change"] = changes_text(step.changes)
    return result


def _undecided_json(item: Undecided) -> dict[str, Any]:
    return {
        "match": item.match,
        "reason": item.reason,
        "hook": item.hook,
        "family": item.family,
        "backend": item.backend,
        "table": item.table,
        "chain": item.chain,
        "rule": item.rule,
        "text": item.text,
    }


def short_rule(text: str) -> str:
    """A rule's text without the chain, the comment and the target."""
    spec = parse_rule(text)
    words: list[str] = []
    for match in spec.matches:
        if match.module == "comment":
            continue
        for option in match.options:
            if option.negated:
                words.append("!")
            words.append(option.name)
            words.extend(option.values)
    return " ".join(words)


def packet_line(packet: PacketHeader) -> str:
    """One line about a packet: protocol, from, to, in and out."""
    source = host_port(packet.src, packet.sport)
    target = host_port(packet.dst, packet.dport)
    parts = [f"{packet.protocol}  {source} → {target}"]
    parts.append(f"in {packet.iif}" if packet.iif else "sent here")
    if packet.oif:
        parts.append(f"out {packet.oif}")
    return "  ".join(parts)


def path_text(path: Path, *, ascii_only: bool = False) -> str:
    """Return the path as lines: the packet, a line for each step, the verdict last."""
    lines: list[str] = [f"{path.source} → {path.destination}"]
    for number, leg in enumerate(path.legs, 1):
        lines += _leg_lines(leg, number, len(path.legs), decided=path.verdict != "undecided")
    if path.reply is not None:
        for leg in path.reply:
            lines.append("")
            lines.append("the answer:")
            lines += _leg_lines(leg, 0, 1)
    lines.append("")
    lines += [f"note: {note}" for note in path.notes if note != path.reason]
    if path.verdict == "undecided" or path.undecided:
        for item in path.undecided:
            where = f" (rule {item.rule} of {item.table} {item.chain})" if item.rule is not None else ""
            lines.append(f"not known: {item.match}{where}: {item.reason}")
    if path.senders or path.receivers:
        lines += sender_lines(path)
    else:
        ending = verdict_line(path, _VERDICTS[path.verdict])
        if path.reason:
            ending += f": {path.reason}"
        lines += [*(_whose(path.deciding) if path.verdict in ("dropped", "rejected") else ()), ending]
    text = "\n".join(printable(line) for line in lines)
    if ascii_only:
        text = text.replace("→", "->").replace("…", "...")
    return text


def _whose(step: Step | None) -> list[str]:
    """Return the purpose of the deciding native chain, where its name tells."""
    if step is None or step.backend != "nftables":
        return []
    owner, purpose = native_chain(step.table, step.chain)
    return [f"{step.chain} is {owner}'s: {purpose}"] if purpose else []


def sender_lines(path: Path) -> list[str]:
    """Return a line for each part of the senders, everyone else last, whose steps are the ones shown."""
    lines = []
    parts = path.senders or path.receivers
    for number, part in enumerate(parts):
        if part.addresses is not None:
            why = part.path.reason if part.path.verdict == "undecided" else _by(part.decided_by)
            by = f" ({why})" if why else ""
            verdict = verdict_line(part.path, _VERDICTS[part.path.verdict])
            shown = f"  [--sender {number}]" if path.senders else ""
            to = "for" if path.senders else "where it is for"
            lines.append(f"{verdict} {to} {some(list(part.addresses), 6)}{by}{shown}")
    others = parts[0].path
    reason = f": {others.reason}" if others.reason else ""
    lines.append(f"{verdict_line(others, _VERDICTS[others.verdict])} for everyone else{reason}")
    return lines


def others_than_everyone(path: Path) -> list[str]:
    """Return a line, not yet escaped, for each part of the senders with another outcome than everyone else."""
    return [
        f"{part.path.verdict} for {some(list(part.addresses), 6)}{f' ({by})' if (by := _by(part.decided_by)) else ''}"
        for part in (*path.senders, *path.receivers)
        if part.addresses is not None
    ]


def _by(step: Step | None) -> str:
    if step is None:
        return ""
    return f"rule {step.rule} of {step.table} {step.chain}" if step.rule is not None else f"policy of {step.chain}"


def verdict_line(path: Path, verdict: str) -> str:
    """Return the verdict as text, with its limits and the receiver."""
    receivers = [path.delivered_to] if path.delivered_to is not None else list(path.one_of)
    names = [
        f"{to.name if to.kind != 'outside' else 'the outside'} ({host_port(to.address, to.port)})" for to in receivers
    ]
    condition = f", {path.condition}{',' if names else ''}" if path.condition else ""
    return f"{verdict}{condition}{' to ' if names else ''}{'one of ' if path.one_of else ''}{', '.join(names)}"


def _leg_lines(leg: Leg, number: int, legs: int, *, decided: bool = True) -> list[str]:
    title = f"connection {number}: " if legs > 1 and number else ""
    where = f"  (in {leg.where}'s own namespace)" if leg.where else ""
    lines = [f"  {title}{packet_line(leg.packet)}{where}"]
    if not leg.steps:
        lines.append(
            "    none of the rules that were read sees it" if decided else "    which rules see it is not known"
        )
        return lines
    backends = {step.backend for step in leg.steps}
    places = [_place(step, len(backends) > 1) for step in leg.steps]
    place_width = min(max(len(chain) for chain in places), 40)
    verdict_width = min(max(len(step.says) for step in leg.steps), 36)
    hook = ""
    for chain, step in zip(places, leg.steps, strict=True):
        shown = step.hook if step.hook != hook else ""
        hook = step.hook
        number_text = "policy" if step.rule is None else str(step.rule)
        says = "" if step.rule is None else step.text if step.handle else short_rule(step.text)
        line = f"    {shown:<11} {chain:<{place_width}} {number_text:>6}  {step.says:<{verdict_width}}  {says}"
        lines.append(line.rstrip())
        if step.changes:
            lines.append(f"    {'':<11} {'':<{place_width}} {'':>6}  now {changes_text(step.changes)}")
    return lines


def _place(step: Step, show_backend: bool) -> str:
    chain = f"{step.table} {step.chain}"
    if step.backend == "nftables":
        return f"{step.family} {chain}"
    return f"{step.backend} {chain}" if show_backend else chain
