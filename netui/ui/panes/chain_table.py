"""The chain table: its navigation and its keys.

Longer than 300 lines: Textual looks for actions in the pane's class.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import ClassVar, get_args

from textual.binding import Binding, BindingType

from netui.model import NativeRule, Rule, RulesetKey
from netui.traversal.result import Step
from netui.ui.panes.chain_lines import ChainLines
from netui.ui.panes.finder import ChainFinder
from netui.ui.presenters.chains.columns import Options, Preset
from netui.ui.presenters.chains.counters import Identity, identity_of
from netui.ui.presenters.chains.native import with_names
from netui.ui.presenters.chains.native_sets import Lead, leads
from netui.ui.presenters.chains.table_layout import Fold, TableView, build_lines
from netui.ui.presenters.chains.virtual_lines import Line
from netui.ui.presenters.selection import ChainItem
from netui.ui.state import State

_FAMILIES: tuple[tuple[str, ...], ...] = ((), ("ip",), ("ip6",))
_BACKENDS: tuple[tuple[str, ...], ...] = ((), ("nft",), ("legacy",), ("nftables",))


class ChainTable(ChainLines):
    """Rules with live counters; the cursor stays on its rule when others change."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Jump", key_display="Enter", id="chains.jump",
                tooltip="Go to the chain that the rule jumps to"),
        Binding("backspace", "back", "Back", key_display="Bksp", id="chains.back",
                tooltip="Go back to where you jumped from"),
        Binding("left_square_bracket", "chain(-1)", "Chain", id="chains.previous", key_display="[ ]",
                tooltip="Previous chain"),
        Binding("right_square_bracket", "chain(1)", "Next chain", show=False, id="chains.next", tooltip="Next chain"),
        Binding("space", "fold", "Fold", id="chains.fold", tooltip="Fold or unfold the chain"),
        Binding("minus", "fold_all", "Fold all", show=False, id="chains.fold-all", tooltip="Fold or unfold all chains"),
        Binding("i", "family", "IPv4/6", id="chains.family", tooltip="Show IPv4 and IPv6, only IPv4, only IPv6"),
        Binding("V", "variant", "nft/legacy", show=False, id="chains.variant",
                tooltip="All tables, only nft, only legacy, only native"),
        Binding("C", "preset", "Columns", id="chains.columns", tooltip="Columns: automatic, short, normal, wide"),
        Binding("w", "names", "Names", id="chains.names", tooltip="Docker names or addresses in the columns"),
        Binding("x", "exact", "Exact", show=False, id="chains.exact", tooltip="Counters rounded or with every digit"),
        Binding("B", "bytes_first", "Bytes", show=False, id="chains.bytes", tooltip="Bytes first or packets first"),
        Binding("T", "by_rate", "By rate", show=False, id="chains.rate",
                tooltip="Sort by rate, or back to the kernel's order"),
        Binding("m", "moved", "Moved", show=False, id="chains.moved",
                tooltip="Hide rules that never moved or have no counter"),
        Binding("a", "new", "New", show=False, id="chains.new",
                tooltip="Show only rules added since netui started"),
        Binding("p", "freeze", "Freeze", id="chains.freeze", tooltip="Freeze this table; the rest stays live"),
        Binding("b", "baseline", "Baseline", id="chains.baseline",
                tooltip="Count from now on; nothing is zeroed on the host"),
    ]  # fmt: skip

    def __init__(self, state: State, *, id: str | None = None) -> None:
        super().__init__(state, id=id)
        self._back: list[Hashable] = []

    def go_to_chain(self, ruleset: RulesetKey, table: str, chain: str) -> bool:
        """Put the cursor on a chain's header; unfold and unfilter where that hides it."""
        return self._go((ruleset, table, (table, chain, "", 0)), (ruleset, table, chain))

    def go_to_rule(self, ruleset: RulesetKey, identity: Identity) -> bool:
        """Put the cursor on a rule; unfold and unfilter where that hides it."""
        if identity[2] == "":
            return self.go_to_chain(ruleset, identity[0], identity[1])
        return self._go((ruleset, identity), (ruleset, identity[0], identity[1]))

    def _go(self, key: Hashable, fold: Fold) -> bool:
        index = self.place_of(key)
        if index is None:
            self._show_all(fold)
            index = self.place_of(key)
        if index is None:
            return False
        if self.cursor_key is not None and self.cursor_key != key:
            self._back.append(self.cursor_key)
            del self._back[:-50]
        self.move_to(index, centre=True)
        return True

    def _show_all(self, fold: Fold) -> None:
        """Reset what could hide a chain: folding, filter, switches, steps view."""
        self.view = replace(self.view, folded=self.view.folded - {fold})
        if fold[0].family not in (self.view.families or (fold[0].family,)):
            self.view = replace(self.view, families=())
        if fold[0].backend not in (self.view.backends or (fold[0].backend,)):
            self.view = replace(self.view, backends=())
        self.query_typed = None
        self.steps_only = self.sorted = self.only_moved = self.only_new = False
        self.rebuild()

    # Keys.

    def on_sign(self, index: int, x: int) -> bool:
        """Whether the fold sign is at this cell."""
        return self.laid.lines[index].kind == "chain" and x < 4 + self._made().step

    def activated(self, index: int) -> None:
        """Follow a jump; fold or unfold on a chain's header; go to the rule of a step."""
        line = self.laid.lines[index]
        if line.kind == "chain":
            self.fold(index)
        elif line.kind == "step" and line.identity is not None:
            self.go_to_rule(line.ruleset, line.identity)
        elif line.rule is not None:
            self._jump(line, line.rule)

    def _jump(self, line: Line, rule: Rule) -> None:
        """Go to the chain to which a rule jumps; ask where there are several and the selection and flow do not tell."""
        ruleset = self._snapshot.rulesets.get(line.ruleset)
        table = ruleset.table(line.table) if ruleset else None
        if table is None:
            return
        if rule.native is None:
            target = rule.spec.target
            targets = [target.name] if target is not None else []
        else:
            targets = self._likely(line, rule.native, leads(rule.native, table.sets))
        names = {chain.name for chain in table.chains}
        chains = {name: None for name in targets if name in names}
        if len(chains) == 1:
            self.go_to_chain(line.ruleset, line.table, next(iter(chains)))
        elif chains:
            items: dict[ChainItem, str] = {}
            for lead in leads(rule.native, table.sets) if rule.native is not None else ():
                if lead.chain in chains:
                    items.setdefault(
                        ChainItem(line.ruleset, line.table, lead.chain), with_names(lead.key, self.state.names)[0]
                    )
            self.app.push_screen(ChainFinder(self._snapshot, items), self._chosen)

    def _chosen(self, item: ChainItem | None) -> None:
        if item is not None:
            self.go_to_chain(item.ruleset, item.table, item.chain)

    def _likely(self, line: Line, native: NativeRule, possible: list[Lead]) -> list[str]:
        """Return the chains to which a native rule jumps: the open flow's, else the selected item's, else all."""
        flow, text = self.state.flow, line.rule.text if line.rule is not None else ""
        for leg in flow.path.telling_legs if flow is not None else ():
            for step in leg.steps:
                here = (step.family, step.backend, step.table, step.chain, step.text)
                there = line.chain is not None and here == (*line.ruleset, line.table, line.chain.name, text)
                if there and step.verdict.kind in ("jump", "goto"):
                    return [step.verdict.chain]
        concern = self.state.concern
        for wanted in ("address", "bridge") if not concern.empty else ():
            chosen = dict.fromkeys(
                each.chain for each in possible if each.element and concern.of_element(native, each.element) == wanted
            )
            if chosen:
                return list(chosen)
        return list(dict.fromkeys(each.chain for each in possible))

    def action_back(self) -> None:
        """Go back to where a jump started."""
        while self._back:
            index = self.place_of(self._back.pop())
            if index is not None:
                self.move_to(index, centre=True)
                return

    def action_chain(self, by: int) -> None:
        """Go to the header of the next or the previous chain."""
        headers = [index for index, line in self.laid.lines.apart() if line.kind == "chain"]
        beyond = [index for index in headers if (index - self.cursor) * by > 0]
        if beyond:
            self.move_to(beyond[0] if by > 0 else beyond[-1], centre=True)

    def fold(self, index: int) -> None:
        """Fold or unfold the chain of the header under the cursor."""
        self.action_fold()

    def action_fold(self) -> None:
        """Fold or unfold the chain under the cursor."""
        line = self.current
        if line is None or line.chain is None or self.steps_only or self.sorted:
            return
        fold: Fold = (line.ruleset, line.table, line.chain.name)
        self.view = replace(self.view, folded=self.view.folded ^ {fold})
        if line.kind == "rule":
            header = self.place_of((line.ruleset, line.table, (line.table, line.chain.name, "", 0)))
            self.move_to(header if header is not None else self.cursor)
        self.rebuild()

    def action_fold_all(self) -> None:
        """Fold all chains that have rules, or unfold all."""
        folds = {
            (line.ruleset, line.table, line.chain.name)
            for _, line in build_lines(self._snapshot, TableView()).lines.apart()
            if line.kind == "chain" and line.chain is not None and line.chain.rules
        }
        self.view = replace(self.view, folded=frozenset() if self.view.folded else frozenset(folds))
        self.rebuild()

    def action_family(self) -> None:
        """Show all families, IPv4, IPv6."""
        families = _FAMILIES[(_FAMILIES.index(self.view.families) + 1) % 3]
        self.view = replace(self.view, families=families)  # type: ignore[arg-type]
        self.rebuild()

    def action_variant(self) -> None:
        """Show all variants, nft, legacy, native tables."""
        native = any(key.backend == "nftables" for key in self._snapshot.rulesets)
        choices = _BACKENDS if native else _BACKENDS[:3]
        index = choices.index(self.view.backends) + 1 if self.view.backends in choices else 0
        backends = choices[index % len(choices)]
        self.view = replace(self.view, backends=backends)  # type: ignore[arg-type]
        self.rebuild()

    def go_to_step(self, by: int) -> bool:
        """Go to the next or the previous step of the open flow; False where no flow is open."""
        if self.state.flow is None:
            return False
        lines = [line for line in build_lines(self.state.snapshot, TableView(flow=self.state.flow)).lines if line.step]
        number = self.state.step + by
        while 1 <= number <= len(lines):
            line = lines[number - 1]
            if self.steps_only:
                index = self.place_of(line.key)
                if index is not None:
                    self.move_to(index)
                    self.state.step = number
                    return True
            elif line.identity is not None and self.go_to_rule(line.ruleset, line.identity):
                self.state.step = number
                return True
            number += by
        return bool(lines)

    def show_deciding(self) -> None:
        """Scroll to the deciding rule of the open flow if it is not visible; the cursor does not move."""
        step = self.state.flow.path.deciding if self.state.flow is not None else None
        if step is None:
            return
        key = RulesetKey(step.family, step.backend)
        index = self._place_of_rule(key, step)
        if index is None:
            # a policy, or a rule of a folded chain
            index = self.place_of((key, step.table, (step.table, step.chain, "", 0)))
        if index is not None:
            self.show_line(index)

    def _place_of_rule(self, key: RulesetKey, step: Step) -> int | None:
        ruleset = self._snapshot.rulesets.get(key)
        table = ruleset.table(step.table) if ruleset is not None else None
        chain = table.chain(step.chain) if table is not None else None
        if ruleset is None or chain is None or step.rule is None or step.rule > len(chain.rules):
            return None
        return self.place_of((key, identity_of(chain, chain.rules[step.rule - 1], ruleset)))

    def _set_options(self, options: Options) -> None:
        self.options = options
        self._layout = None
        self.rebuild()

    def action_preset(self) -> None:
        """Switch to the next set of columns."""
        presets: tuple[Preset, ...] = get_args(Preset)
        self._set_options(replace(self.options, preset=presets[(presets.index(self.options.preset) + 1) % 4]))

    def action_names(self) -> None:
        """Show Docker names or addresses."""
        self._set_options(replace(self.options, named=not self.options.named))

    def action_exact(self) -> None:
        """Show counters rounded or with every digit."""
        self._set_options(replace(self.options, exact=not self.options.exact))

    def action_bytes_first(self) -> None:
        """Show bytes first or packets first."""
        self._set_options(replace(self.options, bytes_first=not self.options.bytes_first))

    def action_by_rate(self) -> None:
        """Sort by rate, or show the chains again."""
        self.sorted = not self.sorted
        self.rebuild()

    def action_moved(self) -> None:
        """Hide the rules whose counters never changed, or show them again."""
        self.only_moved = not self.only_moved
        self.rebuild()

    def action_new(self) -> None:
        """Show only the rules that are new since netui's start, or all again."""
        self.only_new = not self.only_new
        self.rebuild()

    def action_freeze(self) -> None:
        """Freeze the table, or unfreeze it."""
        self.frozen = not self.frozen
        self._snapshot = self.state.snapshot
        self._track = self.state.track.copy() if self.frozen else self.state.track
        self.rebuild()

    def action_baseline(self) -> None:
        """Count from now on, or from the beginning again."""
        self.state.track.set_baseline(on=self.state.track.baseline is None)
        self.rebuild()

    def action_steps(self) -> None:
        """Show only the steps of the open flow, or all chains again."""
        if self.state.flow is None:
            return
        self.steps_only = not self.steps_only
        current = self.current
        self.rebuild()
        if self.steps_only:
            index = next((i for i, line in enumerate(self.laid.lines) if line.number == self.state.step), 0)
            self.move_to(index)
        elif current is not None and current.identity is not None:
            self.go_to_rule(current.ruleset, current.identity)

    def rule_text(self) -> str:
        """Return the exact text of the rule under the cursor, or "" (for the clipboard)."""
        line = self.current
        if line is None:
            return ""
        if line.rule is not None:
            return line.rule.text
        return line.chain.name if line.chain is not None else line.text
