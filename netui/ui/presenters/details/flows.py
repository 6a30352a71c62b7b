"""A container's flows in words: verdict and deciding rule."""

from __future__ import annotations

from rich.cells import cell_len

from netui.reports.step_changes import changes_text
from netui.text.phrases import some
from netui.text.visible import escape, printable
from netui.traversal.result import Flow, Path, SendersPart, Step
from netui.ui.presenters.cells import fit
from netui.ui.presenters.spans import Role, Spans

#: The sign and the role of each verdict.
VERDICTS: dict[str, tuple[str, Role]] = {
    "delivered": ("✓", "good"),
    "dropped": ("✗", "bad"),
    "rejected": ("✗", "bad"),
    "unreachable": ("✗", "bad"),
    "undecided": ("?", "warn"),
}


def step_place(step: Step) -> str:
    """Return ``nat DOCKER 4`` or ``filter FORWARD policy``, not yet escaped."""
    return f"{step.table} {step.chain} {step.rule if step.rule is not None else 'policy'}"


def deciding(path: Path) -> str:
    """Return the deciding step, or why there is none."""
    if path.deciding is not None:
        return step_place(path.deciding)
    if path.undecided:
        first = path.undecided[0]
        where = f" in {first.table} {first.chain} {first.rule or ''}".rstrip() if first.chain else ""
        return f"{first.match}{where}"
    return "no rule stops it" if _only_received(path) else path.reason


def _only_received(path: Path) -> bool:
    """Whether the reason only names the receiver."""
    return path.delivered_to is not None and path.reason == f"it reaches {path.delivered_to.name}"


def flow_spans(flow: Flow, width: int) -> Spans:
    """Return a flow's line: sign, label, verdict and deciding rule."""
    sign, role = VERDICTS.get(flow.path.verdict, ("?", "warn"))
    label = escape(flow.label)
    if cell_len(label) > width:
        # TCP, the default, is omitted in a narrow pane
        label = label.replace("/tcp", "")
    return [
        (f"{sign} ", role),
        (fit(label, width), ""),
        (f"  {flow.path.verdict:<11} ", role),
        (escape(", ".join(filter(None, (deciding(flow.path), flow.path.condition, _apart(flow.path))))), "dim"),
    ]


def _apart(path: Path) -> str:
    """The senders with another verdict than everyone else."""
    others = [part for part in path.parts if part.path.verdict != path.verdict]
    verdicts = sorted({part.path.verdict for part in others})
    nets = [net for part in others for net in part.addresses or ()]
    return f"{' or '.join(verdicts)} for {some(nets, 1)}" if verdicts else ""


def part_words(part: SendersPart) -> str:
    """Return the senders of a part in short."""
    nets = part.addresses
    return "for everyone else" if nets is None else escape(f"for {some(list(nets), 2)}")


def why(path: Path, *, notes: bool = True) -> Spans:
    """Return the lines that explain a verdict: reason, unknowns and notes."""
    # imported with the first flow, not with the screen
    from netui.reports.path import others_than_everyone

    lines: Spans = []
    if path.delivered_to is not None:
        to = path.delivered_to
        port = f" port {to.port}" if to.port is not None else ""
        lines.append((escape(f"received by {to.name or to.kind} ({to.address}{port})"), "dim"))
    if path.one_of:
        names = ", ".join(to.name for to in path.one_of)
        lines.append((escape(f"received by one of {names}"), "dim"))
    if path.condition:
        lines.append((escape(f"{path.verdict}, {path.condition}"), ""))
    if path.reason and (path.senders or not _only_received(path)):
        lines.append((escape(f"for everyone else: {path.reason}" if path.senders else path.reason), ""))
    lines.extend((escape(line), "") for line in others_than_everyone(path))
    for each in path.undecided:
        where = f" ({each.table} {each.chain} {each.rule or ''}".rstrip() + ")" if each.chain else ""
        lines.append((escape(f"not known: {each.match}{where}: {each.reason}"), "warn"))
    if notes:
        lines.extend((escape(note), "dim") for note in path.notes if note != path.reason)
    return lines


def same_flow(one: Flow, other: Flow) -> bool:
    """Whether it is the same flow, even with another path."""
    return (one.kind, one.label, one.source, one.destination) == (
        other.kind,
        other.label,
        other.source,
        other.destination,
    )


def path_text(flow: Flow) -> str:
    """Return a flow's steps as printable text, a line for each (to copy or to save)."""
    from netui.reports.path import others_than_everyone

    lines = [f"{flow.label}: {flow.path.verdict}"]
    number = 0
    for index, leg in enumerate(flow.path.telling_legs):
        packet = leg.packet
        answer = "the answer: " if index >= len(flow.path.legs) else ""
        where = f" in {leg.where}" if leg.where else ""
        lines.append(f"  {answer}{packet.protocol} {packet.src} → {packet.dst}{where}")
        for step in leg.steps:
            number += 1
            change = f"  ({changes_text(step.changes)})" if step.changes else ""
            lines.append(f"  {number:>2} {step.hook:<11} {step_place(step):<34} {step.says}{change}")
            if step.text:
                lines.append(f"     {step.text}")
    if flow.path.reason:
        lines.append(f"  {'for everyone else: ' if flow.path.senders else ''}{flow.path.reason}")
    lines += [f"  {line}" for line in others_than_everyone(flow.path)]
    return "\n".join(printable(line) for line in lines)
