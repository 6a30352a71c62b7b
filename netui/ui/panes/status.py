"""The header line and the footer."""

from __future__ import annotations

from collections.abc import Callable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input

from netui.feed.read_interval import Interval
from netui.text.visible import escape
from netui.ui.keys import written
from netui.ui.presenters.cells import clip
from netui.ui.presenters.spans import Role, Spans
from netui.ui.presenters.status import STALE, Mode, health, status_spans
from netui.ui.state import State

#: The keys of an open flow, and those at the end of the footer, by name.
_FLOW = ("app.next-step", "app.step-back", "app.steps", "app.out")
_ENDS = ("app.help", "app.quit")
#: The keys that are always shown.
_FIRST = ("app.doctor", "app.exposed", "app.reach", "app.ask")


class SpanLine(Widget):
    """A line of spans, whose roles are component classes."""

    COMPONENT_CLASSES = {  # noqa: RUF012 - Textual's own declaration
        f"line--{role}" for role in ("dim", "strong", "title", "good", "bad", "warn", "key", "number")
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        #: the spans on the screen
        self._painted: Spans | None = None
        self._roles: dict[Role, Style] = {}

    def spans(self, width: int) -> Spans:
        """Return the content of the line."""
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        """Paint the line."""
        width = self.size.width
        base = self.rich_style
        if y:
            return Strip.blank(width, base)
        segments: list[Segment] = []
        left = width
        self._painted = self.spans(width)
        for text, role in self._painted:
            if left <= 0:
                break
            shown = clip(text, left)
            left -= cell_len(shown)
            segments.append(Segment(shown, base + self._role(role)))
        return Strip(segments).crop_extend(0, width, base)

    def _role(self, role: Role) -> Style:
        style = self._roles.get(role)
        if style is None:
            style = self.get_component_rich_style(f"line--{role}", partial=True) if role else Style.null()
            self._roles[role] = style
        return style

    def notify_style_update(self) -> None:
        """Forget the roles' styles when the theme changes."""
        super().notify_style_update()
        self._roles.clear()


class StatusLine(SpanLine):
    """The header line: host, engine, rules, sources, age, and problems."""

    def __init__(
        self,
        state: State,
        mode: Mode,
        clock: Callable[[], float],
        interval: Callable[[], Interval] = lambda: Interval(1.0),
        *,
        place: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.state = state
        self.mode: Mode = mode
        self.clock = clock
        self._interval = interval
        self._place = place
        self._lost: float | None = None

    def on_mount(self) -> None:
        """Check once a second whether the data is old."""
        if self.mode == "live":
            self.set_interval(1.0, self.check)

    @property
    def _stale(self) -> float:
        return max(STALE, 3 * self._interval().seconds)

    def check(self) -> None:
        """Repaint only when the state of the data changes."""
        lost = health(self.state.snapshot, self.mode, self.clock(), self._stale).lost if self.state.arrived else None
        if lost != self._lost:
            self._lost = lost
            self.set_class(lost is not None, "-lost")
            self.refresh()

    def update_status(self) -> None:
        """Show a new snapshot's status."""
        self.check()
        if self.spans(self.size.width) != self._painted:
            self.refresh()

    def spans(self, width: int) -> Spans:
        """Return the header line."""
        state = health(self.state.snapshot, self.mode, self.clock(), self._stale)
        every = self._interval()
        pace = f"every {every.seconds:g} s ({every.why})" if every.why else "live"
        findings = self.state.findings or 0
        return status_spans(
            self.state.snapshot, self.mode, state,
            arrived=self.state.arrived, width=width, pace=pace, findings=findings, place=self._place,
        )  # fmt: skip


class KeyLine(SpanLine):
    """The footer: an open flow's keys, those of the pane in focus, then those that work everywhere."""

    def __init__(self, state: State, *, stepping: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self.state = state
        self.stepping = stepping

    def on_mount(self) -> None:
        """Follow the focus."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _: self.refresh())

    def spans(self, width: int) -> Spans:
        """Return the keys that fit, always with help and quit; or a message until the next key."""
        if self.state.message is not None:
            text, wrong = self.state.message
            return [(f" {escape(text)}", "warn" if wrong else "strong")]
        shown: list[tuple[str, str]] = []
        ends: dict[str, tuple[str, str]] = {}
        first: dict[str, tuple[str, str]] = {}
        flow: dict[str, str] = {}
        seen: set[str] = set()
        typing = isinstance(self.screen.focused, Input)
        for active in self.screen.active_bindings.values():
            binding = active.binding
            name = binding.id or binding.action
            key = binding.key_display or written(binding.key)
            if name in _FLOW:
                flow[name] = key
            if typing and len(written(binding.key)) == 1:
                continue
            if not binding.show or name in seen or not active.enabled:
                continue
            seen.add(name)
            if name in _ENDS:
                ends[name] = (key, binding.description)
            elif name in _FIRST:
                first[name] = (key, binding.description)
            else:
                shown.append((key, binding.description))
        if self.state.flow is not None and flow.keys() == set(_FLOW) and self.stepping:
            step, back, steps, out = (flow[name] for name in _FLOW)
            shown = [(f"{step} {back}", "Step"), (steps, "Steps"), (out, "Close"), *shown]
        shown = [first[name] for name in _FIRST if name in first] + shown
        last = [ends[name] for name in _ENDS if name in ends]
        room = width - sum(len(key) + len(text) + 3 for key, text in last)
        spans: Spans = []
        for key, text in shown:
            if len(key) + len(text) + 3 > room:
                break
            spans += [(f" {key}", "key"), (f" {text} ", "")]
            room -= len(key) + len(text) + 3
        for key, text in last:
            spans += [(f" {key}", "key"), (f" {text} ", "")]
        return spans
