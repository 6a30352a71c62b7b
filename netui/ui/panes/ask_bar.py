"""The line for a question, "SRC DST", with completion and history."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from netui.model import Container, Snapshot
from netui.text.visible import escape
from netui.ui.fastpath.private import has_suggestion
from netui.ui.state import State

#: Names that can be typed; others in a capture are not offered.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_PLACES = ("outside", "host", "lan", "any")


def completions(snapshot: Snapshot, typed: str) -> Iterator[str]:
    """Yield the completions of the typed line: containers, host and outside, then networks and ports."""
    source, blank, destination = typed.lstrip().partition(" ")
    if not blank:
        yield from (name for name in _endpoints(snapshot, source) if name.startswith(source))
        return
    destination = destination.lstrip()
    name, colon, _ = destination.partition(":")
    candidates = _endpoints(snapshot, destination) if not colon else _ports(snapshot, name)
    yield from (f"{source} {each}" for each in candidates if each.startswith(destination))


def _running(snapshot: Snapshot) -> list[Container]:
    return [each for each in snapshot.containers or () if each.running and _NAME.fullmatch(each.name)]


def _endpoints(snapshot: Snapshot, typed: str) -> Iterator[str]:
    if "@" in typed:
        name = typed.partition("@")[0]
        for container in _running(snapshot):
            if container.name == name:
                yield from (f"{name}@{each.network_name}" for each in container.endpoints if each.network_name)
        return
    yield from _PLACES
    yield from sorted(container.name for container in _running(snapshot))


def _ports(snapshot: Snapshot, name: str) -> Iterator[str]:
    """Yield the ports of a destination; TCP, the default protocol, first."""
    ports: set[tuple[int, str]] = set()
    own = name.partition("@")[0]
    for container in _running(snapshot):
        if name == "host":
            ports |= {(each.host_port, each.protocol) for each in container.bound_ports if each.host_port}
        elif container.name == own:
            ports |= {(each.container_port, each.protocol) for each in container.bound_ports}
            ports |= {
                (each.port, each.protocol[:3]) for each in container.listening or () if each.address != "127.0.0.11"
            }
            ports |= set(container.exposed)
    if name == "host":
        ports |= {(each.port, each.protocol[:3]) for each in snapshot.sockets or ()}
    for port, protocol in sorted(ports, key=lambda each: (each[1] != "tcp", each)):
        yield f"{name}:{port}" if protocol == "tcp" else f"{name}:{port}/{protocol}"


class _Endpoints(Suggester):
    def __init__(self, state: State) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._state = state

    async def get_suggestion(self, value: str) -> str | None:
        """Return the first completion of the typed text."""
        if not value.strip():
            return None
        return next((each for each in completions(self._state.snapshot, value) if each != value), None)


class AskBar(Input):
    """A question: Enter asks, Tab completes, up and down go through the history."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Ask", key_display="Enter", id="ask.submit", tooltip="Ask"),
        Binding("escape", "leave", "Close", key_display="Esc", id="ask.close", tooltip="Close the line"),
        Binding("tab", "complete", "Complete", key_display="Tab", id="ask.complete", tooltip="Take what is offered"),
        Binding("up", "past(-1)", "Before", show=False, id="ask.before", tooltip="The question before"),
        Binding("down", "past(1)", "After", show=False, id="ask.after", tooltip="The question after"),
    ]  # fmt: skip

    class Asked(Message):
        """A question was typed."""

        def __init__(self, source: str, destination: str) -> None:
            self.source, self.destination = source, destination
            super().__init__()

    class Left(Message):
        """The user closes the line."""

    def __init__(self, state: State) -> None:
        super().__init__(
            placeholder="SRC DST, as in: outside host:443", compact=True, id="ask", select_on_focus=False,
            suggester=_Endpoints(state),
        )  # fmt: skip
        self._past: list[str] = []
        self._at = 0

    async def action_submit(self) -> None:
        """Ask the question."""
        words = self.value.split()
        if not words:
            self.action_leave()
            return
        if words[0] == "path":
            # typed with a blank, as in a shell
            words = words[1:]
        if len(words) != 2:
            self.query_ancestor(AskLine).say("two words are needed, SRC and DST, as in: outside host:443")
            return
        line = " ".join(words)
        if not self._past or self._past[-1] != line:
            self._past.append(line)
        self._at = len(self._past)
        self.post_message(self.Asked(*words))

    def action_complete(self) -> None:
        """Accept the completion."""
        self.action_cursor_right() if has_suggestion(self) else None

    def action_past(self, by: int) -> None:
        """Go through the history."""
        self._at = max(0, min(len(self._past), self._at + by))
        self.value = self._past[self._at] if self._at < len(self._past) else ""
        self.cursor_position = len(self.value)

    def action_leave(self) -> None:
        """Close the line."""
        self.post_message(self.Left())


class AskLine(Vertical):
    """The line, and its error below it."""

    def __init__(self, state: State) -> None:
        super().__init__(id="ask-line")
        self.bar = AskBar(state)
        self._why = Static("", id="ask-why", markup=False)

    def compose(self) -> ComposeResult:
        """Lay out both."""
        yield self.bar
        yield self._why

    def open(self, typed: str = "") -> None:
        """Show the line, empty or with the start of a question."""
        self.say("")
        self.bar.value = typed
        self.bar.cursor_position = len(typed)
        self.add_class("-open")

    def close(self) -> None:
        """Hide the line."""
        self.remove_class("-open")

    def say(self, why: str) -> None:
        """Show an error below the line; "" for none."""
        self.set_class(bool(why), "-why")
        self._why.update(escape(why))
