"""A pane of lines with a cursor that stays on its line, whatever comes and goes around it."""

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
    """A list of keyed lines; a subclass says what each line shows.

    The cursor is kept by key. When lines come or go, the line under the cursor keeps
    its row on the screen; only lines whose text changed are painted again.
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
    #: Whether the cursor shows while another pane has the focus.
    idle_cursor: ClassVar[bool] = True

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._keys: Keys = KeyList([])
        self._painted: dict[int, Spans] = {}
        self._title_shown: str | None = None
        self.cursor = 0

    # What a subclass says.

    def line_spans(self, index: int, width: int) -> Spans:
        """Return what a line shows, at most ``width`` cells of it."""
        raise NotImplementedError

    def header_spans(self, width: int) -> Spans:
        """Return the header line's text."""
        return []

    def line_class(self, index: int) -> str:
        """Return the component class that lies under the whole line, or ""."""
        return ""

    def cursor_moved(self) -> None:
        """React to the cursor: it stands on another line, or on nothing."""

    def activated(self, index: int) -> None:
        """Enter or a double click on a line."""

    def fold(self, index: int) -> None:
        """Fold or unfold what stands under a line."""

    def line_text(self) -> str:
        """Return the line under the cursor as text (for the clipboard)."""
        return ""

    def on_sign(self, index: int, x: int) -> bool:
        """Whether the line's fold sign stands there, so that one click opens it."""
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
        """Return where the line of that key stands, or None."""
        return self._keys.place(key)

    def set_keys(self, keys: Keys | list[Hashable], *, width: int = 0) -> None:
        """Take new lines; the cursor goes with its key, else to the nearest line that is still there."""
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
        """Take the size of all lines; other panes are laid out anew only where a scroll bar comes or goes."""
        if size == self.virtual_size:
            return
        self.set_reactive(LineView.virtual_size, size)
        room = self.container_size
        if size.width <= room.width and (size.height > room.height) == self.show_vertical_scrollbar:
            # the bar is there or not as before: it follows when the lines are painted
            self.call_later(self._follow)
        else:
            update_scroll_bars(self, size)

    def _follow(self) -> None:
        """Let the scroll bar show where the lines are."""
        update_scroll_bars(self, self.virtual_size)

    def _new_place(self, old: Keys, index: int) -> int:
        """Return where a line of before stands now: itself, else the next one, else the one before."""
        if not old or not self._keys:
            return 0
        for candidate in (*range(index, min(len(old), index + 200)), *range(index - 1, max(-1, index - 200), -1)):
            found = self._keys.place(old[candidate]) if 0 <= candidate < len(old) else None
            if found is not None:
                return found
        return min(index, len(self._keys) - 1)

    def repaint_changed(self) -> None:
        """Paint again those cells of visible lines that are not what is on the screen."""
        top, width, left = self.scroll_offset.y, self._line_width, self.scroll_offset.x
        painted, self._painted = self._painted, {}
        for index in range(top, min(len(self._keys), top + self.visible_rows)):
            before = painted.get(index)
            if before is None:
                # forgotten after it was painted (the pane became larger, another theme)
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
        """Paint everything again (a view option changed)."""
        self._painted.clear()
        self.refresh_rows()

    def set_title(self, title: str) -> None:
        """Write the title into the frame, which is painted anew only when it is another one."""
        if title != self._title_shown:
            self._title_shown = title
            set_border_title(self, clip(escape(title), 200) + " ")
            self.refresh(Region(0, 0, self.outer_size.width, 1).translate(-self.content_offset))

    @property
    def visible_rows(self) -> int:
        """How many lines there is room for."""
        return max(1, self.scrollable_content_region.height - self.header_lines)

    @property
    def _line_width(self) -> int:
        return max(self.virtual_size.width, self.scrollable_content_region.width)

    def _refresh_row(self, index: int) -> None:
        row = index - self.scroll_offset.y + self.header_lines
        self.refresh(Region(0, row, self.scrollable_content_region.width, 1))

    # Cursor.

    def move_to(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on a line and scroll so that it can be seen."""
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
        """Scroll so that a line can be seen; nothing moves where it can be already."""
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
        """Open what is under the cursor."""
        if self._keys:
            self.activated(self.cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse points; a double click opens."""
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
        """Paint the cursor as that of the pane in focus."""
        self._refresh_row(self.cursor)

    def on_blur(self) -> None:
        """Paint the cursor as that of a pane without focus."""
        self._refresh_row(self.cursor)

    def on_resize(self) -> None:
        """Keep the cursor in sight when the pane becomes smaller."""
        self._painted.clear()
        top = self.scroll_offset.y
        if self.has_focus and not top <= self.cursor < top + self.visible_rows:
            self._show_cursor()

    # Painting.

    def notify_style_update(self) -> None:
        """Forget what was painted when the theme changes."""
        super().notify_style_update()
        self._painted.clear()

    def rows(self, places: range) -> Iterator[Row]:
        """Yield what rows of the pane show: the header, a line, or nothing below the last one."""
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
