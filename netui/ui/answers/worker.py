"""Computes answers about the whole host, on threads that are never joined."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.message import Message

from netui.model import Snapshot
from netui.ui.presenters.answers.answer import Answer, Question
from netui.ui.state import State

#: Computes an answer; yields partial answers, and last the complete one. None: nothing new to show, but the work can be
#: stopped at this point.
Solve = Callable[[Snapshot], Iterable[Answer | None]]
#: The shortest interval, in seconds, of answers that are computed without a key (the doctor, the ports' exposure).
BY_ITSELF_EVERY = 15.0
#: The number of containers between two partial answers.
_PART = 40
#: Seconds between two partial matrices, and the number of cells that take some milliseconds.
_STEP, _CELLS = 0.25, 64
#: Seconds that the work pauses at each step while the user presses keys: both need the GIL.
_REST = 0.01


#: The answers that change without the snapshot: computed again each second while they are open.
ALWAYS_NEW: tuple[Question, ...] = ("connections",)
AGAIN = 1.0


class AnswerFound(Message):
    """An answer, complete or partial."""

    def __init__(
        self,
        question: Question,
        structure: object,
        answer: Answer | None,
        *,
        work: threading.Event,
        done: bool,
        problem: str = "",
    ) -> None:
        self.work = work
        self.question = question
        self.structure = structure
        self.answer = answer
        self.done = done
        self.problem = problem
        super().__init__()


def exposed(snapshot: Snapshot) -> Iterator[Answer]:
    """Compute the exposed ports, some containers at a time: a thousand take seconds."""
    from netui.audit.container_ports import partly_known
    from netui.audit.exposure import Exposure, exposures
    from netui.ui.background.prepared import prepared
    from netui.ui.presenters.answers.exposed import ExposedAnswer

    host = prepared(snapshot)
    ids = [container.id for container in host.containers if container.running]
    unread = len(partly_known(host))
    listed: list[Exposure] = []
    for start in range(0, len(ids), _PART):
        listed += exposures(host, containers=frozenset(ids[start : start + _PART]))
        more = start + _PART < len(ids)
        yield ExposedAnswer.of(snapshot, tuple(listed), more=more, unread=unread)
    if not ids:
        yield ExposedAnswer.of(snapshot, ())


def ports(snapshot: Snapshot) -> Iterator[Answer]:
    """Compute the host's own ports."""
    from netui.audit.host_ports import host_ports
    from netui.ui.background.prepared import prepared
    from netui.ui.presenters.answers.host_ports import HostPortsAnswer

    yield HostPortsAnswer.of(snapshot, host_ports(prepared(snapshot)))


def doctor(snapshot: Snapshot) -> Iterator[Answer | None]:
    """Compute the findings."""
    from netui.audit.doctor import diagnosing
    from netui.ui.background.prepared import prepared
    from netui.ui.presenters.answers.doctor import DoctorAnswer

    for diagnosis in diagnosing(prepared(snapshot)):
        yield DoctorAnswer.of(snapshot, diagnosis) if diagnosis is not None else None


def reach(snapshot: Snapshot) -> Iterator[Answer | None]:
    """Compute who reaches whom, line by line: 300 containers take some seconds."""
    from netui.audit.matrix import asked, verdicts
    from netui.ui.background.prepared import prepared
    from netui.ui.presenters.answers.reach import ReachAnswer

    host = prepared(snapshot)
    boxes = asked(host)
    rows: list[tuple[str, ...]] = []
    shown = float("-inf")
    for box in boxes:
        if time.monotonic() - shown >= _STEP:
            yield ReachAnswer.of(snapshot, host, boxes, rows)
            shown = time.monotonic()
        row: tuple[str, ...] = ()
        for start in range(0, len(boxes), _CELLS):
            yield None
            row += verdicts(host, box, boxes[start : start + _CELLS])
        rows.append(row)
    yield ReachAnswer.of(snapshot, host, boxes, rows)


def connections(snapshot: Snapshot) -> Iterator[Answer]:
    """Read the present connections; a capture has none."""
    from netui.sources.live.conntrack import read_connections
    from netui.text.errors import SourceError
    from netui.ui.background.prepared import prepared
    from netui.ui.presenters.answers.connections import ConnectionsAnswer

    if snapshot.origin != "live":
        yield ConnectionsAnswer.none(snapshot, "a capture has no connections: they are read live")
        return
    try:
        listed = read_connections()
    except SourceError as error:
        yield ConnectionsAnswer.none(snapshot, str(error))
        return
    yield ConnectionsAnswer.of(snapshot, prepared(snapshot), listed)


SOLVE: Mapping[Question, Solve] = {
    "exposed": exposed,
    "ports": ports,
    "doctor": doctor,
    "reach": reach,
    "connections": connections,
}


class AnswerFinder:
    """Computes answers, each on its own thread, and caches the newest ones.

    quiet: whether the user presses no keys.
    """

    def __init__(self, solve: Mapping[Question, Solve], quiet: Callable[[], bool]) -> None:
        self._solve = solve
        self._quiet = quiet
        #: the running work; the event stops it
        self._running: dict[Question, threading.Event] = {}
        self._known: dict[Question, tuple[object, Answer]] = {}
        self._whole: set[Question] = set()
        self.problems: dict[Question, str] = {}
        self.progress: dict[Question, str] = {}
        self._waiting: set[Question] = set()
        self._looked: dict[Question, float] = {}

    def known(self, question: Question) -> Answer | None:
        """Return the newest answer, even if it is from before the last change."""
        newest = self._known.get(question)
        return newest[1] if newest is not None else None

    def working(self, question: Question) -> bool:
        """Whether it is being computed."""
        return question in self._running

    def ask(self, app: App[Any], state: State, question: Question) -> None:
        """Compute an answer, unless it is known for the present snapshot, or being computed."""
        newest = self._known.get(question)
        fresh = newest is not None and newest[0] is state.structure and question not in ALWAYS_NEW
        if fresh or question in self._running or not state.arrived or question not in self._solve:
            return
        ended = self._running[question] = threading.Event()
        self.progress[question] = ""
        snapshot, structure = state.snapshot, state.structure
        threading.Thread(
            target=self._work, args=(app, question, snapshot, structure, ended), name=f"answer {question}", daemon=True
        ).start()

    def forget(self, question: Question) -> None:
        """Mark the known answer as old."""
        self.stop(question)
        if question in self._known:
            self._known[question] = (None, self._known[question][1])

    def stop(self, question: Question) -> None:
        """Stop the work for a closed answer; its results so far are kept and marked as old."""
        if question in self._running:
            self._running.pop(question).set()

    def ask_by_itself(self, app: App[Any], state: State, question: Question, now: float) -> None:
        """Compute an answer after a change without a key, with a limited rate."""
        wait = self._looked.get(question, float("-inf")) + BY_ITSELF_EVERY - now
        if not 0 < wait <= BY_ITSELF_EVERY:
            self._looked[question] = now
            self.ask(app, state, question)
        elif question not in self._waiting:
            # the last change must be computed, too, even if nothing changes after it
            self._waiting.add(question)
            app.set_timer(wait, lambda: self._ask_now(app, state, question))

    def _ask_now(self, app: App[Any], state: State, question: Question) -> None:
        self._waiting.discard(question)
        self._looked[question] = state.snapshot.time
        self.ask(app, state, question)

    def _work(
        self, app: App[Any], question: Question, snapshot: Snapshot, structure: object, ended: threading.Event
    ) -> None:
        last: Answer | None = None
        problem = ""
        try:
            for answer in self._solve[question](snapshot):
                if not app.is_running or ended.is_set():
                    return
                if last is not None:
                    app.post_message(AnswerFound(question, structure, last, work=ended, done=False))
                last = answer
                if not self._quiet():
                    ended.wait(_REST)
        except Exception as error:
            # an error for some capture must not stop the screen, which shows it
            problem = f"not worked out: {error!r}"[:300]
        with suppress(RuntimeError):  # the event loop may have ended
            app.post_message(AnswerFound(question, structure, last, work=ended, done=True, problem=problem))

    def keep(self, message: AnswerFound) -> bool:
        """Cache an answer; False if its work was stopped."""
        question, answer = message.question, message.answer
        if self._running.get(question) is not message.work:
            return False
        self.problems[question] = message.problem
        if message.done:
            del self._running[question]
        self.progress[question] = answer.progress if answer is not None and not message.done else ""
        # the complete answer from before a change stays visible until the next complete one
        if answer is not None and (message.done or question not in self._whole):
            # a partial answer counts as old, so it is computed again if this thread ends
            self._known[question] = (message.structure if message.done else None, answer)
        if message.done and answer is not None:
            self._whole.add(question)
        return True
