"""The lines of the chain table: layout, cells, counters and marks.

Longer than 300 lines: all inputs of one pane's lines.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from rich.cells import cell_len

from netui.model import Rule, RulesetKey, packet_family
from netui.model.statements import NftSet
from netui.text.visible import escape
from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import ItemSelected
from netui.ui.presenters.cells import clip
from netui.ui.presenters.chains import columns, rows
from netui.ui.presenters.chains.columns import Layout, Marks, Options
from netui.ui.presenters.chains.counters import CounterTrack, Identity, Reading
from netui.ui.presenters.chains.rules import RuleCells, rule_cells
from netui.ui.presenters.chains.table_layout import TableView, build_lines, references, ruleset_words, step_identities
from netui.ui.presenters.chains.virtual_lines import Line, Lines
from netui.ui.presenters.query import Query, RuleQuery
from netui.ui.presenters.selection import ChainItem, NoteItem, RuleItem
from netui.ui.presenters.spans import Spans
from netui.ui.state import State


class ChainLines(LineView):
    """Lays out the rulesets and renders the lines; ChainTable has the actions."""

    header_lines = 1

    def __init__(self, state: State, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.view = TableView()
        self.options = Options()
        self.query_typed: Query | None = None
        self.steps_only = False
        self.frozen = False
        self.sorted = False
        self.only_moved = False
        self.only_new = False
        self.laid = Lines()
        #: the width of the longest step name of the open flow
        self._longest = 38
        self._layout: Layout | None = None
        self._steps: dict[tuple[RulesetKey, Identity], tuple[int, ...]] = {}
        self._snapshot = state.snapshot
        self._track: CounterTrack = state.track
        self._cells: dict[str, RuleCells] = {}
        #: cache of rendered lines of rules and chains in this layout
        self._kept: dict[Hashable, tuple[object, Spans]] = {}
        self._rules_layout: tuple[Layout, Options] | None = None

    # Updates from the app.

    def update_counters(self) -> None:
        """Repaint changed counters."""
        if self.frozen:
            return
        self._snapshot = self.state.snapshot
        self._track = self.state.track
        if self.sorted or self.only_moved:
            self.rebuild()
        else:
            self.repaint_changed()

    def update_structure(self) -> None:
        """Lay out changed rules; the cursor stays on its rule."""
        self._steps = step_identities(self.state.snapshot, self.state.flow)
        if self.frozen:
            return
        self._snapshot = self.state.snapshot
        self._cells.clear()
        self._kept.clear()
        self.rebuild()

    def update_marks(self) -> None:
        """Show the marks of another selection or open flow."""
        self._steps = step_identities(self.state.snapshot, self.state.flow)
        widest = max((len(rows.steps_text(steps)) for steps in self._steps.values()), default=0)
        self.options = replace(self.options, steps=max(2, widest) if widest else 0)
        if self.steps_only and self.state.flow is None:
            self.steps_only = False
        self._layout = None
        if self.steps_only or self.view.flow is not None:
            self.rebuild()
        else:
            self.repaint()

    def set_filter(self, typed: str) -> None:
        """Show only the rules that match a filter."""
        self.query_typed = Query.parse(typed)
        self.rebuild()

    # Lines.

    def rebuild(self) -> None:
        """Lay out the lines again for the present view and options."""
        query = self.query_typed
        wanted = RuleQuery(query, self.state.names) if query is not None else None
        self.view = replace(
            self.view,
            wanted=wanted,
            alive=self._has_moved if self.only_moved else None,
            new=self.state.is_new if self.only_new else None,
            flat=self._rate_of if self.sorted else None,
            flow=self.state.flow if self.steps_only else None,
        )
        self.options = replace(self.options, flat=self.sorted)
        self.laid = build_lines(self._snapshot, self.view)
        self._layout = None
        self._longest = max(
            (cell_len(escape(rows.step_place_text(each.step))) + 1 for _, each in self.laid.lines.apart() if each.step),
            default=38,
        )
        self.set_keys(self.laid.lines.keys, width=self._needed_width())
        self._title()

    def _needed_width(self) -> int:
        return self._made().width if self.options.preset == "wide" else 0

    def _has_moved(self, key: RulesetKey, rule: Rule) -> bool:
        return self._snapshot.counter(key, rule.index).packets > 0

    def _rate_of(self, key: RulesetKey, identity: Identity) -> float:
        reading = self._track.reading(key, identity)
        return reading.rate + reading.packets * 1e-12

    def _made(self, width: int = 0) -> Layout:
        """Return the layout of the columns for a width, by default the pane's."""
        width = width or self.scrollable_content_region.width or self.size.width
        if self._layout is None or (self._layout.width != width and self.options.preset != "wide"):
            self._layout = columns.layout(width, self.options)
            if self._rules_layout != (self._layout, self.options):
                self._rules_layout = (self._layout, self.options)
                self._kept.clear()
        return self._layout

    def header_spans(self, width: int) -> Spans:
        """Return the header of the columns."""
        if self.steps_only and self.state.flow is not None:
            more = ", what it asks for" if width >= columns.NARROW else ""
            return [(clip(f"  # table chain rule, packets, what it does{more}", width), "")]
        return columns.header_spans(self._made(width), self.options, native=self._native_at_top())

    def _native_at_top(self) -> bool:
        """Whether the first visible rules are those of a native table."""
        top = self.scroll_offset.y
        return top < len(self.laid.lines) and self.laid.lines[top].ruleset.backend == "nftables"

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line's text."""
        line = self.laid.lines[index]
        match line.kind:
            case "table":
                return self._kept_spans(("table", line.ruleset, line.table), None, lambda: rows.table_spans(line))
            case "verdict":
                return rows.verdict_spans(line, width)
            case "note":
                return rows.note_spans(line, width)
            case "chain":
                return self._chain_spans(line, self._made(width))
            case "step":
                return rows.step_spans(
                    line,
                    self._cells_of(line),
                    self._reading(line),
                    self._marks(line),
                    width,
                    self.options,
                    self._longest,
                )
        return self._rule_spans(line, self._made(width))

    def _chain_spans(self, line: Line, layout: Layout) -> Spans:
        reading, marks = self._reading(line), self._marks(line)
        ruleset = self._snapshot.rulesets.get(line.ruleset)
        count = references(ruleset).count(line.table, line.chain.name) if ruleset and line.chain else 0
        # the nftables backend makes chains for each network: filter-forward-in__BRIDGE
        network = self.state.names.interface(line.chain.name.partition("__")[2]) if line.chain else ""
        return self._kept_spans(
            (line.ruleset, line.identity, reading, marks, count, line.number, line.folded),
            line.chain,
            lambda: rows.chain_spans(line, reading, count, marks, layout, self.options, network),
        )

    def _rule_spans(self, line: Line, layout: Layout) -> Spans:
        reading, marks = self._reading(line), self._marks(line)

        def spans() -> Spans:
            cells = self._cells_of(line)
            if cells is None:
                return []
            history: list[int] = []
            if layout.spark and line.identity is not None:
                history = self._track.history(line.ruleset, line.identity)
            return rows.rule_spans(line, cells, reading, marks, layout, self.options, history)

        if layout.spark:
            return spans()
        return self._kept_spans((line.ruleset, line.identity, reading, marks), line.rule, spans)

    def _kept_spans(self, key: Hashable, thing: object, make: Callable[[], Spans]) -> Spans:
        """Return the cached spans of a line, if its content is unchanged."""
        kept = self._kept.get(key)
        if kept is not None and kept[0] is thing:
            return kept[1]
        if len(self._kept) > 500:
            self._kept.clear()
        spans = make()
        self._kept[key] = (thing, spans)
        return spans

    def line_class(self, index: int) -> str:
        """Return the tint for steps of the open flow."""
        line = self.laid.lines[index]
        if line.kind == "table":
            return "header"
        if (
            line.kind in ("rule", "chain")
            and line.identity is not None
            and (line.ruleset, line.identity) in self._steps
        ):
            return "step-row"
        return ""

    def _cells_of(self, line: Line) -> RuleCells | None:
        if line.rule is None:
            return None
        cells = self._cells.get(line.rule.text)
        if cells is None:
            if len(self._cells) > 4000:
                self._cells.clear()
            cells = self._cells[line.rule.text] = rule_cells(
                line.rule, self.state.names, packet_family(line.ruleset.family)
            )
        return cells

    def _reading(self, line: Line) -> Reading:
        return self._track.reading(line.ruleset, line.identity) if line.identity is not None else Reading(0, 0)

    def _marks(self, line: Line) -> Marks:
        if line.identity is None:
            return Marks()
        family = packet_family(line.ruleset.family)
        concern = self.state.concern.of_rule(line.rule, self._sets(line), family) if line.rule is not None else ""
        steps = self._steps.get((line.ruleset, line.identity), ())
        seen = False
        if (steps or line.step is not None) and self.state.flow_frame is not None:
            seen = self._track.since(self.state.flow_frame, line.ruleset, line.identity) > 0
        new = line.rule is not None and self.state.is_new(line.ruleset, line.identity)
        return Marks(concern, steps, seen, new)

    def _sets(self, line: Line) -> Mapping[str, NftSet]:
        """Return the sets and maps of a native line's table."""
        ruleset = self._snapshot.rulesets.get(line.ruleset) if line.ruleset.backend == "nftables" else None
        table = ruleset.table(line.table) if ruleset is not None else None
        return table.sets if table is not None else {}

    # The cursor.

    @property
    def current(self) -> Line | None:
        """The line under the cursor."""
        return self.laid.lines[self.cursor] if self.cursor < len(self.laid.lines) else None

    def cursor_moved(self) -> None:
        """Post the item under the cursor."""
        self._title()
        line = self.current
        item: ChainItem | RuleItem | NoteItem | None = None
        if line is not None and line.rule is not None and line.identity is not None:
            item = RuleItem(line.ruleset, line.identity)
        elif line is not None and line.chain is not None:
            item = ChainItem(line.ruleset, line.table, line.chain.name)
        elif line is not None and line.kind == "note":
            item = NoteItem(line.text)
        self.post_message(ItemSelected(item, self))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Update the title to the visible lines."""
        super().watch_scroll_y(old_value, new_value)
        self._title()

    def on_resize(self) -> None:
        """Update the title to the visible lines."""
        self._title()

    def _titled(self) -> int:
        """Return the line for the title: the cursor's, or the first visible line if the cursor is not visible."""
        top = self.scroll_offset.y
        return self.cursor if top <= self.cursor < top + self.visible_rows else top

    def _title(self) -> None:
        titled = self._titled()
        line = self.laid.lines[titled] if titled < len(self.laid.lines) else None
        parts = ["Chains"]
        if self.steps_only and self.state.flow is not None:
            parts.append(f"steps of {self.state.flow.label}")
        elif line is not None and line.table:
            parts.append(f"{ruleset_words(line.ruleset)} {line.table}")
            if line.chain is not None:
                parts[-1] += f" {line.chain.name}"
            if line.rule is not None and titled == self.cursor:
                parts[-1] += f" {line.rule.number}"
        narrowed = self.laid.shown != self.laid.total or self.query_typed is not None
        notes = [
            f"{self.laid.shown} of {self.laid.total}" if narrowed else "",
            "frozen" if self.frozen else "",
            "since baseline" if self._track.baseline else "",
            "by rate" if self.sorted else "",
            "moved only" if self.only_moved else "",
            "new since the start" if self.only_new else "",
            "no regular expression" if self.query_typed and self.query_typed.broken else "",
        ]  # fmt: skip
        text = " — ".join([*parts, *(note for note in notes if note)])
        self.set_title(text)
