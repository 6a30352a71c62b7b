"""The chain table's lines as spans: a rule, a chain, a table, a note, a step of a flow."""

from __future__ import annotations

from rich.cells import cell_len

from netui.explain.native_tables import native_table
from netui.reports.step_changes import changes_text
from netui.text.visible import escape
from netui.traversal.result import Step
from netui.ui.presenters.cells import clip, clip_middle, fit
from netui.ui.presenters.chains.columns import NARROW, NO_COUNTER, SPARK, Layout, Marks, Options, put
from netui.ui.presenters.chains.counters import Reading
from netui.ui.presenters.chains.rules import Cell, RuleCells, brief
from netui.ui.presenters.chains.table_layout import ruleset_words
from netui.ui.presenters.chains.virtual_lines import Line
from netui.ui.presenters.details.flows import VERDICTS
from netui.ui.presenters.numbers import count, plural, rate, size, sparkline
from netui.ui.presenters.spans import Role, Spans, fitting, plain

_MOVED = ("▲", "△", "·")


def rule_spans(
    line: Line, cells: RuleCells, reading: Reading, marks: Marks, made: Layout, options: Options, history: list[int]
) -> Spans:
    """Return a rule's line."""
    spans = _gutter(marks, made)
    put(spans, str(line.rule.number if line.rule else ""), made.num, role="dim", right=True)
    put(spans, escape(line.chain.name if line.chain else ""), made.chain, role="dim", middle=True)
    _numbers(spans, reading, made, options)
    if made.spark:
        put(spans, sparkline(history, SPARK), made.spark, role="dim")
    role = target_role(cells.target.upper() if cells.native else cells.target)
    target = cells.target or "(counts)"
    if cells.native and target.startswith("vmap @") and cell_len(target) > made.target:
        # the map's name is in the rule beside it
        target = "vmap"
    put(spans, target, made.target, role=role, middle=True)
    if made.short:
        spans.append((clip(brief(cells, named=options.named), made.text), ""))
        return spans
    if cells.native:
        return spans + _native_text(cells, made, options)
    named = options.named and not made.names
    put(spans, cells.protocol or "all", made.prot, role="" if cells.protocol else "dim")
    put(spans, cells.opt, made.opt, role="dim")
    for cell, width, nothing in (
        (cells.iif, made.iif, "any"),
        (cells.oif, made.oif, "any"),
        (cells.source, made.source, "anywhere"),
        (cells.destination, made.destination, "anywhere"),
    ):
        _cell(spans, cell, width, nothing, named=named)
    if made.names:
        put(spans, ", ".join(cells.who), made.names, role="name")
    extra = cells.extra_named if named else cells.extra
    if cells.protocol and extra.startswith(f"{cells.protocol} "):
        extra = extra[len(cells.protocol) + 1 :]
    who = "" if made.names else _unsaid(cells, named=named)
    spans.append((clip(extra, made.text), ""))
    left = made.text - len(extra) - 2
    if who and left > 4:
        spans.append((clip(f"  {who}", left + 2), "name"))
    return spans


def _native_text(cells: RuleCells, made: Layout, options: Options) -> Spans:
    """Return a native rule's text, which takes the space of all columns for iptables' matches."""
    named = options.named and not made.names
    text = cells.extra_named if named else cells.extra
    columns = (made.prot, made.opt, made.iif, made.oif, made.source, made.destination, made.names)
    room = made.text + sum(width + 1 for width in columns if width)
    spans: Spans = [(clip(text, room), "")]
    who = "" if named and cells.extra_named != cells.extra else ", ".join(cells.who)
    left = room - cell_len(text) - 2
    if who and left > 4:
        spans.append((clip(f"  {who}", left + 2), "name"))
    return spans


def _unsaid(cells: RuleCells, *, named: bool) -> str:
    """Return the names that the columns do not show."""
    if not named:
        return ", ".join(cells.who)
    said = {cell.name.lstrip("!") for cell in (cells.iif, cells.oif, cells.source, cells.destination)}
    return ", ".join(name for name in cells.who if name not in said and f"to:{name}" not in cells.extra_named)


def chain_spans(
    line: Line,
    reading: Reading,
    references: int | None,
    marks: Marks,
    made: Layout,
    options: Options,
    network: str = "",
) -> Spans:
    """Return a chain's header: its policy with counters, or the number of jumps to it (None: unknown).

    network: the Docker network of a chain, by the chain's name.
    """
    chain = line.chain
    if chain is None:
        return []
    spans = _gutter(marks, made)
    named = len(spans) + 2
    spans += [("  " if not chain.rules else "▸ " if line.folded else "▾ ", "dim"), (escape(chain.name), "strong")]
    if network and options.named:
        spans.append((f"  {escape(network)}", "name"))
    if chain.policy is not None and chain.base is not None:
        native = chain.backend == "nftables"
        if native:
            base = chain.base
            spans.append((f"  {base.type} hook {base.hook} priority {base.priority}", "dim"))
        policy = chain.policy.lower() if native else chain.policy
        spans += [("  policy ", "dim"), (escape(policy), target_role(chain.policy))]
        if reading.counted:
            spans += [
                (f"  {count(reading.packets, exact=options.exact)} pkts", "" if reading.packets else "dim"),
                (f" {_moved(reading)} ", "moved"),
                (f"{size(reading.bytes, exact=options.exact)} bytes", "dim"),
            ]
        speed = rate(reading.rate)
        if speed:
            spans.append((f"  {speed}", "number"))
    elif chain.policy not in (None, "-"):
        spans.append(("  no packet comes here: its table is dormant, or its interface is not there", "warn"))
    elif references is None:
        spans.append(("  a map that may jump to it was not read", "dim"))
    elif references:
        spans.append((f"  {plural(references, 'reference')}", "dim"))
    else:
        spans.append(("  not jumped to", "warn"))
    if line.number == len(chain.rules):
        spans.append((f"  · {plural(line.number, 'rule') if line.number else 'no rules'}", "dim"))
    else:
        spans.append((f"  · {line.number} of {plural(len(chain.rules), 'rule')}", "dim"))
    return fitting(spans, made.width, named)


def table_spans(line: Line) -> Spans:
    """Return a table's heading, for a native table with its owner if its name tells."""
    spans: Spans = [(f" {escape(line.table)} ", "title"), (f" {ruleset_words(line.ruleset)}", "")]
    if line.ruleset.backend == "nftables":
        owner, purpose = native_table(line.table)
        if owner:
            spans.append((f"  {owner}: {purpose}", ""))
    return spans


def note_spans(line: Line, width: int) -> Spans:
    """Return a remark."""
    return [(clip(f" {escape(line.text)}", width), "dim")]


def step_place_text(step: Step) -> str:
    """Return the rule of a step: ``filter DOCKER 2``, ``legacy nat DOCKER 1``, ``inet filter input 3``."""
    which = "legacy " if step.backend == "legacy" else ""
    if step.backend == "nftables" and step.family not in ("ip", "ip6"):
        which = f"{step.family} "
    return f" {which}{step.table} {step.chain} {step.rule if step.rule is not None else 'policy'}"


def verdict_spans(line: Line, width: int) -> Spans:
    """Return the verdict below a flow's steps, with its sign."""
    sign, role = VERDICTS.get(line.text, ("?", "warn"))
    return [(clip(f" {sign} {escape(line.text)}", width), role)]


def step_spans(
    line: Line, cells: RuleCells | None, reading: Reading, marks: Marks, width: int, options: Options, longest: int = 38
) -> Spans:
    """Return a step of the open flow: its rule, counter, matches and effect.

    longest: the width of the longest step name of the flow.
    """
    step = line.step
    if step is None:
        return []
    spans: Spans = [(f"{line.number:>3}", "step"), ("●" if marks.seen else " ", "good")]
    place = step_place_text(step)
    place_width = min(38, longest, max(16, width - 25)) if width < NARROW else min(48, longest)
    spans.append((fit(clip_middle(escape(place), place_width), place_width), ""))
    made = Layout(width, pkts=13 if options.exact else 5, rate=6 if width >= NARROW else 0)
    _numbers(spans, reading, made, options)
    verdict_width = max(12, width - len(plain(spans))) if width < NARROW else 26
    word = step.says.split(" ")[0].upper()
    says = fit(clip_middle(escape(step.says), verdict_width), verdict_width)
    if width < NARROW:
        return [*spans, (says, target_role(word))]
    spans.append((f"{says} ", target_role(word)))
    text = brief(cells, named=options.named) if cells is not None else ""
    changes = changes_text(step.changes)
    if changes and changes not in text:
        text = f"{escape(changes)}  {text}"
    spans.append((text, "" if cells is not None else "dim"))
    return spans


def target_role(target: str) -> Role:
    """Return the role (colour) of a verdict, which only repeats the word."""
    if target == "ACCEPT":
        return "good"
    if target in ("DROP", "REJECT"):
        return "bad"
    if target in ("DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP"):
        return "warn"
    return "target" if target and target != "RETURN" else "dim"


def steps_text(steps: tuple[int, ...]) -> str:
    """Return ``3``, ``3,9`` or, of a rule met more often than twice, ``3,9…``."""
    return ",".join(map(str, steps[:2])) + ("…" if len(steps) > 2 else "")


def _gutter(marks: Marks, made: Layout) -> Spans:
    mark = {"address": "▌", "bridge": "▏", "": " "}[marks.concern]
    spans: Spans = [("+", "good") if marks.new and not marks.concern else (mark, "mark")]
    if made.step:
        spans.append((fit(steps_text(marks.steps), made.step - 2, right=True), "step"))
        spans.append(("● " if marks.seen else "  ", "good"))
    return spans


def _numbers(spans: Spans, reading: Reading, made: Layout, options: Options) -> None:
    pkts, amount = count(reading.packets, exact=options.exact), size(reading.bytes, exact=options.exact)
    if not reading.counted:
        pkts = amount = NO_COUNTER
    role: Role = "" if reading.packets else "dim"
    pair = (
        ((amount, made.bytes), (pkts, made.pkts)) if options.bytes_first else ((pkts, made.pkts), (amount, made.bytes))
    )
    for text, width in pair:
        put(spans, text, width, role=role, right=True)
    spans.append((_moved(reading) + " " * made.gap, "moved"))
    put(spans, rate(reading.rate), made.rate, role="number", right=True)


def _moved(reading: Reading) -> str:
    """Return the mark of a recently changed counter, which fades over a few refreshes."""
    return " " if reading.moved is None else _MOVED[min(reading.moved, len(_MOVED) - 1)]


def _cell(spans: Spans, cell: Cell, width: int, nothing: str, *, named: bool) -> None:
    if not cell.raw:
        put(spans, nothing, width, role="dim")
    elif named and cell.name:
        put(spans, cell.name, width, role="name", middle=True)
    else:
        put(spans, cell.raw, width, middle=True)
