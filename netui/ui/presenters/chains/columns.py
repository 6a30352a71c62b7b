"""Lines of the chain table as columns: those of ``iptables -L -v``, dropped by importance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from rich.cells import cell_len

from netui.explain.native_tables import native_table
from netui.text.visible import escape
from netui.traversal.result import Step
from netui.ui.presenters.cells import clip, clip_middle, fit
from netui.ui.presenters.chains.counters import Reading
from netui.ui.presenters.chains.rules import Cell, RuleCells, brief
from netui.ui.presenters.chains.table_layout import ruleset_words
from netui.ui.presenters.chains.virtual_lines import Line
from netui.ui.presenters.details.flows import VERDICTS
from netui.ui.presenters.numbers import count, plural, rate, size, sparkline
from netui.ui.presenters.spans import Role, Spans

Preset = Literal["auto", "short", "normal", "wide"]

#: Below this many cells the columns in, out, source and destination become one short text.
NARROW = 100
_MOVED = ("▲", "△", "·")
_SPARK = 12
#: Stands for the numbers of a rule that has no counter.
NO_COUNTER = "–"


@dataclass(frozen=True, slots=True)
class Options:
    """How the chain table shows its lines.

    named: names in place of addresses and bridges. steps: the cells that the step
    numbers of the open flow need, 0 for none. flat: no chain headers, so each line names its chain.
    """

    preset: Preset = "auto"
    exact: bool = False
    named: bool = True
    bytes_first: bool = False
    steps: int = 0
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What is to be seen about a line beside its own words.

    concern: how it names the selected thing. steps: its numbers in the open flow. new: it
    came since netui started. seen: whether it counted since the flow was opened.
    """

    concern: Literal["", "address", "bridge"] = ""
    steps: tuple[int, ...] = ()
    seen: bool = False
    new: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths by column, 0 for a column that is not shown; ``text`` takes what is left."""

    width: int
    step: int = 0
    num: int = 3
    chain: int = 0
    pkts: int = 5
    bytes: int = 0
    rate: int = 6
    spark: int = 0
    target: int = 10
    prot: int = 0
    opt: int = 0
    iif: int = 0
    oif: int = 0
    source: int = 0
    destination: int = 0
    text: int = 10
    names: int = 0
    short: bool = True


def layout(width: int, options: Options) -> Layout:
    """Share a width among the columns."""
    preset = options.preset
    if preset == "auto":
        preset = "short" if width < NARROW else "normal"
    step = options.steps + 2 if options.steps else 0
    pkts = 13 if options.exact else 6
    amount = 16 if options.exact else 6
    if preset == "short":
        target = 8 if width < 50 else (11 if width < 70 else 16)
        made = Layout(width, step, num=4 if step else 3, pkts=pkts - 1 if not options.exact else pkts, target=target)
        if options.bytes_first:
            made = replace(made, pkts=0, bytes=amount)
        if width < 46 or (step and width < 60):
            made = replace(made, rate=0)
        if options.flat:
            made = replace(made, chain=10 if width < 70 else 18)
        return replace(made, text=max(8, width - _used(made)))
    made = Layout(
        width, step, num=4, pkts=pkts, bytes=amount, rate=7, target=10, prot=5,
        iif=7, oif=7, source=10, destination=11, text=16, short=False,
    )  # fmt: skip
    if options.flat:
        made = replace(made, chain=16)
    if preset == "wide":
        made = replace(
            made, opt=3, iif=16, oif=16, source=20, destination=20, target=24, spark=_SPARK, names=24, text=64
        )
        return replace(made, width=max(width, _used(made) + made.text), text=max(64, width - _used(made)))
    spare = width - _used(made) - made.text
    if spare < 0:
        return layout(width, replace(options, preset="short"))
    for name, cap in (
        ("text", 32), ("target", 12), ("iif", 10), ("oif", 10), ("source", 15), ("destination", 15), ("text", 36),
        ("iif", 13), ("oif", 13), ("target", 18), ("spark", _SPARK + 1), ("text", 44), ("iif", 16), ("oif", 16),
        ("source", 18), ("destination", 18), ("target", 25),
    ):  # fmt: skip
        have = getattr(made, name)
        more = min(spare, cap - have)
        if name == "spark" and more < _SPARK:
            continue
        if more > 0:
            made = replace(made, **{name: have + more})
            spare -= more
    return replace(made, text=made.text + spare)


def _used(made: Layout) -> int:
    """Return the cells that all columns but the text take, with the gaps between them."""
    columns = (
        made.num, made.chain, made.pkts, made.bytes, made.rate, made.spark, made.target,
        made.prot, made.opt, made.iif, made.oif, made.source, made.destination, made.names,
    )  # fmt: skip
    moved = 1
    return 1 + made.step + moved + sum(width + 1 for width in columns if width)


def header_spans(made: Layout, options: Options, *, native: bool = False) -> Spans:
    """Return the header of the columns; native: of rules in nft's words."""
    spans: Spans = [(" " * (1 + made.step) if not made.step else fit(" step", 1 + made.step), "")]
    pkts, amount = ("pkts", made.pkts), ("bytes", made.bytes)
    numbers = (amount, pkts) if options.bytes_first else (pkts, amount)
    _put(spans, "num", made.num, right=True)
    _put(spans, "chain", made.chain)
    _put(spans, *numbers[0], right=True)
    _put(spans, *numbers[1], right=True)
    spans.append((" ", ""))
    _put(spans, "rate", made.rate, right=True)
    _put(spans, "last minute", made.spark)
    _put(spans, "does" if native else "target", made.target)
    if native:
        spans.append(("rule, in nft's words", ""))
        return spans
    if made.short:
        spans.append(("what it asks for", ""))
        return spans
    for title, width in (
        ("prot", made.prot), ("opt", made.opt), ("in", made.iif), ("out", made.oif),
        ("source", made.source), ("destination", made.destination),
    ):  # fmt: skip
        _put(spans, title, width)
    if made.names:
        _put(spans, "names", made.names)
    spans.append(("matches and options", ""))
    return spans


def rule_spans(
    line: Line, cells: RuleCells, reading: Reading, marks: Marks, made: Layout, options: Options, history: list[int]
) -> Spans:
    """Return a rule's line."""
    spans = _gutter(marks, made)
    _put(spans, str(line.rule.number if line.rule else ""), made.num, role="dim", right=True)
    _put(spans, escape(line.chain.name if line.chain else ""), made.chain, role="dim", middle=True)
    _numbers(spans, reading, made, options)
    if made.spark:
        _put(spans, sparkline(history, _SPARK), made.spark, role="dim")
    role = target_role(cells.target.upper() if cells.native else cells.target)
    target = cells.target or "(counts)"
    if cells.native and target.startswith("vmap @") and cell_len(target) > made.target:
        # the map's name stands in the rule beside it
        target = "vmap"
    _put(spans, target, made.target, role=role, middle=True)
    if made.short:
        spans.append((clip(brief(cells, named=options.named), made.text), ""))
        return spans
    if cells.native:
        return spans + _native_text(cells, made, options)
    named = options.named and not made.names
    _put(spans, cells.protocol or "all", made.prot, role="" if cells.protocol else "dim")
    _put(spans, cells.opt, made.opt, role="dim")
    for cell, width, nothing in (
        (cells.iif, made.iif, "any"),
        (cells.oif, made.oif, "any"),
        (cells.source, made.source, "anywhere"),
        (cells.destination, made.destination, "anywhere"),
    ):
        _cell(spans, cell, width, nothing, named=named)
    if made.names:
        _put(spans, ", ".join(cells.who), made.names, role="name")
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
    """Return a native rule's words over all the columns that iptables' matches have."""
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
    """Return the names that the columns do not show by themselves."""
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
    """Return a chain's header: its policy with counters, or how often it is jumped to (None: that is not known).

    network: the Docker network whose chain it is, by its name.
    """
    chain = line.chain
    if chain is None:
        return []
    spans = _gutter(marks, made)
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
    return spans


def table_spans(line: Line) -> Spans:
    """Return a table's heading; a native one's with whose it is, where its name tells."""
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
    """Return where a step happens: ``filter DOCKER 2``, ``legacy nat DOCKER 1``, ``inet filter input 3``."""
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
    """Return a step of the open flow: where, how often, what it asks for, what it does.

    longest: the cells that the longest place of the flow needs.
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
    verdict_width = max(14, width - place_width - 11) if width < NARROW else 26
    word = step.says.split(" ")[0].upper()
    spans.append((fit(clip_middle(escape(step.says), verdict_width), verdict_width) + " ", target_role(word)))
    if width < NARROW:
        return spans
    text = brief(cells, named=options.named) if cells is not None else ""
    if step.change and step.change not in text:
        text = f"{escape(step.change)}  {text}"
    spans.append((text, "" if cells is not None else "dim"))
    return spans


def target_role(target: str) -> Role:
    """Return the look of a verdict; the word itself says what it means."""
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
        _put(spans, text, width, role=role, right=True)
    spans.append((_moved(reading), "moved"))
    _put(spans, rate(reading.rate), made.rate, role="number", right=True)


def _moved(reading: Reading) -> str:
    """Return the mark of a counter that moved just now, which fades over a few refreshes."""
    return " " if reading.moved is None else _MOVED[min(reading.moved, len(_MOVED) - 1)]


def _cell(spans: Spans, cell: Cell, width: int, nothing: str, *, named: bool) -> None:
    if not cell.raw:
        _put(spans, nothing, width, role="dim")
    elif named and cell.name:
        _put(spans, cell.name, width, role="name", middle=True)
    else:
        _put(spans, cell.raw, width, middle=True)


def _put(spans: Spans, text: str, width: int, *, role: Role = "", right: bool = False, middle: bool = False) -> None:
    if width <= 0:
        return
    if middle:
        text = clip_middle(text, width)
    spans.append((fit(text, width, right=right) + " ", role))
