"""A pane of lines with a cursor that stays on its line when other lines come or go."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size

from netui.text.visible import escape
from netui.ui.fastpath.private import set_border_title, update_scroll_bars
from netui.ui.lines.row_painter import BLANK, PaintedView, Row
from netui.ui.presenters.cells import clip
from netui.ui.presenters.chains.virtual_lines import KeyList, Keys
from netui.ui.presenters.spans import Spans, changed_cells

_ROLES = ("dim", "strong", "name", "title", "good", "bad", "warn", "moved", "step", "mark", "target", "key", "number")


class LineView(PaintedView, can_focus=True):
    """A list of keyed lines; subclasses render the lines.

    The cursor is kept by key. When lines come or go, the line under the cursor keeps its row on the screen. Only
    changed lines are painted again.
    """

    ALLOW_MAXIMIZE = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"line--{role}" for role in _ROLES),
        "line--header",
        "line--cursor",
        "line--cursor-idle",
        "line--step-row",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False, id="line.down", tooltip="Next line"),
        Binding("k,up", "move(-1)", "Up", show=False, id="line.up", tooltip="Previous line"),
        Binding("pagedown,ctrl+d", "page(1)", "Page down", show=False, id="line.page-down", tooltip="One page down"),
        Binding("pageup,ctrl+u", "page(-1)", "Page up", show=False, id="line.page-up", tooltip="One page up"),
        Binding("g,home", "edge(-1)", "Top", show=False, id="line.top", tooltip="First line"),
        Binding("G,end", "edge(1)", "Bottom", show=False, id="line.bottom", tooltip="Last line"),
        Binding("l,right", "sideways(8)", "Right", show=False, id="line.right", tooltip="Scroll to the right"),
        Binding("h,left", "sideways(-8)", "Left", show=False, id="line.left", tooltip="Scroll to the left"),
        Binding("enter", "activate", "Open", show=False, id="line.open", tooltip="Open what is under the cursor"),
    ]
    #: whether the cursor is visible without the focus
    idle_cursor: ClassVar[bool] = True

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._keys: Keys = KeyList([])
        self._painted: dict[int, Spans] = {}
        self._title_shown: str | None = None
        self.cursor = 0

    # Methods for subclasses.

    def line_spans(self, index: int, width: int) -> Spans:
        """Return a line as spans; at most ``width`` cells are shown."""
        raise NotImplementedError

    def header_spans(self, width: int) -> Spans:
        """Return the header line as spans."""
        return []

    def line_class(self, index: int) -> str:
        """Return the component class of the whole line, or ""."""
        return ""

    def cursor_moved(self) -> None:
        """Handle a cursor move: to another line, or to no line."""

    def activated(self, index: int) -> None:
        """Handle Enter or a double click on a line."""

    def fold(self, index: int) -> None:
        """Fold or unfold a line."""

    def line_text(self) -> str:
        """Return the line under the cursor as text (for the clipboard)."""
        return ""

    def on_sign(self, index: int, x: int) -> bool:
        """Whether the line's fold sign is at this cell, so that one click folds it."""
        return False

    # Lines.

    @property
    def line_count(self) -> int:
        """How many lines there are."""
        return len(self._keys)

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the line under the cursor."""
        return self._keys[self.cursor] if 0 <= self.cursor < len(self._keys) else None

    def place_of(self, key: Hashable) -> int | None:
        """Return the index of the line with that key, or None."""
        return self._keys.place(key)

    def set_keys(self, keys: Keys | list[Hashable], *, width: int = 0) -> None:
        """Set new lines; the cursor stays on its key, else it goes to the nearest remaining line."""
        old, old_cursor = self._keys, self.cursor
        top = self.scroll_offset.y
        rows = self.visible_rows
        self._keys = KeyList(keys) if isinstance(keys, list) else keys
        self._painted.clear()
        cursor_seen = top <= old_cursor < top + rows
        at = self._new_place(old, old_cursor)
        anchor, anchor_row = (at, old_cursor - top) if cursor_seen else (self._new_place(old, top), 0)
        lost = bool(old) and (old_cursor >= len(old) or self._keys.place(old[old_cursor]) is None)
        self.cursor = at
        self._become(Size(width, len(keys) + self.header_lines))
        if old and top:
            self.scroll_to(y=max(0, anchor - anchor_row), animate=False, force=True, immediate=True)
        self.refresh_rows()
        if lost or not old:
            self.cursor_moved()

    def _become(self, size: Size) -> None:
        """Set the size of all lines; other panes are laid out again only where a scroll bar appears or disappears."""
        if size == self.virtual_size:
            return
        self.set_reactive(LineView.virtual_size, size)
        room = self.container_size
        if size.width <= room.width and (size.height > room.height) == self.show_vertical_scrollbar:
            # the bar's presence is unchanged: it is updated when the lines are painted
            self.call_later(self._follow)
        else:
            update_scroll_bars(self, size)

    def _follow(self) -> None:
        """Update the scroll bar."""
        update_scroll_bars(self, self.virtual_size)

    def _new_place(self, old: Keys, index: int) -> int:
        """Return the new index of an old line: of itself, else of the next one, else of the previous one."""
        if not old or not self._keys:
            return 0
        for candidate in (*range(index, min(len(old), index + 200)), *range(index - 1, max(-1, index - 200), -1)):
            position = self._keys.place(old[candidate]) if 0 <= candidate < len(old) else None
            if position is not None:
                return position
        return min(index, len(self._keys) - 1)

    def repaint_changed(self) -> None:
        """Repaint the visible cells that differ from the screen."""
        top, width, left = self.scroll_offset.y, self._line_width, self.scroll_offset.x
        painted, self._painted = self._painted, {}
        for index in range(top, min(len(self._keys), top + self.visible_rows)):
            before = painted.get(index)
            if before is None:
                # not known since it was painted (a larger pane, another theme)
                self._refresh_row(index)
                continue
            now = self._painted[index] = self.line_spans(index, width)
            if now != before:
                row = index - top + self.header_lines
                for start, end in changed_cells(before, now):
                    region = Region(start - left, row, end - start, 1).intersection(self.size.region)
                    if region:
                        self.refresh(region)

    def repaint(self) -> None:
        """Repaint everything (after a change of a view option)."""
        self._painted.clear()
        self.refresh_rows()

    def set_title(self, title: str) -> None:
        """Set the title of the frame, and repaint it if the title changed."""
        if title != self._title_shown:
            self._title_shown = title
            set_border_title(self, clip(escape(title), 200) + " ")
            self.refresh(Region(0, 0, self.outer_size.width, 1).translate(-self.content_offset))

    @property
    def visible_rows(self) -> int:
        """The number of lines that fit."""
        return max(1, self.scrollable_content_region.height - self.header_lines)

    @property
    def _line_width(self) -> int:
        return max(self.virtual_size.width, self.scrollable_content_region.width)

    def _refresh_row(self, index: int) -> None:
        row = index - self.scroll_offset.y + self.header_lines
        self.refresh(Region(0, row, self.scrollable_content_region.width, 1))

    # Cursor.

    def move_to(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on a line and scroll to it."""
        if not self._keys:
            return
        index = max(0, min(index, len(self._keys) - 1))
        before, self.cursor = self.cursor, index
        if index != before:
            self._refresh_row(before)
        self._refresh_row(index)
        self._show_cursor(centre)
        if index != before:
            self.cursor_moved()

    def show_line(self, index: int) -> None:
        """Scroll to a line, unless it is visible already."""
        top, rows = self.scroll_offset.y, self.visible_rows
        if not top <= index < top + rows:
            self.scroll_to(y=max(0, index - rows // 2), animate=False, force=True, immediate=True)

    def _show_cursor(self, centre: bool = False) -> None:
        top, rows = self.scroll_offset.y, self.visible_rows
        if top <= self.cursor < top + rows and not centre:
            return
        if centre:
            if top + 1 <= self.cursor < top + rows - 1:
                return
            target = self.cursor - rows // 3
        else:
            target = self.cursor if self.cursor < top else self.cursor - rows + 1
        self.scroll_to(y=max(0, target), animate=False, force=True, immediate=True)

    def action_move(self, by: int) -> None:
        """Move the cursor by lines."""
        self.move_to(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self.move_to(self.cursor + by * max(1, self.visible_rows - 1))

    def action_edge(self, side: int) -> None:
        """Move the cursor to the first or the last line."""
        self.move_to(0 if side < 0 else len(self._keys) - 1)

    def action_sideways(self, by: int) -> None:
        """Scroll sideways."""
        self.scroll_to(x=max(0, self.scroll_offset.x + by), animate=False, force=True, immediate=True)

    def action_activate(self) -> None:
        """Activate the line under the cursor."""
        if self._keys:
            self.activated(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor under the mouse; a double click activates the line."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = offset.y - self.header_lines
        index = row + self.scroll_offset.y
        if row < 0 or index >= len(self._keys):
            return
        self.move_to(index)
        if self.on_sign(index, offset.x + self.scroll_offset.x):
            self.fold(index)
        elif event.chain == 2:
            self.activated(index)

    def on_focus(self) -> None:
        """Repaint the cursor for the focus."""
        self._refresh_row(self.cursor)

    def on_blur(self) -> None:
        """Repaint the cursor without the focus."""
        self._refresh_row(self.cursor)

    def on_resize(self) -> None:
        """Keep the cursor visible when the pane becomes smaller."""
        self._painted.clear()
        top = self.scroll_offset.y
        if self.has_focus and not top <= self.cursor < top + self.visible_rows:
            self._show_cursor()

    # Painting.

    def notify_style_update(self) -> None:
        """Forget the painted lines when the theme changes."""
        super().notify_style_update()
        self._painted.clear()

    def rows(self, places: range) -> Iterator[Row]:
        """Yield the content of rows of the pane: the header, a line, or nothing after the last line."""
        top, width, count = self.scroll_offset.y - self.header_lines, self._line_width, len(self._keys)
        cursor = "cursor" if self.has_focus else "cursor-idle" if self.idle_cursor else ""
        for y in places:
            index = top + y
            if y < self.header_lines:
                yield Row(self.header_spans(width), "header")
            elif index >= count:
                yield BLANK
            else:
                spans = self._painted.get(index)
                if spans is None:
                    spans = self._painted[index] = self.line_spans(index, width)
                yield Row(spans, self.line_class(index), cursor if index == self.cursor else "")
