"""A fuzzy finder for chains."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.fuzzy import Matcher
from textual.screen import ModalScreen
from textual.widgets import Input

from netui.model import Snapshot
from netui.text.visible import escape
from netui.ui.lines.line_list_view import LineView
from netui.ui.presenters.chains.table_layout import TableView, build_lines, ruleset_words
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.selection import ChainItem
from netui.ui.presenters.spans import Spans


class FoundLines(LineView):
    """The matching chains."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(id="finder-lines")
        self.lines: list[tuple[ChainItem, Spans]] = []

    def show(self, lines: list[tuple[ChainItem, Spans]]) -> None:
        """Show other chains, the best first."""
        self.lines = lines
        keys: list[Hashable] = [item for item, _ in lines]
        self.cursor = 0
        self.set_keys([])
        self.set_keys(keys)

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line."""
        return self.lines[index][1]

    def activated(self, index: int) -> None:
        """Choose by a double click."""
        self.screen.dismiss(self.lines[index][0])


class FinderInput(Input):
    """The line to type in."""

    def __init__(self) -> None:
        super().__init__(placeholder="table and chain, a few letters", compact=True, id="finder-input")

    async def action_submit(self) -> None:
        """Choose at once, even if the list is not updated yet."""
        assert isinstance(self.screen, ChainFinder)
        self.screen.choose()


class ChainFinder(ModalScreen["ChainItem | None"]):
    """Find a chain by table and name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", id="finder.close", tooltip="Close"),
        Binding("down,ctrl+n", "move(1)", "Down", show=False, id="finder.down", tooltip="Next chain", priority=True),
        Binding("up,ctrl+p", "move(-1)", "Up", show=False, id="finder.up", tooltip="Previous chain", priority=True),
    ]

    def __init__(self, snapshot: Snapshot, only: Mapping[ChainItem, str] | None = None) -> None:
        """only: the chains to choose from, each with its label; by default all chains."""
        super().__init__()
        self._some = bool(only)
        self._found = FoundLines()
        self._input = FinderInput()
        self._typed = ""
        self._chains: list[tuple[str, ChainItem, Spans]] = []
        for _, line in build_lines(snapshot, TableView()).lines.apart():
            if line.kind == "chain" and line.chain is not None:
                name = f"{line.table} {line.chain.name}"
                where = ruleset_words(line.ruleset)
                spans: Spans = [
                    (f" {escape(name):<34}", "strong"),
                    (f" {where:<12} {plural(len(line.chain.rules), 'rule')}", "dim"),
                ]
                item = ChainItem(line.ruleset, line.table, line.chain.name)
                if only:
                    if item not in only:
                        continue
                    spans = [(f" {escape(only[item])} → {escape(line.chain.name)} ", "strong"), spans[1]]
                    name = f"{only[item]} {name}"
                self._chains.append((f"{name} {where}", item, spans))

    def compose(self) -> ComposeResult:
        """Lay out the input and the matching chains."""
        box = Vertical(id="finder")
        box.border_title = "The rule jumps to one of these" if self._some else "Go to chain"
        with box:
            yield self._input
            yield self._found

    def on_mount(self) -> None:
        """Show all chains at first."""
        self.set_focus(self._input)
        self._find("")

    def _find(self, typed: str) -> None:
        self._typed = typed
        chains = self._chains
        if typed.strip():
            matcher = Matcher(typed.strip())
            scored = [(matcher.match(name), name, item, spans) for name, item, spans in chains]
            best = sorted((each for each in scored if each[0] > 0), key=lambda each: -each[0])
            chains = [(name, item, spans) for _, name, item, spans in best]
        self._found.show([(item, spans) for _, item, spans in chains])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search while typing."""
        if event.value != self._typed:
            self._find(event.value)

    def choose(self) -> None:
        """Go to the chain under the cursor."""
        if self._input.value != self._typed:
            self._find(self._input.value)
        chains = self._found
        self.dismiss(chains.lines[chains.cursor][0] if chains.lines else None)

    def action_move(self, by: int) -> None:
        """Move in the matching chains."""
        self._found.action_move(by)
