"""The controller of answers about the whole host: the open answer and its progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from textual.app import App

from netui.ui.answers.screen import AnswerScreen
from netui.ui.answers.worker import AGAIN, ALWAYS_NEW, AnswerFinder, AnswerFound, Solve
from netui.ui.panes.status import StatusLine
from netui.ui.presenters.answers.answer import Answer, Question
from netui.ui.presenters.tree_signs import who_reaches
from netui.ui.state import State

#: The answers that are computed without a key: for the header, and for the tree.
BY_ITSELF: tuple[Question, ...] = ("doctor", "exposed")


class Answers:
    """Opens one answer at a time over the panes, and updates it."""

    def __init__(
        self,
        app: App[Any],
        state: State,
        solve: Mapping[Question, Solve],
        status: Callable[[], StatusLine],
        quiet: Callable[[], bool],
    ) -> None:
        self._app = app
        self._state = state
        self._status = status
        self.finder = AnswerFinder(solve, quiet)

    @property
    def screen(self) -> AnswerScreen | None:
        """The open answer's screen, None where only the panes are open."""
        return next((each for each in self._app.screen_stack if isinstance(each, AnswerScreen)), None)

    async def toggle(self, question: Question) -> None:
        """Open an answer in place of the open one, or close it if it is the open one."""
        before = self.screen
        self.close()
        if before is not None and before.question == question:
            return
        screen = AnswerScreen(question, self._state, self._status())
        for name in ("-ascii", "-nocolor", "-few"):
            screen.set_class(self._app.screen.has_class(name), name)
        await self._app.push_screen(screen)
        self._show(ask=True)

    def _look_again(self) -> None:
        if self.screen is not None and self.screen.question in ALWAYS_NEW:
            self._show(ask=True)

    def forget(self, question: Question) -> None:
        """Compute an answer again, because its input changed."""
        self.finder.forget(question)
        if self.screen is not None and self.screen.question == question:
            self._show(ask=True)

    def close(self) -> None:
        """Go back to the panes, and stop the work for the answer only."""
        while isinstance(screen := self._app.screen, AnswerScreen):
            self._app.pop_screen()
            if screen.question not in BY_ITSELF:
                self.finder.stop(screen.question)

    def structure_changed(self) -> None:
        """Compute the open answer again, and from time to time the doctor's and the ports' exposure."""
        for question in BY_ITSELF:
            self.finder.ask_by_itself(self._app, self._state, question, self._state.snapshot.time)
        self._show(ask=True)

    def take(self, message: AnswerFound) -> bool:
        """Take a computed answer; True where the header or the tree changes."""
        if not self.finder.keep(message):
            return False
        if self.screen is not None and self.screen.question == message.question:
            again = message.question in ALWAYS_NEW
            self._show(ask=message.done and not message.problem and not again)
            if again and message.done:
                self._app.set_timer(AGAIN, self._look_again)
        if message.question == "exposed" and message.answer is not None:
            self._note_reach(message.answer, whole=message.done)
            return True
        if message.question != "doctor" or message.answer is None:
            return False
        self._state.findings = message.answer.findings
        return True

    def _note_reach(self, answer: Answer, *, whole: bool) -> None:
        # imported with the first answer, not with the screen
        from netui.ui.presenters.answers.exposed import ExposedAnswer

        if isinstance(answer, ExposedAnswer):
            reach = who_reaches(answer.ports)
            self._state.reach = reach if whole else {**self._state.reach, **reach}

    def _show(self, *, ask: bool) -> None:
        screen = self.screen
        if screen is None:
            return
        question = screen.question
        if ask:
            self.finder.ask(self._app, self._state, question)
        screen.show(
            self.finder.known(question),
            working=self.finder.working(question),
            progress=self.finder.progress.get(question, ""),
            problem=self.finder.problems.get(question, ""),
        )
