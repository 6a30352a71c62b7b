"""The poller: a worker that reads the sources and posts each new snapshot.

Each group of sources is read on its own daemon thread, so a hanging group delays neither the others nor the end of the
program. Counters are read at every interval. The rest is read after the engine's events or a changed rule, and
periodically, because addresses and routes change without an event. The cost of each reading is measured, including
that of its programs; expensive readings become rarer.

Longer than 300 lines: one state under one lock, for the threads of all groups.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from netui.feed.feed import OnEvent, OnSnapshot, ignore
from netui.feed.read_interval import Interval, ReadInterval
from netui.model import Snapshot
from netui.model.events import Event
from netui.sources.live.machine_sources import LiveHost, local_containers, rulesets_of
from netui.sources.outputs import GROUPS
from netui.sources.reading import Assembly, Reading, kept
from netui.text.errors import plain

if TYPE_CHECKING:
    from netui.feed.first_reading import HeadStart
    from netui.sources.machine.ssh import SshMachine

MIN_INTERVAL = 0.5
#: Seconds after which a reading is reported as hanging.
_DEADLINE: Mapping[str, float] = {name: group.deadline for name, group in GROUPS.items()}
#: The same for another machine, with a slow connection.
_DEADLINE_ELSEWHERE: Mapping[str, float] = {name: group.line for name, group in GROUPS.items()}
#: Seconds that the first snapshot, and a later one, waits for unfinished readings.
_FIRST_WAIT, _WAIT = 1.0, 0.1
#: Seconds that the first reading of the host waits for the containers, whose sockets it also reads.
_FOR_CONTAINERS = 0.5
#: Seconds between two checks whether the user still presses keys.
_KEYS = 0.25
#: After so many intervals without an answer, the engine counts as not answering; the share of a core for pings.
_SILENT, _PING_BUDGET = 3, 0.002
#: The least seconds for the answer of an engine on another machine.
_SILENT_ELSEWHERE = 10.0
#: Seconds that the first snapshot of another machine waits for its engine and rules.
_FIRST_ELSEWHERE = 5.0
#: Seconds after an event: starting a container gives a burst of events, and one reading follows it.
_SETTLE = 0.05


class Poller:
    """Reads this host from start to stop.

    interval: seconds between readings of the counters, at least 0.5. host: the sources; tests pass others. head_start:
    the child of the first readings, which ends with the poller. machine: another machine; it stays connected when the
    poller stops.
    """

    def __init__(
        self,
        interval: float = 1.0,
        host: LiveHost | None = None,
        head_start: HeadStart | None = None,
        machine: SshMachine | None = None,
    ) -> None:
        asked = max(MIN_INTERVAL, interval)
        self._paces = {name: ReadInterval(group.every or asked, group.budget) for name, group in GROUPS.items()}
        self._pinging = self._silent = False
        self._ping_pace, self._pinged = ReadInterval(asked, _PING_BUDGET), 0.0
        self._began: dict[str, float] = {}
        self._seen = True
        self._on_snapshot: OnSnapshot | None = None
        self._on_event: OnEvent | None = None
        self._untold: list[Snapshot | Event] = []
        self._begun = False
        self._machine = machine
        self._host = host or LiveHost(
            {} if machine is not None else None, on_event=self.take_event, head_start=head_start, machine=machine
        )
        self._assembly = Assembly("live")
        self._wake = threading.Condition()
        self._stopped = False
        self._parts: dict[str, Reading] = {}
        self._results: list[tuple[str, dict[str, Reading]]] = []
        self._due: dict[str, float] = dict.fromkeys(("docker", "rules"), 0.0)
        #: when each group is due only because of its age
        self._stale: dict[str, float] = {}
        #: whether the user presses no keys; readings that are due only by age wait for this
        self.quiet: Callable[[], bool] = lambda: True
        self._busy: dict[str, float] = {}
        self._shapes: tuple[int, ...] = ()
        self._answered: set[str] = set()
        self._posted = False
        self._pending_since: float | None = None

    def begin(self) -> None:
        """Start reading; snapshots and events are kept until `start`."""
        with self._wake:
            if self._begun or self._stopped:
                return
            self._begun = True
        threading.Thread(target=self._run, name="poller", daemon=True).start()

    def start(self, on_snapshot: OnSnapshot, on_event: OnEvent | None = None) -> None:
        """Register the callbacks, and start reading if needed; the first snapshot comes within about a second.

        on_snapshot: called from one thread at a time, and at once if there is a snapshot already; on_event: called from
        any thread.
        """
        with self._wake:
            self._on_snapshot, self._on_event = on_snapshot, on_event or ignore
            untold, self._untold = self._untold, []
            for thing in untold:
                self._tell(thing)
        self.begin()

    def stop(self) -> None:
        """Stop at once; no callback follows, and no thread is joined."""
        with self._wake:
            if self._stopped:
                return
            self._stopped = True
            self._wake.notify_all()
        # closing a dead connection of the engine may hang
        threading.Thread(target=self._host.close, name="poller close", daemon=True).start()

    def refresh(self) -> None:
        """Read everything now."""
        with self._wake:
            self._due |= dict.fromkeys(GROUPS, 0.0)
            self._wake.notify_all()

    @property
    def _deadline(self) -> Mapping[str, float]:
        return _DEADLINE if self._machine is None else _DEADLINE_ELSEWHERE

    @property
    def interval(self) -> Interval:
        """The seconds between two readings of the counters, and why they differ from the wanted ones."""
        return self._paces["rules"].interval(seen=self._seen)

    def look(self, *, seen: bool) -> None:
        """Set whether the terminal has the focus; without it the counters are read less often."""
        with self._wake:
            if seen and not self._seen:
                self._at("rules", time.monotonic())
            self._seen = seen
            self._wake.notify_all()

    def take_event(self, event: Event) -> None:
        """Handle an event of the engine: pass it on, and schedule readings of what it may have changed."""
        with self._wake:
            if self._stopped:
                return
            soon = time.monotonic() + _SETTLE
            for group in ("docker", "rules"):
                self._at(group, max(soon, self._paces[group].soonest(self._began.get(group, 0.0))))
            self._wake.notify_all()
        self._tell(event)

    def _tell(self, thing: Snapshot | Event) -> None:
        """Pass on a snapshot or an event, or keep it until `start`."""
        with self._wake:
            if self._stopped:
                return
            on_snapshot, on_event = self._on_snapshot, self._on_event
            if on_snapshot is None or on_event is None:
                self._untold.append(thing)
                return
        if isinstance(thing, Snapshot):
            on_snapshot(thing)
        else:
            on_event(thing)

    # -- the worker ---------------------------------------------------------------

    def _run(self) -> None:
        started = time.monotonic()
        while True:
            with self._wake:
                self._wake.wait(self._pause(started))
                if self._stopped:
                    return
                results, self._results = self._results, []
                now = time.monotonic()
                for group in self._to_read(now):
                    self._due.pop(group, None)
                    self._stale.pop(group, None)
                    self._busy[group] = now
                    threading.Thread(target=self._read, args=(group,), name=f"read {group}", daemon=True).start()
                    if group == "rules":
                        self._ask_engine(now)
                changed = [self._merge(group, parts) for group, parts in results]
                changed += [self._overdue(group, since, now) for group, since in self._busy.items()]
                if any(changed) and self._pending_since is None:
                    self._pending_since = now
                ready = self._pending_since is not None and self._ready(now, started)
            if ready:
                self._pending_since, self._posted = None, True
                snapshot = self._assembly.snapshot(self._parts, time.time(), self._host.hostname)
                self._tell(snapshot)

    def _to_read(self, now: float) -> list[str]:
        """Return the groups that are due; those due only by age wait while the user presses keys, but not long."""
        due = [group for group, moment in self._due.items() if moment <= now]
        for group, moment in self._stale.items():
            late = now - moment
            if group not in due and late >= 0 and (late >= self._paces[group].interval().seconds or self.quiet()):
                due.append(group)
        return [group for group in due if group not in self._busy]

    def _pause(self, started: float) -> float:
        """Seconds until the next action, unless a result or an event comes before."""
        if self._results:
            return 0.0
        now = time.monotonic()
        moments = [due for group, due in self._due.items() if group not in self._busy]
        moments += [max(due, now + _KEYS) for group, due in self._stale.items() if group not in self._busy]
        moments += [late for group, since in self._busy.items() if (late := since + self._deadline[group]) > now]
        if self._pending_since is not None:
            first = started + (
                _FIRST_WAIT if self._machine is None or now < started + _FIRST_WAIT else _FIRST_ELSEWHERE
            )
            moments.append(self._pending_since + _WAIT if self._posted else first)
        return max(0.0, min(moments, default=now + 1.0) - now)

    def _ready(self, now: float, started: float) -> bool:
        """Whether to post a snapshot: when no reading runs, or the running ones have taken too long."""
        if not self._posted:
            if self._machine is not None and not {"docker", "rules"} <= self._answered:
                return now >= started + _FIRST_ELSEWHERE
            return now >= started + _FIRST_WAIT or self._answered == GROUPS.keys()
        pending = now if self._pending_since is None else self._pending_since
        return not self._busy or now >= pending + _WAIT

    def _read(self, group: str) -> None:
        """Read one group, on a thread of its own."""
        before, began = _spent(), time.monotonic()
        try:
            parts = self._read_group(group)
        except Exception as error:  # a bug in one source must not stop the others
            parts = {
                name: Reading(error=f"cannot be read: {type(error).__name__}: {plain(error)}")
                for name in GROUPS[group].sources
            }
        with self._wake:
            self._paces[group].note(*self._costs(_spent() - before, time.monotonic() - began))
            if not self._stopped:
                self._results.append((group, parts))
                self._wake.notify_all()

    def _costs(self, spent: float, took: float) -> tuple[float, float]:
        """Return the processor seconds of a reading (on another machine: those there), and of the connection."""
        return (spent, 0.0) if self._machine is None else (self._machine.take_cost(), took)

    def _ask_engine(self, now: float) -> None:
        """Ping the engine together with the counters: no event reports a stuck daemon."""
        part = self._parts.get("docker")
        if self._pinging or "docker" in self._busy or part is None or not part.values:
            return
        if part.error and not self._silent:
            # it is being connected again already
            return
        if now < self._pinged + self._ping_pace.interval().seconds * 0.9:
            return
        self._pinging, self._pinged = True, now
        threading.Thread(target=self._ping, args=(now,), name="ping", daemon=True).start()

    def _ping(self, began: float) -> None:
        before = _spent()
        least = 0.0 if self._machine is None else _SILENT_ELSEWHERE
        good = self._host.engine_answers(max(least, _SILENT * self.interval.seconds))
        with self._wake:
            self._pinging = False
            self._ping_pace.note(_spent() - before)
            if self._stopped or "docker" in self._busy:
                return
            if good and self._silent:
                # events may be missing: read again
                self._at("docker", 0.0)
            elif not good:
                since = time.strftime("%H:%M:%S", time.localtime(time.time() - (time.monotonic() - began)))
                error = Reading(error=f"does not answer since {since}")
                if not self._silent:
                    self._results.append(("", {"docker": error}))
            self._silent = not good
            self._wake.notify_all()

    def _read_group(self, group: str) -> dict[str, Reading]:
        if group == "docker":
            return self._host.read_docker()
        if group == "rules":
            return self._host.read_rules()
        if group == "host":
            return self._host.read_host(local_containers(self._parts.get("docker")))
        return self._host.read_sets()

    def _merge(self, group: str, parts: dict[str, Reading]) -> bool:
        """Merge a group's result, and schedule the next readings of it and of dependent groups."""
        if not group:
            self._parts |= {name: kept(self._parts.get(name), part) for name, part in parts.items()}
            return True
        now = time.monotonic()
        began = self._busy.pop(group, now)
        self._answered.add(group)
        self._began[group] = began
        for name, part in parts.items():
            self._parts[name] = kept(self._parts.get(name), part)
        if group == "rules":
            self._at("rules", began + self.interval.seconds)
            shapes = tuple(id(ruleset) for ruleset in rulesets_of(self._parts))
            if shapes != self._shapes:
                self._shapes = shapes
                self._at("sets", now)
                self._at("host", now if "docker" in self._answered else now + _FOR_CONTAINERS)
        elif group == "docker":
            self._silent = False
            self._at("host", now)
            due = self._host.docker.due
            if due is not None:
                self._at("docker", due)
            else:
                # an event stream can end silently, as over a lost connection
                self._stale["docker"] = began + self._paces["docker"].interval().seconds
        else:
            self._stale[group] = began + self._paces[group].interval().seconds
        return True

    def _at(self, group: str, moment: float) -> None:
        self._due[group] = min(self._due.get(group, moment), moment)

    def _overdue(self, group: str, since: float, now: float) -> bool:
        """Mark the data of a hanging group as old; True where this changed."""
        if now < since + self._deadline[group]:
            return False
        who = "does not answer" if self._machine is None else "disconnected: no answer"
        error = f"{who} since {time.strftime('%H:%M:%S', time.localtime(time.time() - (now - since)))}"
        news = False
        for name in GROUPS[group].sources:
            old = self._parts.get(name)
            if old is None or old.error != error:
                self._parts[name] = kept(old, Reading(error=error, disconnected=self._machine is not None))
                news = True
        return news


def _spent() -> float:
    """The processor seconds of this thread, and of all children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.thread_time() + children.ru_utime + children.ru_stime
