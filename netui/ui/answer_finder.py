"""Answers about the whole host, worked out on threads that nothing waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from textual.app import App
from textual.message import Message

from netui.model import Snapshot
from netui.ui.presenters.answer import Answer, Question
from netui.ui.state import State

#: Works an answer out; yields it as it grows, the last one whole.
Solve = Callable[[Snapshot], Iterable[Answer]]
#: The doctor looks again by itself at most this often (seconds).
DOCTOR_EVERY = 15.0
#: How many containers are looked at between two steps of a growing answer.
_PART = 40


class AnswerFound(Message):
    """An answer, or as much of it as there is."""

    def __init__(
        self, question: Question, structure: object, answer: Answer | None, *, done: bool, problem: str = ""
    ) -> None:
        self.question = question
        self.structure = structure
        self.answer = answer
        self.done = done
        self.problem = problem
        super().__init__()


def exposed(snapshot: Snapshot) -> Iterator[Answer]:
    """Work out the exposed ports, some containers at a time: a thousand take seconds."""
    from netui.explain.exposure import Exposure, exposures
    from netui.ui.prepared import prepared
    from netui.ui.presenters.answer_exposed import ExposedAnswer

    host = prepared(snapshot)
    ids = [container.id for container in host.containers if container.running]
    found: list[Exposure] = []
    for start in range(0, len(ids), _PART):
        found += exposures(host, containers=frozenset(ids[start : start + _PART]))
        more = start + _PART < len(ids)
        yield ExposedAnswer.of(snapshot, tuple(found), more=more)
    if not ids:
        yield ExposedAnswer.of(snapshot, ())


def doctor(snapshot: Snapshot) -> Iterator[Answer]:
    """Work out what is wrong."""
    from netui.explain.doctor import diagnose
    from netui.ui.prepared import prepared
    from netui.ui.presenters.answer_doctor import DoctorAnswer

    yield DoctorAnswer.of(snapshot, diagnose(prepared(snapshot)))


def reach(snapshot: Snapshot) -> Iterator[Answer]:
    """Work out who reaches whom."""
    from netui.explain.reach import matrix
    from netui.ui.prepared import prepared
    from netui.ui.presenters.answer_reach import ReachAnswer

    names, rows = matrix(prepared(snapshot))
    running = sum(container.running for container in snapshot.containers or ()) if snapshot.joined else 0
    yield ReachAnswer.of(snapshot, names, rows, running)


SOLVE: Mapping[Question, Solve] = {"exposed": exposed, "doctor": doctor, "reach": reach}


class AnswerFinder:
    """Asks the questions, one thread each, and keeps the newest answers."""

    def __init__(self, solve: Mapping[Question, Solve]) -> None:
        self._solve = solve
        self._running: set[Question] = set()
        self._known: dict[Question, tuple[object, Answer]] = {}
        self.problems: dict[Question, str] = {}
        self._doctor_waits = False
        self._doctor_time = float("-inf")

    def known(self, question: Question) -> Answer | None:
        """Return the newest answer, also one of before the last change."""
        found = self._known.get(question)
        return found[1] if found is not None else None

    def working(self, question: Question) -> bool:
        """Whether it is being worked out."""
        return question in self._running

    def ask(self, app: App[Any], state: State, question: Question) -> None:
        """Work an answer out, unless it is known for what stands on the screen, or being worked out."""
        known = self._known.get(question)
        fresh = known is not None and known[0] is state.structure
        if fresh or question in self._running or not state.arrived or question not in self._solve:
            return
        self._running.add(question)
        snapshot, structure = state.snapshot, state.structure
        threading.Thread(
            target=self._work, args=(app, question, snapshot, structure), name=f"answer {question}", daemon=True
        ).start()

    def ask_doctor(self, app: App[Any], state: State, now: float) -> None:
        """Let the doctor look at what changed, but not again and again while much changes."""
        wait = self._doctor_time + DOCTOR_EVERY - now
        if not 0 < wait <= DOCTOR_EVERY:
            self._doctor_time = now
            self.ask(app, state, "doctor")
        elif not self._doctor_waits:
            # the last change is looked at too, though nothing may change after it
            self._doctor_waits = True
            app.set_timer(wait, lambda: self._ask_doctor_now(app, state))

    def _ask_doctor_now(self, app: App[Any], state: State) -> None:
        self._doctor_waits = False
        self._doctor_time = state.snapshot.time
        self.ask(app, state, "doctor")

    def _work(self, app: App[Any], question: Question, snapshot: Snapshot, structure: object) -> None:
        last: Answer | None = None
        problem = ""
        try:
            for answer in self._solve[question](snapshot):
                if last is not None:
                    app.post_message(AnswerFound(question, structure, last, done=False))
                last = answer
                if not app.is_running:
                    return
        except Exception as error:
            # Whatever a capture holds, the rest of the screen goes on and says why.
            problem = f"not worked out: {error!r}"[:300]
        with suppress(RuntimeError):  # the loop may have ended meanwhile
            app.post_message(AnswerFound(question, structure, last, done=True, problem=problem))

    def keep(self, message: AnswerFound) -> None:
        """Keep an answer."""
        self.problems[message.question] = message.problem
        if message.answer is not None:
            self._known[message.question] = (message.structure, message.answer)
        if message.done:
            self._running.discard(message.question)
        elif message.answer is not None:
            # not whole yet: it counts as old, so that it is asked for again if this thread dies
            self._known[message.question] = (None, message.answer)
