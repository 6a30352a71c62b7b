"""Another machine, with answers that were fetched before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from netui.sources.machine import Ask, Exists, Lines, Links, Loaded, Machine, Read, Run, command, permits
from netui.sources.machine.ssh_script import PROGRAM, Answer, by_path
from netui.text.errors import SourceError, plain


class Answering(Protocol):
    """A machine that answers many questions in one round trip."""

    @property
    def is_root(self) -> bool:
        """Whether root reads there."""

    @property
    def needs_root(self) -> str:
        """What to do where only root may read, in one line."""

    def find(self, program: str) -> str | None:
        """Return where a program lies, None where it is not installed."""

    def ask(self, asks: Sequence[Ask]) -> Mapping[Ask, Answer]:
        """Return the answers; raise SourceError where the machine cannot be reached."""


class Fetched:
    """A machine with fetched answers; any other question is another round trip."""

    def __init__(self, machine: Answering, answers: Mapping[Ask, Answer]) -> None:
        self._machine = machine
        self.answers = dict(answers)
        self._runs = {ask.arguments: answer for ask, answer in answers.items() if isinstance(ask, Run)}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - what was asked when the machine was connected to
        return getattr(self._machine, name)

    def fetch(self, asks: Sequence[Ask]) -> Machine:
        """Fetch the answers that are missing."""
        missing = [ask for ask in asks if ask not in self.answers]
        return Fetched(self._machine, {**self.answers, **(self._machine.ask(missing) if missing else {})})

    def _answer(self, ask: Ask) -> Answer:
        if ask not in self.answers:
            self.answers |= self._machine.ask([ask])
        return self.answers[ask]

    def run(self, arguments: Sequence[str], timeout: float = PROGRAM) -> str:
        """Return a program's output; raise SourceError as LocalMachine does."""
        key, name = tuple(arguments), arguments[0]
        if (answer := self._runs.get(key)) is None:
            answer = self._answer(Run(key))
        if answer.status == 0:
            return answer.text
        if answer.status is None:
            if not name.startswith("/") and self._machine.find(name) is None:
                raise SourceError(f"{name} is not installed")
            module = permits.permit(key).module
            raise permits.would_load(name, module) if module else SourceError(f"{name} was not run")
        if answer.status in (124, 137):
            raise SourceError(f"{name} did not finish within {timeout:g} s")
        needs_root = "" if self._machine.is_root else self._machine.needs_root
        raise command.failure(name, answer.status, answer.errors, needs_root)

    def loaded(self, module: str) -> bool:
        """Whether a subsystem is there."""
        return self._answer(Loaded(module)).status == 0

    def read(self, *paths: str) -> str:
        """Return the files that exist, one after the other."""
        answer = self._answer(Read(paths))
        if answer.status == 0 or answer.output:
            return answer.output.decode("utf-8", "replace")
        if "Permission denied" in answer.errors:
            raise PermissionError(13, "Permission denied", paths[0])
        if "No such" in answer.errors:
            raise FileNotFoundError(2, "No such file or directory", paths[0])
        raise OSError(5, plain(answer.errors) if answer.errors else "is no regular file", paths[0])

    def lines(self, patterns: Iterable[str], only: str = "") -> Mapping[str, list[str]]:
        """Return the lines of the files that patterns name."""
        return by_path(self._answer(Lines(tuple(patterns), only)).output.decode("utf-8", "replace"))

    def links(self, *patterns: str) -> str:
        """Return the links as ``ls -l`` prints them."""
        return self._answer(Links(patterns)).output.decode("utf-8", "replace")

    def exists(self, pattern: str) -> bool:
        """Whether anything is there that a pattern names."""
        return self._answer(Exists(pattern)).status == 0
