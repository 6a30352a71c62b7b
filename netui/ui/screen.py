"""The main screen: layout, focus and zoom of the panes."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Static

from netui.ui.fastpath import compose_narrowly
from netui.ui.lines.line_list_view import LineView
from netui.ui.panes.ask_bar import AskBar, AskLine
from netui.ui.panes.chain_table import ChainTable
from netui.ui.panes.detail_pane import DetailPane
from netui.ui.panes.events import EventsPane
from netui.ui.panes.filter_bar import FilterBar
from netui.ui.panes.network_tree import NetworkTree
from netui.ui.panes.status import KeyLine, StatusLine
from netui.ui.presenters.events import EventLog
from netui.ui.presenters.selection import ChainItem, ContainerItem, Item, NetworkItem, PortItem, RuleItem
from netui.ui.state import State

PANES = ("networks", "chains", "detail", "events")
#: A smaller screen shows only the pane in focus.
_TINY = (50, 14)
#: From this width on, the tree shows the names of bridges.
_BROAD = 150


class MainScreen(Screen[None]):
    """Three panes and a drawer between a header line and a footer."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", id="screen.filter", key_display="/", tooltip="Filter tree and chains"),
        Binding("z,plus", "zoom", "Zoom", id="screen.zoom", key_display="z", tooltip="This pane alone, and back"),
        Binding("underscore", "unzoom", "All panes", show=False, id="screen.unzoom", tooltip="All panes again"),
        Binding("e", "events", "Events", id="screen.events", tooltip="The last Docker events and rule changes"),
        Binding("tab", "pane(1)", "Next pane", show=False, id="screen.next", tooltip="Next pane"),
        Binding("shift+tab", "pane(-1)", "Previous pane", show=False, id="screen.previous", tooltip="Previous pane"),
        Binding("1", "focus_pane('networks')", "Networks", show=False, id="screen.tree", tooltip="To the networks"),
        Binding("2", "focus_pane('chains')", "Chains", show=False, id="screen.chains", tooltip="To the chains"),
        Binding("3", "focus_pane('detail')", "Details", show=False, id="screen.detail", tooltip="To the details"),
        Binding("4", "focus_pane('events')", "Events", show=False, id="screen.drawer", tooltip="To the events"),
        Binding("less_than_sign", "wider(-4)", "Narrower", show=False, id="screen.narrower", tooltip="Tree narrower"),
        Binding("greater_than_sign", "wider(4)", "Wider", show=False, id="screen.wider", tooltip="Tree wider"),
        Binding("comma", "taller(-2)", "Lower", show=False, id="screen.lower", tooltip="Details lower"),
        Binding("full_stop", "taller(2)", "Taller", show=False, id="screen.taller", tooltip="Details taller"),
    ]  # fmt: skip

    def __init__(self, state: State, log: EventLog, status: StatusLine) -> None:
        super().__init__()
        compose_narrowly(self)
        self.status = status
        self.networks = NetworkTree(state, id="networks")
        self.chains = ChainTable(state, id="chains")
        self.detail = DetailPane(state, id="detail")
        self.drawer = EventsPane(log, id="events")
        self.keys = KeyLine(state, id="keys")
        self.filter_bar = FilterBar(self._keep_filter, id="filter")
        self.zoomed = ""
        self.ask_line = AskLine(state)
        #: percent of the width, and of the height beside the tree; None for the usual
        self.tree_part: float | None = None
        self.detail_part: float | None = None
        self._left: LineView = self.networks

    def compose(self) -> ComposeResult:
        """Lay out the header line, the panes, the drawer, the filter line and the footer."""
        yield self.status
        with Horizontal(id="body"):
            yield self.networks
            with Vertical(id="right"):
                yield self.chains
                yield self.detail
        yield self.drawer
        with Horizontal(id="filter-line"):
            yield Static(" / ", id="filter-sign", markup=False)
            yield self.filter_bar
        yield self.ask_line
        yield self.keys

    def on_mount(self) -> None:
        """Focus the tree, laid out for the terminal's size from the first frame."""
        self._fit(self.app.size, styled=False)
        self.drawer.update_events()
        self.set_focus(self.networks)

    def pane(self, name: str) -> LineView:
        """Return a pane by name."""
        return {"networks": self.networks, "chains": self.chains, "detail": self.detail, "events": self.drawer}[name]

    @property
    def focused_pane(self) -> LineView | None:
        """The pane in focus, None while the filter line has it."""
        return self.focused if isinstance(self.focused, LineView) else None

    @property
    def tiny(self) -> bool:
        """Whether only one pane fits."""
        return self.has_class("-tiny")

    def reveal(self, pane: LineView) -> None:
        """Focus a pane; if another one is zoomed, zoom this one instead."""
        if pane is self.drawer:
            self.add_class("-events")
        if self.zoomed:
            self.set_zoom(pane.id or "")
        self._left = pane
        self.set_focus(pane)

    def set_zoom(self, pane: str) -> None:
        """Zoom a pane; "" shows all panes."""
        self.zoomed = pane
        for each in PANES:
            self.set_class(each == pane, f"-zoom-{each}")
        self.proportion()

    def proportion(self) -> None:
        """Apply the user's proportions to the panes, unless one is zoomed."""
        tree, detail, alone = self.networks.styles, self.detail.styles, bool(self.zoomed)
        own = self.tree_part is not None and not alone
        tree.width = f"{self.tree_part:.3f}%" if own else None
        tree.min_width, tree.max_width = (16, "100%") if own else (None, None)
        own = self.detail_part is not None and not alone
        detail.height = f"{self.detail_part:.3f}%" if own else None
        detail.min_height = 3 if own else None
        self.chains.styles.height = "1fr" if own else None

    def go_to(self, item: Item) -> bool:
        """Move the chain table or the tree to an item; False where it no longer exists."""
        pane: LineView = self.chains
        match item:
            case RuleItem(ruleset, identity):
                found = self.chains.go_to_rule(ruleset, identity)
            case ChainItem(ruleset, table, chain):
                found = self.chains.go_to_chain(ruleset, table, chain)
            case ContainerItem() | NetworkItem() | PortItem():
                pane = self.networks
                found = self.networks.go_to(item)
            case _:
                return True
        if found:
            self.reveal(pane)
        return found

    @on(events.DescendantFocus)
    def follow_focus(self, event: events.DescendantFocus) -> None:
        """Zoom the pane with the focus (a mouse click moves the focus, too)."""
        if isinstance(event.widget, LineView):
            self._left = event.widget
            if self.zoomed and self.zoomed != event.widget.id:
                self.set_zoom(event.widget.id or "")

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the panes again if the size requires it."""
        self._fit(event.size)

    def _fit(self, size: Size, *, styled: bool = True) -> None:
        """Show one pane at a time on a small screen; styled: False before the styles are applied."""
        tiny = size.width < _TINY[0] or size.height < _TINY[1]
        self.set_class(size.width >= _BROAD, "-broad", update=styled)
        if tiny != self.tiny:
            self.set_class(tiny, "-tiny")
            self.set_zoom((self._left.id or "networks") if tiny else "")

    def action_pane(self, by: int) -> None:
        """Focus the next or the previous pane."""
        names = [name for name in PANES if name != "events" or self.has_class("-events")]
        now = self._left.id if self._left.id in names else "networks"
        self.reveal(self.pane(names[(names.index(now or "networks") + by) % len(names)]))

    def action_focus_pane(self, name: str) -> None:
        """Focus a pane by name."""
        self.reveal(self.pane(name))

    def action_zoom(self) -> None:
        """Show only the pane in focus, or all again."""
        if not self.tiny:
            self.set_zoom("" if self.zoomed else self._left.id or "")

    def action_unzoom(self) -> None:
        """Show all panes again."""
        if not self.tiny:
            self.set_zoom("")

    def action_events(self) -> None:
        """Open or close the drawer of events."""
        if not self.has_class("-events"):
            self.add_class("-events")
            if self.tiny:
                self.reveal(self.drawer)
            return
        if self.drawer.has_focus:
            self.reveal(self.chains)
        self.remove_class("-events")

    def action_wider(self, by: int) -> None:
        """Make the tree wider or narrower."""
        if self.zoomed:
            return
        width = max(16, min(self.size.width - 30, self.networks.outer_size.width + by))
        self.tree_part = 100 * width / max(1, self.size.width)
        self.proportion()

    def action_taller(self, by: int) -> None:
        """Make the details taller or lower."""
        if self.zoomed:
            return
        room = self.chains.outer_size.height + self.detail.outer_size.height
        height = max(3, min(room - 5, self.detail.outer_size.height + by))
        self.detail_part = 100 * height / max(1, room)
        self.proportion()

    # The question.

    def action_ask(self, typed: str = "") -> None:
        """Open the line for a question."""
        self.ask_line.open(typed)
        self.set_focus(self.ask_line.bar)

    @on(AskBar.Left)
    def leave_ask(self) -> None:
        """Close the line for a question."""
        self.ask_line.close()
        self.set_focus(self._left)

    # The filter.

    def action_filter(self) -> None:
        """Open the filter line."""
        self.get_child_by_id("filter-line").add_class("-open")
        self.set_focus(self.filter_bar)

    @property
    def filtering(self) -> bool:
        """Whether a filter is set or being typed."""
        return self.get_child_by_id("filter-line").has_class("-open")

    @on(FilterBar.Narrowed)
    def narrow(self) -> None:
        """Apply the filter line to the tree and the chain table."""
        typed = self.filter_bar.value
        if typed != self._narrowed:
            self._narrowed = typed
            self.networks.set_filter(typed)
            self.chains.set_filter(typed)

    def _keep_filter(self) -> None:
        """Leave the filter line; an empty one closes."""
        self.narrow()
        if not self.filter_bar.value.strip():
            self.get_child_by_id("filter-line").remove_class("-open")
        self.set_focus(self._left)

    _narrowed = ""

    def unfilter(self) -> None:
        """Clear the filter."""
        self.filter_bar.action_clear()

    def close_one(self) -> bool:
        """Close the filter, the zoom or the drawer, in this order; False if nothing was open."""
        if self.filtering:
            self.unfilter()
        elif self.zoomed and not self.tiny:
            self.set_zoom("")
        elif self.has_class("-events"):
            self.action_events()
        else:
            return False
        return True
