"""The network tree: host → networks → containers → published ports."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from netui.ui.lines.line_list_view import LineView
from netui.ui.messages import DetailsWanted, ItemSelected
from netui.ui.presenters.numbers import rate
from netui.ui.presenters.query import Query
from netui.ui.presenters.selection import ContainerItem, HostItem, Item, NetworkItem, PortItem
from netui.ui.presenters.spans import Spans, fitting, plain
from netui.ui.presenters.tree import TreeLine, build_tree
from netui.ui.presenters.tree_signs import Inbound
from netui.ui.state import State


class NetworkTree(LineView):
    """Networks and containers; updates reconcile the lines by their items."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "activate", "Flows", key_display="Enter", id="tree.flows",
                tooltip="Go to its flows and details"),
        Binding("space", "fold", "Fold", key_display="Space", id="tree.fold", tooltip="Fold or unfold"),
        Binding("l,right", "unfold", "Unfold", show=False, id="tree.unfold", tooltip="Unfold, or go in"),
        Binding("h,left", "fold_or_out", "Out", show=False, id="tree.out", tooltip="Fold, or go to the parent"),
        Binding("left_square_bracket", "network(-1)", "Network", id="tree.previous", key_display="[ ]",
                tooltip="Previous network"),
        Binding("right_square_bracket", "network(1)", "Next network", show=False, id="tree.next",
                tooltip="Next network"),
    ]  # fmt: skip

    def __init__(self, state: State, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.folded: frozenset[Item] = frozenset()
        self.query_typed: Query | None = None
        self._lines: list[TreeLine] = []
        self._inbound = Inbound(state.snapshot)
        self.border_title = " Networks "

    def update_structure(self) -> None:
        """Lay out changed networks; cursor, scroll position and folding stay."""
        self._inbound = Inbound(self.state.snapshot)
        self._lines = build_tree(self.state.snapshot, self.folded, self.query_typed)
        self.set_keys([line.item for line in self._lines])
        networks = self.state.snapshot.networks
        containers = self.state.snapshot.containers
        title = "Networks"
        if networks is not None and containers is not None:
            running = sum(container.running for container in containers)
            title = f"Networks {len(networks)}, up {running}/{len(containers)}"
        if self.query_typed is not None:
            shown = {line.item.container_id for line in self._lines if isinstance(line.item, ContainerItem)}
            title += f" — {len(shown)} of {len(containers or ())} containers"
        self.border_title = Content(f" {title} ")

    def set_filter(self, typed: str) -> None:
        """Show only the matching lines and their parents."""
        self.query_typed = Query.parse(typed)
        self.update_structure()

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line as spans: indentation, fold sign and text."""
        line = self._lines[index]
        sign = "  " if line.folded is None else ("▸ " if line.folded else "▾ ")
        lead = " " if line.depth == 0 else " " * (2 * line.depth - 2) + sign
        room = width - len(lead)
        # a container's sign and name, the name of anything else
        first = 2 if isinstance(line.item, ContainerItem) else 1
        return [(lead, "dim"), *fitting(self._with_signs(line, room), room, first, quiet=True)]

    def _with_signs(self, line: TreeLine, room: int) -> Spans:
        """Return a line with live data: a container's connections, a port's exposure."""
        item = line.item
        if isinstance(item, ContainerItem):
            often = rate(self._inbound.rate(item.container_id, self.state.track))
            if often:
                # after the name: the rest may not fit
                return [*line.spans[:2], (f"  {often}", "moved"), *line.spans[2:]]
        if isinstance(item, PortItem) and not line.dim:
            reach = self.state.reach.get((item.container_id, item.port.container_port, item.port.protocol))
            if reach is not None:
                spans: Spans = [*line.spans, (f"  {reach[0]}", reach[1])]
                # TCP, the default, is omitted in a narrow pane
                tight = len(plain(spans)) > room
                return [(text.removesuffix("/tcp") if tight else text, role) for text, role in spans]
        return line.spans

    @property
    def current(self) -> Item | None:
        """The item under the cursor."""
        return self._lines[self.cursor].item if self.cursor < len(self._lines) else None

    def cursor_moved(self) -> None:
        """Post the item under the cursor."""
        self.post_message(ItemSelected(self.current, self))

    def go_to(self, item: Item) -> bool:
        """Put the cursor on an item, in the first network that has it."""
        position = self.place_of(item)
        if position is None and isinstance(item, ContainerItem):
            position = next(
                (
                    index
                    for index, line in enumerate(self._lines)
                    if isinstance(line.item, ContainerItem) and line.item.container_id == item.container_id
                ),
                None,
            )
        if position is None:
            return False
        self.move_to(position, centre=True)
        return True

    def on_sign(self, index: int, x: int) -> bool:
        """Whether the fold sign is at this cell."""
        line = self._lines[index]
        return line.folded is not None and x < 2 * line.depth

    def activated(self, index: int) -> None:
        """Go to the details, which for a container begin with its flows."""
        self.post_message(DetailsWanted())

    def action_fold(self) -> None:
        """Fold or unfold the item under the cursor."""
        if self._lines:
            self.fold(self.cursor)

    def fold(self, index: int) -> None:
        """Fold or unfold."""
        line = self._lines[index]
        if line.folded is not None:
            self.folded ^= {line.item}
            self.update_structure()

    def action_unfold(self) -> None:
        """Unfold a folded item, else go to its first child."""
        line = self._lines[self.cursor] if self._lines else None
        if line is None:
            return
        if line.folded:
            self.fold(self.cursor)
        elif line.folded is False:
            self.move_to(self.cursor + 1)

    def action_fold_or_out(self) -> None:
        """Fold an unfolded item, else go to its parent."""
        line = self._lines[self.cursor] if self._lines else None
        if line is None:
            return
        if line.folded is False and not isinstance(line.item, HostItem):
            self.fold(self.cursor)
            return
        for index in range(self.cursor - 1, -1, -1):
            if self._lines[index].depth < line.depth:
                self.move_to(index)
                return

    def action_network(self, by: int) -> None:
        """Go to the next or the previous network."""
        index = self.cursor + by
        while 0 <= index < len(self._lines):
            if isinstance(self._lines[index].item, NetworkItem):
                self.move_to(index)
                return
            index += by
