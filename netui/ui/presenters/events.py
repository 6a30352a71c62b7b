"""Docker's events and the changes of rules that they caused, newest last."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, field, replace

from netui.model import RulesetKey, Snapshot
from netui.model.events import Event
from netui.text.visible import escape
from netui.ui.presenters.chains.counters import Identity, counter_index
from netui.ui.presenters.chains.table_layout import FAMILIES
from netui.ui.presenters.numbers import plural
from netui.ui.presenters.spans import Spans
from netui.ui.presenters.times import clock

#: Docker changes the rules within moments of its event; later changes have another cause.
_TOGETHER = 3.0
_KEPT = 500

_DONE = {
    "start": "started",
    "stop": "stopped",
    "die": "ended",
    "kill": "was sent a signal",
    "restart": "restarted",
    "create": "created",
    "destroy": "removed",
    "pause": "paused",
    "unpause": "unpaused",
    "rename": "renamed",
    "update": "updated",
    "connect": "connected",
    "disconnect": "disconnected",
    "remove": "removed",
    "reload": "reloaded",
}


@dataclass(frozen=True, slots=True)
class RuleChange:
    """An added or removed rule."""

    ruleset: RulesetKey
    identity: Identity
    added: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the events: a Docker event, a change of rules, or both."""

    number: int
    time: float
    what: str
    changes: tuple[RuleChange, ...] = ()
    event: Event | None = None


def rule_changes(old: Snapshot, new: Snapshot) -> tuple[RuleChange, ...]:
    """Return the added and removed rules; fast where the rulesets are the same objects.

    A ruleset that was not read before counts as unchanged.
    """
    changes: list[RuleChange] = []
    for key in sorted(old.rulesets.keys() & new.rulesets.keys()):
        before, after = old.rulesets[key], new.rulesets[key]
        if before is after:
            continue
        was, now = set(counter_index(before).identities()), set(counter_index(after).identities())
        changes += [RuleChange(key, identity, True) for identity in sorted(now - was)]
        changes += [RuleChange(key, identity, False) for identity in sorted(was - now)]
    return tuple(changes)


def summary(changes: tuple[RuleChange, ...]) -> str:
    """Return "+2 rules in nat, +1 in filter, −1 in raw (IPv6)"."""
    tally = Tally((change.ruleset.family, change.identity[0], change.added) for change in changes)
    parts: list[str] = []
    for (family, table, added), number in sorted(
        tally.items(), key=lambda each: (each[0][0], not each[0][2], each[0][1])
    ):
        words = plural(number, "rule") if not parts else str(number)
        where = f" ({FAMILIES[family]})" if family != "ip" else ""
        parts.append(f"{'+' if added else '−'}{words} in {table}{where}")
    return ", ".join(parts)


@dataclass
class EventLog:
    """The last events; an event and the changes that it caused are one line."""

    entries: list[Entry] = field(default_factory=list)
    _number: int = 0

    def add_event(self, event: Event, snapshot: Snapshot) -> None:
        """Add a Docker event."""
        self._add(event.time, event_words(event, snapshot), (), event)

    def name(self, snapshot: Snapshot) -> bool:
        """Replace IDs by names, because an event may come before the listing with its container."""
        named = False
        for index in range(max(0, len(self.entries) - 50), len(self.entries)):
            entry = self.entries[index]
            unnamed = entry.event.attributes.get("container", "")[:12] if entry.event is not None else ""
            if entry.event is not None and unnamed and unnamed in entry.what:
                what = event_words(entry.event, snapshot)
                if what != entry.what:
                    self.entries[index] = replace(entry, what=what)
                    named = True
        return named

    def add_changes(self, time: float, changes: tuple[RuleChange, ...]) -> None:
        """Add a change of rules, to the line of the event just before it if there is one."""
        if not changes:
            return
        last = self.entries[-1] if self.entries else None
        if last is not None and not last.changes and abs(time - last.time) <= _TOGETHER:
            self.entries[-1] = replace(last, changes=changes)
        else:
            self._add(time, "rules changed", changes)

    def _add(self, time: float, what: str, changes: tuple[RuleChange, ...], event: Event | None = None) -> None:
        self._number += 1
        self.entries.append(Entry(self._number, time, what, changes, event))
        del self.entries[:-_KEPT]


def event_words(event: Event, snapshot: Snapshot) -> str:
    """Return an event in words: "blog started", "blog connected to network hehe"."""
    action, _, rest = event.action.partition(":")
    done = _DONE.get(action, action) + (f":{rest}" if rest else "")
    name = event.name or event.id[:12]
    if event.type == "daemon":
        return f"Docker {done}"
    if event.type == "network":
        who = event.attributes.get("container", "")
        if who:
            container = next((each for each in snapshot.containers or () if each.id == who), None)
            who = container.name if container is not None else who[:12]
            return f"{who} {done} {'to' if action == 'connect' else 'from'} network {name}"
        return f"network {name} {done}"
    return f"{name} {done}"


def entry_spans(entry: Entry) -> Spans:
    """Return an entry's line."""
    spans: Spans = [(f" {clock(entry.time)} ", "dim"), (escape(entry.what), "strong")]
    if entry.changes:
        spans.append((f": {summary(entry.changes)}", ""))
    return spans
