"""Lines of the chain table as columns: those of ``iptables -L -v``, dropped by importance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from netui.ui.presenters.cells import clip_middle, fit
from netui.ui.presenters.spans import Role, Spans

Preset = Literal["auto", "short", "normal", "wide"]

#: In a narrower table, in, out, source and destination become one short text.
NARROW = 100
#: The width of a sparkline.
SPARK = 12
#: Shown in place of the numbers of a rule without a counter.
NO_COUNTER = "–"


def put(spans: Spans, text: str, width: int, *, role: Role = "", right: bool = False, middle: bool = False) -> None:
    """Add a cell of a width and a blank after it; nothing for width 0."""
    if width <= 0:
        return
    if middle:
        text = clip_middle(text, width)
    spans.append((fit(text, width, right=right) + " ", role))


@dataclass(frozen=True, slots=True)
class Options:
    """The display options of the chain table.

    named: names in place of addresses and bridges. steps: the width of the open flow's step numbers, 0 for none.
    flat: no chain headers, so each line names its chain.
    """

    preset: Preset = "auto"
    exact: bool = False
    named: bool = True
    bytes_first: bool = False
    steps: int = 0
    flat: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of a line.

    concern: how it names the selected item. steps: its numbers in the open flow. new: it is new since netui's
    start. seen: whether its counter changed since the flow was opened.
    """

    concern: Literal["", "address", "bridge"] = ""
    steps: tuple[int, ...] = ()
    seen: bool = False
    new: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Widths by column, 0 for a hidden column; ``text`` gets the rest."""

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

    @property
    def gap(self) -> int:
        """The gap after the sign of a changed counter: none before the rate or in a narrow table."""
        return 0 if self.rate or self.width < 40 else 1


def layout(width: int, options: Options) -> Layout:
    """Distribute a width to the columns."""
    preset = options.preset
    if preset == "auto":
        preset = "short" if width < NARROW else "normal"
    step = options.steps + 2 if options.steps else 0
    pkts = 13 if options.exact else 6
    amount = 16 if options.exact else 6
    if preset == "short":
        target = 8 if width < 50 else (11 if width < 70 else 16)
        result = Layout(width, step, num=4 if step else 3, pkts=pkts - 1 if not options.exact else pkts, target=target)
        if options.bytes_first:
            result = replace(result, pkts=0, bytes=amount)
        if width < 46 or (step and width < 60):
            result = replace(result, rate=0)
        if options.flat:
            result = replace(result, chain=10 if width < 70 else 18)
        return replace(result, text=max(8, width - _used(result)))
    result = Layout(
        width, step, num=4, pkts=pkts, bytes=amount, rate=7, target=10, prot=5,
        iif=7, oif=7, source=10, destination=11, text=16, short=False,
    )  # fmt: skip
    if options.flat:
        result = replace(result, chain=16)
    if preset == "wide":
        result = replace(
            result, opt=3, iif=16, oif=16, source=20, destination=20, target=24, spark=SPARK, names=24, text=64
        )
        return replace(result, width=max(width, _used(result) + result.text), text=max(64, width - _used(result)))
    spare = width - _used(result) - result.text
    if spare < 0:
        return layout(width, replace(options, preset="short"))
    for name, cap in (
        ("text", 32), ("target", 12), ("iif", 10), ("oif", 10), ("source", 15), ("destination", 15), ("text", 36),
        ("iif", 13), ("oif", 13), ("target", 18), ("spark", SPARK + 1), ("text", 44), ("iif", 16), ("oif", 16),
        ("source", 18), ("destination", 18), ("target", 25),
    ):  # fmt: skip
        have = getattr(result, name)
        more = min(spare, cap - have)
        if name == "spark" and more < SPARK:
            continue
        if more > 0:
            result = replace(result, **{name: have + more})
            spare -= more
    return replace(result, text=result.text + spare)


def _used(widths: Layout) -> int:
    """Return the width of all columns except the text, with their gaps."""
    columns = (
        widths.num, widths.chain, widths.pkts, widths.bytes, widths.rate, widths.spark, widths.target,
        widths.prot, widths.opt, widths.iif, widths.oif, widths.source, widths.destination, widths.names,
    )  # fmt: skip
    moved = 1
    return 1 + widths.step + moved + widths.gap + sum(width + 1 for width in columns if width)


def header_spans(made: Layout, options: Options, *, native: bool = False) -> Spans:
    """Return the header of the columns; native: of rules in nft's words."""
    spans: Spans = [(" " * (1 + made.step) if not made.step else fit(" step", 1 + made.step), "")]
    pkts, amount = ("pkts", made.pkts), ("bytes", made.bytes)
    numbers = (amount, pkts) if options.bytes_first else (pkts, amount)
    put(spans, "num", made.num, right=True)
    put(spans, "chain", made.chain)
    put(spans, *numbers[0], right=True)
    put(spans, *numbers[1], right=True)
    spans.append((" " + " " * made.gap, ""))
    put(spans, "rate", made.rate, right=True)
    put(spans, "last minute", made.spark)
    put(spans, "does" if native else "target", made.target)
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
        put(spans, title, width)
    if made.names:
        put(spans, "names", made.names)
    spans.append(("matches and options", ""))
    return spans
